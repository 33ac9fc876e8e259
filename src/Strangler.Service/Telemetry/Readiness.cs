using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Migrations;
using Strangler.Service.Configuration;

namespace Strangler.Service.Telemetry;

/// <summary>One thing that was looked at.</summary>
/// <param name="Check"><c>legacy store</c>, <c>new store</c>, <c>fence</c>, <c>migrations</c>.</param>
/// <param name="Ok">Whether it lets the context be served.</param>
/// <param name="Detail">What stands in the way, and the command that cures it; what is worth knowing where nothing does.</param>
public sealed record ReadinessCheck(string Check, bool Ok, string Detail);

/// <summary>Whether one context can be served.</summary>
public sealed record ContextReadiness(string Context, bool Ready, IReadOnlyList<ReadinessCheck> Checks);

/// <summary>
/// Whether this process can serve: of each context the side that leads answers, its fence says who leads, and no migration is missing. A follower that
/// does not answer is told and takes nobody out of service: writes go on without it. Looked at at most once in a while, whoever asks how often.
/// </summary>
public sealed class Readiness(StranglerConfiguration configuration, IReadOnlyList<ContextHost> hosts, TimeProvider time, ILoggerFactory loggers)
    : IDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MigrationsEvery = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(5);

    private readonly ILogger _log = loggers.CreateLogger<Readiness>();
    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, (DateTimeOffset At, ReadinessCheck Check)> _migrations = new(StringComparer.Ordinal);
    private (DateTimeOffset At, IReadOnlyList<ContextReadiness> Contexts)? _last;

    /// <summary>Whether the process is about to end: whatever its databases say, nobody is to be sent to it.</summary>
    public bool IsStopping { get; set; }

    public async Task<IReadOnlyList<ContextReadiness>> LookAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_last is not { } last || time.GetUtcNow() - last.At >= LookEvery)
            {
                var contexts = await Task.WhenAll(hosts.Select(host => LookAsync(host, cancellationToken))).ConfigureAwait(false);
                _last = last = (time.GetUtcNow(), contexts);
            }

            return last.Contexts;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<ContextReadiness> LookAsync(ContextHost host, CancellationToken cancellationToken)
    {
        List<ReadinessCheck> checks = [];
        using var deadline = new CancellationTokenSource(AtMost, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await LookAsync(host, checks, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            checks.Add(Fault(exception));
        }

        foreach (var check in checks.Where(check => !check.Ok))
        {
            _log.NotReady(host.Name, check.Check, check.Detail);
        }

        return new ContextReadiness(host.Name, checks.All(check => check.Ok), checks);
    }

    private async Task LookAsync(ContextHost host, List<ReadinessCheck> checks, CancellationToken cancellationToken)
    {
        if (await host.Runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false) is not { } hint)
        {
            checks.Add(new ReadinessCheck("fence", false, $"a flip is between its decision and its promotion; if that lasts: strangler cutover resume {host.Name}"));
            return;
        }

        var lead = NameOf(hint.Lead);
        checks.Add(new ReadinessCheck($"{lead} store", true, "answers and leads"));
        checks.Add(new ReadinessCheck(
            "fence", true, hint.Fence.Role == FenceRole.Switching ? $"a flip is under way from {hint.Stage}; writes wait" : $"{hint.Stage}, {lead} leads, epoch {hint.Fence.Epoch}"));
        if (Stages.IsDual(hint.Stage))
        {
            checks.Add(await FollowerAsync(host, Stages.Other(hint.Lead), cancellationToken).ConfigureAwait(false));
            checks.Add(await MigrationsAsync(host.Name, checks[^1], cancellationToken).ConfigureAwait(false));
        }
    }

    private static async Task<ReadinessCheck> FollowerAsync(ContextHost host, SideName side, CancellationToken cancellationToken)
    {
        try
        {
            await host.Sides.Of(side).Fence.ReadAsync(cancellationToken).ConfigureAwait(false);
            return new ReadinessCheck($"{NameOf(side)} store", true, "answers and follows");
        }
        catch (SideUnavailableException exception)
        {
            return new ReadinessCheck($"{NameOf(side)} store", true, $"DOES NOT ANSWER, it follows and is brought along later: {exception.Message}");
        }
    }

    private async Task<ReadinessCheck> MigrationsAsync(string context, ReadinessCheck follower, CancellationToken cancellationToken)
    {
        if (_migrations.TryGetValue(context, out var known) && time.GetUtcNow() - known.At < MigrationsEvery)
        {
            return known.Check;
        }

        ReadinessCheck check;
        try
        {
            check = Describe(context, await MigrationPlan.StatusAsync(configuration, [context], cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // The follower is down, most likely, and that is told.
            return new ReadinessCheck("migrations", follower.Detail.StartsWith("DOES NOT", StringComparison.Ordinal), $"cannot be told: {exception.GetType().Name}");
        }

        _migrations[context] = (time.GetUtcNow(), check);
        return check;
    }

    private static ReadinessCheck Describe(string context, MigrationStatus status)
    {
        var open = status.Targets.SelectMany(target => target.Open.Select(item => $"{item.Context}/{item.Name} on the {NameOf(target.Side)} side")).ToList();
        return open.Count > 0
            ? new ReadinessCheck("migrations", false, $"not applied: {string.Join(", ", open)}; run: strangler migrate --context {context}")
            : status.Problems.FirstOrDefault() is { } problem ? new ReadinessCheck("migrations", false, problem)
            : new ReadinessCheck("migrations", true, "all applied");
    }

    private static ReadinessCheck Fault(Exception exception) => exception switch
    {
        SideUnavailableException unavailable => new ReadinessCheck($"{NameOf(unavailable.Side)} store", false, unavailable.Message),
        NotMigratedException missing => new ReadinessCheck("migrations", false, missing.Message),
        OperationCanceledException => new ReadinessCheck("store", false, $"no answer within {AtMost.TotalSeconds:0} s"),
        _ => new ReadinessCheck("fence", false, exception.Message),
    };

    private static string NameOf(SideName side) => side.ToString().ToLowerInvariant();
}
