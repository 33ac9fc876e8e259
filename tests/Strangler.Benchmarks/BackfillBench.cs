using System.Diagnostics;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.Benchmarks;

/// <summary>A whole backfill (copying, the pass that finds nothing more, the walk for what legacy lost) against inserting its rows, known ahead, with plain commands.</summary>
internal static class BackfillBench
{
    private const int RowsACommand = 500;
    private const int RowsATransaction = 2_500;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.EmptyNewAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var items = await ItemsAsync(world, cancellationToken);
        var turns = new Turns();
        List<double> core = [];
        using var self = Process.GetCurrentProcess();
        for (var round = 0; round < options.Runs; round++)
        {
            await world.EmptyNewAsync(cancellationToken);
            var bare = await Turns.SecondsAsync(() => InsertAsync(world, items, cancellationToken));
            await world.EmptyNewAsync(cancellationToken);
            var cpu = ReconcileBench.Cpu(self);
            var ours = await Turns.SecondsAsync(() => world.BackfillAsync(cancellationToken));
            core.Add(items.Count / (ReconcileBench.Cpu(self) - cpu));
            turns.Add(ours, bare);
        }

        var rates = turns.Inverted();
        return
        [
            BenchLine.AtLeast("backfill / raw multi-row inserts of the same rows", 0.6, rates, string.Create(
                CultureInfo.InvariantCulture,
                $"{items.Count / turns.Ours:N0} / {items.Count / turns.Bare:N0} rows/s; {Turns.Median(core):N0} a second of the client's CPU time")),
        ];
    }

    private static async Task<List<RangeItem>> ItemsAsync(BenchWorld world, CancellationToken cancellationToken)
    {
        var store = world.Host.Sides.New.Store;
        var bounds = await store.BoundsAsync(BenchWorld.Kind, cancellationToken);
        List<RangeItem> items = [];
        for (var from = bounds.From; from <= bounds.To; from += RowsATransaction)
        {
            items.AddRange((await store.ReadRangeAsync(BenchWorld.Kind, from, from + RowsATransaction - 1, cancellationToken)).Items);
        }

        return items;
    }

    private static async Task InsertAsync(BenchWorld world, List<RangeItem> items, CancellationToken cancellationToken)
    {
        await using var connection = await world.New.OpenAsync(cancellationToken);
        var sql = world.NewSql;
        foreach (var chunk in items.Chunk(RowsATransaction))
        {
            await BenchWorld.ExecuteAsync(connection, "START TRANSACTION", cancellationToken);
            await InsertAsync(
                connection,
                "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes) VALUES ",
                chunk.Select(item => new object?[]
                {
                    "donations", BenchWorld.Kind, item.Id, item.Entity!.Version.Epoch, item.Entity.Version.Counter, item.Entity.ForeignSeq, 0, item.Entity.FieldHashes,
                }),
                cancellationToken);
            await InsertAsync(connection, sql.Inserts[0].WithKey.Text, chunk.Select(item => (object?[])[item.NewId, .. item.Row!.Root]), cancellationToken);
            await InsertAsync(
                connection,
                "INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ",
                chunk.Select(item => new object?[] { "donations", BenchWorld.Kind, item.Id, item.NewId }),
                cancellationToken);
            for (var table = 1; table < sql.Layout.Tables.Count; table++)
            {
                var many = sql.Layout.Tables[table].Role == TableRole.Many;
                var rows = chunk.SelectMany(item => item.Row!.Tables[table].Select((row, place) => many ? (object?[])[item.NewId, place, .. row] : [item.NewId, .. row]));
                await InsertAsync(connection, sql.Inserts[table].WithKey.Text, rows, cancellationToken);
            }

            await BenchWorld.ExecuteAsync(connection, "COMMIT", cancellationToken);
        }
    }

    private static async Task InsertAsync(
        System.Data.Common.DbConnection connection, string head, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
    {
        foreach (var some in rows.Chunk(RowsACommand))
        {
            var text = new System.Text.StringBuilder(head);
            await using var command = connection.CreateCommand();
            foreach (var row in some)
            {
                text.Append(text.Length == head.Length ? "(" : ", (");
                for (var i = 0; i < row.Length; i++)
                {
                    var parameter = command.CreateParameter();
                    parameter.ParameterName = string.Create(CultureInfo.InvariantCulture, $"@p{command.Parameters.Count}");
                    parameter.Value = row[i] ?? DBNull.Value;
                    command.Parameters.Add(parameter);
                    text.Append(i == 0 ? "" : ", ").Append(parameter.ParameterName);
                }

                text.Append(')');
            }

            command.CommandText = text.ToString();
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
