using Strangler.DualWrite;

namespace Strangler.Contexts.Common.EventLog;

/// <summary>
/// Adds lines to the log that an entity carries, as any other change of it: through the wrapper, so that both sides have it. When somebody else was
/// quicker, the entity is read anew and the line goes behind theirs: of two events in the same second both survive.
/// </summary>
/// <param name="entities">What the entities are loaded and stored through.</param>
/// <param name="add">The entity's own way to add a line.</param>
/// <param name="lines">The lines that the entity carries.</param>
/// <param name="time">The clock.</param>
/// <param name="zone">Whose civil time the lines have.</param>
public sealed class EventLogger<TEntity>(
    RepositoryWrapper<TEntity> entities, Action<TEntity, DateTime, string> add, Func<TEntity, IEnumerable<EventLine>> lines, TimeProvider time, TimeZoneInfo zone)
    where TEntity : class
{
    private const int Attempts = 50;

    /// <summary>
    /// Whether the entity is there. Throws <see cref="ConflictException"/> when others were quicker 50 times, otherwise as
    /// <see cref="DualWriter.WriteAsync"/>.
    /// </summary>
    public async Task<bool> LogAsync(long id, string text, CancellationToken cancellationToken, string actor = "unknown")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        for (var attempt = 1; ; attempt++)
        {
            if (await entities.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } entity)
            {
                return false;
            }

            add(entity, TimeZoneInfo.ConvertTime(time.GetUtcNow(), zone).DateTime, text);
            try
            {
                await entities.StoreAsync(entity, cancellationToken, actor: actor).ConfigureAwait(false);
                return true;
            }
            catch (ConflictException) when (attempt < Attempts)
            {
            }
        }
    }

    /// <summary>The lines of an entity in order of time; none of one that is not there.</summary>
    public async Task<IReadOnlyList<EventLine>> FindAsync(long id, CancellationToken cancellationToken) =>
        await entities.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } entity ? [.. lines(entity).OrderBy(line => line.At)] : [];
}
