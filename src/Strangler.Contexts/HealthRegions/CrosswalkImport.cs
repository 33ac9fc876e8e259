using Strangler.DualWrite;

namespace Strangler.Contexts.HealthRegions;

/// <summary>What an import came to.</summary>
/// <param name="Stored">Postcodes that were stored.</param>
/// <param name="Unchanged">Postcodes that said so already.</param>
/// <param name="Refused">Lines that were left out.</param>
public sealed record CrosswalkImportResult(int Stored, int Unchanged, IReadOnlyList<CrosswalkRefusal> Refused);

/// <summary>
/// Stores a crosswalk: what legacy has no room for goes to the new side, so that has to lead. A postcode keeps the region that it has in legacy as its
/// first; one that legacy does not have yet gets the list's first.
/// </summary>
public sealed class CrosswalkImport(HealthRegionsContext context)
{
    /// <summary>Can be repeated: what is stored already is not stored again. Throws as <see cref="DualWriter.WriteAsync"/> does, where it stands then.</summary>
    public async Task<CrosswalkImportResult> RunAsync(IReadOnlyList<CrosswalkRow> rows, string actor, CancellationToken cancellationToken)
    {
        var regions = (await context.Directory.RegionsAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(region => region.HrUid);
        var written = (await context.Directory.LocationsAsync(cancellationToken).ConfigureAwait(false))
            .GroupBy(location => PostcodeCrosswalk.Plain(location.Code)).ToDictionary(group => group.Key, group => group.First().Code);
        var crosswalk = PostcodeCrosswalk.Read(rows, regions.Keys.ToHashSet());
        var (stored, unchanged) = (0, 0);
        foreach (var (code, parts) in crosswalk.Parts)
        {
            var known = written.TryGetValue(code, out var spelling) ? await context.Postcodes.FindAsync(spelling, cancellationToken).ConfigureAwait(false) : null;
            var postcode = known ?? new Postcode(code, parts[0].RegionId, regions[parts[0].RegionId].ProvinceCode ?? 0);
            var (population, further) = (postcode.Population, postcode.FurtherParts.ToList());
            postcode.DivideInto([.. parts]);
            if (known is not null && population == postcode.Population && further.SequenceEqual(postcode.FurtherParts))
            {
                unchanged++;
                continue;
            }

            await context.Postcodes.StoreAsync(postcode, cancellationToken, actor: actor).ConfigureAwait(false);
            stored++;
        }

        return new CrosswalkImportResult(stored, unchanged, crosswalk.Refused);
    }
}
