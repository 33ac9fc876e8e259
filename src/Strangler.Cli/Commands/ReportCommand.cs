using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Cutover;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler report</c>: the stored reconciliations.</summary>
internal static class ReportCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "report",
            """
            List, show, compare and export the stored reconciliations

            Every run keeps its report in the new side's database. Reports hold no values of personal fields, only a keyed hash and the shape.
            Clear values are shown by "report show --reveal" to users whom the configuration's setting "reveal" names; that is audited.

            Examples:
              strangler report list donations
              strangler report show donations 12
              strangler report diff donations 12 15
              strangler report export donations 15 --report html=report.html --report csv=differences.csv
              strangler report show donations 15 --reveal --reason "ticket 4711"
              strangler report schema > report.schema.json
            """);
        command.Subcommands.Add(List(standard));
        command.Subcommands.Add(Show(standard));
        command.Subcommands.Add(Diff(standard));
        command.Subcommands.Add(Export(standard));
        command.Subcommands.Add(Schema(standard));
        return command;
    }

    private static Command List(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many", 20);
        var command = new Verb("list", "Runs with outcome, scope, duration and counts, newest first") { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var runs = await host.Sides.Reconciliations.SummariesAsync(run.Parsed.GetValue(limit), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, runs });
                return ExitCodes.Ok;
            }

            run.Output.Table(
                ["run", "began (UTC)", "took", "outcome", "scope", "entities", "matched", "drift", "open", "other"],
                runs.Select(Row));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static IReadOnlyList<string> Row(RunSummary run)
    {
        var matched = run.Counts.GetValueOrDefault(Verdict.Matched);
        var open = run.Counts.Where(count => OutcomeRules.IsOpen(count.Key)).Sum(count => count.Value);
        return
        [
            Text($"{run.Id}"),
            Text($"{run.BeganUtc:yyyy-MM-dd HH:mm:ss}"),
            run.Duration is { } took ? Text($"{took.TotalSeconds:0.0} s") : "",
            run.EndedUtc is null ? "not ended" : run.Outcome,
            run.Full ? run.Scope : $"{run.Scope} (partial)",
            .. run.EndedUtc is null
                ? new[] { "", "", "", "", "" }
                : [Text($"{run.Entities:N0}"), Text($"{matched:N0}"), Text($"{run.Drift:N0}"), Text($"{open:N0}"),
                    Text($"{run.Entities - matched - run.Drift - open:N0}")],
        ];
    }

    private static Command Show(StandardOptions standard)
    {
        var (context, runId) = (StandardOptions.Context(), Run());
        var reveal = new Option<bool>("--reveal") { Description = "Also show the present clear values of the samples, read anew from both sides; audited" };
        var reason = new Option<string>("--reason") { Description = "Why clear values are needed; goes into the audit trail",
            DefaultValueFactory = _ => "" };
        var command = new Verb("show", "One report; its exit code is 0, whatever it found") { context, runId, reveal, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var why = run.Parsed.GetValue(reason) ?? "";
            var configuration = run.LoadConfiguration();
            if (run.Parsed.GetValue(reveal))
            {
                CheckRight(configuration.MayReveal(CommandRun.Actor), why);
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var report = await host.ReportAsync(run.Parsed.GetRequiredValue(runId), token).ConfigureAwait(false);
            if (!run.Parsed.GetValue(reveal))
            {
                ReportTable.Show(run.Output, report);
                return ExitCodes.Ok;
            }

            var revealed = await new Revealer(host.Runtime).RevealAsync(report, CommandRun.Actor, why, token).ConfigureAwait(false);
            RevealText.Show(run.Output, report, revealed);
            return ExitCodes.Ok;
        });
        return command;
    }

    internal static void CheckRight(bool may, string reason)
    {
        if (!may)
        {
            throw new RefusedException(
                $"{CommandRun.Actor} may not see clear values: the configuration's setting \"reveal\" does not name this user. Nothing was read.");
        }

        if (string.IsNullOrWhiteSpace(reason))
        {
            throw new ArgumentException("--reveal needs --reason: it goes into the audit trail.");
        }
    }

    private static Command Diff(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var before = new Argument<long>("before") { Description = "The earlier run" };
        var after = new Argument<long>("after") { Description = "The later run" };
        var command = new Verb("diff", "What is new, gone and still there between two runs, per verdict and field; exit code 1 when anything is new")
            { context, before, after };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var diff = ReportDiff.Of(
                await host.ReportAsync(run.Parsed.GetRequiredValue(before), token).ConfigureAwait(false),
                await host.ReportAsync(run.Parsed.GetRequiredValue(after), token).ConfigureAwait(false));
            DiffText.Show(run.Output, diff);
            return diff.HasNew ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static Command Export(StandardOptions standard)
    {
        var (context, runId) = (StandardOptions.Context(), Run());
        var (report, overwrite) = (ReportFiles.Option(), ReportFiles.OverwriteOption());
        var command = new Verb("export", "Write a stored report to files: a page, CSV of its differences, JSON") { context, runId, report,
            overwrite };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var files = ReportFiles.Parse(run.Parsed.GetValue(report), run.Parsed.GetValue(overwrite));
            if (files.IsEmpty)
            {
                throw new ArgumentException("Give --report html=FILE, csv=FILE or json=FILE.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var stored = await host.ReportAsync(run.Parsed.GetRequiredValue(runId), token).ConfigureAwait(false);
            await files.WriteAsync(run, host, stored, null, token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, run = stored.RunId, files = files.Paths });
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Schema(StandardOptions standard)
    {
        var command = new Verb("schema", "Print the JSON schema of reports");
        CommandRun.SetAction(command, standard, (run, _) =>
        {
            run.Output.Standard.WriteLine(ReconciliationReport.JsonSchema());
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static Argument<long> Run() => new("run") { Description = "The run's number, as report list shows it" };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
