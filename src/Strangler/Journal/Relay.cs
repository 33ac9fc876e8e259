using Microsoft.Extensions.Logging;
using Strangler.Capture;
using Strangler.DataSets;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Schemas;
using Strangler.Telemetry;

namespace Strangler.Journal;

/// <summary>What one pass over the journal came to.</summary>
public sealed record RelayPass(int Applied, int Superseded, int Failed, int Parked)
{
    public static readonly RelayPass None = new(0, 0, 0, 0);

    /// <summary>Keys whose legacy row cannot be read: set aside, in quarantine.</summary>
    public int Quarantined { get; init; }

    /// <summary>Whether as many keys were claimed as a claim may take: more may be due.</summary>
    internal bool WasFull { get; init; }

    public static RelayPass operator +(RelayPass left, RelayPass right) => new(
        left.Applied + right.Applied, left.Superseded + right.Superseded, left.Failed + right.Failed, left.Parked + right.Parked)
    {
        Quarantined = left.Quarantined + right.Quarantined,
        WasFull = left.WasFull || right.WasFull,
    };
}

/// <summary>
/// Drains the lead's journal: claims keys, brings the follower to the lead's present state of each, settles. While the new side leads it
/// also claims what other programs wrote from legacy's journal, and merges that. Any number of processes may run one. Idle while there is
/// no follower (LegacyOnly, NewOnly). An apply holds no lock on the lead while the follower is spoken to; a merge, which is a write on
/// the lead, reads legacy under the lead's lock.
/// </summary>
public sealed class Relay(ContextRuntime runtime)
{
    /// <summary>Keys that are brought over side by side.</summary>
    private const int Lanes = 4;

    private static readonly TimeSpan BeatTurn = TimeSpan.FromSeconds(2);

    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30));

    // An outage is the follower's, not the key's: nobody waits long for it to be tried again, and few keys are tried meanwhile.
    private static readonly BackOff Outage = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2));

    private readonly FollowerApplier _applier = new(runtime);
    private readonly ForeignMerge _merge = new(runtime);
    private readonly ObligationCheck _obligations = new(runtime);
    private readonly RequestPruning _requests = new(runtime);
    private readonly JournalThinning _thinning = new(runtime);
    private readonly CensusKeeper _census = new(runtime);
    private readonly CaptureWatch _capture = new(runtime);
    private readonly DataSetRefresh _dataSet = new(runtime);
    private readonly PassSize _ownSize = new(runtime);
    private readonly PassSize _foreignSize = new(runtime);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<Relay>();
    private volatile bool _followerIsDown;
    private bool _foreignFails;
    private long? _measured;

    /// <summary>
    /// Runs until cancelled, and owns what must run with it: the heartbeat, the shadow reads, the search for lost obligations, the end of
    /// old request keys, the bounds of the journals, the census of other writers, the watch over capture. Failures are logged and tried
    /// again; only cancellation ends it.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        try
        {
            await Task.WhenAll(
                RelayAsync(cancellationToken), BeatAsync(cancellationToken), runtime.Shadow.RunAsync(cancellationToken),
                _obligations.RunAsync(cancellationToken), _requests.RunAsync(cancellationToken), _thinning.RunAsync(cancellationToken),
                _census.RunAsync(cancellationToken), _capture.RunAsync(cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await LeaveAsync();
        }
    }

    /// <summary>
    /// Carries on until nothing is due, for ever if others write without a pause: what waits for its back-off, is claimed by others or
    /// parked stays. Ends also when the follower does not answer. Throws <see cref="SchemaMismatchException"/> while legacy's tables are not
    /// as the mapping says: nothing is claimed then. Of a data set that another program loads anew it waits until that is complete, and published.
    /// </summary>
    public async Task<RelayPass> DrainAsync(CancellationToken cancellationToken)
    {
        var total = await PassesAsync(pass => pass is not null, cancellationToken);
        for (var began = runtime.Time.GetTimestamp(); runtime.Time.GetElapsedTime(began) < 2 * runtime.Options.DataSetQuiet && await IsKeptAsync(cancellationToken);)
        {
            await Task.Delay(Least(runtime.Options.RelayPoll, runtime.Options.DataSetQuiet), runtime.Time, cancellationToken);
            total += await PassesAsync(pass => pass is not null, cancellationToken);
        }

        return total;
    }

    /// <summary>
    /// As <see cref="DrainAsync"/>, of what is due now: ends with the first pass that had less than a full claim to do, or when the time is
    /// up. Who waits until nothing is due at all may, while others write, wait for ever.
    /// </summary>
    public Task<RelayPass> CatchUpAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        return PassesAsync(pass => pass is { WasFull: true } && runtime.Time.GetElapsedTime(began) < atMost, cancellationToken);
    }

    private async Task<bool> IsKeptAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        return runtime.IsDataSet && !_followerIsDown && await runtime.Stage.RefreshAsync(cancellationToken) is { Lead: SideName.New } hint
            && await _dataSet.IsKeptStillAsync(hint, cancellationToken);
    }

    private static TimeSpan Least(TimeSpan left, TimeSpan right) => left < right ? left : right;

    private async Task<RelayPass> PassesAsync(Func<RelayPass?, bool> goesOn, CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        for (var total = RelayPass.None; ;)
        {
            var pass = await PassAsync(cancellationToken);
            total += pass ?? RelayPass.None;
            if (!goesOn(pass) || _followerIsDown)
            {
                return total;
            }
        }
    }

    private async Task RelayAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var wasBusy = await TryPassesAsync(cancellationToken);
            if (_followerIsDown)
            {
                // Every write would wake it.
                await Task.Delay(runtime.Options.RelayPoll, runtime.Time, cancellationToken);
            }
            else if (!wasBusy)
            {
                await runtime.WaitForWakeAsync(runtime.Options.RelayPoll, cancellationToken);
            }
        }
    }

    // The measures are taken in between, not after all is done: under load that would be never. Returns whether there was anything to do.
    private async Task<bool> TryPassesAsync(CancellationToken cancellationToken)
    {
        try
        {
            var done = await CatchUpAsync(runtime.Options.RelayPoll, cancellationToken);
            var isIdle = done == RelayPass.None;
            await _dataSet.TryLookAsync(cancellationToken);
            if (isIdle || _measured is not { } measured || runtime.Time.GetElapsedTime(measured) >= runtime.Options.RelayPoll)
            {
                await MeasureAsync(cancellationToken);
            }

            return !isIdle;
        }
        catch (SchemaMismatchException)
        {
            // Told by the watch, once a change.
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.PassFailed(runtime.Context, Failures.Describe(exception), exception);
        }

        return false;
    }

    private async Task MeasureAsync(CancellationToken cancellationToken)
    {
        _measured = runtime.Time.GetTimestamp();
        if (runtime.Stage.Current is { } hint && Stages.IsDual(hint.Stage))
        {
            var depth = await runtime.Sides.Of(hint.Lead).Journal.DepthAsync(cancellationToken);
            EngineMeter.JournalIs(runtime.Context, depth.Open, depth.Parked, depth.Lag);
            EngineMeter.ConflictsAre(runtime.Context, await runtime.Sides.Merges.CountAsync(cancellationToken));
        }
    }

    // Null: nothing is due, or there is nothing to follow. The stage is taken from the fences each time: a relay that slept through a flip
    // finds the other lead.
    private async Task<RelayPass?> PassAsync(CancellationToken cancellationToken)
    {
        if (await runtime.Stage.RefreshAsync(cancellationToken) is not { } hint || !Stages.IsDual(hint.Stage))
        {
            return null;
        }

        await runtime.Schema.RequireLatelyAsync(cancellationToken);
        await ResolveReferencesAsync(cancellationToken);
        var own = await PassAsync(hint, cancellationToken);
        var foreign = await ForeignPassAsync(hint, cancellationToken);
        return own is null ? foreign : own + (foreign ?? RelayPass.None);
    }

    // Before the journal is looked into: they go there.
    private async Task ResolveReferencesAsync(CancellationToken cancellationToken)
    {
        if (runtime.Options.ForeignWritersNone || runtime.Sides.Capture is not { } capture)
        {
            return;
        }

        try
        {
            await capture.ResolveAsync(runtime.Options.RelayBatch, cancellationToken);
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            // Nothing is lost by it: they are looked at again. While the new side leads, legacy may be down.
            TellOnce(exception);
        }
    }

    private void TellOnce(Exception exception)
    {
        if (!_foreignFails)
        {
            _log.ForeignPassFailed(runtime.Context, Failures.Describe(exception), exception);
        }

        _foreignFails = true;
    }

    private async Task<RelayPass?> PassAsync(StageHint hint, CancellationToken cancellationToken)
    {
        var journal = runtime.Sides.Of(hint.Lead).Journal;
        // A follower that did not answer is tried with one key; the others wait untouched, and are all due as soon as it answers.
        var batch = _followerIsDown ? 1 : _ownSize.Next;
        var claims = await journal.ClaimAsync(runtime.Replica, batch, runtime.Options.RelayLease, cancellationToken);
        if (claims.Count == 0)
        {
            return null;
        }

        await runtime.ReachAsync(HookPoint.RelayClaimed, journal.Side);
        _followerIsDown = false;
        return await _ownSize.MeasureAsync(claims.Count, () => InLanesAsync(claims, batch, claim => _followerIsDown || runtime.Schema.IsKnownWrong
            ? PutBackAsync(journal, claim, cancellationToken)
            : ApplyAsync(journal, Stages.Other(hint.Lead), claim, cancellationToken)));
    }

    // Not while the new side is being switched: nothing may be written there then, and what legacy has is its own news as soon as it leads.
    private async Task<RelayPass?> ForeignPassAsync(StageHint hint, CancellationToken cancellationToken)
    {
        if (hint is not { Lead: SideName.New, Fence.Role: FenceRole.Lead } || runtime.Options.ForeignWritersNone || _followerIsDown)
        {
            return null;
        }

        var (journal, batch) = (runtime.Sides.Legacy.Journal, _foreignSize.Next);
        IReadOnlyList<JournalClaim> claims;
        try
        {
            claims = await journal.ClaimAsync(runtime.Replica, batch, runtime.Options.RelayLease, cancellationToken);
            _foreignFails = false;
        }
        catch (SideUnavailableException exception)
        {
            TellOnce(exception);
            return null;
        }

        if (claims.Count == 0)
        {
            return null;
        }

        await runtime.ReachAsync(HookPoint.RelayClaimed, journal.Side);
        var mayMerge = await MayMergeAsync(cancellationToken);
        return await _foreignSize.MeasureAsync(claims.Count, () => InLanesAsync(claims, batch, claim => runtime.Schema.IsKnownWrong || !mayMerge
            ? PutBackAsync(journal, claim, cancellationToken)
            : MergeAsync(journal, claim, cancellationToken)));
    }

    private async Task<bool> MayMergeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _dataSet.BeforeMergingAsync(cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            TellOnce(exception);
            return false;
        }
    }

    private static async Task<RelayPass> InLanesAsync(IReadOnlyList<JournalClaim> claims, int most, Func<JournalClaim, Task<RelayPass>> work)
    {
        var queue = new Queue<JournalClaim>(claims);
        var lanes = Enumerable.Range(0, Math.Min(Lanes, claims.Count)).Select(_ => LaneAsync(queue, work));
        return (await Task.WhenAll(lanes)).Aggregate(RelayPass.None with { WasFull = claims.Count >= most }, (left, right) => left + right);
    }

    private static async Task<RelayPass> LaneAsync(Queue<JournalClaim> queue, Func<JournalClaim, Task<RelayPass>> work)
    {
        var pass = RelayPass.None;
        while (Next(queue) is { } claim)
        {
            pass += await work(claim);
        }

        return pass;
    }

    private async Task<RelayPass> MergeAsync(IJournal journal, JournalClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            var result = await _merge.MergeAsync(claim.Key, seen: null, cancellationToken);
            if (result is MergeResult.NotLead)
            {
                await RecordFailureAsync(journal, claim, "the new side does not lead at present", runtime.Options.RelayPoll, cancellationToken);
                return new RelayPass(0, 0, 1, 0);
            }

            if (result is MergeResult.Nothing)
            {
                // What stands there still is legacy's own, left behind by a forced step: due at once again, it would be claimed in circles.
                var wait = Waits.After(claim.Attempts + 1, runtime.Random.NextDouble());
                await journal.FailAsync(claim, "written while legacy led, and left behind by a forced step", wait, cancellationToken);
            }
        }
        catch (UnreadableException exception) when (exception.IsQuarantined)
        {
            return await SetAsideAsync(journal, claim, exception, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return await FailAsync(journal, claim, exception, cancellationToken);
        }

        return await BringLegacyAlongAsync(claim.Key, cancellationToken);
    }

    // The journal has it, should this fail.
    private async Task<RelayPass> BringLegacyAlongAsync(EntityKey key, CancellationToken cancellationToken)
    {
        try
        {
            var result = await _applier.ApplyAsync(key, SideName.Legacy, carried: null, cancellationToken);
            EngineMeter.Relayed(runtime.Context, result == ApplyResult.Applied ? "applied" : "superseded");
            return result == ApplyResult.Applied ? new RelayPass(1, 0, 0, 0) : new RelayPass(0, 1, 0, 0);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.ApplyFailed(runtime.Context, key.Kind, key.Id, 1, Failures.Describe(exception), exception);
            return new RelayPass(0, 0, 1, 0);
        }
    }

    // Not tried: with a follower that hangs, each of a batch would take its whole time-out.
    private async Task<RelayPass> PutBackAsync(IJournal journal, JournalClaim claim, CancellationToken cancellationToken)
    {
        var reason = _followerIsDown ? "the other side did not answer just before" : "legacy's tables are not as the mapping says";
        await journal.FailAsync(claim, reason, Outage.After(1, runtime.Random.NextDouble()), cancellationToken);
        return new RelayPass(0, 0, 1, 0);
    }

    private static JournalClaim? Next(Queue<JournalClaim> queue)
    {
        lock (queue)
        {
            return queue.TryDequeue(out var claim) ? claim : null;
        }
    }

    private async Task<RelayPass> ApplyAsync(IJournal journal, SideName follower, JournalClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            switch (await _applier.ApplyAsync(claim.Key, follower, carried: null, cancellationToken))
            {
                case ApplyResult.Applied:
                    EngineMeter.Relayed(runtime.Context, "applied");
                    return new RelayPass(1, 0, 0, 0);
                case ApplyResult.Superseded:
                    EngineMeter.Relayed(runtime.Context, "superseded");
                    return new RelayPass(0, 1, 0, 0);
                default:
                    // A flip is in its last steps, or over. If it is aborted, this side's journal is drained again.
                    await RecordFailureAsync(
                        journal, claim, "the other side does not follow at present", runtime.Options.RelayPoll, cancellationToken);
                    return new RelayPass(0, 0, 1, 0);
            }
        }
        catch (UnreadableException exception) when (exception.IsQuarantined)
        {
            return await SetAsideAsync(journal, claim, exception, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _followerIsDown |= exception is SideUnavailableException { IsOutage: true } outage && outage.Side == follower;
            return await FailAsync(journal, claim, exception, cancellationToken);
        }
    }

    // Not parked: one entry of the quarantine says it all, and once that is signed off nothing else may keep gates shut.
    private async Task<RelayPass> SetAsideAsync(
        IJournal journal, JournalClaim claim, UnreadableException exception, CancellationToken cancellationToken)
    {
        if (await runtime.Schema.ExplainsAsync(cancellationToken))
        {
            return await FailAsync(journal, claim, exception, cancellationToken);
        }

        var reason = Failures.Describe(exception);
        await runtime.ReachAsync(HookPoint.RelayBeforeFail, journal.Side);
        await journal.QuarantineAsync(claim, reason, cancellationToken);
        await runtime.ReachAsync(HookPoint.RelayFailed, journal.Side);
        EngineMeter.Relayed(runtime.Context, "quarantined");
        _log.SetAside(runtime.Context, claim.Key.Kind, claim.Key.Id, reason, exception);
        return RelayPass.None with { Quarantined = 1 };
    }

    private async Task<RelayPass> FailAsync(IJournal journal, JournalClaim claim, Exception exception, CancellationToken cancellationToken)
    {
        var attempts = claim.Attempts + 1;
        var parks = Failures.IsPermanent(exception) || (attempts >= runtime.Options.MaxAttempts && !Failures.IsTransient(exception));

        // A column that is gone or is of another type is no fault of the key's, whatever its failure looks like.
        if ((parks || exception is SchemaMismatchException) && await runtime.Schema.ExplainsAsync(cancellationToken))
        {
            parks = false;
        }

        var reason = Failures.Describe(exception);
        var waits = exception is SideUnavailableException { IsOutage: true } ? Outage : Waits;
        TimeSpan? delay = parks ? null : waits.After(attempts, runtime.Random.NextDouble());
        await RecordFailureAsync(journal, claim, reason, delay, cancellationToken);
        EngineMeter.Relayed(runtime.Context, parks ? "parked" : "failed");
        if (parks)
        {
            _log.Parked(runtime.Context, claim.Key.Kind, claim.Key.Id, attempts, reason, exception);
        }
        else
        {
            _log.ApplyFailed(runtime.Context, claim.Key.Kind, claim.Key.Id, attempts, reason, exception);
        }

        return parks ? new RelayPass(0, 0, 0, 1) : new RelayPass(0, 0, 1, 0);
    }

    private async Task RecordFailureAsync(
        IJournal journal, JournalClaim claim, string reason, TimeSpan? delay, CancellationToken cancellationToken)
    {
        await runtime.ReachAsync(HookPoint.RelayBeforeFail, journal.Side);
        await journal.FailAsync(claim, reason, delay, cancellationToken);
        await runtime.ReachAsync(HookPoint.RelayFailed, journal.Side);
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await runtime.Sides.Replicas.BeatAsync(runtime.Replica, runtime.Build, Enum.GetValues<Stage>()[^1], cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                // Legacy may be down while the new side leads; only a gate misses the beat.
                _log.BeatFailed(runtime.Context, Failures.Describe(exception), exception);
            }

            await RestAsync(cancellationToken);
        }
    }

    // In short turns: a gate already counts by a liveness that was made shorter while this one rests.
    private async Task RestAsync(CancellationToken cancellationToken)
    {
        var beaten = runtime.Time.GetTimestamp();
        while (runtime.Options.ReplicaLiveness / 3 - runtime.Time.GetElapsedTime(beaten) is var rest && rest > TimeSpan.Zero)
        {
            await Task.Delay(Least(rest, BeatTurn), runtime.Time, cancellationToken);
        }
    }

    private async Task LeaveAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2), runtime.Time);
        try
        {
            await runtime.Sides.Replicas.LeaveAsync(runtime.Replica, timeout.Token);
        }
        catch (Exception exception)
        {
            _log.BeatFailed(runtime.Context, Failures.Describe(exception), exception);
        }
    }
}
