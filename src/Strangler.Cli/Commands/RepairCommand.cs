using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Reconciliation;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler repair</c>: bring the follower to the lead's state where a report found them apart.</summary>
internal static class RepairCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var report = new Option<long?>("--from-report") { Description = "The findings of this stored run (its id stands in the report)" };
        var keys = new Option<long[]>("--keys") { Description = "These public ids", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var apply = new Option<bool>("--apply") { Description = "Repair; without it only the differences are shown" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show the differences and change nothing; the default" };
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb(
            "repair",
            """
            Bring the follower in line where a report found it apart

            Copies the lead's state, key by key, through the path that every write takes; never over a newer write. Shows what it would do unless --apply
            is given. A full clean reconciliation must follow before any stage changes.

            Examples:
              strangler repair donations --from-report 12
              strangler repair donations --from-report 12 --apply --reason "manual edit on 19 Nov"
              strangler repair donations --keys 4711 4712 --apply
            """) { context, report, keys, apply, dryRun, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var (runId, ids, apply_) = (run.Parsed.GetValue(report), run.Parsed.GetValue(keys) ?? [], run.Parsed.GetValue(apply));
            if (runId is null == (ids.Length == 0))
            {
                throw new ArgumentException("Give --from-report or --keys.");
            }

            if (apply_ && run.Parsed.GetValue(dryRun))
            {
                throw new ArgumentException("--apply and --dry-run exclude each other.");
            }

            if (ids.Where(id => id <= 0).Take(1).ToList() is [var bad])
            {
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--keys holds {bad}; ids begin at 1."));
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var kind = host.KindOf(null);
            var targets = runId is null ? ids : await host.DifferingIdsAsync(runId.Value, token).ConfigureAwait(false);
            if (targets.Count == 0)
            {
                run.Output.Result(new { context = host.Name, kind, report = runId, steps = Array.Empty<object>() }, $"Report {runId} holds nothing to repair.");
                return ExitCodes.Ok;
            }

            var why = run.Parsed.GetValue(reason) is { Length: > 0 } given ? given
                : apply_ ? throw new ArgumentException("--apply needs --reason: it goes into the audit trail.")
                : "dry run";
            var steps = run.Output.IsJson ? null : new Steps(run);
            var result = await new RepairJob(host.Runtime, host.ReconciliationOptions).RunAsync(
                kind, targets, dryRun: !apply_, CommandRun.Actor, why, steps, token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(result);
            }
            else
            {
                run.Output.Line(RepairText.Summary(result));
                run.Output.Line(apply_ ? $"Next: strangler reconcile {host.Name}" : "Nothing was changed; add --apply to repair.");
            }

            return result.Counts[RepairOutcome.Failed] + result.Counts[RepairOutcome.Refused] > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private sealed class Steps(CommandRun run) : IProgress<RepairStep>
    {
        public void Report(RepairStep value) => run.Output.Step($"  {RepairText.Line(value)}");
    }
}
