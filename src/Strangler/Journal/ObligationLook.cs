using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>
/// Whether keys are lost obligations: one side has a newer version than the other has accepted, and no journal row says so (PROTOCOL §8). Reads entity rows and
/// journal rows only.
/// </summary>
/// <remarks>
/// Why a write in flight is never taken for one: each look reads (1) versions of the owing side, (2) its journal, (3) what the other side has accepted, in this
/// order. A version that (1) saw came with its journal row in one commit, and that row is deleted only after the other side's commit: missing in (2), it was
/// deleted before, so (3) sees the state accepted. Two looks with a pause between guard against what this argument leaves out.
/// </remarks>
internal sealed class ObligationLook(ContextRuntime runtime)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private ContextSides Sides => runtime.Sides;

    /// <summary>Which of the lead's keys are suspects, by versions alone. Null: nobody leads two sides there at present.</summary>
    public async Task<List<long>?> SuspectsAsync(string kind, SideName lead, VersionPage page, CancellationToken cancellationToken)
    {
        if (!Leads(page.Fence))
        {
            return null;
        }

        if (page.Keys.Count == 0)
        {
            return [];
        }

        var ids = page.Keys.Select(key => key.Id).ToList();
        var other = await Sides.Of(Stages.Other(lead)).Store.VersionsAsync(kind, ids, cancellationToken);
        return [.. Owing(lead, lead, page, other).Union(Owing(Stages.Other(lead), lead, other, page)).Order()];
    }

    /// <summary>Which of the ids are lost for certain. Null: a flip came in between, and nothing is certain.</summary>
    public async Task<List<long>?> ConfirmAsync(string kind, SideName lead, List<long> ids, CancellationToken cancellationToken)
    {
        var suspects = ids.Count == 0 ? [] : await LostAsync(kind, lead, ids, cancellationToken);
        if (suspects is not { Count: > 0 })
        {
            return suspects;
        }

        await Task.Delay(Pause, runtime.Time, cancellationToken);
        return await LostAsync(kind, lead, suspects, cancellationToken);
    }

    private async Task<List<long>?> LostAsync(string kind, SideName lead, List<long> ids, CancellationToken cancellationToken)
    {
        HashSet<long> lost = [];
        foreach (var owing in Owing(lead))
        {
            if (await LostAsync(kind, lead, owing, ids, cancellationToken) is not { } found)
            {
                return null;
            }

            lost.UnionWith(found);
        }

        return [.. lost.Order()];
    }

    private async Task<List<long>?> LostAsync(
        string kind, SideName lead, SideName owing, List<long> ids, CancellationToken cancellationToken)
    {
        var (own, others) = (Sides.Of(owing), Sides.Of(Stages.Other(owing)));
        var has = await own.Store.VersionsAsync(kind, ids, cancellationToken);
        var owed = await own.Journal.OwedAsync(kind, ids, cancellationToken);
        var accepted = await others.Store.VersionsAsync(kind, ids, cancellationToken);
        return Leads((owing == lead ? has : accepted).Fence)
            ? Owing(owing, lead, has, accepted).Where(id => !owed.Contains(id)).ToList()
            : null;
    }

    // The lead owes its own writes; legacy, leading or not, those of other programs.
    private static SideName[] Owing(SideName lead) =>
        lead == SideName.Legacy ? [SideName.Legacy] : [SideName.New, SideName.Legacy];

    private static bool Leads(FenceRow fence) => fence.AnswersReads && Stages.IsDual(fence.Stage);

    // The rules of reconciliation (Classifier.Behind). A counter of 0 was never journalled: that state is the backfill's to carry.
    private static IEnumerable<long> Owing(SideName owing, SideName lead, VersionPage has, VersionPage accepted)
    {
        var dualEpoch = (owing == lead ? has : accepted).Fence.DualEpoch;
        var known = accepted.Keys.ToDictionary(key => key.Id);
        foreach (var key in has.Keys)
        {
            var other = known.GetValueOrDefault(key.Id);
            var owesOwn = owing == lead && key.Version.Epoch >= dualEpoch && key.Version.Counter > 0
                && (other is null || key.Version > other.Version);
            var owesForeign = owing == SideName.Legacy && other is not null && other.Version.Epoch >= dualEpoch
                && key.ForeignSeq > other.ForeignSeq;
            if (owesOwn || owesForeign)
            {
                yield return key.Id;
            }
        }
    }
}
