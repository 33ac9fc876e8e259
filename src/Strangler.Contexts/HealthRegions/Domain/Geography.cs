namespace Strangler.Contexts.HealthRegions;

/// <summary>A province or territory; also the two rows of the country as a whole (1) and of travellers who were brought home (99).</summary>
public sealed class Province
{
    /// <param name="id">The geo code, by which everybody knows it: 1 and more.</param>
    /// <param name="name">Up to 35 characters.</param>
    /// <param name="alphaCode">Two letters.</param>
    /// <param name="regionName">The part of the country, up to 25 characters.</param>
    public Province(long id, string name, string alphaCode, string regionName)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(alphaCode);
        ArgumentNullException.ThrowIfNull(regionName);
        (Id, Name, AlphaCode, RegionName) = (id, name, alphaCode, regionName);
    }

    /// <summary>The geo code.</summary>
    public long Id { get; }

    public string Name { get; private set; }

    public string AlphaCode { get; private set; }

    public string RegionName { get; private set; }

    public void Describe(string name, string alphaCode, string regionName)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(alphaCode);
        ArgumentNullException.ThrowIfNull(regionName);
        (Name, AlphaCode, RegionName) = (name, alphaCode, regionName);
    }
}

/// <summary>A health region; also the two rows of the country as a whole (1) and of travellers who were brought home (99).</summary>
public sealed class HealthRegion
{
    /// <param name="id">The hr_uid, by which everybody knows it: 1 and more.</param>
    /// <param name="provinceId">The geo code of its province; 0 where it has none.</param>
    /// <param name="nameEn">Up to 150 characters; several provinces have a region of one name.</param>
    /// <param name="nameFr">Up to 150 characters.</param>
    public HealthRegion(long id, long provinceId, string nameEn, string nameFr)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        ArgumentOutOfRangeException.ThrowIfNegative(provinceId);
        ArgumentNullException.ThrowIfNull(nameEn);
        ArgumentNullException.ThrowIfNull(nameFr);
        (Id, ProvinceId, NameEn, NameFr) = (id, provinceId, nameEn, nameFr);
    }

    /// <summary>The hr_uid.</summary>
    public long Id { get; }

    /// <summary>0: of none. The province may be gone.</summary>
    public long ProvinceId { get; private set; }

    public string NameEn { get; private set; }

    public string NameFr { get; private set; }

    /// <summary>As it was given, with its mistakes; null where none was.</summary>
    public string? WebsiteEn { get; private set; }

    /// <inheritdoc cref="WebsiteEn"/>
    public string? WebsiteFr { get; private set; }

    public void Rename(string nameEn, string nameFr)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameEn);
        ArgumentNullException.ThrowIfNull(nameFr);
        (NameEn, NameFr) = (nameEn, nameFr);
    }

    /// <summary>Where it is read about; null: nowhere.</summary>
    public void ReadAboutAt(string? websiteEn, string? websiteFr) => (WebsiteEn, WebsiteFr) = (websiteEn, websiteFr);

    /// <summary>It belongs to another province, or with 0 to none.</summary>
    public void BelongTo(long provinceId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(provinceId);
        ProvinceId = provinceId;
    }
}

/// <summary>A part of a postcode that lies in a region.</summary>
/// <param name="RegionId">The region's hr_uid.</param>
/// <param name="Population">How many live there, by an estimate; null where nobody has told, which is not 0.</param>
public sealed record PostcodePart(long RegionId, long? Population);

/// <summary>The first three characters of a postal code (a forward sortation area), and the regions that it lies in.</summary>
public sealed class Postcode
{
    private readonly List<PostcodePart> _further = [];

    /// <param name="code">As it is written: up to three characters, not empty.</param>
    /// <param name="regionId">The hr_uid of its first region; 0 where it has none.</param>
    /// <param name="provinceId">The geo code of its province; 0 where it names none.</param>
    public Postcode(string code, long regionId, long provinceId)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        ArgumentOutOfRangeException.ThrowIfNegative(provinceId);
        (Code, RegionId, ProvinceId) = (code, regionId, provinceId);
    }

    public string Code { get; }

    /// <summary>The region that answers for it where only one can; 0: none. It may be one that nobody knows.</summary>
    public long RegionId { get; private set; }

    /// <summary>0: none is named.</summary>
    public long ProvinceId { get; private set; }

    /// <summary>Of the part in the first region; null where nobody has told.</summary>
    public long? Population { get; private set; }

    /// <summary>What lies in other regions.</summary>
    public IReadOnlyList<PostcodePart> FurtherParts => _further;

    /// <summary>It lies in that region and province; with 0 in none.</summary>
    public void LieIn(long regionId, long provinceId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        ArgumentOutOfRangeException.ThrowIfNegative(provinceId);
        (RegionId, ProvinceId) = (regionId, provinceId);
    }

    /// <summary>All of its parts. That of the first region, where it is among them, stays the first; each region counts once.</summary>
    /// <exception cref="ArgumentException">A region is named with two different populations.</exception>
    public void DivideInto(IReadOnlyCollection<PostcodePart> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        PostcodePart[] distinct = [.. parts.Distinct()];
        if (distinct.GroupBy(part => part.RegionId).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"{Code} lies in the region {twice.Key} with two different populations.", nameof(parts));
        }

        Population = distinct.FirstOrDefault(part => part.RegionId == RegionId)?.Population;
        _further.Clear();
        _further.AddRange(distinct.Where(part => part.RegionId != RegionId));
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static Postcode Recall(string code, long regionId, long provinceId, long? population, IEnumerable<PostcodePart> further)
    {
        var postcode = new Postcode(code, regionId, provinceId) { Population = population };
        postcode._further.AddRange(further);
        return postcode;
    }
}
