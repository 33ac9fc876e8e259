using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

/// <summary>Figures, on demand: <c>dotnet test -c Release --filter Name=Backfill_and_ranges_against_raw_statements</c>. Nothing is
/// asserted.</summary>
[Explicit("measures")]
internal sealed class MySqlSpeed
{
    private const int Rows = 100_000;
    private const int Chunk = 5_000;

    [Test]
    public async Task Backfill_and_ranges_against_raw_statements()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        await sides.SetFenceAsync(SideName.New, new FenceRow(FenceRole.Follower, Stage.DualWrite, 5, 4));
        var data = string.Concat(Enumerable.Repeat("lorem ipsum ", 60));
        AggregateRow Row(long id) => new(SideStoreContract.Layout,
            [[[$"name {id}", data[..200], id % 2, id, id * 1000, "1980-01-02", "2016-05-17 11:42:02", null]], [["a remark"]], []]);

        await RawInsertAsync(sides, Row, 1_000);
        var clock = Stopwatch.StartNew();
        await RawInsertAsync(sides, Row, Rows);
        Report("raw multi-row inserts (root + one)", clock);
        await sides.RunAsync(SideName.New, """
            SET foreign_key_checks = 0; TRUNCATE thing_extra; TRUNCATE thing_note; TRUNCATE thing; ALTER TABLE thing AUTO_INCREMENT =
            1000000;
            """);

        clock.Restart();
        for (var from = 1L; from <= Rows; from += Chunk)
        {
            await using var chunk = await sides.Sides.BackfillTarget.BeginChunkAsync("thing", from, from + Chunk - 1, default);
            await chunk.WriteAsync(
                Enumerable.Range(0, Chunk)
                    .Select(i =>
                    new BackfillWrite(from + i, null, Row(from + i), new EntityState(new EntityVersion(4, 0), 0, false, new byte[64])))
                    .ToList(),
                default);
            await chunk.CommitAsync(new BackfillCheckpoint(4, 1, from + Chunk, 0, BackfillPhase.Copying, null), default);
        }

        Report("backfill chunks", clock);
        for (var pass = 0; pass < 3; pass++)
        {
            clock.Restart();
            await StreamAsync(sides);
            Report("raw streaming of root + one", clock);
            clock.Restart();
            for (var from = 1L; from <= Rows; from += Chunk)
            {
                await sides.Sides.New.Store.ReadRangeAsync("thing", from, from + Chunk - 1, default);
            }

            Report("ReadRangeAsync", clock);
        }

        clock.Restart();
        for (var i = 1; i <= 5_000; i++)
        {
            await sides.Sides.New.Store.ReadAsync(new EntityKey("thing", i), default);
        }

        Report("ReadAsync, one after the other", clock, 5_000);
        clock.Restart();
        for (var i = 1; i <= 2_000; i++)
        {
            var key = new EntityKey("thing", i);
            await using var transaction = await sides.Sides.New.Store.BeginAsync(new WriteIntent(key), default);
            var now = transaction.State.Row!.Clone();
            now.Root[0] = "changed";
            await transaction.SaveAsync(key, transaction.State.Row, now, default);
            await transaction.SetEntityAsync(key, new EntityState(new EntityVersion(4, 1), 0, false, new byte[64]), default);
            await transaction.AppendJournalAsync(key, new EntityVersion(4, 1), "speed", default);
            await transaction.CommitAsync(default);
        }

        Report("update transactions, one after the other", clock, 2_000);
    }

    private static async Task RawInsertAsync(MySqlTestSides sides, Func<long, AggregateRow> row, int rows)
    {
        var sql = new AggregateSql("thing", SideStoreContract.Layout, SideName.New);
        await using var connection = new PreparedConnection(await sides.New.OpenAsync());
        for (var from = 1; from <= rows; from += Chunk)
        {
            var (roots, extras) = (new MultiInsert(sql.Inserts[0].WithKey), new MultiInsert(sql.Inserts[1].WithKey));
            for (var id = from; id < from + Chunk && id <= rows; id++)
            {
                roots.Add((long)id + (rows == Rows ? 5_000_000 : 9_000_000), null, row(id).Root);
                extras.Add((long)id + (rows == Rows ? 5_000_000 : 9_000_000), null, row(id).Tables[1][0]);
            }

            await ExecuteAsync(connection.Connection, new Batch().Add($"START TRANSACTION"));
            foreach (var insert in new[] { roots, extras })
            {
                foreach (var (first, count) in insert.Slices())
                {
                    var command = await connection.PreparedAsync(insert, first, count, TimeSpan.FromSeconds(30), default);
                    await command.ExecuteNonQueryAsync();
                }
            }

            await ExecuteAsync(connection.Connection, new Batch().Add($"COMMIT"));
        }
    }

    private static async Task ExecuteAsync(DbConnection connection, Batch batch)
    {
        await using var command = batch.ToCommand(connection, TimeSpan.FromSeconds(30));
        await command.ExecuteNonQueryAsync();
    }

    private static async Task StreamAsync(MySqlTestSides sides)
    {
        await using var connection = await sides.New.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT t.id, name, amount, flag, size, big, CAST(born AS CHAR), CAST(made AS CHAR), `blob`, x.thing_id, x.remark
            FROM thing t LEFT JOIN thing_extra x ON x.thing_id = t.id ORDER BY t.id
            """;
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            for (var i = 0; i < reader.FieldCount; i++)
            {
                _ = reader.GetValue(i);
            }
        }
    }

    private static void Report(string what, Stopwatch clock, int rows = Rows) =>
        TestContext.Progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {rows / clock.Elapsed.TotalSeconds:N0}/s"));
}
