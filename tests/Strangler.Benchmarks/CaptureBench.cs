using System.Data.Common;

namespace Strangler.Benchmarks;

/// <summary>What another program's write to a legacy table costs with the triggers, and without: on a copy of the table that has none.</summary>
internal static class CaptureBench
{
    private const int Bulk = 1000;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.InstallCaptureAsync(cancellationToken);
        await using var connection = await world.Legacy.OpenAsync(cancellationToken);
        await BenchWorld.ExecuteAsync(
            connection,
            "DROP TABLE IF EXISTS spenden_bare; CREATE TABLE spenden_bare LIKE spenden; INSERT INTO spenden_bare SELECT * FROM spenden; DELETE FROM strangler_journal",
            cancellationToken);
        var ids = await world.IdsAsync(options.Quick ? 200 : 400, cancellationToken);
        var singles = await Turns.OfOperationsAsync(
            options,
            [
                i => UpdateAsync(connection, "spenden", i, $"id = {ids[i % ids.Count]}", cancellationToken),
                i => UpdateAsync(connection, "spenden_bare", i, $"id = {ids[i % ids.Count]}", cancellationToken),
            ],
            cancellationToken);
        var others = await Turns.OfOperationsAsync(
            options,
            [
                i => TouchAsync(connection, "spenden", ids[i % ids.Count], cancellationToken),
                i => TouchAsync(connection, "spenden_bare", ids[i % ids.Count], cancellationToken),
            ],
            cancellationToken);
        var bulk = new Turns();
        for (var run = -1; run < options.Runs; run++)
        {
            var range = $"id BETWEEN {ids[0]} AND {ids[0] + Bulk - 1}";
            var with = await UpdateAsync(connection, "spenden", 100_000 + run, range, cancellationToken);
            var without = await UpdateAsync(connection, "spenden_bare", 100_000 + run, range, cancellationToken);
            if (run >= 0)
            {
                bulk.Add((double)with / System.Diagnostics.Stopwatch.Frequency, (double)without / System.Diagnostics.Stopwatch.Frequency);
            }
        }

        await BenchWorld.ExecuteAsync(connection, "DROP TABLE spenden_bare", cancellationToken);
        return
        [
            BenchLine.Shown("another program's UPDATE of one row: with triggers / without", singles[0], singles[0].Microseconds),
            BenchLine.Shown("the same, where nothing changes: with triggers / without", others[0], others[0].Microseconds),
            BenchLine.Shown("another program's UPDATE of 1,000 rows: with triggers / without", bulk, bulk.Microseconds),
        ];
    }

    private static Task<long> UpdateAsync(DbConnection connection, string table, int number, string where, CancellationToken cancellationToken) =>
        Turns.TimeAsync(() => BenchWorld.ExecuteAsync(connection, $"UPDATE {table} SET betrag = '{RepositoryBench.Amount(number)}.00' WHERE {where}", cancellationToken));

    private static Task<long> TouchAsync(DbConnection connection, string table, long id, CancellationToken cancellationToken) =>
        Turns.TimeAsync(() => BenchWorld.ExecuteAsync(connection, $"UPDATE {table} SET status = status WHERE id = {id}", cancellationToken));
}
