using System.Globalization;
using System.Text.Json;
using Strangler.Reconciliation;

namespace Strangler.Service;

/// <summary>Which keys a repair is asked for: those that a report lists, all or some of them, or named ones.</summary>
public sealed class RepairTargets
{
    private readonly string _prefix;

    private RepairTargets(long? report, IReadOnlyList<long> keys, IReadOnlyList<Verdict> classes, IReadOnlyList<string> fields, string prefix) =>
        (Report, Keys, Classes, Fields, _prefix) = (report, keys, classes, fields, prefix);

    /// <summary>The run whose findings are meant; null: the keys alone.</summary>
    public long? Report { get; }

    public IReadOnlyList<long> Keys { get; }

    public IReadOnlyList<Verdict> Classes { get; }

    public IReadOnlyList<string> Fields { get; }

    /// <summary>Throws <see cref="ArgumentException"/> for what makes no sense.</summary>
    /// <param name="report">A stored run.</param>
    /// <param name="keys">Public ids; with a report, of its findings only these.</param>
    /// <param name="classes">Of the report's findings only these verdicts.</param>
    /// <param name="fields">Of the report's findings only those that differ in one of these.</param>
    /// <param name="prefix">Before a setting's name in messages: <c>--</c> for a command line.</param>
    public static RepairTargets Of(
        long? report, IReadOnlyList<long> keys, IReadOnlyList<string> classes, IReadOnlyList<string> fields, string prefix)
    {
        var verdicts = classes.Select(name => VerdictOf(name, prefix)).ToList();
        if (report is null && keys.Count == 0)
        {
            throw new ArgumentException($"Give {prefix}from-report or {prefix}keys.");
        }

        if (report is null && verdicts.Count + fields.Count > 0)
        {
            throw new ArgumentException($"{prefix}class and {prefix}field choose among a report's findings; give {prefix}from-report, too.");
        }

        if (keys.Where(id => id <= 0).Take(1).ToList() is [var bad])
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{prefix}keys holds {bad}; ids begin at 1."));
        }

        return new RepairTargets(report, keys, verdicts, fields, prefix);
    }

    /// <summary>The keys, and what there is to say about them.</summary>
    /// <param name="host">The context.</param>
    /// <param name="kind">Of named keys; null takes the context's only kind. A report knows its own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<(string Kind, IReadOnlyList<long> Ids, string Note)> ChooseAsync(ContextHost host, string? kind, CancellationToken cancellationToken)
    {
        if (Report is not { } run)
        {
            return (host.KindOf(kind), Keys, "");
        }

        return Choose(host, await host.ReportAsync(run, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>The keys of a report that has been read already, and what there is to say about them.</summary>
    public (string Kind, IReadOnlyList<long> Ids, string Note) Choose(ContextHost host, ReconciliationReport report)
    {
        if (Fields.FirstOrDefault(field => !host.Runtime.Kind(report.Kind).Legacy.Lens.Schema.Has(field)) is { } unknown)
        {
            throw new ArgumentException($"{_prefix}field holds '{unknown}'; {report.Kind} has no such field.");
        }

        var chosen = report.Differing
            .Where(entity => Keys.Count == 0 || Keys.Contains(entity.Id))
            .Where(entity => Classes.Count == 0 || Classes.Contains(entity.Verdict))
            .Where(entity => Fields.Count == 0 || entity.Fields.Any(Fields.Contains))
            .Select(entity => entity.Id).ToList();
        return (report.Kind, chosen, Note(report, chosen.Count));
    }

    private static string Note(ReconciliationReport report, int chosen) =>
        report.Truncated
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"Report {report.RunId} lists only {report.Differing.Count:N0} of the entities that differ; reconcile and repair again for the rest.")
        : chosen == 0 ? $"Report {report.RunId} holds nothing to repair{(report.Differing.Count > 0 ? " of what was chosen" : "")}."
        : "";

    private static Verdict VerdictOf(string name, string prefix) =>
        Enum.TryParse<Verdict>(name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var verdict)
            && OutcomeRules.IsDrift(verdict)
            ? verdict
            : throw new ArgumentException(
                $"{prefix}class is '{name}'; there are: {string.Join(", ", Enum.GetValues<Verdict>().Where(OutcomeRules.IsDrift).Select(each => JsonNamingPolicy.SnakeCaseLower.ConvertName(each.ToString())))}.");
}
