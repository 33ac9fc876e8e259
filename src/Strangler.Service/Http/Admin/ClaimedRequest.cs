using Microsoft.Extensions.Logging;
using Strangler.Answers;
using Strangler.DualWrite;

namespace Strangler.Service.Http.Admin;

/// <summary>
/// Carries out one request under its claim, which is made to last until its answer is stored, and stores that as stubbornly as a client may be made to wait.
/// Where a database is away for longer, the same request can come to be carried out twice: whoever runs the service reads it in the log, whoever has sent the
/// request in the answer.
/// </summary>
internal sealed class ClaimedRequest(IAnswerLog answers, KeyedRequest keyed, string context, TimeProvider time, ILogger log)
{
    /// <summary>How long a claim outlasts its process.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    // Two tries in the time that is left when one has failed.
    private static readonly TimeSpan Usual = Lease / 3;
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(500);

    // A database may take longer to fail than a claim lasts.
    private static readonly TimeSpan Patience = Lease / 4;

    private const string Gone = "its row is gone";

    private static readonly TimeSpan[] _pauses =
        [TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(400), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];

    /// <summary>What <paramref name="act"/> gives, and whether that is stored. What it throws is thrown on, and its key is free again.</summary>
    /// <param name="act">The request.</param>
    /// <param name="written">What is stored of it.</param>
    public async Task<(T Value, bool IsKept)> RunAsync<T>(Func<Task<T>> act, Func<T, string> written)
    {
        using var done = new CancellationTokenSource();
        var keeping = KeepAsync(done.Token);
        try
        {
            var value = await ActAsync(act, StopAsync).ConfigureAwait(false);
            return (value, await StoreAsync(written(value)).ConfigureAwait(false));
        }
        finally
        {
            await StopAsync().ConfigureAwait(false);
        }

        async Task StopAsync()
        {
            await done.CancelAsync().ConfigureAwait(false);
            await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // What still keeps the claim must not find it released, and tell of one that was lost.
    private async Task<T> ActAsync<T>(Func<Task<T>> act, Func<Task> stopKeeping)
    {
        try
        {
            return await act().ConfigureAwait(false);
        }
        catch
        {
            await stopKeeping().ConfigureAwait(false);
            await ReleaseAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task KeepAsync(CancellationToken cancellationToken)
    {
        var (pause, isTold) = (Usual, false);
        while (true)
        {
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
            try
            {
                if (!await RenewInTimeAsync(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }

                (pause, isTold) = (Usual, false);
            }
#pragma warning disable CA1031 // Whatever it is, the next try may succeed in time; and where it does not, that is told.
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                pause = Soon;
                if (!isTold)
                {
                    log.ClaimNotRenewed(context, exception.GetType().Name);
                    isTold = true;
                }
            }
        }
    }

    // Given up also where a driver does not listen, which then ends by itself; when the request has ended, it is waited for like any other.
    private async Task<bool> RenewInTimeAsync(CancellationToken cancellationToken)
    {
        using var hung = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            return await RenewAsync(hung.Token).WaitAsync(Patience, time, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await hung.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<bool> RenewAsync(CancellationToken cancellationToken) =>
        await answers.RenewAsync(keyed, Lease, cancellationToken).ConfigureAwait(false)
            || await IsStillOursAsync(() => log.ClaimNotRenewed(context, Gone), cancellationToken).ConfigureAwait(false);

    // Some drivers do not count a row that is as it was. False: it is no longer ours, which is told; where there is none it is nobody's.
    private async Task<bool> IsStillOursAsync(Action tellGone, CancellationToken cancellationToken)
    {
        switch ((await answers.FindAsync(keyed.Key, cancellationToken).ConfigureAwait(false))?.Owner)
        {
            case null:
                tellGone();
                return false;
            case var owner when owner != keyed.Owner:
                log.ClaimLost(context);
                return false;
            default:
                return true;
        }
    }

    // It has happened, whether that can be written down or not.
    private async Task<bool> StoreAsync(string answer)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                return await answers.AnswerAsync(keyed, answer, CancellationToken.None).ConfigureAwait(false)
                    || await IsStillOursAsync(() => log.AnswerNotKept(context, Gone), CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception exception) when (MayPass(exception) && tries < _pauses.Length)
            {
                await Task.Delay(_pauses[tries], time, CancellationToken.None).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The request has been carried out; that is what its client is told.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                log.AnswerNotKept(context, exception.GetType().Name);
                return false;
            }
        }
    }

    private async Task ReleaseAsync()
    {
        try
        {
            await answers.ReleaseAsync(keyed, CancellationToken.None).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Its claim ends by itself a few seconds later; what the request failed with is what matters.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            log.ClaimNotReleased(context, exception.GetType().Name);
        }
    }

    private static bool MayPass(Exception exception) => exception is SideUnavailableException or CommitOutcomeUnknownException or TimeoutException;
}
