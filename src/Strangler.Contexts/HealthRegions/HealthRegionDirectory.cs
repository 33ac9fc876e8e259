using System.Data.Common;
using System.Text;
using Dapper;
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
    public Task<IReadOnlyList<ProvinceEntry>> ProvincesAsync(CancellationToken cancellationToken) => AskAsync<IReadOnlyList<ProvinceEntry>>(
        async (ask, side) => [.. (await HealthRegionReader.ProvincesAsync(ask.Connection, ask.Of(side.Provinces)).ConfigureAwait(false))
            .OrderBy(province => province.ProvinceCode)],
        cancellationToken);

    /// <summary>All regions, by their numbers.</summary>
    public Task<IReadOnlyList<RegionEntry>> RegionsAsync(CancellationToken cancellationToken) => AskAsync<IReadOnlyList<RegionEntry>>(
        async (ask, side) => [.. (await HealthRegionReader.RegionsAsync(ask.Connection, ask.Of(side.Regions)).ConfigureAwait(false))
            .OrderBy(region => region.HrUid)],
        cancellationToken);

    /// <summary>One region; null when it is not there.</summary>
    public Task<RegionEntry?> RegionAsync(long hrUid, CancellationToken cancellationToken) => AskAsync(
        async (ask, side) => (await HealthRegionReader.RegionsAsync(ask.Connection, ask.Of(side.Region, new { id = hrUid })).ConfigureAwait(false))
            .SingleOrDefault(),
        cancellationToken,
        region => region is null ? [] : [new EntityKey(HealthRegionsContext.HealthRegionKind, region.HrUid)]);

    /// <summary>The regions that a postcode lies in, the first one first; those that are not there are left out. Empty for an unknown postcode.</summary>
    /// <param name="code">Upper case, without blanks around it.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public Task<IReadOnlyList<RegionEntry>> RegionsOfAsync(string code, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        return AskAsync<IReadOnlyList<RegionEntry>>(
            async (ask, side) =>
            [
                .. (await HealthRegionReader.PlacedRegionsAsync(ask.Connection, ask.Of(side.RegionsOfPostcode, new { code })).ConfigureAwait(false))
                    .OrderBy(one => one.Place).ThenBy(one => one.Region.HrUid).Select(one => one.Region).DistinctBy(region => region.HrUid),
            ],
            cancellationToken,
            regions => regions.Select(region => new EntityKey(HealthRegionsContext.HealthRegionKind, region.HrUid)));
    }

    /// <summary>The numbers of the regions of a province that have this English name: most often one. Without the province it would be no answer.</summary>
    public Task<IReadOnlyList<long>> NamedAsync(long province, string nameEn, CancellationToken cancellationToken) => AskAsync<IReadOnlyList<long>>(
        async (ask, side) =>
            [.. (await HealthRegionReader.NumbersAsync(ask.Connection, ask.Of(side.Named, new { province, name = nameEn })).ConfigureAwait(false)).Order()],
        cancellationToken);

    /// <summary>All postcodes with region, mobility and province, in the order of their codes.</summary>
    public Task<IReadOnlyList<LocationEntry>> LocationsAsync(CancellationToken cancellationToken) => AskAsync(
        async (ask, side) => Together(
            await HealthRegionReader.LocationsAsync(ask.Connection, ask.Of(side.Locations)).ConfigureAwait(false),
            await HealthRegionReader.RegionsAsync(ask.Connection, ask.Of(side.Regions)).ConfigureAwait(false),
            await HealthRegionReader.MobilityAsync(ask.Connection, ask.Of(side.Mobility)).ConfigureAwait(false),
            await HealthRegionReader.ProvincesAsync(ask.Connection, ask.Of(side.Provinces)).ConfigureAwait(false)),
        cancellationToken);

    /// <summary>
    /// The postcode that is written like this but for its case and blanks behind, which is how the old client's table was searched. Beyond ASCII nothing
    /// is found.
    /// </summary>
    public Task<IReadOnlyList<LocationEntry>> LocationsAsync(string code, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(code);
        return !Ascii.IsValid(code) || code.Contains('\0', StringComparison.Ordinal)
            ? Task.FromResult<IReadOnlyList<LocationEntry>>([])
            : AskAsync(
                (ask, side) => LocationsAsync(ask, side, code.TrimEnd(' ').ToUpperInvariant()), cancellationToken,
                locations => locations.Where(location => location.Id > 0).Select(location => new EntityKey(HealthRegionsContext.PostcodeKind, location.Id)));
    }

    private static async Task<IReadOnlyList<LocationEntry>> LocationsAsync(Ask ask, SideQueries side, string code)
    {
        var found = await HealthRegionReader.LocationsAsync(ask.Connection, ask.Of(side.Location, new { code })).ConfigureAwait(false);
        long[] numbers = [.. found.Select(one => one.HrUid).OfType<long>().Distinct()];
        List<RegionEntry> regions = [];
        foreach (var id in numbers)
        {
            regions.AddRange(await HealthRegionReader.RegionsAsync(ask.Connection, ask.Of(side.Region, new { id })).ConfigureAwait(false));
        }

        List<MobilityEntry> weeks = regions.Count == 0
            ? [] : await HealthRegionReader.MobilityAsync(ask.Connection, ask.Of(side.MobilityOf, new { regions = numbers })).ConfigureAwait(false);
        List<ProvinceEntry> provinces = found.Count == 0
            ? [] : await HealthRegionReader.ProvincesAsync(ask.Connection, ask.Of(side.Provinces)).ConfigureAwait(false);
        return Together(found, regions, weeks, provinces);
    }

    private static IReadOnlyList<LocationEntry> Together(
        List<(string Code, long? HrUid, long? ProvinceCode)> locations, List<RegionEntry> regions, List<MobilityEntry> weeks, List<ProvinceEntry> provinces)
    {
        var (regionOf, weekOf) = (regions.ToDictionary(region => region.HrUid), weeks.ToDictionary(week => week.HrUid));
        var provinceOf = provinces.ToDictionary(province => province.ProvinceCode);
        return
        [
            .. locations.OrderBy(one => one.Code.ToUpperInvariant(), StringComparer.Ordinal).ThenBy(one => one.Code, StringComparer.Ordinal).Select(one =>
            {
                var region = one.HrUid is { } number ? regionOf.GetValueOrDefault(number) : null;
                return new LocationEntry(
                    TextKey.IdOf(one.Code), one.Code, one.HrUid, one.ProvinceCode, region, region is null ? null : weekOf.GetValueOrDefault(region.HrUid),
                    one.ProvinceCode is { } code ? provinceOf.GetValueOrDefault(code) : null);
            }),
        ];
    }

    private Task<T> AskAsync<T>(
        Func<Ask, SideQueries, Task<T>> question, CancellationToken cancellationToken, Func<T, IEnumerable<EntityKey>>? shows = null) => queries.AskAsync(
        (connection, transaction, token) => question(new Ask(connection, transaction, token), SideQueries.Legacy),
        (connection, transaction, token) => question(new Ask(connection, transaction, token), SideQueries.New),
        cancellationToken,
        shows);

    private sealed record Ask(DbConnection Connection, DbTransaction? Transaction, CancellationToken Token)
    {
        public CommandDefinition Of(string sql, object? parameters = null) => new(sql, parameters, Transaction, cancellationToken: Token);
    }
}
