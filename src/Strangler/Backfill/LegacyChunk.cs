using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Backfill;

/// <summary>One entity as legacy had it in the chunk's snapshot.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Record">Null for a tombstone.</param>
/// <param name="Version">At least (dual epoch, 0).</param>
/// <param name="ForeignSeq">Other programs' writes that this state includes.</param>
/// <param name="Fresh">The row and entity row to insert where the new side has nothing; made ahead, beside the writing of the chunk before.</param>
internal sealed record LegacyEntity(long Id, Record? Record, EntityVersion Version, long ForeignSeq, BackfillWrite? Fresh)
{
    public bool IsNewsTo(EntityState? accepted) => LeadVersion.IsNewsTo(accepted, Version, ForeignSeq);
}

/// <summary>A range of legacy, read in one snapshot and turned into records.</summary>
internal sealed record LegacyChunk(
    long From, long To, FenceRow Fence, IReadOnlyList<LegacyEntity> Entities, IReadOnlyList<QuarantineEntry> Unreadable, TimeSpan Took)
{
    public int Rows => Entities.Count + Unreadable.Count;
}

/// <summary>From raw legacy rows to what a chunk may write. Pure but for the clock of quarantine entries.</summary>
internal sealed class ChunkMapper(IRecordLens legacyLens, IRecordLens newLens, Func<Record, byte[]> hash, TimeProvider time)
{
    /// <param name="snapshot">The range.</param>
    /// <param name="range">Its bounds.</param>
    /// <param name="ahead">Whether inserts are made ahead: worth it when most keys will be new to the other side.</param>
    /// <param name="took">How long the read took.</param>
    public LegacyChunk Map(RangeSnapshot snapshot, (long From, long To) range, bool ahead, TimeSpan took)
    {
        var entities = new List<LegacyEntity>(snapshot.Items.Count);
        List<QuarantineEntry> unreadable = [];
        foreach (var item in snapshot.Items)
        {
            try
            {
                entities.Add(Map(item, snapshot.Fence.DualEpoch, ahead));
            }
            catch (UnreadableException e)
            {
                unreadable.Add(Entry(item.Id, e.Place, e.Reason));
            }
            catch (CannotHoldException e)
            {
                unreadable.Add(Entry(item.Id, e.Field, $"the new side cannot hold it: {e.Reason}"));
            }
        }

        return new LegacyChunk(range.From, range.To, snapshot.Fence, entities, unreadable, took);
    }

    /// <summary>What to write for an entity that is news to the new side, given the row that it has.</summary>
    public BackfillWrite Write(LegacyEntity entity, AggregateRow? was)
    {
        if (entity.Record is null)
        {
            return new BackfillWrite(entity.Id, was, null, new EntityState(entity.Version, entity.ForeignSeq, true, []));
        }

        if (was is null && entity.Fresh is { } fresh)
        {
            return fresh;
        }

        var record = RecordMerge.Fill(entity.Record, was is null ? null : newLens.Get(was), legacyLens);

        // As an apply does: the hashes are of the lead's own record, hidden values as hidden.
        return new BackfillWrite(
            entity.Id, was, newLens.Put(record, was), new EntityState(entity.Version, entity.ForeignSeq, false, hash(entity.Record)));
    }

    public QuarantineEntry Entry(long id, string place, string reason) => new(id, place, reason, time.GetUtcNow().UtcDateTime);

    private LegacyEntity Map(RangeItem item, long dualEpoch, bool ahead)
    {
        var version = LeadVersion.Of(item.Entity, dualEpoch);
        var entity = new LegacyEntity(item.Id, item.Row is null ? null : legacyLens.Get(item.Row), version, item.Entity?.ForeignSeq ?? 0, null);
        return ahead && entity.Record is not null ? entity with { Fresh = Write(entity, null) } : entity;
    }
}
