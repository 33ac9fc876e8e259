using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>What another program's write to a legacy table costs with the triggers, and without: on a copy of the table that has none.</summary>
internal static class CaptureBench
{
    private const int Bulk = 1000;
    private const int Export = 10_000;

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
        var export = await ExportAsync(world, options, connection, cancellationToken);
        return
        [
            export,
            BenchLine.Shown("another program's UPDATE of one row: with triggers / without", singles[0], singles[0].Microseconds),
            BenchLine.Shown("the same, where nothing changes: with triggers / without", others[0], others[0].Microseconds),
            BenchLine.Shown("another program's UPDATE of 1,000 rows: with triggers / without", bulk, bulk.Microseconds),
        ];
    }

    // While the new side leads: everything that the export has changed has to be merged; how long does another program's single write wait?
    private static async Task<BenchLine> ExportAsync(
        BenchWorld world, BenchOptions options, DbConnection connection, CancellationToken cancellationToken)
    {
        await BenchWorld.ExecuteAsync(connection, "DELETE FROM strangler_journal; UPDATE spenden SET dt_gruen = NULL", cancellationToken);
        await world.BackfillAsync(cancellationToken);
        await BenchWorld.ExecuteAsync(connection, "DELETE FROM strangler_journal", cancellationToken);
        for (var step = 0; step < 2; step++)
        {
            await world.Host.Cutover.AdvanceAsync(new CutoverRequest { Actor = "bench", Reason = "bench", Force = true }, null, cancellationToken);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var relay = world.Host.Relay.RunAsync(stop.Token);
        var ids = await world.IdsAsync(400, cancellationToken);
        var alone = await WritesAsync(world, connection, ids, 20, () => Task.FromResult(false), cancellationToken);
        var began = Stopwatch.GetTimestamp();
        await BenchWorld.ExecuteAsync(connection, $"UPDATE spenden SET dt_gruen = NOW() ORDER BY id LIMIT {Export}", cancellationToken);
        var wrote = Stopwatch.GetElapsedTime(began);
        var beside = await WritesAsync(world, connection, ids, int.MaxValue, () => IsDoneAsync(world, cancellationToken), cancellationToken);
        var all = Stopwatch.GetElapsedTime(began);
        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var turns = new Turns();
        turns.Add(Turns.Median(beside), Turns.Median(alone));
        return BenchLine.Shown(
            $"another program's write on the new side, beside an export of {Math.Min(Export, options.Rows):N0} rows in one statement / alone, p50",
            turns,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Turns.Median(beside):0.00} s (longest {beside.Max():0.00}) / {Turns.Median(alone):0.00} s; the statement took {wrote.TotalSeconds:0.0} s, all was merged after {all.TotalSeconds:0.0} s"));
    }

    private static async Task<bool> IsDoneAsync(BenchWorld world, CancellationToken cancellationToken) =>
        (await world.Host.Sides.Legacy.Journal.DepthAsync(cancellationToken)).Open < 20;

    // From the commit until the new side shows it.
    private static async Task<List<double>> WritesAsync(
        BenchWorld world, DbConnection connection, IReadOnlyList<long> ids, int most, Func<Task<bool>> isOver, CancellationToken cancellationToken)
    {
        List<double> seconds = [];
        while (seconds.Count < most && !await isOver())
        {
            var (number, key) = (200_000 + Random.Shared.Next(100_000), new EntityKey(BenchWorld.Kind, ids[Random.Shared.Next(ids.Count)]));
            await UpdateAsync(connection, "spenden", number, $"id = {key.Id}", cancellationToken);
            var began = Stopwatch.GetTimestamp();
            var cents = RepositoryBench.Amount(number) * 100L;
            while (world.Mapping.New.Get((await world.Host.Sides.New.Store.ReadAsync(key, cancellationToken)).Row!).Integer("amount") != cents)
            {
                await Task.Delay(5, cancellationToken);
            }

            seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return seconds;
    }

    private static Task<long> UpdateAsync(DbConnection connection, string table, int number, string where, CancellationToken cancellationToken) =>
        Turns.TimeAsync(() => BenchWorld.ExecuteAsync(connection, $"UPDATE {table} SET betrag = '{RepositoryBench.Amount(number)}.00' WHERE {where}", cancellationToken));

    private static Task<long> TouchAsync(DbConnection connection, string table, long id, CancellationToken cancellationToken) =>
        Turns.TimeAsync(() => BenchWorld.ExecuteAsync(connection, $"UPDATE {table} SET status = status WHERE id = {id}", cancellationToken));
}
