using Strangler.DualWrite;
using Strangler.Merging;

namespace Strangler.Reconciliation;

/// <summary>
/// While the new side leads: what another program wrote to legacy, and nobody knows of (no trigger saw it, or its journal row is gone), is
/// noted as a trigger would have noted it, and merged field by field like any other write of theirs. Nothing in legacy is written over.
/// </summary>
internal sealed class MergeRepair(ContextRuntime runtime)
{
    /// <summary>Throws <see cref="MergeConflictException"/> where both sides have changed the same field and nobody is declared to be right.</summary>
    public async Task<ApplyResult> RunAsync(EntityKey key, SeenStates seen, string actor, CancellationToken cancellationToken)
    {
        if (await NoteAsync(key, seen, actor, cancellationToken) is { } otherwise)
        {
            return otherwise;
        }

        return await new ForeignMerge(runtime).MergeAsync(key, null, cancellationToken) switch
        {
            MergeResult.Merged or MergeResult.Nothing => ApplyResult.Applied,
            MergeResult.ChangedMeanwhile => ApplyResult.ChangedMeanwhile,
            _ => ApplyResult.NotFollower,
        };
    }

    // Once this is committed, the relay merges it, whatever becomes of us. The lead is read under legacy's lock, as every apply does.
    private async Task<ApplyResult?> NoteAsync(EntityKey key, SeenStates seen, string actor, CancellationToken cancellationToken)
    {
        await using var transaction = await runtime.Sides.Legacy.Store.BeginAsync(new WriteIntent(key), cancellationToken);
        var legacy = transaction.State;
        var lead = await runtime.Sides.New.Store.ReadAsync(key, cancellationToken);
        if (legacy.Fence.Role != FenceRole.Follower || lead.Fence.Role != FenceRole.Lead)
        {
            return ApplyResult.NotFollower;
        }

        if (!seen.StandIn(lead, legacy))
        {
            return ApplyResult.ChangedMeanwhile;
        }

        var was = legacy.Entity ?? new EntityState(default, 0, Tombstone: false, []);
        var foreignSeq = Math.Max(was.ForeignSeq, lead.Entity?.ForeignSeq ?? 0) + 1;
        await transaction.SetEntityAsync(key, was with { ForeignSeq = foreignSeq, Writer = actor }, cancellationToken);
        await transaction.AppendJournalAsync(key, was.Version, actor, cancellationToken, foreignSeq);
        await transaction.CommitAsync(CancellationToken.None);
        return null;
    }
}
