using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Strangler.Telemetry;

/// <summary>
/// The engine's instruments, meter <c>Strangler</c>. Tags are the context and a few fixed words; never ids or values of entities.
/// </summary>
internal static class EngineMeter
{
    private static readonly Meter Meter = new("Strangler");

    private static readonly Counter<long> Writes = Meter.CreateCounter<long>(
        "strangler.writes", "{write}", "Writes by outcome: written, replayed, conflict, switching, failed.");

    private static readonly Histogram<double> WriteDuration = Meter.CreateHistogram<double>(
        "strangler.write.duration", "s", "From the call to the answer, the inline apply included.");

    private static readonly Counter<long> InlineApplies = Meter.CreateCounter<long>(
        "strangler.inline_applies", "{apply}", "Inline applies by outcome: applied, superseded, not_follower, foreign, failed, skipped; joint: in the lead's own transaction.");

    private static readonly Counter<long> RelayApplies = Meter.CreateCounter<long>(
        "strangler.relay_applies", "{apply}", "Applies by the relay by outcome: applied, superseded, failed, parked.");

    private static readonly Gauge<long> JournalOpen = Meter.CreateGauge<long>(
        "strangler.journal.open", "{row}", "Journal rows waiting or claimed; 10,001: more than 10,000.");

    private static readonly Gauge<long> JournalParked = Meter.CreateGauge<long>(
        "strangler.journal.parked", "{row}", "Journal rows set aside.");

    private static readonly Gauge<double> JournalLag = Meter.CreateGauge<double>(
        "strangler.journal.lag", "s", "Age of the oldest open journal row.");

    private static readonly Gauge<int> Breaker = Meter.CreateGauge<int>(
        "strangler.breaker.open", null, "1 while inline applies are skipped.");

    private static readonly Counter<long> ShadowReads = Meter.CreateCounter<long>(
        "strangler.shadow_reads", "{read}", "Shadow reads by outcome: matched, mismatched, unsettled, failed, dropped.");

    private static readonly Gauge<long> LostObligations = Meter.CreateGauge<long>(
        "strangler.obligations.lost", "{key}", "Keys whose follower is behind and no journal row says so. Severe: alarm above 0.");

    private static readonly Counter<long> ObligationsChecked = Meter.CreateCounter<long>(
        "strangler.obligations.checked", "{key}", "Keys whose versions were compared in search of lost obligations.");

    private static readonly Counter<long> RequestsPruned = Meter.CreateCounter<long>(
        "strangler.requests.pruned", "{request}", "Request keys forgotten as they were past their retention.");

    private static readonly Counter<long> RowsThinned = Meter.CreateCounter<long>(
        "strangler.journal.thinned", "{row}", "Journal rows removed from a deep journal because others of their entity owe the same.");

    private static readonly Counter<long> Merges = Meter.CreateCounter<long>(
        "strangler.merges", "{merge}", "Merges of other programs' writes while the new side leads, by outcome: merged, decided, resolved, conflict.");

    private static readonly Gauge<long> Conflicts = Meter.CreateGauge<long>(
        "strangler.conflicts", "{key}", "Keys that both sides changed and nobody has decided about. Alarm above 0.");

    private static readonly Gauge<int> SchemaDifferences = Meter.CreateGauge<int>(
        "strangler.schema.differences", "{difference}", "Differences between legacy's tables and the mapping that stop the relay. Alarm above 0.");

    private static readonly Counter<long> ForeignWrites = Meter.CreateCounter<long>(
        "strangler.foreign_writes", "{statement}", "Statements of other programs that changed legacy tables, as the census counts them.");

    private static readonly Counter<long> Unnoted = Meter.CreateCounter<long>(
        "strangler.capture.unnoted", "{occasion}", "Times that the census found writes of other programs whose entities the triggers could not tell. Alarm above 0.");

    private static readonly Gauge<int> CaptureComplete = Meter.CreateGauge<int>(
        "strangler.capture.complete", null, "1 while the capture triggers are as they were installed. Alarm at 0.");

    private static readonly Gauge<long> Uncaptured = Meter.CreateGauge<long>(
        "strangler.uncaptured", "{entity}", "Entities that the last reconciliation found changed in legacy without any trigger having seen it.");

    private static readonly Counter<long> Moves = Meter.CreateCounter<long>(
        "strangler.moves", "{move}", "Stage moves by outcome: done, aborted, refused.");

    public static void Written(string context, string outcome, TimeSpan took)
    {
        Writes.Add(1, Tags(context, outcome));
        WriteDuration.Record(took.TotalSeconds, new TagList { { "context", context } });
    }

    public static void AppliedInline(string context, string outcome) => InlineApplies.Add(1, Tags(context, outcome));

    public static void Relayed(string context, string outcome) => RelayApplies.Add(1, Tags(context, outcome));

    public static void JournalIs(string context, long open, long parked, TimeSpan lag)
    {
        var tags = new TagList { { "context", context } };
        JournalOpen.Record(open, tags);
        JournalParked.Record(parked, tags);
        JournalLag.Record(lag.TotalSeconds, tags);
    }

    public static void BreakerIs(string context, bool open) => Breaker.Record(open ? 1 : 0, new TagList { { "context", context } });

    public static void ShadowRead(string context, string outcome, int times = 1) => ShadowReads.Add(times, Tags(context, outcome));

    public static void LostObligationsAre(string context, long lost) =>
        LostObligations.Record(lost, new TagList { { "context", context } });

    public static void ObligationsLookedAt(string context, int keys) =>
        ObligationsChecked.Add(keys, new TagList { { "context", context } });

    public static void Merged(string context, string outcome) => Merges.Add(1, Tags(context, outcome));

    public static void ConflictsAre(string context, long conflicts) => Conflicts.Record(conflicts, new TagList { { "context", context } });

    public static void PrunedRequests(string context, int requests) =>
        RequestsPruned.Add(requests, new TagList { { "context", context } });

    public static void JournalThinned(string context, int rows) => RowsThinned.Add(rows, new TagList { { "context", context } });

    public static void SchemaDifferencesAre(string context, int differences) =>
        SchemaDifferences.Record(differences, new TagList { { "context", context } });

    public static void ForeignWritesCounted(string context, long statements) =>
        ForeignWrites.Add(statements, new TagList { { "context", context } });

    public static void WritesUnnoted(string context) => Unnoted.Add(1, new TagList { { "context", context } });

    public static void CaptureIs(string context, bool complete) => CaptureComplete.Record(complete ? 1 : 0, new TagList { { "context", context } });

    public static void UncapturedAre(string context, long entities) =>
        Uncaptured.Record(entities, new TagList { { "context", context } });

    public static void Moved(string context, string outcome) => Moves.Add(1, Tags(context, outcome));

    private static TagList Tags(string context, string outcome) => new() { { "context", context }, { "outcome", outcome } };
}
