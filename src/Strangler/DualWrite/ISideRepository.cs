using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// What the engine asks of a context's repository on one side: the state-transfer face through which every inline apply, relay, backfill and repair goes.
/// </summary>
public interface ISideRepository
{
    ISideStore Store { get; }

    IRecordLens Lens { get; }

    /// <summary>
    /// Brings the side to <paramref name="record"/> within the caller's transaction; null removes the entity. Values that the record hides keep what the
    /// side has (<see cref="RecordMerge"/>). Throws <see cref="CannotHoldException"/> before anything is written. Returns the record that the side now holds.
    /// </summary>
    Task<Record?> PutAsync(ISideTransaction transaction, EntityKey key, Record? record, CancellationToken cancellationToken);
}

/// <summary>Between an entity of the domain and its record. Laws as for a lens: <c>Apply(ToEntity(r), r)</c> is r.</summary>
public interface IEntityConverter<TEntity>
    where TEntity : class
{
    RecordSchema Schema { get; }

    TEntity ToEntity(long id, Record record);

    /// <summary>The record with everything that the entity knows taken from it, and the rest as it was.</summary>
    Record Apply(TEntity entity, Record present);

    long IdOf(TEntity entity);

    /// <summary>Gives the id to an entity that had 0.</summary>
    void AssignId(TEntity entity, long id);
}
