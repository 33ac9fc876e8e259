using Microsoft.Extensions.Logging;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>
/// The follower's part of a write in the lead's own transaction, where that is switched on (<see cref="ContextOptions.OneTransaction"/>).
/// Only in the plain case:
/// the follower follows in the same epoch and has exactly the state before. Everything else takes the ordinary way, by journal row and
/// apply.
/// </summary>
/// <remarks>
/// Why it breaks nothing that rests on the order of a write and its apply: the follower's fence and entity row are locked as an apply
/// locks them, and the state
/// written is the one that commits with it, so an apply that waits for the lock finds nothing newer. There is no moment at which the
/// follower owes anything, so no
/// journal row is needed.
/// <para>
/// Why nobody waits in a circle: a joint write takes the lead's fence and key, then the follower's. An apply, a repair and a chunk of a
/// backfill hold locks on the
/// follower alone and read the lead by snapshot; settling, claims and the reserving of ids hold locks on one side and wait for none on the
/// other; a flip takes one
/// fence at a time, each in a transaction of its own. A joint write of the other direction would need the other side to lead, which the
/// fences exclude while this
/// one holds its own. What is left are unique values that move between keys, as within one database: the server finds that circle (both
/// sides are one server),
/// and it costs one repetition, without the joint part.
/// </para>
/// </remarks>
internal sealed class JointWrite(ContextRuntime runtime)
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<JointWrite>();
    private DateTimeOffset _askFrom;
    private bool? _isAllowed;
    private int _isAsking;

    /// <summary>Whether a write in this stage may try it. Asks the servers once, before any transaction is open.</summary>
    public async ValueTask<bool> IsReadyAsync(Stage stage, CancellationToken cancellationToken)
    {
        if (!runtime.Options.OneTransaction || runtime.Sides.Joint is not { } joint || !Stages.IsDual(stage) || !runtime.InlineApply.IsClosed)
        {
            return false;
        }

        if (_isAllowed is null && Interlocked.Exchange(ref _isAsking, 1) == 0)
        {
            try
            {
                await AskAsync(joint, cancellationToken);
            }
            finally
            {
                Volatile.Write(ref _isAsking, 0);
            }
        }

        return _isAllowed == true;
    }

    /// <summary>
    /// Whether the follower's part is in the transaction now. If not, it is as before. Throws the lead's own failures, and
    /// <see cref="SideUnavailableException"/> in its name when the whole transaction went with the part.
    /// </summary>
    public async Task<bool> TryAsync(ISideTransaction lead, SideName side, WriteAttempt attempt, string? requestKey, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(runtime.Options.InlineApplyTimeout, runtime.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await runtime.ReachAsync(HookPoint.JointBeforePart, side);
            var part = await runtime.Sides.Joint!.BeginFollowerAsync(lead, new WriteIntent(attempt.Key), either.Token);
            await using var follower = part.Follower;
            if (!await JoinAsync(part, side, attempt, requestKey, either.Token))
            {
                return false;
            }

            await runtime.ReachAsync(HookPoint.JointPartDone, side);
            return true;
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new SideUnavailableException(
                side, $"the other side's part of the transaction was not done within {runtime.Options.InlineApplyTimeout.TotalSeconds:0.###} s", true, exception);
        }
        catch (FollowerPartException exception)
        {
            Report(attempt.Key, exception);
            return false;
        }
    }

    public void Report(EntityKey key, Exception exception) =>
        _log.JointPartFailed(runtime.Context, key.Kind, key.Id, Failures.Describe(exception), exception);

    /// <summary>The transaction has committed with the follower's part.</summary>
    public void Committed()
    {
        runtime.InlineApply.FollowerAnswered();
        EngineMeter.AppliedInline(runtime.Context, "joint");
    }

    private async Task<bool> JoinAsync(
        JointPart part, SideName side, WriteAttempt attempt, string? requestKey, CancellationToken cancellationToken)
    {
        var (state, version, foreignSeq) = (part.Follower.State, attempt.Entity!.Version, attempt.Entity.ForeignSeq);
        var update = new FollowerUpdate(
            runtime, attempt.Key, Stages.Other(side), new CarriedWrite(version, requestKey, attempt.Created));
        if (state.Fence.Role != FenceRole.Follower || state.Fence.Epoch != attempt.Fence.Epoch || state.IsQuarantined
            || !update.IsNext(state.Entity, version, foreignSeq))
        {
            return false;
        }

        try
        {
            var record = DualWriter.Decode(runtime.Kind(attempt.Key.Kind).Of(side).Lens, attempt.Key, part.LeadRow);
            await update.WriteAsync(part.Follower, record, version, foreignSeq, attempt.Entity, cancellationToken);
            await part.Follower.CommitAsync(cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException and not FollowerPartException && !IsGone(exception, side))
        {
            Report(attempt.Key, exception);
            return false;
        }
    }

    private static bool IsGone(Exception exception, SideName lead) => exception is SideUnavailableException unavailable && unavailable.Side == lead;

    // Not more than one caller every ten seconds waits for an answer that does not come.
    private async Task AskAsync(IJointTransactions joint, CancellationToken cancellationToken)
    {
        if (runtime.Time.GetUtcNow() < _askFrom)
        {
            return;
        }

        using var timeout = new CancellationTokenSource(runtime.Options.InlineApplyTimeout, runtime.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var problem = await joint.ProblemAsync(either.Token);
            _isAllowed = problem is null;
            if (problem is not null)
            {
                _log.JointForbidden(runtime.Context, problem);
            }
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException or OperationCanceledException)
        {
            _askFrom = runtime.Time.GetUtcNow() + AskAgain;
            _log.JointUnknown(runtime.Context, exception);
        }
    }
}
