using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Telemetry;

namespace Strangler.Schemas;

/// <summary>
/// Knows whether legacy's tables are as the mapping says. While they are not, the relay rests: no key is claimed, tried or parked for what
/// is no fault of any key, and all goes on by itself when they fit again. Looks when it is asked, and then not again for
/// <see cref="ContextOptions.SchemaCheckInterval"/>; never for each write.
/// </summary>
public sealed class SchemaWatch
{
    private static readonly TimeSpan WhileWrong = TimeSpan.FromSeconds(2);

    private readonly ContextRuntime _runtime;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private volatile IReadOnlyList<SchemaDifference> _stops = [];
    private long _lookedAt = -1;

    internal SchemaWatch(ContextRuntime runtime)
    {
        _runtime = runtime;
        _log = runtime.Loggers.CreateLogger<SchemaWatch>();
    }

    /// <summary>Whether it can be told at all: the store shows its tables, and the mapping's declaration is known.</summary>
    public bool CanTell => _runtime.Sides.LegacyTables is not null && _runtime.LegacyTables.Count > 0;

    /// <summary>Whether the latest look, if it is not long ago, found tables that are not as the mapping says.</summary>
    internal bool IsKnownWrong => _stops.Count > 0 && _runtime.Time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) < 2 * Interval;

    private TimeSpan Interval =>
        _stops.Count == 0 || _runtime.Options.SchemaCheckInterval < WhileWrong ? _runtime.Options.SchemaCheckInterval : WhileWrong;

    /// <summary>Every difference there is now, in the order of the mapping file; none where it cannot be told.</summary>
    /// <exception cref="SideUnavailableException">Legacy does not answer.</exception>
    public async Task<IReadOnlyList<SchemaDifference>> LookAsync(CancellationToken cancellationToken)
    {
        if (!CanTell)
        {
            return [];
        }

        string[] tables = [.. _runtime.LegacyTables.Select(table => table.Name).Distinct()];
        var actual = await _runtime.Sides.LegacyTables!.ColumnsAsync(tables, cancellationToken);
        return SchemaRules.Compare(_runtime.LegacyTables, actual);
    }

    /// <summary>Throws <see cref="SchemaMismatchException"/> unless the tables are as the mapping says, looked at now.</summary>
    internal async Task RequireAsync(CancellationToken cancellationToken)
    {
        if ((await LookAsync(cancellationToken)).Where(difference => difference.Stops).ToList() is { Count: > 0 } stops)
        {
            throw new SchemaMismatchException(_runtime.Context, stops);
        }
    }

    /// <summary>Likewise, but by a look that may be as old as the interval. A legacy side that does not answer tells nothing.</summary>
    internal async Task RequireLatelyAsync(CancellationToken cancellationToken)
    {
        if (CanTell && IsDue)
        {
            await LookAgainAsync(cancellationToken);
        }

        if (_stops is { Count: > 0 } stops)
        {
            throw new SchemaMismatchException(_runtime.Context, stops);
        }
    }

    /// <summary>
    /// After a failure: whether the tables are to blame, and not the entity that it happened to.
    /// </summary>
    internal async Task<bool> ExplainsAsync(CancellationToken cancellationToken)
    {
        if (CanTell)
        {
            await LookAgainAsync(cancellationToken);
        }

        return _stops.Count > 0;
    }

    private bool IsDue =>
        Interlocked.Read(ref _lookedAt) is var at && (at < 0 || _runtime.Time.GetElapsedTime(at) >= Interval);

    private async Task LookAgainAsync(CancellationToken cancellationToken)
    {
        // Before the look: what changes while it is made must be seen by the next.
        var now = _runtime.Time.GetTimestamp();
        try
        {
            var stops = (await LookAsync(cancellationToken)).Where(difference => difference.Stops).ToList();
            lock (_gate)
            {
                Tell(_stops, stops);
                _stops = stops;
            }
        }
        catch (SideUnavailableException)
        {
            // What was known stands. Whoever needs legacy finds out by himself that it is down.
        }

        Interlocked.Exchange(ref _lookedAt, now);
    }

    private void Tell(IReadOnlyList<SchemaDifference> before, List<SchemaDifference> now)
    {
        EngineMeter.SchemaDifferencesAre(_runtime.Context, now.Count);
        if (now.Count == 0 && before.Count > 0)
        {
            _log.SchemaFitsAgain(_runtime.Context);
        }
        else if (!now.SequenceEqual(before))
        {
            _log.SchemaDiffers(_runtime.Context, string.Join("; ", now));
        }
    }
}
