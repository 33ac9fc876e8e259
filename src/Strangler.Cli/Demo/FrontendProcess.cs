using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.Cli.Demo;

/// <summary>The frontend as a process of its own: another replica with its own caches, that learns of every flip only from the fences.</summary>
internal sealed class FrontendProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    private FrontendProcess(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
        _errors = process.StandardError.ReadToEndAsync();
    }

    public bool IsRunning => !_process.HasExited;

    /// <summary>Starts a frontend with the demo's settings.</summary>
    public static FrontendProcess Start(DemoServers servers, string memory, string existing, int seed)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(FrontendProcess).Assembly.Location);
        }

        foreach (var argument in new[]
                 {
                     "demo", "frontend", "--memory", memory, "--existing", existing, "--seed", seed.ToString(CultureInfo.InvariantCulture),
                     "--config", servers.WriteConfiguration(),
                 })
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in servers.Environment)
        {
            start.Environment[name] = value;
        }

        return new FrontendProcess(Process.Start(start) ?? throw new InvalidOperationException("The frontend could not be started."));
    }

    /// <summary>Ends the load and returns what the frontend counted. Throws when it failed.</summary>
    public async Task<FrontendSummary> StopAsync(CancellationToken cancellationToken)
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        var (output, errors) = (await _output.ConfigureAwait(false), await _errors.ConfigureAwait(false));
        return _process.ExitCode == 0
            ? JsonSerializer.Deserialize<FrontendSummary>(output) ?? throw new InvalidOperationException("The frontend said nothing.")
            : throw new InvalidOperationException($"The frontend ended with {_process.ExitCode}: {errors.Trim()}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        _process.Dispose();
    }

    /// <summary>The frontend's own side: the load, beside the relay that every replica runs.</summary>
    public static async Task<int> RunAsync(
        CommandRun run, string memory, string existing, int seed, int workers, double rate, CancellationToken cancellationToken)
    {
        await using var host = run.Open(DonationsContext.Name);
        await host.CheckAsync(cancellationToken).ConfigureAwait(false);
        var context = host.Part<DonationsContext>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var relayStop = new CancellationTokenSource();
        var input = Task.Run(
            async () =>
            {
                while (await Console.In.ReadLineAsync(stop.Token).ConfigureAwait(false) is not null)
                {
                }

                await stop.CancelAsync().ConfigureAwait(false);
            },
            CancellationToken.None);
        var relay = host.Relay.RunAsync(relayStop.Token);
        var counts = new FrontendCounts();
        using (var writer = new AcknowledgementWriter(memory))
        {
            var ids = File.ReadLines(existing).Select(line => long.Parse(line, CultureInfo.InvariantCulture)).ToList();
            var load = new FrontendLoad(context.Donations, writer, counts, run.Time, workers, rate);
            await load.RunAsync(ids, seed, stop.Token).ConfigureAwait(false);
        }

        await relayStop.CancelAsync().ConfigureAwait(false);
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await stop.CancelAsync().ConfigureAwait(false);
        await input.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await run.Output.Standard.WriteLineAsync(
            JsonSerializer.Serialize(new FrontendSummary(counts.Reads, counts.Writes, counts.Refused, counts.Retried))).ConfigureAwait(false);
        return ExitCodes.Ok;
    }
}

/// <summary>What a frontend counted.</summary>
internal sealed record FrontendSummary(long Reads, long Writes, long Refused, long Retried);
