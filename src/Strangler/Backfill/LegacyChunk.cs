using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.Backfill;

/// <summary>One entity as legacy had it in the chunk's snapshot.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Row">Null for a tombstone.</param>
/// <param name="Version">At least (dual epoch, 0).</param>
/// <param name="ForeignSeq">Other programs' writes that this state includes.</param>
/// <param name="Fresh">What to insert where the new side has nothing; made ahead, beside the writing of the chunk before. Null: not made
/// yet.</param>
internal sealed record LegacyEntity(long Id, AggregateRow? Row, EntityVersion Version, long ForeignSeq, BackfillWrite? Fresh)
{
    /// <summary>Legacy's entity row.</summary>
    public EntityState? State { get; init; }

    public bool IsNewsTo(EntityState? accepted) => LeadVersion.IsNewsTo(accepted, Version, ForeignSeq);

    /// <summary>Whether the journal brings this state over in any case. Such writes don't call for another pass: under load there would be
    /// some in every pass.</summary>
    public bool IsJournalledFor(EntityState? accepted) => Version.Counter > 0 || accepted?.Version == Version;
}

/// <summary>A range of legacy, read in one snapshot and turned into records.</summary>
internal sealed record LegacyChunk(
    long From, long To, FenceRow Fence, IReadOnlyList<LegacyEntity> Entities, IReadOnlyList<QuarantineEntry> Unreadable, TimeSpan Took)
{
    public int Rows => Entities.Count + Unreadable.Count;
}

/// <summary>From raw legacy rows to what a chunk may write. Pure but for the clock of quarantine entries.</summary>
internal sealed class ChunkMapper(IRecordLens legacyLens, IRecordLens newLens, FieldHasher hasher, TimeProvider time)
{
    /// <param name="snapshot">The range.</param>
    /// <param name="range">Its bounds.</param>
    /// <param name="ahead">Whether inserts are made ahead: worth it when most keys will be new to the other side. Else only what is news is
    /// ever decoded.</param>
    /// <param name="took">How long the read took.</param>
    public LegacyChunk Map(RangeSnapshot snapshot, (long From, long To) range, bool ahead, TimeSpan took)
    {
        var entities = new List<LegacyEntity>(snapshot.Items.Count);
        List<QuarantineEntry> unreadable = [];
        foreach (var item in snapshot.Items)
        {
            if (item.Row is not null && IdRules.ProblemOf(legacyLens.Layout, item.Id) is { } problem)
            {
                unreadable.Add(Entry(item.Id, problem.Place, problem.Reason));
                continue;
            }

            var version = LeadVersion.Of(item.Entity, snapshot.Fence.DualEpoch);
            var entity = new LegacyEntity(item.Id, item.Row, version, item.Entity?.ForeignSeq ?? 0, null) { State = item.Entity };
            if (!ahead || item.Row is null)
            {
                entities.Add(entity);
            }
            else if (TryWrite(entity, null, null, unreadable) is { } fresh)
            {
                entities.Add(entity with { Fresh = fresh });
            }
        }

        return new LegacyChunk(range.From, range.To, snapshot.Fence, entities, unreadable, took);
    }

    /// <summary>What to write for an entity that is news to the new side, given what it has accepted and the row that it has; null when it
    /// cannot be, and is listed instead.</summary>
    public BackfillWrite? TryWrite(LegacyEntity entity, EntityState? accepted, AggregateRow? was, List<QuarantineEntry> unreadable)
    {
        try
        {
            return Write(entity, accepted, was);
        }
        catch (UnreadableException e)
        {
            unreadable.Add(Entry(entity.Id, e.Place, e.Reason));
        }
        catch (CannotHoldException e)
        {
            unreadable.Add(Entry(entity.Id, e.Field, $"the new side cannot hold it: {e.Reason}"));
        }

        return null;
    }

    private BackfillWrite Write(LegacyEntity entity, EntityState? accepted, AggregateRow? was)
    {
        if (entity.Row is null)
        {
            return new BackfillWrite(entity.Id, was, null, new EntityState(entity.Version, entity.ForeignSeq, true, []));
        }

        if (was is null && entity.Fresh is { } fresh)
        {
            return fresh;
        }

        var record = legacyLens.Get(entity.Row);
        var wishes = HiddenWishes.Of(hasher, record.Schema, entity.State, entity.Version, accepted?.Version);
        var filled = RecordMerge.Fill(record, was is null ? null : Present(was), legacyLens, wishes is null ? null : wishes.TryFind);

        // As an apply does: the hashes are of the lead's own record, hidden values as hidden.
        return new BackfillWrite(
            entity.Id, was, newLens.Put(filled, was),
            new EntityState(entity.Version, entity.ForeignSeq, false, AcceptedHashes.Of(hasher, record, filled)));
    }

    private Record Present(AggregateRow was)
    {
        try
        {
            return newLens.Get(was);
        }
        catch (UnreadableException e)
        {
            throw new UnreadableException(e.Place, $"the new side's row: {e.Reason}", e);
        }
    }

    private QuarantineEntry Entry(long id, string place, string reason) => new(id, place, reason, time.GetUtcNow().UtcDateTime);
}
