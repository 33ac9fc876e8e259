using Strangler.DualWrite;
using Strangler.IdMap;

namespace Strangler.Postgres;

internal sealed class PostgresIdMap(PostgresSide side) : IIdMap
{
    public Task<long?> FindNewIdAsync(string kind, long publicId, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add(
                $"SELECT new_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind} AND public_id = {publicId}"),
            reader => (long?)reader.GetInt64(0),
            cancellationToken);

    public Task<long?> FindPublicIdAsync(string kind, long newId, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add(
                $"SELECT public_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind} AND new_id = {newId}"),
            reader => (long?)reader.GetInt64(0),
            cancellationToken);
}

/// <summary>The new side's stock of reserved public ids. A process takes a few at a time, so that creates do not queue for one row; what it
/// does not use becomes gaps.</summary>
internal sealed class PostgresIdPool : IIdPool
{
    private readonly PostgresSide _side;
    private readonly IdStock _stock;

    public PostgresIdPool(PostgresSide side) => (_side, _stock) = (side, new IdStock(side.Context, TakeBatchAsync, MayFindMoreAsync));

    public Task AddAsync(string kind, IReadOnlyList<IdBlock> blocks, CancellationToken cancellationToken)
    {
        if (blocks.Count == 0)
        {
            return Task.CompletedTask;
        }

        var batch = new Batch();
        batch.Part($"INSERT INTO strangler_id_pool (context, kind, first_id, last_id, step, next_id) VALUES ");
        var separator = "";
        foreach (var block in blocks)
        {
            batch.Raw(separator).Part($"({_side.Context}, {kind}, {block.FirstId}, {block.LastId}, {block.Step}, {block.FirstId})");
            separator = ", ";
        }

        return _side.WriteAsync(batch.Raw(" ON CONFLICT (context, kind, first_id) DO NOTHING").End(), cancellationToken);
    }

    public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) => _stock.TakeAsync(kind, cancellationToken);

    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) =>
        _side.FirstAsync(
            new Batch().Add($"""
                SELECT CAST(COALESCE(SUM((last_id - next_id) / step + 1), 0) AS bigint) FROM strangler_id_pool
                WHERE context = {_side.Context} AND kind = {kind} AND NOT used
                """),
            reader => reader.GetInt64(0),
            cancellationToken);

    // A block that another process used up while it was waited for shows as nothing, though the next one may be full.
    private async Task<bool> MayFindMoreAsync(string kind, CancellationToken cancellationToken) =>
        await LeftAsync(kind, cancellationToken).ConfigureAwait(false) > 0 || await ExtendAsync(kind, cancellationToken).ConfigureAwait(false);

    private Task<List<long>> TakeBatchAsync(string kind, CancellationToken cancellationToken)
    {
        // WITH looks once: as a part of the join it might look again for each block, and take from all of them.
        var count = _side.Options.IdBatch;
        return _side.WriteAsync(
            new Batch().Add($"""
                WITH o AS (SELECT first_id, last_id, next_id, step FROM strangler_id_pool
                    WHERE context = {_side.Context} AND kind = {kind} AND NOT used ORDER BY first_id LIMIT 1 FOR UPDATE)
                UPDATE strangler_id_pool p SET next_id = o.next_id + {count} * o.step, used = o.next_id + {count} * o.step > o.last_id
                FROM o WHERE p.context = {_side.Context} AND p.kind = {kind} AND p.first_id = o.first_id
                RETURNING o.next_id, o.last_id, o.step
                """),
            async (reader, token) =>
            {
                List<long> ids = [];
                if (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    var (first, last, step) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt32(2));
                    for (var id = first; id <= last && ids.Count < count; id += step)
                    {
                        ids.Add(id);
                    }
                }

                return ids;
            },
            cancellationToken);
    }

    /// <summary>
    /// NewOnly goes on above all ids: every legacy row is mapped by then and legacy allots no more. In every other stage only legacy can
    /// reserve. The fence is held so that this cannot happen while the stage goes. Two who extend at once begin at the same id: one of them
    /// finds its block there.
    /// </summary>
    private Task<bool> ExtendAsync(string kind, CancellationToken cancellationToken)
    {
        var batch = _side.ShareFence(new Batch());
        batch.Add($"""
            INSERT INTO strangler_id_pool (context, kind, first_id, last_id, next_id)
            SELECT f.context, {kind}, l.id + 1, l.id + {IdStock.OwnBlock}, l.id + 1 FROM strangler_fence f,
                (SELECT GREATEST(
                    COALESCE((SELECT MAX(last_id) FROM strangler_id_pool WHERE context = {_side.Context} AND kind = {kind}), 0),
                    COALESCE((SELECT MAX(public_id) FROM strangler_id_map WHERE context = {_side.Context} AND kind = {kind}), 0)) AS id) l
            WHERE f.context = {_side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'
            ON CONFLICT (context, kind, first_id) DO NOTHING
            """);
        batch.Add($"SELECT COUNT(*) FROM strangler_fence f WHERE f.context = {_side.Context} AND f.role = 'lead' AND f.stage = 'NewOnly'");
        return _side.WriteAsync(
            batch,
            async (reader, token) =>
            {
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return await reader.ReadAsync(token).ConfigureAwait(false) && reader.GetInt64(0) > 0;
            },
            cancellationToken);
    }
}
