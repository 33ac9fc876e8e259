using System.Collections.Concurrent;
using Strangler.DualWrite;

namespace Strangler.IdMap;

/// <summary>
/// What a process has taken of a pool ahead: a few ids of each kind at a time, so that creates do not queue for one row of it. What it does not use becomes
/// gaps. For all callers of a process, each id goes to one of them.
/// </summary>
/// <param name="context">The context, for errors.</param>
/// <param name="take">Takes a batch of a kind's ids out of the pool; empty when it finds none.</param>
/// <param name="mayFindMore">Whether to take again after a batch that was empty: ids are left after all, or were added.</param>
public sealed class IdStock(
    string context, Func<string, CancellationToken, Task<List<long>>> take, Func<string, CancellationToken, Task<bool>> mayFindMore)
{
    /// <summary>Ids that NewOnly adds to a pool at a time once legacy no longer allots any.</summary>
    public const long OwnBlock = 10_000;

    private readonly ConcurrentDictionary<string, Stock> _stocks = new();

    /// <summary>An id that nobody else gets. Throws <see cref="IdsExhaustedException"/> when the pool has none and gets none.</summary>
    public async Task<long> TakeAsync(string kind, CancellationToken cancellationToken)
    {
        var stock = _stocks.GetOrAdd(kind, static _ => new Stock());
        if (stock.Ids.TryDequeue(out var id))
        {
            return id;
        }

        // One refill at a time: a crowd that finds the stock empty would each take a batch, and other processes would find nothing left.
        await stock.Refill.WaitAsync(cancellationToken);
        try
        {
            while (!stock.Ids.TryDequeue(out id))
            {
                var ids = await take(kind, cancellationToken);
                if (ids.Count == 0 && !await mayFindMore(kind, cancellationToken))
                {
                    throw new IdsExhaustedException(context, kind);
                }

                ids.ForEach(stock.Ids.Enqueue);
            }

            return id;
        }
        finally
        {
            stock.Refill.Release();
        }
    }

    private sealed class Stock
    {
        public ConcurrentQueue<long> Ids { get; } = new();

        public SemaphoreSlim Refill { get; } = new(1);
    }
}
