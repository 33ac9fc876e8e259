using System.CommandLine;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler relay</c>: the loop that brings the follower up to date.</summary>
internal static class RelayCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "relay",
            """
            Bring the follower up to date: run, drain, look, retry, drop

            Reads the lead's present state of each key in the journal and applies it to the follower. Any number may run at once.

            Examples:
              strangler relay run donations          until Ctrl-C
              strangler relay drain donations        until nothing is due, then end
              strangler relay status donations       what waits, who is at it, what is parked or lost
              strangler relay retry donations --all  give parked keys another try
              strangler relay drop donations 4711    give up a parked key: what would be dropped
            """);
        command.Subcommands.Add(Run(standard));
        command.Subcommands.Add(Drain(standard));
        command.Subcommands.Add(RelayStatusCommand.Create(standard));
        command.Subcommands.Add(RelayParkedCommands.Retry(standard));
        command.Subcommands.Add(RelayParkedCommands.Drop(standard));
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
            await host.CheckAsync(token).ConfigureAwait(false);
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
                run.Output.Line(
                    $"{pass.Applied:N0} applied, {pass.Superseded:N0} were up to date, {pass.Failed:N0} failed, {pass.Parked:N0} parked, "
                    + $"{pass.Quarantined:N0} in quarantine");
            }

            return pass.Failed + pass.Parked > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }
}
