using System.Runtime.CompilerServices;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// What callers have instead of a repository: reads come from the side that leads, writes reach both. Entities know no versions, so what
/// was loaded is remembered beside each instance, weakly.
/// </summary>
public abstract class RepositoryWrapper<TEntity>(
    DualWriter writer, SideRepository<TEntity> legacy, SideRepository<TEntity> @new, IEntityConverter<TEntity> converter, string kind)
    where TEntity : class
{
    private readonly ConditionalWeakTable<TEntity, LoadToken> _tokens = [];

    /// <summary>Null when it is not there. Throws as <see cref="DualWriter.ReadAsync"/> does; for ids below 1 <see cref="ArgumentOutOfRangeException"/>.</summary>
    public async Task<TEntity?> FindAsync(long id, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(id, 1);
        var (record, token) = await writer.ReadAsync(new EntityKey(kind, id), cancellationToken);
        if (record is null)
        {
            return null;
        }

        var entity = converter.ToEntity(id, record);
        _tokens.AddOrUpdate(entity, token);
        return entity;
    }

    /// <summary>
    /// Inserts an instance that was never loaded or stored, updates one that was. The same instance can be stored again. Throws
    /// <see cref="ConflictException"/> when it is stale, or when it is new and its id is taken; otherwise as
    /// <see cref="DualWriter.WriteAsync"/>. Where the result says that it was replayed, the instance has the first one's id and nothing else of it.
    /// </summary>
    public async Task<WriteResult> StoreAsync(TEntity entity, CancellationToken cancellationToken, string? requestKey = null, string actor = "unknown")
    {
        var token = TokenOf(entity);
        ArgumentOutOfRangeException.ThrowIfNegative(converter.IdOf(entity), nameof(entity));
        var command = new WriteCommand
        {
            Key = new EntityKey(kind, converter.IdOf(entity)),
            Loaded = token,
            RequestKey = requestKey,
            Actor = actor,
            Write = (lead, transaction, key, ct) => StoreOnAsync(lead, transaction, entity, isNew: token is null, key, ct),
        };
        var result = await writer.WriteAsync(command, cancellationToken);
        if (command.Key.Id == 0)
        {
            converter.AssignId(entity, result.Id);
        }

        _tokens.AddOrUpdate(entity, result.Token);
        return result;
    }

    /// <summary>
    /// Removes it and leaves a tombstone; nothing happens when it is not there. Ids below 1 are an <see cref="ArgumentOutOfRangeException"/>. With
    /// <paramref name="loaded"/> it must still be what was loaded, else <see cref="ConflictException"/>.
    /// </summary>
    public async Task DeleteAsync(
        long id, CancellationToken cancellationToken, string? requestKey = null, string actor = "unknown", LoadToken? loaded = null)
    {
        // 0 asks for a new id in a write: a delete must never take one.
        ArgumentOutOfRangeException.ThrowIfLessThan(id, 1);
        await writer.WriteAsync(
            new WriteCommand
            {
                Key = new EntityKey(kind, id),
                Loaded = loaded,
                RequestKey = requestKey,
                Actor = actor,
                Write = async (lead, transaction, key, ct) => (key.Id, await lead.PutAsync(transaction, key, null, ct)),
            },
            cancellationToken);
    }

    /// <summary>What a store has made of the entity, as <see cref="FindAsync"/> would show it; null where the result was replayed.</summary>
    public TEntity? Held(WriteResult result)
    {
        if (result.Held is not { } record)
        {
            return null;
        }

        var entity = converter.ToEntity(result.Id, record);
        _tokens.AddOrUpdate(entity, result.Token);
        return entity;
    }

    /// <summary>What the instance was loaded or last stored as; null when it is new.</summary>
    public LoadToken? TokenOf(TEntity entity) => _tokens.TryGetValue(entity, out var token) ? token : null;

    /// <summary>Says what an instance rests on that was built from outside, e.g. from a request with an ETag.</summary>
    public void Attach(TEntity entity, LoadToken token) => _tokens.AddOrUpdate(entity, token);

    private async Task<LeadResult> StoreOnAsync(
        ISideRepository lead, ISideTransaction transaction, TEntity entity, bool isNew, EntityKey key, CancellationToken cancellationToken)
    {
        if (isNew && transaction.State.Row is not null)
        {
            throw new ConflictException(
                key, "nothing (a new instance)", transaction.State.Version(transaction.State.Fence.DualEpoch).ToString());
        }

        return await (lead.Store.Side == SideName.Legacy ? legacy : @new).StoreAsync(transaction, entity, key, cancellationToken);
    }
}
