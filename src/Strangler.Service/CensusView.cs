using Strangler.Capture;
using Strangler.Reconciliation;

namespace Strangler.Service;

/// <summary>Which other programs still write a context's legacy tables.</summary>
/// <param name="Watch">How long they have been counted.</param>
/// <param name="SinceUtc">Who was not seen since is left out; null: nobody is.</param>
/// <param name="Writers">The one that was seen last first.</param>
/// <param name="Blind">What no trigger has seen; null when no full reconciliation has ended yet.</param>
public sealed record CensusView(CensusWatch Watch, DateTime? SinceUtc, IReadOnlyList<ForeignWriter> Writers, BlindSpot? Blind)
{
    /// <summary>Throws <see cref="ArgumentException"/> where legacy's store cannot tell.</summary>
    /// <param name="host">The context.</param>
    /// <param name="since">From legacy's time now to the moment that is asked for.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<CensusView> ReadAsync(ContextHost host, Func<DateTime, DateTime?> since, CancellationToken cancellationToken)
    {
        var census = host.Sides.Census ?? throw new ArgumentException($"Legacy's store of {host.Name} has no census.");
        var watch = await census.WatchAsync(cancellationToken).ConfigureAwait(false);
        var from = since(watch.NowUtc);
        var writers = CensusRules.Group(
            await census.ReadAsync(from, cancellationToken).ConfigureAwait(false), host.Runtime.DeclaredWriters, watch.NowUtc);
        return new CensusView(watch, from, writers, await BlindSpots.LatestAsync(host.Sides.Reconciliations, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>For programs; names are stable.</summary>
    public object ToJson(string context) => new
    {
        context = context,
        now_utc = Watch.NowUtc,
        counted_since_utc = Watch.SinceUtc,
        since_utc = SinceUtc,
        writers = Writers.Select(writer => new
        {
            writer.User,
            writer.Program,
            owner = writer.Owner?.Owner,
            owner_reason = writer.Owner?.Reason,
            owner_until = writer.Owner?.Until,
            expired_until = writer.Owner is null ? writer.Expired?.Until : null,
            statements = writer.Writes,
            first_utc = writer.FirstUtc,
            last_utc = writer.LastUtc,
            tables = writer.Tables.Select(table => new
            {
                table.Table,
                statements = table.Writes,
                columns = table.Columns.ToDictionary(column => column.Key, column => column.Value),
                first_utc = table.FirstUtc,
                last_utc = table.LastUtc,
            }),
        }),
        uncaptured = Blind?.Entities,
        uncaptured_run = Blind?.RunId,
    };
}
