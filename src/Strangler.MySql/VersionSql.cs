using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>Versions without rows: pages over the entity table's primary key, with the fence in the same snapshot.</summary>
internal static class VersionSql
{
    public static Task<VersionPage> ReadAsync(MySqlSide side, string kind, long after, int limit, CancellationToken cancellationToken)
    {
        var batch = Begin(side, kind);
        batch.Part($" AND e.`key` > {after} ORDER BY e.`key` LIMIT {limit}").End();
        return RunAsync(side, batch, cancellationToken);
    }

    public static Task<VersionPage> ReadAsync(
        MySqlSide side, string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        var batch = Begin(side, kind);
        batch.Part($" AND e.`key` IN");
        Lists.In(batch, ids.DefaultIfEmpty(0));
        batch.Part($" ORDER BY e.`key`").End();
        return RunAsync(side, batch, cancellationToken);
    }

    private static Batch Begin(MySqlSide side, string kind)
    {
        var batch = MySqlSide.BeginSnapshot(new Batch());
        batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
        batch.Part($"""
            SELECT e.`key`, e.epoch, e.counter, e.foreign_seq FROM strangler_entity e FORCE INDEX (PRIMARY)
            WHERE e.context = {side.Context} AND e.kind = {kind}
            """);
        return batch;
    }

    private static Task<VersionPage> RunAsync(MySqlSide side, Batch batch, CancellationToken cancellationToken) =>
        side.QueryAsync(
            batch.Add($"COMMIT"), (reader, token) => ReadAsync(reader, side, token), cancellationToken, background: true);

    private static async Task<VersionPage> ReadAsync(DbDataReader reader, MySqlSide side, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, side.Name);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<KeyVersion> keys = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            keys.Add(new KeyVersion(
                reader.GetInt64(0), new EntityVersion(reader.GetInt64(1), reader.GetInt64(2)), reader.GetInt64(3)));
        }

        return new VersionPage(fence, keys);
    }
}
