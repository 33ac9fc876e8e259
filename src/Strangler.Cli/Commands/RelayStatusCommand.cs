using System.CommandLine;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler relay status</c>: what the follower still lacks, who is at it, and what is lost.</summary>
internal static class RelayStatusCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many parked and lost keys to show", 20);
        var check = new Option<bool>("--check") { Description = "Search all keys for lost obligations now, instead of showing what the background search has found" };
        var command = new Verb(
            "status",
            """
            Depth, claims, parked and lost keys; exit code 1 when anything is parked, lost or in conflict, or other programs' writes wait to be merged

            Counts end at 10,000: "more than 10,000" is all that a deep journal is asked for. A lost obligation is a key whose follower is behind and no journal
            row says so; the relays search for them in the background.

            Examples:
              strangler relay status donations
              strangler relay status donations --check     compare the versions of all keys now
              strangler relay status donations --json      for an alarm: parked and lost must be 0
            """) { context, limit, check };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var status = await JournalStatus.ReadAsync(host, run.Parsed.GetValue(limit), run.Parsed.GetValue(check), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(status.ToJson(host.Name));
            }
            else
            {
                Print(run, host.Name, status, run.Parsed.GetValue(limit));
            }

            return status.Depth.Parked > 0 || status.Lost.Count > 0 || status.Foreign > 0 || status.Conflicts > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static void Print(CommandRun run, string context, JournalStatus status, int limit)
    {
        var depth = status.Depth;
        run.Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{context}: {JournalDepth.Show(depth.Open)} open, oldest {depth.Lag.TotalSeconds:0.0} s old, {JournalDepth.Show(depth.Parked)} parked ({status.Lead.ToString().ToLowerInvariant()} leads)"));
        if (status.Overview.Kinds.Count > 0)
        {
            run.Output.Table(
                ["kind", "open", "due", "claimed", "waiting", "parked", "oldest (UTC)"],
                status.Overview.Kinds.Select(kind => (IReadOnlyList<string>)
                    [kind.Kind, $"{kind.Open:N0}", $"{kind.Due:N0}", $"{kind.Claimed:N0}", $"{kind.Waiting:N0}", $"{kind.Parked:N0}", Time(kind.OldestUtc)]));
        }

        if (status.Overview.IsPartial)
        {
            run.Output.Line($"Of the oldest {JournalDepth.CountLimit:N0} rows only; there are more.");
        }

        foreach (var claim in status.Overview.Claims)
        {
            run.Output.Line($"claimed by {claim.Owner}: {claim.Rows:N0} rows until {Time(claim.UntilUtc)} UTC");
        }

        if (status.Parked.Count > 0)
        {
            run.Output.Table(
                ["parked", "version", "attempts", "since (UTC)", "last error"],
                status.Parked.Select(key => (IReadOnlyList<string>)
                    [$"{key.Key}", $"{key.Version}", $"{key.Attempts}", Time(key.CreatedUtc), key.LastError]));
            run.Output.Line($"Once the cause is cured: strangler relay retry {context} --all");
        }

        if (depth.Quarantined > 0)
        {
            run.Output.Line(
                $"in quarantine: {JournalDepth.Show(depth.Quarantined)} rows are set aside until their keys can be read "
                + $"(strangler quarantine list {context}); once the mapping is mended: strangler relay retry {context} --all");
        }

        if (status.Foreign > 0)
        {
            run.Output.Line(
                $"other programs' writes to legacy: {JournalDepth.Show(status.Foreign)} wait to be merged; see strangler capture status {context}");
        }

        if (status.Conflicts > 0)
        {
            run.Output.Line($"in conflict: {status.Conflicts:N0}; decide: strangler conflicts list {context}");
        }

        PrintLost(run, context, status, limit);
    }

    private static void PrintLost(CommandRun run, string context, JournalStatus status, int limit)
    {
        foreach (var (kind, walk) in status.Walks)
        {
            run.Output.Line(
                status.Checked is { } now ? $"lost obligations: {status.Lost.Count:N0}; {now:N0} keys compared just now"
                : walk is null ? $"lost obligations of {kind}: {Of(status, kind):N0} so far; the search has not seen all keys yet, or no relay runs"
                : $"lost obligations of {kind}: {Of(status, kind):N0}; all {walk.Checked:N0} keys compared until {Time(walk.CompletedUtc)} UTC");
        }

        foreach (var key in status.Lost.Take(limit))
        {
            run.Output.Line($"  LOST {key}");
        }

        if (status.Lost.Count > 0)
        {
            run.Output.Line(
                $"See why: strangler reconcile {context}; bring them along: strangler repair {context} --keys {string.Join(' ', status.Lost.Take(limit).Select(key => key.Id))} --apply --reason lost");
        }
    }

    private static int Of(JournalStatus status, string kind) => status.Lost.Count(key => key.Kind == kind);

    private static string Time(DateTime? utc) => utc is { } at ? at.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) : "";
}
