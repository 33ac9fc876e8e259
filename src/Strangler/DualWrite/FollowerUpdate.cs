using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.DualWrite;

/// <summary>
/// Writes a state of the lead over the one that the follower has, in a transaction of the follower: that of an apply, or its part of a
/// joint one. Whether it may
/// is the caller's to know.
/// </summary>
internal sealed class FollowerUpdate(ContextRuntime runtime, EntityKey key, SideName follower, CarriedWrite? carried)
{
    private readonly EntityKind _kind = runtime.Kind(key.Kind);

    /// <summary>Whether the follower has exactly the state before: then nothing but that one write is to be carried over.</summary>
    public bool IsNext(EntityState? accepted, EntityVersion version, long foreignSeq) =>
        IsBorn(accepted, version) || (accepted is { } mark && mark.Version.Next() == version && mark.ForeignSeq == foreignSeq);

    /// <summary>Returns what the follower has accepted with it.</summary>
    /// <param name="transaction">The follower's.</param>
    /// <param name="record">The lead's; null: deleted.</param>
    /// <param name="version">Its version.</param>
    /// <param name="foreignSeq">The other programs' writes in it.</param>
    /// <param name="lead">The lead's entity row, which knows what the record may hide.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<EntityState> WriteAsync(
        ISideTransaction transaction, Record? record, EntityVersion version, long foreignSeq, EntityState? lead, CancellationToken cancellationToken)
    {
        var was = transaction.State;
        var present = record is null || was.Row is null ? null : _kind.Of(follower).Lens.Get(was.Row);
        var wishes = record is null ? null : HiddenWishes.Of(runtime.Hasher, record.Schema, lead, version, was.Entity?.Version);
        var filled = record is null ? null
            : RecordMerge.Fill(record, present, _kind.Of(Stages.Other(follower)).Lens, wishes is null ? null : wishes.TryFind);
        var held = await _kind.Of(follower).PutAsync(transaction, key, filled, cancellationToken);
        return await AcceptAsync(
            transaction, new EntityState(version, foreignSeq, record is null, record is null ? [] : AcceptedHashes.Of(runtime.Hasher, record, held)), cancellationToken);
    }

    /// <summary>
    /// Legacy following: writes what a merge made of the lead's state and of another program's change. What is accepted is the lead's
    /// state all the same, and the change stays one that the lead has not seen: as such it comes to it later.
    /// </summary>
    public async Task<EntityState> WriteAroundAsync(
        ISideTransaction transaction, Record? merged, Record? lead, EntityVersion version, CancellationToken cancellationToken)
    {
        var lens = _kind.Of(follower).Lens;
        await _kind.Of(follower).PutAsync(transaction, key, merged, cancellationToken);
        var hashes = lead is null ? [] : AcceptedHashes.Of(runtime.Hasher, lead, RecordMerge.Project(lead, lens));
        return await AcceptAsync(
            transaction, new EntityState(version, transaction.State.Entity!.ForeignSeq, merged is null, hashes), cancellationToken);
    }

    private async Task<EntityState> AcceptAsync(ISideTransaction transaction, EntityState accepted, CancellationToken cancellationToken)
    {
        await transaction.SetEntityAsync(key, accepted, cancellationToken);
        await CarryRequestsAsync(transaction, transaction.State.Entity, accepted.Version, cancellationToken);
        return accepted;
    }

    // The very write that allotted the id: it was readable, and there are no requests, no quarantine and no state from before.
    private bool IsBorn(EntityState? accepted, EntityVersion version) =>
        accepted is null && carried is { Created: true } && carried.Version == version;

    // Request keys travel with the state, so that a caller's retry after a flip finds its result on the new lead. The inline apply of the
    // very next version knows the only one there can be; everyone else asks the lead.
    private async Task CarryRequestsAsync(
        ISideTransaction transaction, EntityState? accepted, EntityVersion version, CancellationToken cancellationToken)
    {
        if (carried is not null && carried.Version == version && (accepted?.Version.Next() == version || IsBorn(accepted, version)))
        {
            if (carried.RequestKey is not null)
            {
                await transaction.SaveRequestAsync(carried.RequestKey, key.Id, version, cancellationToken);
            }

            return;
        }

        foreach (var request in await runtime.Sides.Of(Stages.Other(follower)).Store.RequestsAsync(key, accepted?.Version, cancellationToken))
        {
            if (request.Version <= version)
            {
                await transaction.SaveRequestAsync(request.RequestKey, key.Id, request.Version, cancellationToken);
            }
        }
    }
}
