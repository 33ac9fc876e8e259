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
    /// <param name="rows">Asks a side that is no SQL store; without it there is no answer there.</param>
    public Task<T> AskAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> legacy,
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> @new,
        CancellationToken cancellationToken,
        Func<T, IEnumerable<EntityKey>>? shows = null,
        Func<IRowQueries, CancellationToken, Task<(FenceRow Fence, T Result)>>? rows = null) =>
        AskAsync((queries, token) => queries.QueryAsync(queries.Side == SideName.Legacy ? legacy : @new, token), shows, cancellationToken, rows);

    /// <summary>The same for one statement; see <see cref="ISqlQueries.ListAsync"/> for what it may be. Much the cheapest way.</summary>
    /// <param name="statement">That of a side.</param>
    /// <param name="row">Reads a row, of which the first column has the given ordinal.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <param name="shows">As above, of all rows.</param>
    public Task<List<T>> ListAsync<T>(
        Func<SideName, FormattableString> statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken,
        Func<List<T>, IEnumerable<EntityKey>>? shows = null) =>
        AskAsync((queries, token) => queries.ListAsync(statement(queries.Side), row, token), shows, cancellationToken);

    /// <summary>The same for several statements that are all known ahead: they, the fence and the transaction around them are one round trip.</summary>
    /// <param name="statements">Those of a side; their holes are parameters.</param>
    /// <param name="read">Reads the results; stands before the first row of the first.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <param name="shows">As above.</param>
    public Task<T> AskAsync<T>(
        Func<SideName, IReadOnlyList<FormattableString>> statements,
        Func<DbDataReader, CancellationToken, Task<T>> read,
        CancellationToken cancellationToken,
        Func<T, IEnumerable<EntityKey>>? shows = null) =>
        AskAsync((queries, token) => queries.ReadAsync(statements(queries.Side), read, token), shows, cancellationToken);

    private async Task<T> AskAsync<T>(
        Func<ISqlQueries, CancellationToken, Task<(FenceRow Fence, T Result)>> ask, Func<T, IEnumerable<EntityKey>>? shows, CancellationToken cancellationToken,
        Func<IRowQueries, CancellationToken, Task<(FenceRow Fence, T Result)>>? askRows = null)
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
            try
            {
                var (fence, result) = await Reread.OnceAsync(_log, runtime.Context, () => (runtime.Sides.Of(asked.Lead), askRows) switch
                {
                    ({ Queries: { } queries }, _) => ask(queries, cancellationToken),
                    ({ Rows: { } rows }, not null) => askRows(rows, cancellationToken),
                    _ => throw new NotSupportedException($"The {asked.Lead} side of {runtime.Context} is no SQL store."),
                });
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
