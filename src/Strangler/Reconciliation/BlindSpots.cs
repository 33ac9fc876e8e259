using System.Globalization;

namespace Strangler.Reconciliation;

/// <summary>What the last full reconciliation found changed in legacy without any trigger having seen it.</summary>
/// <param name="RunId">The run.</param>
/// <param name="EndedUtc">Its end.</param>
/// <param name="Entities">How many entities.</param>
public sealed record BlindSpot(long RunId, DateTime EndedUtc, long Entities);

/// <summary>
/// Capture cannot see everything (cascades of foreign keys, TRUNCATE, triggers that are off); what it missed is known from reconciliations.
/// </summary>
public static class BlindSpots
{
    /// <summary>Null when no full run has ended yet.</summary>
    public static async Task<BlindSpot?> LatestAsync(IReconciliationHistory history, CancellationToken cancellationToken) =>
        (await history.SummariesAsync(200, cancellationToken).ConfigureAwait(false))
            .Where(run => run is { Full: true, EndedUtc: not null })
            .Select(run => new BlindSpot(run.Id, run.EndedUtc!.Value, run.Counts.GetValueOrDefault(Verdict.Uncaptured)))
            .FirstOrDefault();

    /// <summary>For people.</summary>
    public static string Describe(BlindSpot? blind) => blind is null
        ? "Seen by no trigger (Uncaptured): not known, there was no full reconciliation yet"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"Seen by no trigger (Uncaptured): {blind.Entities:N0} in the last full reconciliation, {blind.RunId} of {blind.EndedUtc:yyyy-MM-dd HH:mm} UTC");
}
