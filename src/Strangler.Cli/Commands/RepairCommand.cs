using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler repair</c>: bring the follower to the lead's state where a report found them apart.</summary>
internal static class RepairCommand
{
    private const string LeadToFollower = "lead-to-follower";
    private const string FollowerToLead = "follower-to-lead";

    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var report = new Option<long?>("--from-report") { Description = "The findings of this stored run (its id stands in the report)" };
        var keys = Several<long>("--keys", "These public ids; with --from-report, of its findings only these");
        var classes = Several<string>("--class", "Of the report's findings only these verdicts, e.g. drift, missing_in_new");
        var fields = Several<string>("--field", "Of the report's findings only those that differ in one of these fields");
        var direction = new Option<string>("--direction")
        {
            Description = "lead-to-follower, or follower-to-lead: the follower's state becomes a new write on the lead",
            DefaultValueFactory = _ => LeadToFollower,
        };
        var confirm = new Option<string?>("--confirm") { Description = "For follower-to-lead with --apply: the context's name, typed" };
        var apply = new Option<bool>("--apply") { Description = "Repair; without it only the differences are shown" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show the differences and change nothing; the default" };
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb(
            "repair",
            """
            Bring the follower in line where a report found it apart

            Copies the lead's state, key by key, through the path that every write takes; never over a newer write. Shows what it would do unless
            --apply is given. Repaired keys are looked at again at once; a full clean reconciliation must follow before any stage changes.

            follower-to-lead is for a lead that lost something (a restored backup, an edit by hand): the follower's state becomes a new write on the
            lead, with a version above both. It never deletes, never undoes a write that the follower has yet to accept, and never brings back what the
            lead has deleted or erased.

            Examples:
              strangler repair donations --from-report 12
              strangler repair donations --from-report 12 --class drift --field amount donor.city
              strangler repair donations --from-report 12 --apply --reason "manual edit on 19 Nov"
              strangler repair donations --keys 4711 4712 --apply --reason "ticket 7"
              strangler repair donations --from-report 12 --direction follower-to-lead --apply --confirm donations --reason "restored"
            """) { context, report, keys, classes, fields, direction, confirm, apply, dryRun, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var request = RepairTargets.Of(
                run.Parsed.GetValue(report), run.Parsed.GetValue(keys) ?? [], run.Parsed.GetValue(classes) ?? [], run.Parsed.GetValue(fields) ?? [], "--");
            var (apply_, name) = (run.Parsed.GetValue(apply), run.Parsed.GetRequiredValue(context));
            var why = ReasonOf(run, apply_, run.Parsed.GetValue(dryRun), reason);
            var way = WayOf(run.Parsed.GetValue(direction)!);
            if (apply_ && way == RepairDirection.FollowerToLead && run.Parsed.GetValue(confirm) != name)
            {
                throw new RefusedException(
                    $"This writes on the side that leads. Type the context's name: --confirm {name}. Nothing was changed.");
            }

            await using var host = run.Open(name);
            var (kind, targets, note) = await request.ChooseAsync(host, null, token).ConfigureAwait(false);
            if (targets.Count == 0)
            {
                run.Output.Result(new { context = host.Name, kind, report = request.Report, steps = Array.Empty<object>() }, note);
                return ExitCodes.Ok;
            }

            var steps = run.Output.IsJson ? null : new Steps(run);
            var job = new RepairJob(host.Runtime, host.ReconciliationOptions) { Direction = way, ErasedBy = host.Mappings[kind].ErasedBy };
            var result = await job.RunAsync(kind, targets, dryRun: !apply_, CommandRun.Actor, why, steps, token).ConfigureAwait(false);
            Show(run, host.Name, result, note);
            return result.Counts[RepairOutcome.Failed] + result.Counts[RepairOutcome.Refused] > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static Option<T[]> Several<T>(string name, string description) =>
        new(name) { Description = description, AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };

    private static RepairDirection WayOf(string direction) => direction switch
    {
        LeadToFollower => RepairDirection.LeadToFollower,
        FollowerToLead => RepairDirection.FollowerToLead,
        _ => throw new ArgumentException($"--direction is '{direction}'; expected {LeadToFollower} or {FollowerToLead}."),
    };

    private static string ReasonOf(CommandRun run, bool apply, bool dryRun, Option<string> reason)
    {
        if (apply && dryRun)
        {
            throw new ArgumentException("--apply and --dry-run exclude each other.");
        }

        return !string.IsNullOrWhiteSpace(run.Parsed.GetValue(reason)) ? run.Parsed.GetValue(reason)!
            : apply ? throw new ArgumentException("--apply needs --reason: it goes into the audit trail.")
            : "dry run";
    }

    private static void Show(CommandRun run, string context, RepairResult result, string note)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(result);
            return;
        }

        run.Output.Line(RepairText.Summary(result));
        if (note.Length > 0)
        {
            run.Output.Line(note);
        }

        run.Output.Line(result.DryRun
            ? "Nothing was changed; add --apply to repair."
            : $"A repair is no verification: gates ask for a full clean pass. Next: strangler reconcile {context}");
    }

    private sealed class Steps(CommandRun run) : IProgress<RepairStep>
    {
        public void Report(RepairStep value) => run.Output.Step($"  {RepairText.Line(value)}");
    }
}
