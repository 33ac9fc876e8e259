using System.Globalization;
using Spectre.Console;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.Cli.Terminal;

/// <summary>A report on standard output: tables with colours on a terminal, plain lines when piped, JSON under --json.</summary>
internal static class ReportTable
{
    public static void Show(Output output, ReconciliationReport report)
    {
        if (output.IsInteractive)
        {
            Write(output.Console, report);
            return;
        }

        output.Standard.WriteLine(output.IsJson ? report.ToJson() : string.Join(Environment.NewLine, ReportText.Render(report)));
    }

    public static void Write(IAnsiConsole console, ReconciliationReport report)
    {
        var outcome = OutcomeRules.Name(report.Outcome);
        console.MarkupLineInterpolated(
            $"Reconciliation [bold]{report.RunId}[/] of [bold]{report.Context}[/], {report.Scope}: [bold {Colour(outcome)}]{outcome.ToUpperInvariant()}[/]");
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Stage}, {report.Lead.ToString().ToLowerInvariant()} leads; {report.BeganUtc:yyyy-MM-dd HH:mm:ss} UTC, {report.Duration.TotalSeconds:0.0} s")
            + (report.Full ? "" : "; not a full run, opens no gate"));
        if (report.Speed is { } speed)
        {
            console.WriteLine(speed.ToString());
        }

        Verdicts(console, report);
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            var accounting = Accounting.Of(report, side);
            console.MarkupLineInterpolated($"[{(accounting.AddsUp == false ? "red" : "default")}]{accounting}[/]");
        }

        Fields(console, report);
        Declared(console, report);
        Sums(console, report);
        Samples(console, report);
        foreach (var note in report.Notes)
        {
            console.MarkupLineInterpolated($"[yellow]{note}[/]");
        }

        if (report.Truncated)
        {
            console.MarkupLine("[yellow]There are more than are listed.[/]");
        }
    }

    private static void Verdicts(IAnsiConsole console, ReconciliationReport report)
    {
        var table = NewTable("verdict", "#entities", "#in legacy", "#in new");
        foreach (var verdict in Enum.GetValues<Verdict>().Where(verdict => report.Counts.GetValueOrDefault(verdict) > 0))
        {
            table.AddRow(
                Coloured(verdict.ToString(), Colour(verdict)), Count(report.Counts[verdict]),
                    Count(report.LegacyCounts.GetValueOrDefault(verdict)),
                Count(report.NewCounts.GetValueOrDefault(verdict)));
        }

        console.Write(table);
    }

    private static void Fields(IAnsiConsole console, ReconciliationReport report)
    {
        if (report.FieldCounts.Count > 0)
        {
            var table = NewTable("field", "#differs in");
            foreach (var (field, count) in report.FieldCounts.OrderByDescending(field => field.Value)
                .ThenBy(field => field.Key, StringComparer.Ordinal))
            {
                table.AddRow(Coloured(field, "red"), Count(count));
            }

            console.Write(table);
        }
    }

    private static void Declared(IAnsiConsole console, ReconciliationReport report)
    {
        if (report.Declared.Count > 0)
        {
            var table = NewTable("declared difference", "#hits", "owner", "until", "reason");
            foreach (var (difference, hits, expired) in report.Declared)
            {
                var until = difference.Until.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
                table.AddRow(
                    new Text(difference.Field), Count(hits), new Text(difference.Owner), expired ? Coloured($"{until} EXPIRED", "red")
                        : new Text(until),
                    new Text(difference.Reason));
            }

            console.Write(table);
        }
    }

    private static void Sums(IAnsiConsole console, ReconciliationReport report)
    {
        foreach (var sum in report.Sums)
        {
            foreach (var (at, line) in SumText.Lines(sum).Index())
            {
                console.MarkupLineInterpolated(
                    $"[{(sum.Differing.Count > 0 && at <= sum.Differing.Count ? "red" : "default")}]{line.TrimEnd()}[/]");
            }
        }
    }

    private static void Samples(IAnsiConsole console, ReconciliationReport report)
    {
        if (report.Samples.Count == 0)
        {
            return;
        }

        var table = NewTable("verdict", "#id", "field", "legacy", "new", "note");
        foreach (var sample in report.Samples)
        {
            foreach (var (at, field) in sample.Fields.DefaultIfEmpty(new FieldDifference("", "", "")).Index())
            {
                table.AddRow(
                    at == 0 ? Coloured(sample.Verdict.ToString(), Colour(sample.Verdict)) : new Text(""),
                    new Text(at > 0 ? "" : sample.Id == 0 ? $"new {sample.NewId}" : $"{sample.Id}"),
                    new Text(field.Field), new Text(field.Legacy), new Text(field.New), new Text(at == 0 ? sample.Note : ""));
            }
        }

        console.Write(table);
    }

    // A heading that begins with # is of a column of numbers.
    private static Table NewTable(params string[] headings)
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var heading in headings)
        {
            var column = new TableColumn(Markup.Escape(heading.TrimStart('#')));
            table.AddColumn(heading.StartsWith('#') ? column.RightAligned() : column);
        }

        return table;
    }

    private static Text Count(long count) => new(count.ToString("N0", CultureInfo.InvariantCulture));

    private static Text Coloured(string text, string colour) => new(text, Style.Parse(colour));

    private static string Colour(Verdict verdict) =>
        OutcomeRules.IsDrift(verdict) ? "red" : OutcomeRules.IsOpen(verdict) ? "yellow" : "green";

    public static string Colour(string outcome) => outcome switch { "clean" => "green", "drift" => "red", _ => "yellow" };
}
