using System.CommandLine;
using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler relay</c>: the loop that brings the follower up to date.</summary>
internal static class RelayCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "relay",
            """
            Bring the follower up to date: run, drain, look, retry

            Reads the lead's present state of each key in the journal and applies it to the follower. Any number may run at once.

            Examples:
              strangler relay run donations          until Ctrl-C
              strangler relay drain donations        until nothing is due, then end
              strangler relay status donations
              strangler relay retry donations --all  give parked keys another try
            """);
        command.Subcommands.Add(Run(standard));
        command.Subcommands.Add(Drain(standard));
        command.Subcommands.Add(Status(standard));
        command.Subcommands.Add(Retry(standard));
        return command;
    }

    private static Command Run(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb("run", "Relay until Ctrl-C") { context };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            await host.Cutover.StatusAsync(token).ConfigureAwait(false);
            run.Output.Step($"Relaying {host.Name} as {host.Runtime.Replica}; Ctrl-C ends it.");
            try
            {
                await host.Relay.RunAsync(token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                run.Output.Step("Stopped; claims are given back when their lease ends.");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Drain(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb("drain", "Relay until nothing is due; exit code 1 when keys failed or are parked") { context };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var pass = await host.Relay.DrainAsync(token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(pass);
            }
            else
            {
                run.Output.Line($"{pass.Applied:N0} applied, {pass.Superseded:N0} were up to date, {pass.Failed:N0} failed, {pass.Parked:N0} parked");
            }

            return pass.Failed + pass.Parked > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static Command Status(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many parked keys to show", 20);
        var command = new Verb("status", "Depth, lag and parked keys of the leading side's journal") { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var view = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
            var journal = host.Sides.Of(view.Lead).Journal;
            var depth = await journal.DepthAsync(token).ConfigureAwait(false);
            var parked = await journal.ParkedAsync(run.Parsed.GetValue(limit), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, view.Lead, depth.Open, depth.Parked, lag_seconds = depth.Lag.TotalSeconds, keys = parked });
                return ExitCodes.Ok;
            }

            run.Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{host.Name}: {depth.Open:N0} open, oldest {depth.Lag.TotalSeconds:0.0} s old, {depth.Parked:N0} parked ({view.Lead.ToString().ToLowerInvariant()} leads)"));
            if (parked.Count > 0)
            {
                run.Output.Table(
                    ["key", "version", "attempts", "since (UTC)", "last error"],
                    parked.Select(key => (IReadOnlyList<string>)
                        [$"{key.Key}", $"{key.Version}", $"{key.Attempts}", $"{key.CreatedUtc:yyyy-MM-dd HH:mm:ss}", key.LastError]));
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Retry(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var id = new Argument<long?>("id") { Description = "One parked id", DefaultValueFactory = _ => null };
        var all = new Option<bool>("--all") { Description = "Every parked key" };
        var command = new Verb("retry", "Give parked keys another try; exit code 1 when the id is not parked") { context, id, all };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var one = run.Parsed.GetValue(id);
            if (one is null != run.Parsed.GetValue(all))
            {
                throw new ArgumentException("Give one id, or --all.");
            }

            StandardOptions.CheckId(one);

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var view = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
            var key = one is null ? (EntityKey?)null : new EntityKey(host.KindOf(null), one.Value);
            var rows = await host.Sides.Of(view.Lead).Journal.RetryAsync(key, token).ConfigureAwait(false);
            run.Output.Result(
                new { context = host.Name, put_back = rows },
                rows > 0 ? $"{rows:N0} put back; the relay takes them up." : one is null ? "Nothing was parked." : $"Id {one} is not parked.");
            return rows == 0 && one is not null ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }
}
