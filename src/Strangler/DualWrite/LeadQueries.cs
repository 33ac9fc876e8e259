using System.Data.Common;

namespace Strangler.DualWrite;

/// <summary>A context's own read models in every stage: asked of the side that leads, in one snapshot with its fence row (PROTOCOL §5, reads).</summary>
public sealed class LeadQueries(ContextRuntime runtime)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Runs the query of the side that leads; learns of a flip from the fence and asks the other side then. Throws <see cref="SwitchingException"/> when no side
    /// answers reads within the pause budget, <see cref="NotSupportedException"/> when the leading side is no SQL store.
    /// </summary>
    public async Task<T> AskAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> legacy,
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> @new,
        CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        StageHint? hint = await runtime.Stage.GetAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            if (hint is not null)
            {
                var queries = runtime.Sides.Of(hint.Lead).Queries
                    ?? throw new NotSupportedException($"The {hint.Lead} side of {runtime.Context} is no SQL store.");
                var (fence, result) = await queries
                    .QueryAsync(hint.Lead == SideName.Legacy ? legacy : @new, cancellationToken)
                    .ConfigureAwait(false);
                if (fence.AnswersReads)
                {
                    return result;
                }
            }

            if (runtime.Time.GetElapsedTime(began) is var waited && waited > runtime.Options.PauseBudget)
            {
                throw new SwitchingException(runtime.Context, waited);
            }

            hint = await runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false);
            if (hint is null)
            {
                await Task.Delay(Pause, runtime.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
