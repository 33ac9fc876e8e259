using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler reconcile</c>: compare both sides, field by field.</summary>
internal static class ReconcileCommand
{
    /// <summary>The verb, and the option that keeps its process from giving way to others.</summary>
    public const string Name = "reconcile", FullSpeed = "--full-speed";

    public static Command Create(StandardOptions standard)
    {
        var contexts = new Argument<string[]>("contexts")
        {
            Description = "The contexts, e.g. donations", Arity = ArgumentArity.ZeroOrMore,
        };
        var named = new Option<string[]>("--context")
        {
            Description = "A context; may be given several times", DefaultValueFactory = _ => [],
        };
        var all = new Option<bool>("--all") { Description = "Every context that the configuration has" };
        var scope = new ReconcileScope();
        var (report, overwrite) = (ReportFiles.Option(), ReportFiles.OverwriteOption());
        var samples = new Option<int?>("--samples")
        {
            Description = "Entities listed per verdict, 0 to 10,000 [default: as configured, else 20]",
        };
        var running = new Option<int?>("--max-running")
        {
            Description = "Pause while a server runs more statements than that; 0: never [default: as configured, else 25]",
        };
        var lag = new Option<string?>("--max-replica-lag")
        {
            Description = "Pause while a replica that the configuration names is further behind; 0s: never [default: as configured, else 10s]",
        };
        var hasty = new Option<bool>(FullSpeed) { Description = "Go on at full speed also while others write to the servers, and as important as they" };
        var command = new Verb(
            Name,
            """
            Compare both sides, field by field, and report drift

            Writes in flight are looked at again, never reported as drift. A full pass that is clean opens gates; any other does not, and
            says what it has not looked at. Values of personal fields are masked. One run a context at a time; one that was interrupted or
            killed can be resumed.

            Examples:
              strangler reconcile donations
              strangler reconcile donations --resume
              strangler reconcile donations --range 1000000..1999999
              strangler reconcile donations --sample 1% --seed 42
              strangler reconcile donations --since 24h
              strangler reconcile donations --incremental
              cut -f1 ids.tsv | strangler reconcile donations --keys-from -
              strangler reconcile --all
              strangler reconcile donations --json > report.json
              strangler reconcile donations --report html=report.html --report csv=differences.csv --samples 1000

            Exit codes: 0 clean · 1 drift · 2 could not run · 3 inconclusive (keys stayed in flight); of several contexts the worst:
            2, then 1, then 3
            """) { contexts, named, all };
        foreach (var option in scope.Options)
        {
            command.Options.Add(option);
        }

        command.Options.Add(report);
        command.Options.Add(overwrite);
        command.Options.Add(samples);
        command.Options.Add(running);
        command.Options.Add(lag);
        command.Options.Add(hasty);
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var choice = scope.Parse(run.Parsed, run.Time, Console.In);
            var files = ReportFiles.Parse(run.Parsed.GetValue(report), run.Parsed.GetValue(overwrite));
            var limit = Between(run.Parsed.GetValue(samples), 10_000, "--samples");
            var busy = Between(run.Parsed.GetValue(running), 100_000, "--max-running");
            var behind = Between(run.Parsed.GetValue(lag), TimeSpan.FromHours(1), "--max-replica-lag");
            var names = Names(run, [.. run.Parsed.GetValue(contexts) ?? [], .. run.Parsed.GetValue(named) ?? []], run.Parsed.GetValue(all));
            if (names.Count > 1 && !files.IsEmpty)
            {
                throw new ArgumentException("--report takes one context at a time: each would write the same file.");
            }

            List<int> codes = [];
            foreach (var name in names)
            {
                codes.Add(await run.GuardAsync(() => ReconcileAsync(run, name, choice, files, Tune, token), token).ConfigureAwait(false));
            }

            return OutcomeRules.Worst(codes);

            void Tune(ReconciliationOptions options)
            {
                options.Actor = CommandRun.Actor;
                options.SamplesPerVerdict = limit ?? options.SamplesPerVerdict;
                options.MaxThreadsRunning = busy ?? options.MaxThreadsRunning;
                options.MaxReplicaLag = behind ?? options.MaxReplicaLag;
                options.GentleAbove = run.Parsed.GetValue(hasty) ? 0 : options.GentleAbove;
            }
        });
        return command;
    }

    private static async Task<int> ReconcileAsync(
        CommandRun run, string context, ReconcileScope.Choice choice, ReportFiles files, Action<ReconciliationOptions> tune,
            CancellationToken token)
    {
        await using var host = run.Open(context);
        List<int> codes = [];
        foreach (var kind in host.Runtime.Kinds.Keys)
        {
            await using var differences = await files.BeginAsync(host, kind, token).ConfigureAwait(false);
            var options = host.ReconciliationOptions;
            tune(options);
            options.Found = differences.Files.Count > 0 ? differences.WriteAsync : null;
            var reconciler = host.Reconciler(options);
            var interrupted = await reconciler.InterruptedAsync(kind, token).ConfigureAwait(false);
            if (choice.Resume && interrupted is null && host.Runtime.Kinds.Count > 1)
            {
                run.Output.Step($"{kind}: no run was interrupted; nothing to resume.");
                continue;
            }

            var found = await RunAsync(run, reconciler, host, kind, choice, interrupted, token).ConfigureAwait(false);
            ReportTable.Show(run.Output, found);
            await files.WriteAsync(run, host, found, differences, token).ConfigureAwait(false);
            codes.Add(OutcomeRules.ExitCode(found.Outcome));
        }

        return OutcomeRules.Worst(codes);
    }

    private static async Task<ReconciliationReport> RunAsync(
        CommandRun run, Reconciler reconciler, ContextHost host, string kind, ReconcileScope.Choice choice, RunCheckpoint? interrupted,
            CancellationToken token)
    {
        var again = $"strangler reconcile {host.Name} --resume";
        using var progress = new ProgressLine(run.Output, run.Time);
        var adapter = new Adapter(kind, progress);
        try
        {
            if (choice.Resume)
            {
                return await reconciler.ResumeAsync(kind, adapter, token).ConfigureAwait(false);
            }

            var scope = await choice.ScopeAsync(host, kind, token).ConfigureAwait(false);
            if (interrupted is not null)
            {
                await run.Output.Error.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Run {interrupted.RunId} did not end; it came this far at {interrupted.SavedUtc:yyyy-MM-dd HH:mm:ss} UTC. To go on with it: {again}")).ConfigureAwait(false);
            }

            return await reconciler.RunAsync(scope, adapter, token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            await run.Output.Error.WriteLineAsync($"Stopped. To go on: {again}").ConfigureAwait(false);
            throw;
        }
    }

    private static IReadOnlyList<string> Names(CommandRun run, IReadOnlyList<string> named, bool all)
    {
        if (all)
        {
            return named.Count == 0
                ? [.. run.LoadConfiguration().Configured]
                : throw new ArgumentException("--all goes without names of contexts.");
        }

        return named.Count > 0 ? [.. named.Distinct(StringComparer.Ordinal)]
            : throw new ArgumentException("Name a context, e.g. strangler reconcile donations, or give --all.");
    }

    private static int? Between(int? value, int most, string option) => value is null or >= 0 && !(value > most)
        ? value
        : throw new ArgumentException(
            string.Create(CultureInfo.InvariantCulture, $"{option} is {value}; it must lie between 0 and {most:N0}."));

    private static TimeSpan? Between(string? text, TimeSpan most, string option) => text is null ? null
        : Duration.TryParse(text, out var value) && value <= most ? value
        : throw new ArgumentException($"{option} is '{text}'; expected a duration such as 500ms, 10s or 2m, up to {most.TotalHours:0} h.");

    private sealed class Adapter(string kind, ProgressLine line) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value) =>
            line.Report(new WorkState($"{kind}: compared", value.Done, value.Total, value.RowsPerSecond, value.Left, value.Waiting ?? ""));
    }
}
