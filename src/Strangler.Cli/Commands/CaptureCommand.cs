using System.CommandLine;
using System.Globalization;
using Strangler.Capture;
using Strangler.Journal;
using Strangler.Reconciliation;
using Strangler.Schemas;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler capture</c>: what other programs write directly into legacy tables.</summary>
internal static class CaptureCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "capture",
            """
            Capture what other programs write directly into legacy tables

            Row triggers on every legacy table of the context note, in the writer's own transaction, which entity was touched; the relay then brings it to the
            new side. They are silent for our own writes and in LegacyOnly, and never wait for anything but the writer's own rows. Not seen by triggers: foreign key
            cascades, TRUNCATE, restored or imported table spaces, a server that applies a replication stream. A reconciliation finds those as Uncaptured.

            Examples:
              strangler capture install donations --dry-run     print the triggers
              strangler capture install donations
              strangler capture status donations                one line a table, and what waits in the journal
              strangler capture check donations                 for scripts: exit code 1 unless all is as it must be
              strangler capture remove donations
            """);
        command.Subcommands.Add(Install(standard));
        command.Subcommands.Add(Remove(standard));
        command.Subcommands.Add(Status(standard));
        command.Subcommands.Add(Check(standard));
        return command;
    }

    private static Command Install(StandardOptions standard)
    {
        var (context, patience, dryRun) = (StandardOptions.Context(), Patience(), DryRun());
        var command = new Verb(
            "install",
            """
            Create the triggers, or replace those that are not as they must be

            Can be repeated at any time. A table is waited for at most a second at a time, so that other programs are not held up. The user that installs has to
            stay: triggers work with its rights.
            """) { context, patience, dryRun };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var capture = host.Capture.Capture;
            if (run.Parsed.GetValue(dryRun))
            {
                return WritePlan(run, host.Name, await capture.PlanInstallAsync(token).ConfigureAwait(false));
            }

            var changed = await host.Capture.InstallAsync(CommandRun.Actor, PatienceOf(run, patience), new Steps(run), token).ConfigureAwait(false);
            var state = await capture.LookAsync(token).ConfigureAwait(false);
            run.Output.Result(
                new { context = host.Name, changed, triggers = state.Parts.Count, notes = state.Notes },
                changed == 0 ? $"Nothing to do: all {state.Parts.Count} triggers are there." : $"{changed} of {state.Parts.Count} triggers created or replaced");
            WriteNotes(run, state);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Remove(StandardOptions standard)
    {
        var (context, patience, dryRun) = (StandardOptions.Context(), Patience(), DryRun());
        var force = new Option<bool>("--force") { Description = "Also while both sides are kept: what other programs write from then on is not brought over" };
        var reason = new Option<string>("--reason") { Description = "Why; audited, and needed with --force", DefaultValueFactory = _ => "" };
        var command = new Verb("remove", "Drop all triggers of the context") { context, patience, dryRun, force, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            if (run.Parsed.GetValue(dryRun))
            {
                return WritePlan(run, host.Name, await host.Capture.Capture.PlanRemoveAsync(token).ConfigureAwait(false));
            }

            var removed = await host.Capture.RemoveAsync(
                CommandRun.Actor, run.Parsed.GetValue(reason) ?? "", run.Parsed.GetValue(force), PatienceOf(run, patience), new Steps(run), token).ConfigureAwait(false);
            run.Output.Result(new { context = host.Name, removed }, removed == 0 ? "There were none." : $"{removed} triggers removed");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Status(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb("status", "How the triggers stand, and what other programs wrote that still waits; exit code 1 unless all are installed") { context };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var state = await host.Capture.Capture.LookAsync(token).ConfigureAwait(false);
            var waiting = await host.Capture.Capture.WaitingAsync(token).ConfigureAwait(false);
            var schema = await host.Runtime.Schema.LookAsync(token).ConfigureAwait(false);
            var blind = await BlindSpots.LatestAsync(host.Sides.Reconciliations, token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new
                {
                    context = host.Name, complete = state.IsComplete, triggers = state.Parts, state.Problems, state.Notes, waiting = waiting.Rows,
                    newest_utc = waiting.NewestUtc, writers = waiting.Writers, schema = schema.Select(difference => difference.ToString()),
                    schema_fits = schema.All(difference => !difference.Stops), uncaptured = blind?.Entities, uncaptured_run = blind?.RunId,
                });
            }
            else
            {
                Print(run, host, state, waiting, schema);
                run.Output.Line(BlindSpots.Describe(blind));
            }

            return state.IsComplete && schema.All(difference => !difference.Stops) ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static Command Check(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb(
            "check", "Compare every trigger's text with the mapping, and the tables' columns; exit code 1 unless all is as it must be") { context };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var state = await host.Capture.Capture.LookAsync(token).ConfigureAwait(false);
            var schema = await host.Runtime.Schema.LookAsync(token).ConfigureAwait(false);
            var stops = schema.Where(difference => difference.Stops).ToList();
            var complete = state.IsComplete && stops.Count == 0;
            var wrong = state.Parts.Where(part => part.State != CapturePartState.Installed)
                .Select(part => $"{part.Name} on {part.Table}: {part.State.ToString().ToLowerInvariant()}{(part.Detail.Length == 0 ? "" : $", {part.Detail}")}")
                .Concat(host.Runtime.Schema.CanTell ? stops.Select(difference => difference.ToString()) : state.Problems).ToList();
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, complete, faults = wrong, warnings = Warnings(schema) });
                return complete ? ExitCodes.Ok : ExitCodes.Found;
            }

            foreach (var line in wrong)
            {
                run.Output.Line(line);
            }

            foreach (var warning in Warnings(schema))
            {
                run.Output.Line(warning);
            }

            run.Output.Line(
                complete ? $"All {state.Parts.Count} triggers are as they must be."
                : stops.Count + state.Problems.Count > 0
                    ? "The tables are not as the mapping says; the relay rests, and goes on by itself when they are. Other programs' writes are not hindered. "
                        + $"Correct the tables, or the mapping and then: strangler capture install {host.Name}"
                : $"Mend it with: strangler capture install {host.Name}");
            return complete ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static IEnumerable<string> Warnings(IReadOnlyList<SchemaDifference> schema) =>
        schema.Where(difference => !difference.Stops).Select(difference => difference.ToString());

    private static void Print(
        CommandRun run, ContextHost host, CaptureState state, ForeignWrites waiting, IReadOnlyList<SchemaDifference> schema)
    {
        run.Output.Table(
            ["table", "insert", "update", "delete"],
            state.Parts.GroupBy(part => part.Table).Select(table => (IReadOnlyList<string>)
                [table.Key, Text(table, "INSERT"), Text(table, "UPDATE"), Text(table, "DELETE")]));
        foreach (var problem in host.Runtime.Schema.CanTell ? schema.Where(one => one.Stops).Select(one => one.ToString()) : state.Problems)
        {
            run.Output.Line($"PROBLEM: {problem}");
        }

        WriteNotes(run, state);
        foreach (var warning in Warnings(schema))
        {
            run.Output.Line(warning);
        }

        run.Output.Line(waiting.NewestUtc is { } newest
            ? string.Create(CultureInfo.InvariantCulture,
                $"Other programs' writes in the journal: {JournalDepth.Show(waiting.Rows)}, the newest of {newest:yyyy-MM-dd HH:mm:ss} UTC, by {string.Join(", ", waiting.Writers)}")
            : "Other programs' writes in the journal: 0");
        if (!state.IsComplete)
        {
            run.Output.Line(host.Runtime.Options.ForeignWritersNone
                ? "The mapping declares that no other program writes (foreign-writers=\"none\"): none is needed."
                : $"Install or mend: strangler capture install {host.Name}");
        }
    }

    private static string Text(IEnumerable<CapturePart> parts, string on) =>
        string.Join(", ", parts.Where(part => part.Event == on).Select(part => part.State.ToString().ToLowerInvariant()).Distinct());

    private static void WriteNotes(CommandRun run, CaptureState state)
    {
        if (!run.Output.IsJson)
        {
            foreach (var note in state.Notes)
            {
                run.Output.Line($"Note: {note}");
            }
        }
    }

    private static int WritePlan(CommandRun run, string context, IReadOnlyList<string> statements)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(new { context, statements });
            return ExitCodes.Ok;
        }

        if (statements.Count > 0)
        {
            run.Output.Line("SET SESSION sql_mode = '', lock_wait_timeout = 1;");
            run.Output.Line("DELIMITER ;;");
            foreach (var statement in statements)
            {
                run.Output.Line($"{statement};;");
            }

            run.Output.Line("DELIMITER ;");
        }

        run.Output.Line("-- Nothing was executed.");
        return ExitCodes.Ok;
    }

    private static Option<bool> DryRun() => new("--dry-run") { Description = "Print the statements that would be executed, and execute none" };

    private static Option<string> Patience() => new("--patience")
    {
        Description = "How long to go on trying for a table that others keep in use, e.g. 30s or 5m",
        DefaultValueFactory = _ => "30s",
    };

    private static TimeSpan PatienceOf(CommandRun run, Option<string> option) =>
        Duration.TryParse(run.Parsed.GetValue(option)!, out var patience)
            ? patience
            : throw new ArgumentException($"--patience is '{run.Parsed.GetValue(option)}'; it must be a duration such as 30s or 5m.");

    private sealed class Steps(CommandRun run) : IProgress<CapturePart>
    {
        public void Report(CapturePart value) => run.Output.Step($"  {value.Table}: {value.Name}");
    }
}
