using System.CommandLine;
using Strangler.Cli.Demo;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler demo</c>: the whole way of the donations context on servers of its own, and of all others in short.</summary>
internal static class DemoCommand
{
    public static Command Create(StandardOptions standard)
    {
        var rows = new Option<int>("--rows") { Description = "Legacy donations to begin with, 1,000 to 10,000,000", DefaultValueFactory = _ => 20_000 };
        var seed = new Option<int>("--seed") { Description = "Of the generated rows and the load", DefaultValueFactory = _ => 1 };
        var command = new Verb(
            "demo",
            """
            Tell the whole story on a private MariaDB

            Takes the server in STRANGLER_MYSQL if that is set. Legacy tables full of donations, a frontend that writes all the while, backfill, shadow reads, planted differences found and repaired, cutover forward, back and forward again. Then
            every other context goes the same way, one after the other. Ends with a computed summary; exit code 1 if anything is off.

            Examples:
              strangler demo
              strangler demo --rows 200000
            """) { rows, seed };
        command.Subcommands.Add(Frontend(standard));
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var count = run.Parsed.GetValue(rows);
            if (count is < 1_000 or > 10_000_000)
            {
                throw new ArgumentException($"--rows is {count}; it must lie between 1,000 and 10,000,000.");
            }

            await using var stage = await DemoServers.StartAsync(run, token).ConfigureAwait(false);
            return await new DemoStory(run, stage, count, run.Parsed.GetValue(seed)).TellAsync(token).ConfigureAwait(false);
        });
        return command;
    }

    private static Command Frontend(StandardOptions standard)
    {
        var memory = new Option<FileInfo>("--memory") { Description = "File for what was acknowledged", Required = true };
        var existing = new Option<FileInfo>("--existing") { Description = "File with ids that may be changed, one a line", Required = true };
        var seed = new Option<int>("--seed") { Description = "Of the random choices", DefaultValueFactory = _ => 1 };
        var workers = new Option<int>("--workers") { Description = "Requests at the same time", DefaultValueFactory = _ => 4 };
        var rate = new Option<double>("--rate") { Description = "Requests a second", DefaultValueFactory = _ => 100 };
        var command = new Verb(
            "frontend", "The demo's load client: creates, changes, cancels and reads donations until its standard input ends")
        {
            memory, existing, seed, workers, rate,
        };
        CommandRun.SetAction(command, standard, (run, token) => FrontendProcess.RunAsync(
            run,
            run.Parsed.GetRequiredValue(memory).FullName,
            run.Parsed.GetRequiredValue(existing).FullName,
            run.Parsed.GetValue(seed),
            run.Parsed.GetValue(workers),
            run.Parsed.GetValue(rate),
            token));
        return command;
    }
}
