using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Backfill;
using Strangler.Contexts;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.MySql;
using Strangler.Purging;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// A replica in a process of its own, to be killed or frozen at a hook. One command a line comes in: <c>arm point action skip count</c>,
/// <c>wake</c>, or an operation with its name, which runs beside the others and is answered by <c>ack name id</c> or <c>no name why</c>.
/// </summary>
internal sealed class CrashChild
{
    public const string Verb = "crash-child";

    private readonly Lock _gate = new();
    private readonly ArmedHooks _hooks;
    private ContextHost _host = null!;

    private CrashChild() => _hooks = new ArmedHooks(Say);

    /// <summary>The shortest that the server allows for: the locks of a child that hangs end when its connection is cut.</summary>
    public static void Tune(MySqlSideOptions options)
    {
        options.TransactionDeadline = TimeSpan.FromSeconds(2);
        options.ForegroundConnections = 8;
        options.BackgroundConnections = 6;
    }

    public static async Task<int> RunAsync(string configFile)
    {
        var child = new CrashChild();
        var configuration = StranglerConfiguration.Load(configFile, ContextCatalog.Names);
        await using var host = ContextHost.Open(
            configuration, DonationsContext.Name, NullLoggerFactory.Instance, TimeProvider.System, child._hooks.ReachAsync, Tune);
        child._host = host;
        await host.Part<DonationsContext>().Donations.FindAsync(1, CancellationToken.None);
        child.Say("ready");
        while (Console.In.ReadLine() is { } line)
        {
            child.Obey(line.Split(' '));
        }

        return 0;
    }

    private void Obey(string[] words)
    {
        switch (words[0])
        {
            case "arm":
                _hooks.Arm(Enum.Parse<HookPoint>(words[1]), Enum.Parse<HookAction>(words[2]), Number(words[3]), Number(words[4]));
                break;
            case "wake":
                _hooks.Wake();
                break;
            default:
                _ = Task.Run(() => AnswerAsync(words));
                break;
        }
    }

    private async Task AnswerAsync(string[] words)
    {
        _hooks.Operation = words[1];
        try
        {
            var result = await OperateAsync(words);
            Say(string.Create(CultureInfo.InvariantCulture, $"ack {words[1]} {result}"));
        }
        catch (Exception exception)
        {
            Say($"no {words[1]} {exception.GetType().Name} {exception.Message.ReplaceLineEndings(" ")}");
        }
    }

    private async Task<long> OperateAsync(string[] words)
    {
        var request = new CutoverRequest { Actor = "child", Reason = "test", Force = true };
        switch (words[0])
        {
            case "relay":
                var pass = await _host.Relay.DrainAsync(CancellationToken.None);
                return pass.Applied;
            case "advance":
                return (await _host.Cutover.AdvanceAsync(request, null, CancellationToken.None)).Epoch;
            case "back":
                return (await _host.Cutover.BackAsync(request, null, CancellationToken.None)).Epoch;
            case "backfill":
                return await BackfillAsync(Number(words[2]));
            case "search":
                // As the relay beside it does: a child is started before the stage that it finds.
                await _host.Runtime.Stage.RefreshAsync(CancellationToken.None);
                await new ObligationCheck(_host.Runtime).StepAsync(CancellationToken.None);
                return 0;
            case "purge":
                return await PurgeAsync(Number(words[2]));
            case "prune":
                return await new RequestPruning(_host.Runtime).PruneAsync((SideName)Number(words[2]), CancellationToken.None);
            default:
                return await CrashOperation.Parse(words).RunAsync(_host.Part<DonationsContext>().Donations, CancellationToken.None);
        }
    }

    private async Task<long> BackfillAsync(int chunk)
    {
        var options = new BackfillOptions { FirstChunk = chunk, MaxChunk = chunk, ChunkTarget = TimeSpan.FromMinutes(1) };
        var job = new BackfillJob(_host.Runtime, options);
        return (await job.RunAsync(DonationsContext.DonationKind, null, CancellationToken.None)).Written;
    }

    private async Task<long> PurgeAsync(int batch)
    {
        var request = Purging.PurgeRequests.Of(dryRun: false) with { Batch = batch };
        var result = await new PurgeJob(_host.Runtime).RunAsync(request, null, CancellationToken.None);
        return result.Closed.Count == 0 ? result.Counts[PurgeOutcome.Purged] : throw new InvalidOperationException($"{result.Closed[0]}");
    }

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    private void Say(string line)
    {
        lock (_gate)
        {
            Console.Out.WriteLine(line);
        }
    }
}
