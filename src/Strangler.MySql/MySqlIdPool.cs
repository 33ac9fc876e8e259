using System.Data.Common;
using Strangler.DualWrite;
using Strangler.IdMap;

namespace Strangler.MySql;

/// <summary>The new side's stock of reserved public ids. A process takes a few at a time, so that creates do not queue for one row; what it
/// does not use becomes gaps.</summary>
internal sealed class MySqlIdPool : IIdPool
{
    private readonly MySqlSide _side;
    private readonly IdStock _stock;

    public MySqlIdPool(MySqlSide side) => (_side, _stock) = (side, new IdStock(side.Context, TakeBatchAsync, ExtendAsync));

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
            batch.Part($"({_side.Context}, {kind}, {block.FirstId}, {block.LastId}, {block.Step}, {block.FirstId})");
            separator = ", ";
        }

        return _side.ExecuteAsync(batch.End(), cancellationToken);
    }

    public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) => _stock.TakeAsync(kind, cancellationToken);

    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) =>
        _side.QueryAsync(
            new Batch().Add($"""
                SELECT CAST(COALESCE(SUM((last_id - next_id) DIV step + 1), 0) AS SIGNED) FROM strangler_id_pool
                WHERE context = {_side.Context} AND kind = {kind} AND used = 0
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return reader.GetInt64(0);
            },
            cancellationToken);

    private Task<List<long>> TakeBatchAsync(string kind, CancellationToken cancellationToken)
    {
        // Assignments run from left to right: `used` sees the next_id that has just been raised. The block is named, not searched for:
        // where the server allots in steps, blocks lie interleaved.
        var batch = new Batch();
        batch.Add($"SET @strangler_first = NULL, @strangler_block = NULL");
        batch.Add($"""
            UPDATE strangler_id_pool SET first_id = (@strangler_block := first_id),
                next_id = (@strangler_first := next_id) + {_side.Options.IdBatch} * step, used = (next_id > last_id)
            WHERE context = {_side.Context} AND kind = {kind} AND used = 0 ORDER BY first_id LIMIT 1
            """);
        batch.Add($"""
            SELECT CAST(@strangler_first AS SIGNED), last_id, step FROM strangler_id_pool
            WHERE context = {_side.Context} AND kind = {kind} AND first_id = @strangler_block
            """);
        return _side.QueryAsync(batch, ReadTakenAsync, cancellationToken);
    }

    private async Task<List<long>> ReadTakenAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<long> ids = [];
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (first, last, step) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
            for (var id = first; id <= last && ids.Count < _side.Options.IdBatch; id += step)
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
        var batch = _side.BeginWrite(new Batch(), Lane.IsBackground);
        batch.Add($"SELECT f.stage INTO @strangler_stage FROM strangler_fence f WHERE f.context = {_side.Context} LOCK IN SHARE MODE");
        batch.Add($"""
            SELECT GREATEST(
                COALESCE((SELECT MAX(last_id) FROM strangler_id_pool WHERE context = {_side.Context} AND kind = {kind}), 0),
                COALESCE((SELECT MAX(public_id) FROM strangler_id_map WHERE context = {_side.Context} AND kind = {kind}), 0)) INTO
                @strangler_last
            """);
        batch.Add($"""
            INSERT IGNORE INTO strangler_id_pool (context, kind, first_id, last_id, next_id)
            SELECT {_side.Context}, {kind}, @strangler_last + 1, @strangler_last + {IdStock.OwnBlock}, @strangler_last + 1 FROM strangler_fence f
            WHERE f.context = {_side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'
            """);
        batch.Add($"SELECT COUNT(*) FROM strangler_fence f WHERE f.context = {_side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'");
        return _side.QueryAsync(
            MySqlSide.EndWrite(batch),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) && reader.GetInt64(0) > 0,
            cancellationToken);
    }
}
