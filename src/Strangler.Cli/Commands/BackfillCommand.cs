using System.CommandLine;
using Strangler.Backfill;
using Strangler.Cli.Terminal;
using Strangler.DualWrite;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler backfill</c>: bring over what legacy held before both sides were written.</summary>
internal static class BackfillCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var rate = new Option<double?>("--max-rate") { Description = "Most entities a second [default: no limit]" };
        var removals = new Option<long?>("--allow-removals")
        {
            Description = "Most entities to remove from the new side because legacy does not have them [default: 1 % of them, and 100 at least]",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be copied and where a run before got to; write nothing" };
        var command = new Verb(
            "backfill",
            """
            Bring over what legacy held before both sides were written

            Needs DualWrite; a live write always wins. Can be interrupted and started again at any time: it goes on where it was. Rows that cannot be
            read go to quarantine. At the end it removes from the new side what legacy does not have, but refuses when that is implausibly much: legacy's table
            may be half restored.

            Examples:
              strangler backfill donations
              strangler backfill donations --max-rate 2000      gently
              strangler backfill donations --allow-removals 4000
            """) { context, rate, removals, dryRun };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var maxRate = run.Parsed.GetValue(rate);
            if (maxRate is not (null or (>= 0.001 and <= 1e9)))
            {
                throw new ArgumentException($"--max-rate is {maxRate}; it must lie between 0.001 and 1,000,000,000.");
            }

            var allowed = run.Parsed.GetValue(removals);
            if (allowed < 0)
            {
                throw new ArgumentException($"--allow-removals is {allowed}; it must be 0 or more.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            foreach (var kind in host.Runtime.Kinds.Keys)
            {
                if (run.Parsed.GetValue(dryRun))
                {
                    await DryRunAsync(run, host, kind, token).ConfigureAwait(false);
                    continue;
                }

                var job = new BackfillJob(host.Runtime, new BackfillOptions { MaxRowsPerSecond = maxRate, AllowedRemovals = allowed });
                BackfillResult result;
                using (var progress = new ProgressLine(run.Output, run.Time))
                {
                    result = await job.RunAsync(kind, new Adapter(kind, progress), token).ConfigureAwait(false);
                }

                if (run.Output.IsJson)
                {
                    run.Output.Json(new { context = host.Name, kind, result.Passes, result.Written, result.Removed, result.Quarantined });
                }
                else
                {
                    run.Output.Line(
                        $"{kind}: {result.Written:N0} written in {result.Passes} passes, {result.Removed:N0} removed, {result.Quarantined:N0} in quarantine");
                    if (result.Quarantined > 0)
                    {
                        run.Output.Line($"See: strangler quarantine list {host.Name}");
                    }

                    run.Output.Line($"Next: strangler reconcile {host.Name}");
                }
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static async Task DryRunAsync(CommandRun run, Service.ContextHost host, string kind, CancellationToken token)
    {
        var view = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
        var bounds = await host.Sides.Legacy.Store.BoundsAsync(kind, token).ConfigureAwait(false);
        var checkpoint = await host.Sides.BackfillTarget.ReadCheckpointAsync(kind, token).ConfigureAwait(false);
        var current = checkpoint is not null && checkpoint.DualEpoch == view.Legacy?.DualEpoch ? checkpoint : null;
        if (run.Output.IsJson)
        {
            run.Output.Json(new { context = host.Name, kind, view.Stage, rows = bounds.Rows, from = bounds.From, to = bounds.To, checkpoint = current });
            return;
        }

        var rows = bounds.From > bounds.To ? "no rows" : $"about {bounds.Rows:N0} rows, ids {bounds.From} to {bounds.To}";
        run.Output.Line($"{kind}: {rows} in legacy; stage {view.Stage}; nothing was written");
        if (!Stages.IsDual(view.Stage) || view.Lead != SideName.Legacy)
        {
            run.Output.Line("A backfill needs DualWrite or ShadowRead.");
        }

        run.Output.Line(current switch
        {
            null => "Would begin at the first id.",
            { Phase: BackfillPhase.Done } => $"Was completed at {current.CompletedUtc:yyyy-MM-dd HH:mm:ss} UTC; would look for anything left.",
            _ => $"Would go on in pass {current.Pass} at id {current.NextId}.",
        });
    }

    private sealed class Adapter(string kind, ProgressLine line) : IProgress<BackfillProgress>
    {
        public void Report(BackfillProgress value) => line.Report(new WorkState(
            $"{kind}: pass {value.Pass}, {value.Phase.ToString().ToLowerInvariant()}",
            value.Done,
            value.Total,
            value.RowsPerSecond,
            value.Left,
            $"{value.Written:N0} written, {value.Skipped:N0} up to date, {value.Quarantined:N0} in quarantine"));
    }
}
