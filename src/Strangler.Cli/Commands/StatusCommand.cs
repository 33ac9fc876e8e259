using System.CommandLine;
using System.Globalization;
using Strangler.Journal;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler status</c>: all contexts on one page.</summary>
internal static class StatusCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb("status", "All configured contexts: stage, lead, journal, backfill, last and scheduled reconciliations");
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var rows = new List<ContextStatus>();
            foreach (var name in run.LoadConfiguration().Configured)
            {
                await using var host = run.Open(name);
                rows.Add(await ContextStatus.ReadAsync(host, token).ConfigureAwait(false));
            }

            if (run.Output.IsJson)
            {
                run.Output.Json(rows);
                return ExitCodes.Ok;
            }

            run.Output.Table(
                ["context", "stage", "leads", "epoch", "journal", "lag", "parked", "backfill", "quarantine", "last full reconciliation", "ids left", "legacy schema"],
                rows.Select(row => (IReadOnlyList<string>)
                [
                    row.Context, $"{row.Stage}{(row.Switching ? " (switching)" : "")}", row.Lead.ToString().ToLowerInvariant(), $"{row.Epoch}", JournalDepth.Show(row.JournalOpen),
                    string.Create(CultureInfo.InvariantCulture, $"{row.LagSeconds:0.0} s"), JournalDepth.Show(row.Parked), row.Backfill,
                    $"{row.Quarantined:N0} ({row.QuarantineOpen:N0} open)", row.LastReconciliation, $"{row.IdsLeft:N0}", row.LegacySchema,
                ]));
            foreach (var (context, schedule) in rows.SelectMany(row => row.Schedules.Select(schedule => (row.Context, schedule))))
            {
                run.Output.Line($"{context}, scheduled reconciliation {schedule}");
            }

            return ExitCodes.Ok;
        });
        return command;
    }
}
