using System.Data.Common;
using Microsoft.Extensions.Logging;

namespace Strangler.DualWrite;

/// <summary>A context's own read models in every stage: asked of the side that leads, in one snapshot with its fence row (PROTOCOL §5, reads).</summary>
public sealed class LeadQueries(ContextRuntime runtime)
{
    private readonly ILogger _log = runtime.Loggers.CreateLogger<LeadQueries>();

    /// <summary>
    /// Runs the query of the side that leads; learns of a flip from the fence and asks the other side then. A query whose connection had
    /// been
    /// cut is run a second time. Throws <see cref="SwitchingException"/> when no side
    /// answers reads within the pause budget, <see cref="NotSupportedException"/> when the leading side is no SQL store.
    /// </summary>
    /// <param name="legacy">Asks legacy.</param>
    /// <param name="new">Asks the new side.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <param name="shows">The entities that an answer shows: a sample of them is compared with the follower, like entities that are read one by one.</param>
    public async Task<T> AskAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> legacy,
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> @new,
        CancellationToken cancellationToken,
        Func<T, IEnumerable<EntityKey>>? shows = null)
    {
        var patience = new Patience(runtime);
        var hint = runtime.Stage.Current;
        while (true)
        {
            hint ??= await runtime.Stage.RefreshAsync(cancellationToken);
            while (hint is null)
            {
                hint = await patience.LookAsync(cancellationToken);
            }

            var asked = hint;
            var queries = runtime.Sides.Of(asked.Lead).Queries
                ?? throw new NotSupportedException($"The {asked.Lead} side of {runtime.Context} is no SQL store.");
            try
            {
                var query = asked.Lead == SideName.Legacy ? legacy : @new;
                var (fence, result) = await Reread.OnceAsync(_log, runtime.Context, () => queries.QueryAsync(query, cancellationToken));
                if (fence.AnswersReads)
                {
                    runtime.Stage.Learn(asked.Lead, fence);
                    Offer(asked.Lead, fence, shows?.Invoke(result) ?? []);
                    return result;
                }

                hint = await runtime.Stage.RefreshAsync(cancellationToken);
                if (hint?.Lead == asked.Lead)
                {
                    await patience.WaitAsync(cancellationToken);
                }
            }
            catch (SideUnavailableException exception) when (DualWriter.MayHaveMoved(exception, asked))
            {
                hint = await DualWriter.MovedAsync(runtime, asked, cancellationToken) ?? throw DualWriter.Again(exception);
            }
        }
    }

    private void Offer(SideName lead, FenceRow fence, IEnumerable<EntityKey> shown)
    {
        if (fence.IsShadowed)
        {
            foreach (var key in shown)
            {
                runtime.Shadow.Offer(key, lead, fence.Epoch);
            }
        }
    }
}
