using System.Globalization;
using System.Text;
using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>One field in which the sides differ; values masked for personal fields (keyed hash and shape), shortened for others.</summary>
public sealed record FieldDifference(string Field, string Legacy, string New);

/// <summary>One entity that is not simply matched.</summary>
/// <param name="Id">Public id; 0 for a row of the new side that has none (see <paramref name="NewId"/>).</param>
/// <param name="Verdict">Its one verdict.</param>
/// <param name="Fields">The fields that differ; empty where the difference is not one of fields.</param>
/// <param name="Note">What the verdict rests on; never values.</param>
/// <param name="NewId">The new side's id, where it is known.</param>
public sealed record EntityFinding(long Id, Verdict Verdict, IReadOnlyList<FieldDifference> Fields, string Note, long? NewId = null);

/// <summary>How often a declared difference was met.</summary>
/// <param name="Difference">The declaration.</param>
/// <param name="Hits">Entities that differ in its field.</param>
/// <param name="Expired">Past its last day: those entities counted as drift.</param>
public sealed record DeclaredHits(DeclaredDifference Difference, long Hits, bool Expired);

/// <summary>What a run found. Holds no personal values.</summary>
public sealed class ReconciliationReport
{
    public required long RunId { get; init; }

    public required string Context { get; init; }

    public required string Kind { get; init; }

    /// <summary>In words: <c>donation: all</c>.</summary>
    public required string Scope { get; init; }

    /// <summary>Whether every entity was compared.</summary>
    public required bool Full { get; init; }

    /// <summary>By the new side's clock.</summary>
    public required DateTime BeganUtc { get; init; }

    public required DateTime EndedUtc { get; init; }

    /// <summary>The stage at the end.</summary>
    public required Stage Stage { get; init; }

    /// <summary>Who led at the end.</summary>
    public required SideName Lead { get; init; }

    /// <summary>Entities that legacy has, as seen in the observations that the verdicts rest on.</summary>
    public required long LegacyRows { get; init; }

    /// <summary>Entities that the new side has, unmapped ones included.</summary>
    public required long NewRows { get; init; }

    /// <summary>Entities seen: the sum of <see cref="Counts"/>.</summary>
    public long Entities => Counts.Values.Sum();

    /// <summary>Keys that neither side has and neither should (tombstones); not among <see cref="Entities"/>.</summary>
    public required long Deleted { get; init; }

    /// <summary>Entities per verdict; every verdict is there.</summary>
    public required IReadOnlyDictionary<Verdict, long> Counts { get; init; }

    /// <summary>Per field: entities with drift in it (explained differences are under <see cref="Declared"/>).</summary>
    public required IReadOnlyDictionary<string, long> FieldCounts { get; init; }

    public required IReadOnlyList<DeclaredHits> Declared { get; init; }

    /// <summary>How many of the unreadable entities are signed off in the quarantine.</summary>
    public required long SignedOff { get; init; }

    /// <summary>Entities, whatever their verdict, with values on the new side that legacy cannot express: what a rollback would leave
    /// behind.</summary>
    public required long RicherInNew { get; init; }

    /// <summary>Re-checks made.</summary>
    public required long Rechecks { get; init; }

    /// <summary>Keys that kept changing through all their re-checks.</summary>
    public required long HotKeys { get; init; }

    /// <summary>Chunks that were put off and read anew, because too many suspects were waiting.</summary>
    public required long DeferredChunks { get; init; }

    /// <summary>Capped per verdict: the lowest ids.</summary>
    public required IReadOnlyList<EntityFinding> Samples { get; init; }

    /// <summary>Public ids of entities that count as drift, ascending: what a repair would look at.</summary>
    public required IReadOnlyList<long> DifferingIds { get; init; }

    /// <summary>Whether there are more than <see cref="DifferingIds"/> lists, or more unmapped rows than were counted.</summary>
    public required bool Truncated { get; init; }

    public ReconciliationOutcome Outcome => OutcomeRules.Of(Counts, SignedOff);

    public TimeSpan Duration => EndedUtc - BeganUtc;

    /// <summary>
    /// The report as JSON; names and meanings are stable, new ones may be added. <c>run_id, context, kind, scope, full, outcome, exit_code,
    /// began_utc,
    /// ended_utc, stage, lead, legacy_rows, new_rows, entities, deleted, counts {verdict: n}, fields {field: n}, declared [{field, owner,
    /// reason, until, hits,
    /// expired}], signed_off, richer_in_new, rechecks, hot_keys, deferred_chunks, samples [{id, new_id, verdict, note, fields [{field,
    /// legacy, new}]}],
    /// differing_ids, truncated</c>. Times are ISO 8601 in UTC; verdicts and stages are lower snake case.
    /// </summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            WriteHead(json);
            WriteCounts(json);
            WriteSamples(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    internal static string Snake<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteNumber("run_id", RunId);
        json.WriteString("context", Context);
        json.WriteString("kind", Kind);
        json.WriteString("scope", Scope);
        json.WriteBoolean("full", Full);
        json.WriteString("outcome", OutcomeRules.Name(Outcome));
        json.WriteNumber("exit_code", OutcomeRules.ExitCode(Outcome));
        json.WriteString("began_utc", Iso(BeganUtc));
        json.WriteString("ended_utc", Iso(EndedUtc));
        json.WriteString("stage", Snake(Stage));
        json.WriteString("lead", Snake(Lead));
        json.WriteNumber("legacy_rows", LegacyRows);
        json.WriteNumber("new_rows", NewRows);
        json.WriteNumber("entities", Entities);
        json.WriteNumber("deleted", Deleted);
    }

    private void WriteCounts(Utf8JsonWriter json)
    {
        json.WriteStartObject("counts");
        foreach (var verdict in Enum.GetValues<Verdict>())
        {
            json.WriteNumber(Snake(verdict), Counts.GetValueOrDefault(verdict));
        }

        json.WriteEndObject();
        json.WriteStartObject("fields");
        foreach (var (field, count) in FieldCounts.OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(field, count);
        }

        json.WriteEndObject();
        json.WriteStartArray("declared");
        foreach (var (difference, hits, expired) in Declared)
        {
            json.WriteStartObject();
            json.WriteString("field", difference.Field);
            json.WriteString("owner", difference.Owner);
            json.WriteString("reason", difference.Reason);
            json.WriteString("until", difference.Until.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            json.WriteNumber("hits", hits);
            json.WriteBoolean("expired", expired);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("signed_off", SignedOff);
        json.WriteNumber("richer_in_new", RicherInNew);
        json.WriteNumber("rechecks", Rechecks);
        json.WriteNumber("hot_keys", HotKeys);
        json.WriteNumber("deferred_chunks", DeferredChunks);
    }

    private void WriteSamples(Utf8JsonWriter json)
    {
        json.WriteStartArray("samples");
        foreach (var sample in Samples)
        {
            json.WriteStartObject();
            json.WriteNumber("id", sample.Id);
            if (sample.NewId is { } newId)
            {
                json.WriteNumber("new_id", newId);
            }

            json.WriteString("verdict", Snake(sample.Verdict));
            json.WriteString("note", sample.Note);
            json.WriteStartArray("fields");
            foreach (var field in sample.Fields)
            {
                json.WriteStartObject();
                json.WriteString("field", field.Field);
                json.WriteString("legacy", field.Legacy);
                json.WriteString("new", field.New);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("differing_ids");
        foreach (var id in DifferingIds)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
        json.WriteBoolean("truncated", Truncated);
    }

    private static string Iso(DateTime utc) => utc.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
