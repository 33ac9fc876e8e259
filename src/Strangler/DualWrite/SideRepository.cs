using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// A context's repository on one side. Its bare methods (<see cref="FindAsync"/>, <see cref="StoreAsync(TEntity, CancellationToken)"/>,
/// <see cref="DeleteAsync"/>) know no stages, as if the side were alone: only the fence row is read and locked with them. Frontends go
/// through the wrapper.
/// </summary>
public abstract class SideRepository<TEntity>(ISideStore store, IRecordLens lens, IEntityConverter<TEntity> converter, string kind)
    : ISideRepository
    where TEntity : class
{
    public ISideStore Store { get; } = store;

    public IRecordLens Lens { get; } = lens;

    /// <summary>Null when it is not there.</summary>
    public async Task<TEntity?> FindAsync(long id, CancellationToken cancellationToken)
    {
        var state = await Store.ReadAsync(new EntityKey(kind, id), cancellationToken);
        return DualWriter.Decode(Lens, new EntityKey(kind, id), state.Row) is { } record ? converter.ToEntity(id, record) : null;
    }

    /// <summary>Inserts or updates in a transaction of its own; an entity with id 0 gets its id.</summary>
    public async Task StoreAsync(TEntity entity, CancellationToken cancellationToken)
    {
        var key = new EntityKey(kind, converter.IdOf(entity));
        await using var transaction = await Store.BeginAsync(new WriteIntent(key), cancellationToken);
        var (id, _) = await StoreAsync(transaction, entity, key, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        if (key.Id == 0)
        {
            converter.AssignId(entity, id);
        }
    }

    /// <summary>Removes it in a transaction of its own; nothing happens when it is not there.</summary>
    public async Task DeleteAsync(long id, CancellationToken cancellationToken)
    {
        var key = new EntityKey(kind, id);
        await using var transaction = await Store.BeginAsync(new WriteIntent(key), cancellationToken);
        await PutAsync(transaction, key, null, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
    }

    /// <summary>Inserts or updates within the caller's transaction.</summary>
    public async Task<LeadResult> StoreAsync(
        ISideTransaction transaction, TEntity entity, EntityKey key, CancellationToken cancellationToken)
    {
        var was = transaction.State.Row;
        var present = DualWriter.Decode(Lens, key, was) ?? converter.Schema.Blank();
        var wanted = converter.Apply(entity, present);
        var now = Lens.Put(wanted, was);
        var id = await transaction.SaveAsync(key, was, now, cancellationToken);
        return new LeadResult(id, Lens.Get(now), wanted);
    }

    public async Task<Record?> PutAsync(ISideTransaction transaction, EntityKey key, Record? record, CancellationToken cancellationToken)
    {
        var was = transaction.State.Row;
        if (record is null)
        {
            if (was is not null)
            {
                await transaction.SaveAsync(key, was, null, cancellationToken);
            }

            return null;
        }

        var now = Lens.Put(KeepHidden(record, was), was);
        await transaction.SaveAsync(key, was, now, cancellationToken);
        return Lens.Get(now);
    }

    // The engine fills hidden values in before, by the lead's evidence; what is still hidden here keeps what this side has.
    private Record KeepHidden(Record record, AggregateRow? was)
    {
        if (!record.Values.Any(value => value is Hidden))
        {
            return record;
        }

        var present = was is null ? null : Lens.Get(was);
        var values = (object?[])record.Values.Clone();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = values[i] is Hidden hidden ? present is null ? hidden.Derived : present.Values[i] : values[i];
        }

        return new Record(record.Schema, values);
    }
}
