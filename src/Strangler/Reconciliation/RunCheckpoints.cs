using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>What a checkpoint holds: everything a run needs to go on in another process. Taken at one moment, so that each entity is
/// either counted or still to be looked at.</summary>
internal sealed record RunState
{
    /// <summary>What the counts mean: fields, declarations, verdicts. A run goes on only under the same.</summary>
    public required string Meaning { get; init; }

    public long? From { get; init; }

    public long? To { get; init; }

    public bool Incremental { get; init; }

    /// <summary>How the keys were chosen; null where the run is not one over a list of keys.</summary>
    public string? Keys { get; init; }

    public required SideName Lead { get; init; }

    public required long DualEpoch { get; init; }

    public long[]? TablesBefore { get; init; }

    /// <summary>What is still to be compared. Suspects that were waiting for their next look are among them, to be looked at
    /// anew.</summary>
    public required IReadOnlyList<KeyRange> ToDo { get; init; }

    public required TallyState Tally { get; init; }

    public long Rechecks { get; init; }

    public long HotKeys { get; init; }

    public long DeferredChunks { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];

    public string ToJson() => JsonSerializer.Serialize(this);

    /// <exception cref="CannotResumeException">Another build wrote it.</exception>
    public static RunState Parse(RunCheckpoint checkpoint)
    {
        try
        {
            return JsonSerializer.Deserialize<RunState>(checkpoint.State) ?? throw new JsonException("It is empty.");
        }
        catch (JsonException exception)
        {
            throw new CannotResumeException(
                $"The checkpoint of run {checkpoint.RunId} cannot be read by this build ({exception.Message}). Begin a new run, without --resume.");
        }
    }
}

/// <summary>
/// Keeps a run's claim on its context and stores how far it has come. The claim is renewed beside the run; a checkpoint is taken by whoever
/// has just finished a chunk, when the last is old enough.
/// </summary>
internal sealed class RunKeeper : IAsyncDisposable
{
    // Of the time between two checkpoints, storing them may take this part.
    private const int Share = 20;

    // Claims that this process is done with and could not give back, as the new side did not answer: nobody has to wait for their end.
    private static readonly ConcurrentDictionary<string, bool> Ended = new(StringComparer.Ordinal);

    private readonly ContextRuntime _runtime;
    private readonly ReconciliationOptions _options;
    private readonly LeaseHolder _holder;
    private readonly SemaphoreSlim _saving = new(1, 1);
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _over = new();
    private readonly Task _beating;
    private long _savedAt;
    private TimeSpan _pause;

    private RunKeeper(ContextRuntime runtime, ReconciliationOptions options, LeaseHolder holder)
    {
        (_runtime, _options, _holder) = (runtime, options, holder);
        (_savedAt, _pause) = (runtime.Time.GetTimestamp(), options.CheckpointEvery);
        _beating = BeatAsync();
    }

    /// <summary>Fires when the claim is lost.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>How long the last renewal took: a small commit on the new side.</summary>
    public TimeSpan CommitTook { get; private set; }

    /// <summary>The run that is kept; 0 before it has a number.</summary>
    public RunCheckpoint Run { get; set; } = new(0, "", default, default, "");

    /// <summary>Claims the context. Throws <see cref="AlreadyRunningException"/>; a claim whose process is known to be gone is taken over,
    /// and one of this process's own that it could not give back.</summary>
    public static async Task<RunKeeper> ClaimAsync(
        ContextRuntime runtime, ReconciliationOptions options, string scope, CancellationToken cancellationToken)
    {
        var lease = runtime.Sides.ReconciliationLease;
        var token = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        var own = new LeaseHolder(token, scope, options.Actor, options.Process);
        var holder = await AcquireAsync(lease, own, null, options.Lease, cancellationToken);
        if (holder.Token != token && (holder.Process.IsGone || Ended.TryRemove(holder.Token, out _)))
        {
            holder = await AcquireAsync(lease, own, holder.Token, options.Lease, cancellationToken);
        }

        return holder.Token == token ? new RunKeeper(runtime, options, own) : throw new AlreadyRunningException(runtime.Context, holder);
    }

    // The reply may be all that was lost.
    private static async Task<LeaseHolder> AcquireAsync(
        IReconciliationLease lease, LeaseHolder own, string? insteadOf, TimeSpan length, CancellationToken cancellationToken)
    {
        try
        {
            return await lease.AcquireAsync(own, insteadOf, length, cancellationToken);
        }
        catch
        {
            End(own);
            throw;
        }
    }

    // Of another process, or one that stands for another, nothing is known here.
    private static void End(LeaseHolder holder)
    {
        if (holder.Process == ProcessIdentity.Current)
        {
            Ended[holder.Token] = true;
        }
    }

    /// <summary>Stores a checkpoint if it is time for one.</summary>
    public async Task SaveIfDueAsync(Func<string> state, CancellationToken cancellationToken)
    {
        if (Run.RunId == 0 || !IsDue() || !await _saving.WaitAsync(0, cancellationToken))
        {
            return;
        }

        try
        {
            if (IsDue())
            {
                await SaveAsync(state, cancellationToken);
            }
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>Stores a last checkpoint of a run that does not come to its end. A failure is logged: the reason for the end is the one
    /// to tell.</summary>
    public async Task SaveLastAsync(Func<string> state)
    {
        if (Run.RunId == 0 || _lost.IsCancellationRequested)
        {
            return;
        }

        using var limit = new CancellationTokenSource(_options.Lease, _runtime.Time);
        try
        {
            await SaveAsync(state, limit.Token);
        }
#pragma warning disable CA1031 // Any failure: the run fails with its own.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log(exception);
        }
    }

    /// <summary>Throws <see cref="LeaseLostException"/> unless the claim still stands, which it then does for the lease's length.</summary>
    public async Task RequireAsync(CancellationToken cancellationToken)
    {
        if (!await _runtime.Sides.ReconciliationLease.RenewAsync(_holder.Token, _options.Lease, cancellationToken))
        {
            throw new LeaseLostException(_runtime.Context, Run.RunId);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _over.Cancel();
        await _beating;
        End(_holder);
        using var limit = new CancellationTokenSource(_options.Lease, _runtime.Time);
        try
        {
            await _runtime.Sides.ReconciliationLease.ReleaseAsync(_holder.Token, limit.Token);
            Ended.TryRemove(_holder.Token, out _);
        }
#pragma warning disable CA1031 // The lease runs out by itself, and the next run of this process does not wait for that.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log(exception);
        }

        _over.Dispose();
        _lost.Dispose();
        _saving.Dispose();
    }

    private bool IsDue() => _runtime.Time.GetElapsedTime(_savedAt) >= _pause;

    private async Task SaveAsync(Func<string> state, CancellationToken cancellationToken)
    {
        var began = _runtime.Time.GetTimestamp();
        if (!await _runtime.Sides.ReconciliationLease.SaveAsync(_holder.Token, Run with { State = state() }, cancellationToken))
        {
            throw new LeaseLostException(_runtime.Context, Run.RunId);
        }

        _savedAt = _runtime.Time.GetTimestamp();
        var took = _runtime.Time.GetElapsedTime(began, _savedAt) * Share;
        _pause = _options.CheckpointEvery > TimeSpan.Zero && took > _options.CheckpointEvery ? took : _options.CheckpointEvery;
    }

    // A renewal that fails is tried again until the lease is over by our own clock; the store's is asked when it answers again.
    private async Task BeatAsync()
    {
        await Task.Yield();
        var renewed = _runtime.Time.GetTimestamp();
        while (await PauseAsync())
        {
            var began = _runtime.Time.GetTimestamp();
            try
            {
                if (!await _runtime.Sides.ReconciliationLease.RenewAsync(_holder.Token, _options.Lease, _over.Token))
                {
                    _lost.Cancel();
                    return;
                }

                renewed = began;
                CommitTook = _runtime.Time.GetElapsedTime(began);
            }
#pragma warning disable CA1031 // Whatever the store's failure: the lease's end decides.
            catch (Exception exception) when (!_over.IsCancellationRequested)
#pragma warning restore CA1031
            {
                Log(exception);
                if (_runtime.Time.GetElapsedTime(renewed) >= _options.Lease)
                {
                    _lost.Cancel();
                    return;
                }
            }
            catch (Exception) when (_over.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task<bool> PauseAsync()
    {
        try
        {
            await Task.Delay(_options.Lease / 6, _runtime.Time, _over.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Log(Exception exception) =>
        Microsoft.Extensions.Logging.LoggerFactoryExtensions.CreateLogger<RunKeeper>(_runtime.Loggers)
            .KeepingFailed(_runtime.Context, Run.RunId, exception);
}
