namespace Strangler.Reconciliation;

/// <summary>What is new, gone and still there of one verdict or field.</summary>
/// <param name="Name">A verdict or a field.</param>
/// <param name="Before">Entities in the earlier report.</param>
/// <param name="After">Entities in the later report.</param>
/// <param name="New">Ids that only the later one lists.</param>
/// <param name="Gone">Ids that only the earlier one lists.</param>
/// <param name="Persisting">Ids that both list.</param>
public sealed record DiffLine(
    string Name, long Before, long After, IReadOnlyList<long> New, IReadOnlyList<long> Gone, IReadOnlyList<long> Persisting);

/// <summary>
/// Two reports of one kind side by side. Counts are exact; ids are those that the reports list: entities that count as drift, and samples
/// of
/// the rest.
/// </summary>
/// <param name="Before">The earlier run.</param>
/// <param name="After">The later run.</param>
/// <param name="Verdicts">Each verdict that either has, Matched left out.</param>
/// <param name="Fields">Each field with drift in either.</param>
/// <param name="Partial">Whether either lists fewer entities than it counted, or looked only at a part: what is missing is not known to
/// be gone.</param>
public sealed record ReportDiff(
    ReconciliationReport Before, ReconciliationReport After, IReadOnlyList<DiffLine> Verdicts, IReadOnlyList<DiffLine> Fields, bool Partial)
{
    /// <summary>Whether the later run lists drift that the earlier one does not; what is signed off is none.</summary>
    public bool HasNew => After.Outcome == ReconciliationOutcome.Drift && Verdicts.Any(line =>
        OutcomeRules.IsDrift(Enum.Parse<Verdict>(line.Name)) && (line.New.Count > 0 || line.After > line.Before));

    /// <exception cref="ArgumentException">They are of two contexts or kinds.</exception>
    public static ReportDiff Of(ReconciliationReport before, ReconciliationReport after)
    {
        if ((before.Context, before.Kind) != (after.Context, after.Kind))
        {
            throw new ArgumentException(
                $"Run {before.RunId} is of {before.Context}/{before.Kind}, run {after.RunId} of {after.Context}/{after.Kind}; they can't be compared.");
        }

        return new ReportDiff(
            before,
            after,
            [
                .. Enum.GetValues<Verdict>().Where(verdict => verdict != Verdict.Matched)
                    .Where(verdict => before.Counts.GetValueOrDefault(verdict) + after.Counts.GetValueOrDefault(verdict) > 0)
                    .Select(verdict => Line(
                        verdict.ToString(), before.Counts.GetValueOrDefault(verdict), after.Counts.GetValueOrDefault(verdict),
                        Ids(before, verdict), Ids(after, verdict))),
            ],
            [
                .. before.FieldCounts.Keys.Union(after.FieldCounts.Keys).Order(StringComparer.Ordinal)
                    .Select(field => Line(
                        field, before.FieldCounts.GetValueOrDefault(field), after.FieldCounts.GetValueOrDefault(field),
                        Ids(before, field), Ids(after, field))),
            ],
            !before.Full || !after.Full || IsPartial(before) || IsPartial(after));
    }

    private static DiffLine Line(string name, long countBefore, long countAfter, HashSet<long> before, HashSet<long> after) => new(
        name,
        countBefore,
        countAfter,
        [.. after.Except(before).Order()],
        [.. before.Except(after).Order()],
        [.. before.Intersect(after).Order()]);

    // Unmapped rows have no public id: they are told apart by their new id, below all public ones.
    private static HashSet<long> Ids(ReconciliationReport report, Verdict verdict) =>
    [
        .. report.Differing.Where(entity => entity.Verdict == verdict).Select(entity => entity.Id),
        .. report.Samples.Where(sample => sample.Verdict == verdict).Select(sample => sample.Id != 0 ? sample.Id : -sample.NewId!.Value),
    ];

    private static HashSet<long> Ids(ReconciliationReport report, string field) =>
        [.. report.Differing.Where(entity => entity.Fields.Contains(field)).Select(entity => entity.Id)];

    private static bool IsPartial(ReconciliationReport report) =>
        report.Truncated || report.Counts.Any(count => count.Key != Verdict.Matched && count.Value > Ids(report, count.Key).Count);
}
