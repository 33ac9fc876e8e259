using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Contexts;
using Strangler.Contexts.Donations;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>A reconciliation in a process of its own, to be killed: it writes a line after every chunk, and waits for one before the
/// next.</summary>
internal static class ReconcileChild
{
    public const string Verb = "reconcile-child";

    public const int Chunk = 40;

    public static ReconciliationOptions Options(ContextHost host)
    {
        var options = host.ReconciliationOptions;
        (options.FirstChunk, options.MaxChunk, options.ChunkTarget) = (Chunk, Chunk, TimeSpan.FromMinutes(1));
        (options.CheckpointEvery, options.PauseForLag, options.SamplesPerVerdict, options.Parallelism) = (TimeSpan.Zero, TimeSpan.Zero,
            1000, 2);
        return options;
    }

    public static async Task<int> RunAsync(string configFile, string how)
    {
        await using var host = ContextHost.Open(
            StranglerConfiguration.Load(configFile, ContextCatalog.Names), DonationsContext.Name, NullLoggerFactory.Instance,
                TimeProvider.System);
        var reconciler = host.Reconciler(Options(host));
        var chunks = new Chunks();
        if (how == "resume")
        {
            await reconciler.ResumeAsync(DonationsContext.DonationKind, chunks, CancellationToken.None);
        }
        else
        {
            await reconciler.RunAsync(new ReconciliationScope { Kind = DonationsContext.DonationKind }, chunks, CancellationToken.None);
        }

        return 0;
    }

    /// <summary>Runs it, kills it after so many chunks. True: it came to its end before.</summary>
    public static async Task<bool> KilledAfterAsync(DonationsWorld world, string how, int chunks, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { typeof(ReconcileChild).Assembly.Location, Verb, world.ConfigFile, how },
        };
        foreach (var (name, value) in world.Environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is not null)
        {
            if (--chunks == 0)
            {
                process.Kill();
                await process.WaitForExitAsync(cancellationToken);
                return false;
            }

            await process.StandardInput.WriteLineAsync("go on".AsMemory(), cancellationToken);
            await process.StandardInput.FlushAsync(cancellationToken);
        }

        await process.WaitForExitAsync(cancellationToken);
        Assert.That(process.ExitCode, Is.Zero, await errors);
        return true;
    }

    private sealed class Chunks : IProgress<ReconciliationProgress>
    {
        private readonly Lock _gate = new();

        public void Report(ReconciliationProgress value)
        {
            lock (_gate)
            {
                Console.Out.WriteLine(value.Done.ToString(CultureInfo.InvariantCulture));
                Console.Out.Flush();
                Console.In.ReadLine();
            }
        }
    }
}
