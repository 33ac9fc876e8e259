using System.Runtime.CompilerServices;
using System.Text;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>
/// The lists that clients are shown: of the side that leads, each in one snapshot, the same to the byte from either side. Of the new side's
/// tables it sees what is published: while another program's new data set comes over, that is the whole of the one before.
/// </summary>
public sealed class HealthRegionDirectory(LeadQueries queries)
{
    /// <summary>All provinces, by their codes.</summary>
    public async Task<IReadOnlyList<ProvinceEntry>> ProvincesAsync(CancellationToken cancellationToken) =>
    [
        .. (await queries.ListAsync(SideQueries.Ask(side => side.Provinces), HealthRegionReader.Province, cancellationToken).ConfigureAwait(false))
            .OrderBy(province => province.ProvinceCode),
    ];

    /// <summary>All regions, by their numbers.</summary>
    public async Task<IReadOnlyList<RegionEntry>> RegionsAsync(CancellationToken cancellationToken) =>
    [
        .. (await queries.ListAsync(SideQueries.Ask(side => side.Regions), HealthRegionReader.Region, cancellationToken).ConfigureAwait(false))
            .OrderBy(region => region.HrUid),
    ];

    /// <summary>One region; null when it is not there.</summary>
    public async Task<RegionEntry?> RegionAsync(long hrUid, CancellationToken cancellationToken) =>
        (await queries.ListAsync(
            SideQueries.Ask(side => side.Region, hrUid), HealthRegionReader.Region, cancellationToken,
            regions => regions.Select(KeyOf)).ConfigureAwait(false)).SingleOrDefault();

    /// <summary>The regions that a postcode lies in, the first one first; those that are not there are left out. Empty for an unknown postcode.</summary>
    /// <param name="code">Upper case, without blanks around it.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public async Task<IReadOnlyList<RegionEntry>> RegionsOfAsync(string code, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        var placed = await queries.ListAsync(
            SideQueries.Ask(side => side.RegionsOfPostcode, code), HealthRegionReader.PlacedRegion, cancellationToken,
            regions => regions.Select(one => KeyOf(one.Region)).Distinct()).ConfigureAwait(false);
        return [.. placed.OrderBy(one => one.Place).ThenBy(one => one.Region.HrUid).Select(one => one.Region).DistinctBy(region => region.HrUid)];
    }

    /// <summary>The numbers of the regions of a province that have this English name: most often one. Without the province it would be no answer.</summary>
    public async Task<IReadOnlyList<long>> NamedAsync(long province, string nameEn, CancellationToken cancellationToken) =>
        [.. (await queries.ListAsync(SideQueries.Ask(side => side.Named, province, nameEn), HealthRegionReader.Key, cancellationToken).ConfigureAwait(false)).Order()];

    /// <summary>All postcodes with region, mobility and province, in the order of their codes.</summary>
    public Task<IReadOnlyList<LocationEntry>> LocationsAsync(CancellationToken cancellationToken) => queries.AskAsync(
        Together,
        async (rows, token) =>
        {
            var locations = await HealthRegionReader.ListAsync(rows, HealthRegionReader.Location, token).ConfigureAwait(false);
            await rows.NextResultAsync(token).ConfigureAwait(false);
            var regions = (await HealthRegionReader.ListAsync(rows, HealthRegionReader.Region, token).ConfigureAwait(false)).ToDictionary(region => region.HrUid);
            await rows.NextResultAsync(token).ConfigureAwait(false);
            var weeks = (await HealthRegionReader.ListAsync(rows, HealthRegionReader.Mobility, token).ConfigureAwait(false)).ToDictionary(week => week.HrUid);
            await rows.NextResultAsync(token).ConfigureAwait(false);
            var provinces = (await HealthRegionReader.ListAsync(rows, HealthRegionReader.Province, token).ConfigureAwait(false)).ToDictionary(one => one.ProvinceCode);
            return Ordered(locations.Select(one =>
            {
                var region = one.HrUid is { } number ? regions.GetValueOrDefault(number) : null;
                return new LocationEntry(
                    TextKey.IdOf(one.Code), one.Code, one.HrUid, one.ProvinceCode, region, region is null ? null : weeks.GetValueOrDefault(region.HrUid),
                    one.ProvinceCode is { } code ? provinces.GetValueOrDefault(code) : null);
            }));
        },
        cancellationToken);

    /// <summary>
    /// The postcode that is written like this but for its case and blanks behind, which is how the old client's table was searched. Beyond ASCII nothing
    /// is found.
    /// </summary>
    public async Task<IReadOnlyList<LocationEntry>> LocationsAsync(string code, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(code);
        return !Ascii.IsValid(code) || code.Contains('\0', StringComparison.Ordinal)
            ? []
            : Ordered(await queries.ListAsync(
                SideQueries.Ask(side => side.Location, code.TrimEnd(' ').ToUpperInvariant()), HealthRegionReader.WholeLocation, cancellationToken,
                locations => locations.Where(location => location.Id > 0).Select(location => new EntityKey(HealthRegionsContext.PostcodeKind, location.Id)))
                .ConfigureAwait(false));
    }

    private static EntityKey KeyOf(RegionEntry region) => new(HealthRegionsContext.HealthRegionKind, region.HrUid);

    private static IReadOnlyList<FormattableString> Together(SideName side)
    {
        var all = SideQueries.Of(side);
        return [.. new[] { all.Locations, all.Regions, all.Mobility, all.Provinces }.Select(text => FormattableStringFactory.Create(text))];
    }

    private static IReadOnlyList<LocationEntry> Ordered(IEnumerable<LocationEntry> locations) =>
    [
        .. locations.OrderBy(one => one.Code.ToUpperInvariant(), StringComparer.Ordinal).ThenBy(one => one.Code, StringComparer.Ordinal),
    ];
}
