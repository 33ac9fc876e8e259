using Strangler.Backfill;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>Legacy rows on their way to the new side, by an apply or a merge.</summary>
internal static class LegacyRows
{
    /// <summary>
    /// Throws <see cref="UnreadableException"/> for a row that the mapping does not explain; it is in quarantine then, unless the tables themselves
    /// are not as the mapping says.
    /// </summary>
    public static async Task<Record?> ReadAsync(ContextRuntime runtime, EntityKey key, AggregateRow? row, CancellationToken cancellationToken)
    {
        try
        {
            return DualWriter.Decode(runtime.Kind(key.Kind).Legacy.Lens, key, row);
        }
        catch (UnreadableException exception)
        {
            if (!await runtime.Schema.ExplainsAsync(cancellationToken))
            {
                var now = runtime.Time.GetUtcNow().UtcDateTime;
                await runtime.Sides.Quarantine.PutAsync(key.Kind, new QuarantineEntry(key.Id, exception.Place, exception.Reason, now), cancellationToken);
                exception.IsQuarantined = true;
            }

            throw;
        }
    }
}
