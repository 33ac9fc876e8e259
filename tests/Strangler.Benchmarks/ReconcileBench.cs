using System.Diagnostics;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.MySql;
using Strangler.Reconciliation;

namespace Strangler.Benchmarks;

/// <summary>
/// A reconciliation as it runs by default against its selects alone: both sides streamed in the chunks that suit that best, as many at a
/// time, and thrown away.
/// </summary>
internal static class ReconcileBench
{
    private const int Chunk = 1_000;
    private const int Walkers = 2;

    // As the reconciliation cuts it.
    private const int Slices = 8 * Walkers;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var turns = new Turns();
        List<double> core = [], bareCore = [];
        var entities = 0L;
        using var self = Process.GetCurrentProcess();
        for (var round = -1; round < options.Runs; round++)
        {
            var cpu = Cpu(self);
            var ours = await Turns.SecondsAsync(async () =>
            {
                var report = await world.Host.Reconciler().RunAsync(new ReconciliationScope { Kind = BenchWorld.Kind }, null, cancellationToken);
                if (report.Outcome != ReconciliationOutcome.Clean)
                {
                    throw new InvalidOperationException($"The reconciliation is {report.Outcome}.");
                }

                entities = report.Counts.Values.Sum();
            });
            cpu = Cpu(self) - cpu;
            var bareCpu = Cpu(self);
            var bare = await Turns.SecondsAsync(() => StreamAsync(world, cancellationToken));
            bareCpu = Cpu(self) - bareCpu;
            if (round >= 0)
            {
                turns.Add(ours, bare);
                core.Add(entities / cpu);
                bareCore.Add(entities / bareCpu);
            }
        }

        var trusted = await IncrementalAsync(world, options, cancellationToken);
        return
        [
            trusted,
            BenchLine.AtMost("reconcile / streaming both sides and discarding", 1.5, turns, string.Create(
                CultureInfo.InvariantCulture,
                $"{entities / turns.Ours:N0} / {entities / turns.Bare:N0} entities/s; {Turns.Median(core):N0} / {Turns.Median(bareCore):N0} a second of the client's CPU time")),
        ];
    }

    /// <summary>Where every entity has been written since the backfill, so that both sides have versions and hashes of it.</summary>
    private static async Task<BenchLine> IncrementalAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await using (var connection = await world.Legacy.OpenAsync(cancellationToken))
        {
            await BenchWorld.ExecuteAsync(
                connection,
                $"""
                REPLACE INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes)
                SELECT context, kind, `key`, epoch, counter, foreign_seq, tombstone,
                    field_hashes FROM `{world.NewDatabase}`.strangler_entity
                """,
                cancellationToken);
        }

        var turns = new Turns();
        var notRead = 0L;
        for (var round = -1; round < options.Runs; round++)
        {
            var incremental = await Turns.SecondsAsync(async () => notRead = (await RunAsync(world, true, cancellationToken)).NotRead);
            var full = await Turns.SecondsAsync(() => RunAsync(world, false, cancellationToken));
            if (round >= 0)
            {
                turns.Add(incremental, full);
            }
        }

        return BenchLine.AtMost("reconcile --incremental / full", 0.3, turns, string.Create(
            CultureInfo.InvariantCulture, $"{turns.Ours:0.00} / {turns.Bare:0.00} s; rows of {notRead:N0} keys not read"));
    }

    private static Task<ReconciliationReport> RunAsync(BenchWorld world, bool incremental, CancellationToken cancellationToken) =>
        world.Host.Reconciler().RunAsync(new ReconciliationScope { Kind = BenchWorld.Kind, Incremental = incremental }, null,
            cancellationToken);

    public static double Cpu(Process self)
    {
        self.Refresh();
        return self.TotalProcessorTime.TotalSeconds;
    }

    private static async Task StreamAsync(BenchWorld world, CancellationToken cancellationToken)
    {
        var bounds = await world.Host.Sides.Legacy.Store.BoundsAsync(BenchWorld.Kind, cancellationToken);
        var slice = ((bounds.To - 1) / Slices) + 1;
        Queue<(long From, long To)> chunks = [];
        for (var from = 1L; from <= bounds.To; from += slice)
        {
            for (var at = from; at < from + slice; at += Chunk)
            {
                chunks.Enqueue((at, Math.Min(at + Chunk, from + slice) - 1));
            }
        }

        var gate = new Lock();
        await Task.WhenAll(Enumerable.Range(0, Walkers).Select(async _ =>
        {
            await Task.Yield();
            while (true)
            {
                (long From, long To) chunk;
                lock (gate)
                {
                    if (!chunks.TryDequeue(out chunk))
                    {
                        return;
                    }
                }

                await Task.WhenAll(
                    ReadAsync(world.Legacy, Select(world.LegacySql, chunk.From, chunk.To), cancellationToken),
                    ReadAsync(world.New, Select(world.NewSql, chunk.From, chunk.To), cancellationToken));
            }
        }));
    }

    private static async Task ReadAsync(MySqlDataSource source, Batch batch, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenAsync(cancellationToken);
        await BenchWorld.ReadAsync(connection, batch, cancellationToken);
    }

    private static Batch Select(AggregateSql sql, long from, long to)
    {
        var (context, kind) = (Contexts.Donations.DonationsContext.Name, BenchWorld.Kind);
        var batch = new Batch()
            .Add($"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").Add($"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            .Add($"SELECT role, stage, epoch, dual_epoch, deadline FROM strangler_fence WHERE context = {context}");
        if (sql.Side == SideName.New)
        {
            batch.Add($"""
                SELECT m.public_id, m.new_id, {sql.Columns} FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id{sql.Joins}
                WHERE m.context = {context} AND m.kind = {kind} AND m.public_id BETWEEN {from} AND {to} ORDER BY m.public_id
                """);
        }
        else
        {
            batch.Add($"SELECT t0.{sql.RootKey}, NULL, {sql.Columns} FROM {sql.Root} t0{sql.Joins} WHERE t0.{sql.RootKey} BETWEEN {from} AND {to} ORDER BY t0.{sql.RootKey}");
        }

        foreach (var table in sql.Manys)
        {
            batch.Add($"""
                SELECT m.public_id, {sql.ManyColumns[table]} FROM strangler_id_map m
                STRAIGHT_JOIN {sql.Names[table]} x ON x.{sql.Keys[table]} = m.new_id
                WHERE m.context = {context} AND m.kind = {kind} AND m.public_id BETWEEN {from} AND {to} ORDER BY m.public_id
                """);
        }

        return batch
            .Add($"""
                SELECT `key`, epoch, counter, foreign_seq, tombstone, field_hashes FROM strangler_entity
                WHERE context = {context} AND kind = {kind} AND `key` BETWEEN {from} AND {to} ORDER BY `key`
                """)
            .Add($"SELECT `key`, MIN(created_at), MAX(state = 'parked') FROM strangler_journal WHERE context = {context} AND kind = {kind} AND `key` BETWEEN {from} AND {to} GROUP BY `key`")
            .Add($"COMMIT");
    }
}
