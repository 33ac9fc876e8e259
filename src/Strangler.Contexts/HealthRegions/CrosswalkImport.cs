using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Contexts.HealthRegions;

/// <summary>What an import came to.</summary>
/// <param name="Stored">Postcodes that were stored, or would be.</param>
/// <param name="Unchanged">Postcodes that said so already.</param>
/// <param name="Refused">Lines that were left out.</param>
public sealed record CrosswalkImportResult(int Stored, int Unchanged, IReadOnlyList<CrosswalkRefusal> Refused);

/// <summary>
/// Stores a crosswalk: what legacy has no room for goes to the new side, so that has to lead. A postcode keeps the region that it has in legacy as its
/// first; one that legacy does not have yet gets the list's first.
/// </summary>
/// <param name="context">Where to.</param>
/// <param name="cutover">Tells who leads.</param>
public sealed class CrosswalkImport(HealthRegionsContext context, CutoverService cutover)
{
    /// <summary>
    /// Can be repeated: what is stored already is not stored again. Throws <see cref="WrongStageException"/> while legacy leads, also where it came to lead in
    /// the middle, and as <see cref="DualWriter.WriteAsync"/> does, where it stands then.
    /// </summary>
    /// <param name="rows">The list.</param>
    /// <param name="actor">Who imports; goes with each write.</param>
    /// <param name="dryRun">Store nothing, and count what would be.</param>
    /// <param name="progress">Is told how many postcodes are done, and of how many.</param>
    /// <param name="cancellationToken">Ends it between two postcodes.</param>
    public async Task<CrosswalkImportResult> RunAsync(
        IReadOnlyList<CrosswalkRow> rows, string actor, bool dryRun, IProgress<(int Done, int All)>? progress, CancellationToken cancellationToken)
    {
        await RequireNewLeadsAsync(cancellationToken).ConfigureAwait(false);
        var regions = (await context.Directory.RegionsAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(region => region.HrUid);
        var written = (await context.Directory.LocationsAsync(cancellationToken).ConfigureAwait(false))
            .GroupBy(location => PostcodeCrosswalk.Plain(location.Code)).ToDictionary(group => group.Key, group => group.First().Code);
        var crosswalk = PostcodeCrosswalk.Read(rows, regions.Keys.ToHashSet());
        var (parts, stored, done) = (crosswalk.Parts, 0, 0);
        foreach (var (code, of) in parts)
        {
            var known = written.TryGetValue(code, out var spelling) ? await context.Postcodes.FindAsync(spelling, cancellationToken).ConfigureAwait(false) : null;
            var postcode = known ?? new Postcode(code, of[0].RegionId, regions[of[0].RegionId].ProvinceCode ?? 0);
            var (population, further) = (postcode.Population, postcode.FurtherParts.ToList());
            postcode.DivideInto([.. of]);
            if (known is null || population != postcode.Population || !further.SequenceEqual(postcode.FurtherParts))
            {
                stored++;
                await (dryRun ? Task.CompletedTask : context.Postcodes.StoreAsync(postcode, cancellationToken, actor: actor)).ConfigureAwait(false);
            }

            progress?.Report((++done, parts.Count));
        }

        await RequireNewLeadsAsync(cancellationToken).ConfigureAwait(false);
        return new CrosswalkImportResult(stored, parts.Count - stored, crosswalk.Refused);
    }

    private async Task RequireNewLeadsAsync(CancellationToken cancellationToken)
    {
        var view = await cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        if (Stages.LeadOf(view.Stage) != SideName.New)
        {
            throw new WrongStageException(
                HealthRegionsContext.Name, "Importing further regions of postcodes", view.Stage, "a leading new side (NewLeads or NewOnly), since legacy has no room for them");
        }
    }
}
