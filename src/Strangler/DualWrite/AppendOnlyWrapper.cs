namespace Strangler.DualWrite;

/// <summary>Something that is only ever added was to be changed or removed. Nothing was written.</summary>
public sealed class AppendOnlyException(EntityKey key, string what)
    : InvalidOperationException($"{key} was to be {what}; what is written there stays as it is. Nothing was written.")
{
    public EntityKey Key { get; } = key;
}

/// <summary>
/// What callers have instead of a repository of things that are only ever added: reads come from the side that leads, an addition reaches both.
/// Changes and removals by programs that do not ask us are captured and carried over as everywhere.
/// </summary>
public abstract class AppendOnlyWrapper<TEntity>
    where TEntity : class
{
    private readonly IEntityConverter<TEntity> _converter;
    private readonly string _kind;
    private readonly Inner _inner;

    protected AppendOnlyWrapper(
        DualWriter writer, SideRepository<TEntity> legacy, SideRepository<TEntity> @new, IEntityConverter<TEntity> converter, string kind)
    {
        (_converter, _kind) = (converter, kind);
        _inner = new Inner(writer, legacy, @new, converter, kind);
    }

    /// <inheritdoc cref="RepositoryWrapper{TEntity}.FindAsync"/>
    public Task<TEntity?> FindAsync(long id, CancellationToken cancellationToken) => _inner.FindAsync(id, cancellationToken);

    /// <summary>
    /// Adds one that was never stored; with id 0 it gets its id. Throws <see cref="AppendOnlyException"/> for one that was loaded or stored before,
    /// <see cref="ConflictException"/> when its id is taken; otherwise as <see cref="DualWriter.WriteAsync"/>.
    /// </summary>
    public Task AppendAsync(TEntity entity, CancellationToken cancellationToken, string? requestKey = null, string actor = "unknown") =>
        _inner.TokenOf(entity) is null
            ? _inner.StoreAsync(entity, cancellationToken, requestKey, actor)
            : throw new AppendOnlyException(new EntityKey(_kind, _converter.IdOf(entity)), "changed");

    private sealed class Inner(
        DualWriter writer, SideRepository<TEntity> legacy, SideRepository<TEntity> @new, IEntityConverter<TEntity> converter, string kind)
        : RepositoryWrapper<TEntity>(writer, legacy, @new, converter, kind)
    {
    }
}
