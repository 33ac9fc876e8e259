using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.Service.Telemetry;

/// <summary>
/// Looks at every context now and then, for the metrics and the dashboard's first page: nobody's request waits for a database that hangs. In LegacyOnly
/// the new side is not asked for anything.
/// </summary>
public sealed class ContextSampler : BackgroundService
{
    /// <summary>How often.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Gates read reports, which may be large.
    private const int GatesEvery = 6;
    private const int SearchedRuns = 100;

    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(8);

    private readonly IReadOnlyList<ContextHost> _hosts;
    private readonly ServiceMeter _meter;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Dictionary<(string Context, long Run), ReconciliationReport> _reports = [];
    private readonly Dictionary<string, (Stage Stage, (int Open, int All)? Next, bool? CanGoBack)> _gates = new(StringComparer.Ordinal);
    private int _looks;

    public ContextSampler(IReadOnlyList<ContextHost> hosts, ServiceMeter meter, TimeProvider time, ILoggerFactory loggers)
    {
        (_hosts, _meter, _time, _log) = (hosts, meter, time, loggers.CreateLogger<ContextSampler>());
        meter.Samples = [.. hosts.Select(host => new ContextSample { Context = host.Name, IsKnown = false })];
    }

    /// <summary>One look at all contexts.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        var withGates = _looks++ % GatesEvery == 0;
        List<ContextSample> samples = [];
        foreach (var host in _hosts)
        {
            samples.Add(await TryLookAsync(host, withGates, cancellationToken).ConfigureAwait(false));
        }

        _meter.Samples = samples;
        _meter.History.Add(_time.GetUtcNow(), samples);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(Interval, _time);
        do
        {
            await LookAsync(stoppingToken).ConfigureAwait(false);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private async Task<ContextSample> TryLookAsync(ContextHost host, bool withGates, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(AtMost, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            return await LookAsync(host, withGates, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.CannotLook(host.Name, exception.GetType().Name);
            return new ContextSample { Context = host.Name, IsKnown = false, Silent = exception is SideUnavailableException silent ? [silent.Side] : [] };
        }
    }

    private async Task<ContextSample> LookAsync(ContextHost host, bool withGates, CancellationToken cancellationToken)
    {
        if (await host.Runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false) is not { } hint)
        {
            return new ContextSample { Context = host.Name, IsKnown = false };
        }

        var sample = new ContextSample
        {
            Context = host.Name, IsKnown = true, Stage = hint.Stage, Lead = hint.Lead, Switching = hint.Fence.Role == FenceRole.Switching,
        };
        sample = await MeasureAsync(host, sample, cancellationToken).ConfigureAwait(false);
        if (hint.Stage == Stage.LegacyOnly)
        {
            return sample;
        }

        var depth = await host.Sides.Of(hint.Lead).Journal.DepthAsync(cancellationToken).ConfigureAwait(false);
        var (_, next, canGoBack) = await GatesAsync(host, hint.Stage, withGates, cancellationToken).ConfigureAwait(false);
        return sample with
        {
            Shadow = Stages.IsDual(hint.Stage) && hint.Stage != Stage.DualWrite
                ? await host.Sides.ShadowLog.CountAsync(hint.Fence.Epoch, cancellationToken).ConfigureAwait(false) : null,
            Throttle = host.Pause.Reason,
            JournalOpen = depth.Open,
            Parked = depth.Parked,
            LagSeconds = depth.Lag.TotalSeconds,
            Conflicts = await host.Sides.Merges.CountAsync(cancellationToken).ConfigureAwait(false),
            NextGates = next,
            CanGoBack = canGoBack,
            IdsLeft = await EachKindAsync(
                host.Runtime.Kinds.Keys.Where(host.Sides.PublicIds.Allots), kind => host.Sides.PublicIds.LeftAsync(kind, cancellationToken)).ConfigureAwait(false),
            QuarantineOpen = await EachKindAsync(
                host.Runtime.Kinds.Keys, async kind => (await host.Sides.Quarantine.CountAsync(kind, cancellationToken).ConfigureAwait(false)).Open).ConfigureAwait(false),
            Kinds = await KindsAsync(host, cancellationToken).ConfigureAwait(false),
        };
    }

    // The smallest of questions: what a side takes longer for than ever, everybody who asks it waits for.
    private async Task<ContextSample> MeasureAsync(ContextHost host, ContextSample sample, CancellationToken cancellationToken)
    {
        List<SideName> silent = [];
        return sample with
        {
            LegacySeconds = sample.Stage == Stage.NewOnly ? null : await SecondsAsync(host, SideName.Legacy, silent, cancellationToken).ConfigureAwait(false),
            NewSeconds = sample.Stage == Stage.LegacyOnly ? null : await SecondsAsync(host, SideName.New, silent, cancellationToken).ConfigureAwait(false),
            Silent = silent,
        };
    }

    private async Task<double?> SecondsAsync(ContextHost host, SideName side, List<SideName> silent, CancellationToken cancellationToken)
    {
        try
        {
            var began = _time.GetTimestamp();
            await host.Sides.Of(side).Fence.ReadAsync(cancellationToken).ConfigureAwait(false);
            return _time.GetElapsedTime(began).TotalSeconds;
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            silent.Add(side);
            return null;
        }
    }

    // Back: where the lead stays, nothing is asked.
    private async Task<(Stage Stage, (int Open, int All)? Next, bool? CanGoBack)> GatesAsync(
        ContextHost host, Stage stage, bool anew, CancellationToken cancellationToken)
    {
        if (!anew && _gates.TryGetValue(host.Name, out var known) && known.Stage == stage)
        {
            return known;
        }

        (int Open, int All)? next = null;
        if (stage != Stage.NewOnly)
        {
            var gates = await host.Cutover.GatesAsync(stage + 1, cancellationToken).ConfigureAwait(false);
            next = (gates.Count(gate => gate.Passed), gates.Count);
        }

        bool? canGoBack = stage == Stage.NewOnly ? null : true;
        if (stage == Stage.NewLeads)
        {
            canGoBack = (await host.Cutover.GatesAsync(Stage.ShadowRead, cancellationToken).ConfigureAwait(false)).All(gate => gate.Passed);
        }

        return _gates[host.Name] = (stage, next, canGoBack);
    }

    private async Task<IReadOnlyList<KindSample>> KindsAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var runs = await host.Sides.Reconciliations.SummariesAsync(SearchedRuns, cancellationToken).ConfigureAwait(false);
        var now = await host.Sides.Reconciliations.UtcNowAsync(cancellationToken).ConfigureAwait(false);
        List<KindSample> kinds = [];
        foreach (var kind in host.Runtime.Kinds.Keys.Order(StringComparer.Ordinal))
        {
            if (runs.FirstOrDefault(run => run is { Full: true, EndedUtc: not null } && run.Scope.StartsWith($"{kind}:", StringComparison.Ordinal)) is { } last)
            {
                var report = await ReportAsync(host, last.Id, cancellationToken).ConfigureAwait(false);
                kinds.Add(new KindSample(
                    kind, (now - last.BeganUtc).TotalSeconds, OutcomeRules.ExitCode(report.Outcome), Drifting(report), report.FieldCounts, report.RicherInNew));
            }
        }

        return kinds;
    }

    private async Task<ReconciliationReport> ReportAsync(ContextHost host, long run, CancellationToken cancellationToken)
    {
        if (!_reports.TryGetValue((host.Name, run), out var report))
        {
            report = await host.ReportAsync(run, cancellationToken).ConfigureAwait(false);
            foreach (var old in _reports.Keys.Where(key => key.Context == host.Name && _reports[key].Kind == report.Kind).ToList())
            {
                _reports.Remove(old);
            }

            _reports[(host.Name, run)] = report;
        }

        return report;
    }

    // Those that are signed off spoil nothing.
    private static Dictionary<string, long> Drifting(ReconciliationReport report) => Enum.GetValues<Verdict>().Where(OutcomeRules.IsDrift)
        .ToDictionary(
            verdict => verdict.ToString(),
            verdict => report.Counts.GetValueOrDefault(verdict) - (verdict == Verdict.Unreadable ? report.SignedOff : 0), StringComparer.Ordinal);

    private static async Task<IReadOnlyDictionary<string, long>> EachKindAsync(IEnumerable<string> kinds, Func<string, Task<long>> count)
    {
        Dictionary<string, long> counts = new(StringComparer.Ordinal);
        foreach (var kind in kinds.Order(StringComparer.Ordinal))
        {
            counts[kind] = await count(kind).ConfigureAwait(false);
        }

        return counts;
    }
}
