using System.Collections.Concurrent;
using System.Data.Common;
using Dapper;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Two of the old programs, straight on legacy's server and past everything of ours: the export in bulk, and one that takes down who wants
/// a receipt; no frontend of the soak writes either. What legacy has acknowledged to them stands in a list of their own. A transaction that
/// fails is made again on a new connection.
/// </summary>
internal sealed class ForeignWriters : IAsyncDisposable
{
    private const int MostExported = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    private readonly ConcurrentDictionary<long, bool> _exported = [];
    private readonly ConcurrentDictionary<long, bool> _receipts = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly FaultWorld _world;
    private readonly Task _programs;

    private ForeignWriters(FaultWorld world)
    {
        _world = world;
        _programs = Task.WhenAll(
            Task.Run(() => WriteAsync(
                "SELECT id FROM spenden WHERE dt_gruen IS NULL AND dt_del IS NULL AND status IN ('N', 'Z', 'B') ORDER BY id LIMIT @most FOR UPDATE",
                "UPDATE spenden SET dt_gruen = NOW() WHERE id IN @ids AND dt_gruen IS NULL",
                MostExported, _exported)),
            Task.Run(() => WriteAsync(
                "SELECT id FROM spenden WHERE COALESCE(bescheinigung, 0) = 0 ORDER BY id DESC LIMIT @most FOR UPDATE",
                "UPDATE spenden SET bescheinigung = 1 WHERE id IN @ids",
                1, _receipts)));
    }

    /// <summary>Donations that legacy said were written.</summary>
    public int Written => _exported.Count + _receipts.Count;

    public static ForeignWriters Start(FaultWorld world) => new(world);

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _programs;
    }

    /// <summary>On both sides; what was deleted since, is on neither.</summary>
    public async Task AssertNothingLostAsync(Ledger ledger)
    {
        foreach (var (side, sql) in new[]
        {
            (SideName.Legacy, "SELECT id, dt_gruen IS NOT NULL, COALESCE(bescheinigung, 0) FROM spenden"),
            (SideName.New, """
                SELECT m.public_id, d.exported_at IS NOT NULL, r.wants_receipt
                FROM donation d JOIN strangler_id_map m ON m.new_id = d.id JOIN donation_donor r ON r.donation_id = d.id
                """),
        })
        {
            await using var connection = await _world.OpenAsync(side);
            var rows = (await connection.QueryAsync<(long Id, bool IsExported, bool WantsReceipt)>(sql)).ToList();
            var there = rows.Select(row => row.Id).ToHashSet();
            var gone = _exported.Keys.Union(_receipts.Keys).Where(id => !there.Contains(id) && !ledger.MayBeDeleted(id));
            Assert.That(gone, Is.Empty, $"{side}: gone, and nobody deleted it");
            Assert.That(rows.Where(row => _exported.ContainsKey(row.Id) && !row.IsExported), Is.Empty, $"{side}: exported");
            var lost = rows.Where(row => _receipts.ContainsKey(row.Id) && !row.WantsReceipt).Select(row => row.Id);
            Assert.That(lost, Is.Empty, $"{side}: receipt");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _programs.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WriteAsync(string select, string update, int most, ConcurrentDictionary<long, bool> written)
    {
        DbConnection? connection = null;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                connection ??= await _world.OpenAsync(SideName.Legacy);
                await using var transaction = await connection.BeginTransactionAsync();
                var ids = (await connection.QueryAsync<long>(select, new { most }, transaction)).ToList();
                if (ids.Count > 0)
                {
                    await connection.ExecuteAsync(update, new { ids }, transaction);
                }

                await transaction.CommitAsync();
                ids.ForEach(id => written[id] = true);
            }
            catch (Exception exception) when (exception is DbException or IOException or TimeoutException or InvalidOperationException)
            {
                // The server is down, frozen or was killed, or this one was the victim of a deadlock: made again.
                if (connection is not null)
                {
                    await connection.DisposeAsync();
                    connection = null;
                }
            }

            await Task.Delay(Pause);
        }

        await (connection?.DisposeAsync() ?? ValueTask.CompletedTask);
    }
}
