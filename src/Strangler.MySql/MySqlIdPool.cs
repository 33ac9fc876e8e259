using System.Collections.Concurrent;
using System.Data.Common;
using Strangler.DualWrite;
using Strangler.IdMap;

namespace Strangler.MySql;

/// <summary>The new side's stock of reserved public ids. A process takes a few at a time, so that creates do not queue for one row; what it
/// does not use becomes gaps.</summary>
internal sealed class MySqlIdPool(MySqlSide side) : IIdPool
{
    /// <summary>Ids that NewOnly adds at a time once legacy no longer allots any.</summary>
    private const int OwnBlock = 10_000;

    private readonly ConcurrentDictionary<string, Stock> _stocks = new();

    public Task AddAsync(string kind, IReadOnlyList<IdBlock> blocks, CancellationToken cancellationToken)
    {
        if (blocks.Count == 0)
        {
            return Task.CompletedTask;
        }

        var batch = new Batch();
        batch.Part($"INSERT IGNORE INTO strangler_id_pool (context, kind, first_id, last_id, step, next_id) VALUES ");
        var separator = "";
        foreach (var block in blocks)
        {
            batch.Raw(separator);
            batch.Part($"({side.Context}, {kind}, {block.FirstId}, {block.LastId}, {block.Step}, {block.FirstId})");
            separator = ", ";
        }

        return side.ExecuteAsync(batch.End(), cancellationToken);
    }

    public async Task<long> TakeAsync(string kind, CancellationToken cancellationToken)
    {
        var stock = _stocks.GetOrAdd(kind, static _ => new Stock());
        if (stock.Ids.TryDequeue(out var id))
        {
            return id;
        }

        // One refill at a time: a crowd that finds the stock empty would each take a batch, and other processes would find nothing left.
        await stock.Refill.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (!stock.Ids.TryDequeue(out id))
            {
                var ids = await TakeBatchAsync(kind, cancellationToken).ConfigureAwait(false);
                if (ids.Count == 0 && !await ExtendAsync(kind, cancellationToken).ConfigureAwait(false))
                {
                    throw new IdsExhaustedException(side.Context, kind);
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

    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT CAST(COALESCE(SUM((last_id - next_id) DIV step + 1), 0) AS SIGNED) FROM strangler_id_pool
                WHERE context = {side.Context} AND kind = {kind} AND used = 0
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return reader.GetInt64(0);
            },
            cancellationToken);

    private Task<List<long>> TakeBatchAsync(string kind, CancellationToken cancellationToken)
    {
        // Assignments run from left to right: `used` sees the next_id that has just been raised.
        var batch = new Batch();
        batch.Add($"SET @strangler_first = NULL");
        batch.Add($"""
            UPDATE strangler_id_pool SET next_id = (@strangler_first := next_id) + {side.Options.IdBatch} * step, used = (next_id > last_id)
            WHERE context = {side.Context} AND kind = {kind} AND used = 0 ORDER BY first_id LIMIT 1
            """);
        batch.Add($"""
            SELECT CAST(@strangler_first AS SIGNED), last_id, step FROM strangler_id_pool
            WHERE context = {side.Context} AND kind = {kind} AND first_id <= @strangler_first AND last_id >= @strangler_first
            ORDER BY first_id DESC LIMIT 1
            """);
        return side.QueryAsync(batch, ReadTakenAsync, cancellationToken);
    }

    private async Task<List<long>> ReadTakenAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<long> ids = [];
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (first, last, step) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
            for (var id = first; id <= last && ids.Count < side.Options.IdBatch; id += step)
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    /// <summary>
    /// NewOnly goes on above all ids: every legacy row is mapped by then and legacy allots no more. In every other stage only legacy can
    /// reserve. The fence is held in shared mode so that this cannot happen while the stage goes.
    /// </summary>
    private Task<bool> ExtendAsync(string kind, CancellationToken cancellationToken)
    {
        var batch = side.BeginWrite(new Batch(), Lane.IsBackground);
        batch.Add($"SELECT f.stage INTO @strangler_stage FROM strangler_fence f WHERE f.context = {side.Context} LOCK IN SHARE MODE");
        batch.Add($"""
            SELECT GREATEST(
                COALESCE((SELECT MAX(last_id) FROM strangler_id_pool WHERE context = {side.Context} AND kind = {kind}), 0),
                COALESCE((SELECT MAX(public_id) FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind}), 0)) INTO
                @strangler_last
            """);
        batch.Add($"""
            INSERT IGNORE INTO strangler_id_pool (context, kind, first_id, last_id, next_id)
            SELECT {side.Context}, {kind}, @strangler_last + 1, @strangler_last + {OwnBlock}, @strangler_last + 1 FROM strangler_fence f
            WHERE f.context = {side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'
            """);
        batch.Add($"SELECT COUNT(*) FROM strangler_fence f WHERE f.context = {side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'");
        return side.QueryAsync(
            MySqlSide.EndWrite(batch),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) && reader.GetInt64(0) > 0,
            cancellationToken);
    }

    private sealed class Stock
    {
        public ConcurrentQueue<long> Ids { get; } = new();

        public SemaphoreSlim Refill { get; } = new(1);
    }
}
