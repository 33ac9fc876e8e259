using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>
/// Takes the follower's state of one key as a new write on the lead: the way back after the lead lost writes (a restored backup), or when
/// what was done to the
/// lead by hand was wrong. In the lead's own transaction, with a version above both sides' and a journal row, and only where both sides
/// still are at what was
/// looked at. From its commit on it is a write like any other: the relay brings it along, and nothing that was written since is touched.
/// </summary>
internal sealed class ReverseRepair(ContextRuntime runtime)
{
    /// <summary>
    /// The follower is read under the lead's lock. It may still accept a state of the lead meanwhile, but only one that the lead had when
    /// it was locked, and that
    /// is the one that the operator gave up.
    /// </summary>
    public async Task<ApplyResult> RunAsync(
        EntityKey key, SideName leadSide, SeenStates seen, string actor, CancellationToken cancellationToken)
    {
        var kind = runtime.Kind(key.Kind);
        var followerSide = Stages.Other(leadSide);
        await using var transaction = await runtime.Sides.Of(leadSide).Store.BeginAsync(new WriteIntent(key), cancellationToken);
        var lead = transaction.State;
        var follower = await runtime.Sides.Of(followerSide).Store.ReadAsync(key, cancellationToken);
        if (lead.Fence.Role != FenceRole.Lead || !Stages.IsDual(lead.Fence.Stage) || follower.Fence.Role != FenceRole.Follower)
        {
            return ApplyResult.NotFollower;
        }

        if (!seen.StandIn(lead, follower) || follower.Row is null)
        {
            return ApplyResult.ChangedMeanwhile;
        }

        var record = await PutAsync(transaction, kind, (key, leadSide), follower.Row, cancellationToken);
        var state = StateOf(record, lead, follower);
        await transaction.SetEntityAsync(key, state with { Writer = actor }, cancellationToken);
        await transaction.AppendJournalAsync(key, state.Version, actor, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return ApplyResult.Applied;
    }

    private static async Task<Record> PutAsync(
        ISideTransaction transaction, EntityKind kind, (EntityKey Key, SideName Lead) to, AggregateRow from,
            CancellationToken cancellationToken)
    {
        var followerLens = kind.Of(Stages.Other(to.Lead)).Lens;
        var record = followerLens.Get(from);
        var present = DualWriter.Decode(kind.Of(to.Lead).Lens, to.Key, transaction.State.Row);
        var held = await kind.Of(to.Lead).PutAsync(
            transaction, to.Key, RecordMerge.Fill(record, present, followerLens), cancellationToken);
        return held!;
    }

    // Above both: a lead that was set back counts on from what the follower has accepted, or its next states would be taken for old ones.
    private EntityState StateOf(Record record, SideState lead, SideState follower)
    {
        var (ours, theirs) = (lead.Version(lead.Fence.DualEpoch), follower.Entity?.Version ?? default);
        return new EntityState(
            (ours > theirs ? ours : theirs).Next(),
            Math.Max(lead.Entity?.ForeignSeq ?? 0, follower.Entity?.ForeignSeq ?? 0),
            Tombstone: false,
            EntityState.Sign(runtime.Hasher.Hash(record), runtime.Random));
    }
}
