using Strangler.Reconciliation;

namespace Strangler.LegacyData.Drift;

/// <summary>Whether a report lists what was planted, each with its class and fields, and nothing else.</summary>
/// <param name="Missed">Planted, and not in the report (with that class and those fields).</param>
/// <param name="Extra">In the report, and not planted. What was there before the planting is among them.</param>
public sealed record PlantCheck(IReadOnlyList<string> Missed, IReadOnlyList<string> Extra)
{
    public bool Holds => Missed.Count == 0 && Extra.Count == 0;

    /// <param name="planted">What was planted.</param>
    /// <param name="report">Of a full run that lists samples enough: <c>reconcile --samples 10000</c>.</param>
    /// <param name="before">A full run's from before the planting: what it lists is not extra. Null: nothing was there.</param>
    public static PlantCheck Of(IReadOnlyList<PlantedDrift> planted, ReconciliationReport report, ReconciliationReport? before = null)
    {
        var expected = planted.Select(drift => drift.ToString()).ToHashSet(StringComparer.Ordinal);
        var known = before?.Samples.Select(Line).ToHashSet(StringComparer.Ordinal) ?? [];
        var found = report.Samples.Select(Line).ToHashSet(StringComparer.Ordinal);
        return new PlantCheck(
            [.. expected.Except(found).Order(StringComparer.Ordinal)],
            [.. found.Except(expected).Except(known).Order(StringComparer.Ordinal)]);
    }

    private static string Line(EntityFinding finding) => new PlantedDrift(
        finding.Id, finding.Verdict, [.. finding.Fields.Select(field => field.Field)], "", finding.Id == 0 ? finding.NewId : null).ToString();
}
