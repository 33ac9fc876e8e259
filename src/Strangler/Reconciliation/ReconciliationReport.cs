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

/// <summary>An entity that counts as drift.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Verdict">Its one verdict.</param>
/// <param name="Fields">Names of the fields that differ, those with a declared difference left out.</param>
public sealed record DifferingEntity(long Id, Verdict Verdict, IReadOnlyList<string> Fields);

/// <summary>The rows of both root tables as the databases count them, before and after a run. Writers may move them meanwhile.</summary>
public sealed record TableCounts(long LegacyBefore, long LegacyAfter, long NewBefore, long NewAfter);

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

    /// <summary>
    /// Entities that legacy has, as seen in the observations that the verdicts rest on: the sum of <see cref="LegacyCounts"/>.
    /// </summary>
    public long LegacyRows => LegacyCounts.Values.Sum();

    /// <summary>Entities that the new side has, unmapped ones included: the sum of <see cref="NewCounts"/>.</summary>
    public long NewRows => NewCounts.Values.Sum();

    /// <summary>Of each verdict's entities, how many legacy has.</summary>
    public required IReadOnlyDictionary<Verdict, long> LegacyCounts { get; init; }

    /// <summary>Of each verdict's entities, how many the new side has.</summary>
    public required IReadOnlyDictionary<Verdict, long> NewCounts { get; init; }

    /// <summary>Both tables' rows, counted apart from the walk; null for a run that was not full.</summary>
    public required TableCounts? Tables { get; init; }

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

    /// <summary>Entities that count as drift, by id: what a repair would look at.</summary>
    public required IReadOnlyList<DifferingEntity> Differing { get; init; }

    /// <summary>Their public ids.</summary>
    public IReadOnlyList<long> DifferingIds => [.. Differing.Select(entity => entity.Id)];

    /// <summary>The mapping's business sums.</summary>
    public required IReadOnlyList<BusinessSum> Sums { get; init; }

    /// <summary>Whether there are more than <see cref="DifferingIds"/> lists; the counts are exact all the same.</summary>
    public required bool Truncated { get; init; }

    /// <summary>Keys whose rows an incremental run did not read, since both sides' stored versions and hashes agree; not among <see
    /// cref="Entities"/>.</summary>
    public long NotRead { get; init; }

    /// <summary>How fast it was; null in reports of older builds.</summary>
    public RunSpeed? Speed { get; init; }

    /// <summary>What the run covers and does not, in words: how keys were chosen, what was not looked at, interruptions.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public ReconciliationOutcome Outcome => OutcomeRules.Of(Counts, SignedOff);

    public TimeSpan Duration => EndedUtc - BeganUtc;

    /// <summary>
    /// The report as JSON, as <c>docs/report.schema.json</c> describes it: names and meanings are stable, new ones may be added.
    /// </summary>
    public string ToJson() => ReportJson.Write(this);

    /// <summary>The JSON schema of <see cref="ToJson"/>.</summary>
    public static string JsonSchema() => ReportJson.Schema();

    /// <summary>A stored report. Those of older builds lack what was added since; it reads as empty.</summary>
    /// <exception cref="JsonException">It is no report.</exception>
    public static ReconciliationReport Parse(string json) => ReportJson.Read(json);

    internal static string Snake<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
