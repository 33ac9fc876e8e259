using System.Data.Common;
using System.Diagnostics;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Triggers against stages, flips and our own transactions: other programs never wait for us, and no write of theirs slips through a change of stage.</summary>
[NonParallelizable]
public sealed class LockTests
{
    // InnoDB's tables of transactions and waits are filled anew only when nobody has read them for 100 ms: whoever asks faster sees the same for ever.
    private static readonly TimeSpan Refreshed = TimeSpan.FromMilliseconds(150);

    private DonationsWorld _world = null!;

    private IFence Fence => _world.Host.Sides.Legacy.Fence;

    [SetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await Foreign.RunAsync(_world, $"{Foreign.Insert(1)}; {Foreign.Insert(2)}");
    }

    [TearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test]
    public async Task In_legacy_only_nothing_is_written_for_anybody()
    {
        await Foreign.RunAsync(_world, "UPDATE spenden SET betrag = '7.00'; DELETE FROM spenden WHERE id = 2");
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_entity"), Is.Zero);
    }

    /// <summary>Case20, Case44: the flip has the fence's row; the other program does not wait, and what it writes counts.</summary>
    [Test]
    [Category("Case44")]
    public async Task Another_program_never_waits_for_a_flip()
    {
        await using var flip = await _world.LegacyDatabase.OpenAsync();
        await flip.ExecuteAsync("START TRANSACTION; UPDATE strangler_fence SET epoch = epoch + 1");
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await theirs.ExecuteAsync("SET SESSION innodb_lock_wait_timeout = 1; UPDATE spenden SET betrag = '7.00' WHERE id = 1");
        await flip.ExecuteAsync("ROLLBACK");
        Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { 1L }));
    }

    /// <summary>Case20: what another program has begun before the stage changed is over when it has changed.</summary>
    [Test]
    [Category("Case20")]
    public async Task A_change_of_stage_waits_for_what_another_program_has_begun([Values("ROW", "MIXED")] string binaryLog)
    {
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await theirs.ExecuteAsync($"SET SESSION binlog_format = '{binaryLog}'; START TRANSACTION; UPDATE spenden SET betrag = '7.00' WHERE id = 1");
        var fence = await Fence.ReadAsync(CancellationToken.None);
        var next = fence with { Stage = Stage.DualWrite, Epoch = fence.Epoch + 1, DualEpoch = fence.Epoch + 1 };
        await Assert.ThatAsync(
            () => Fence.CompareAndSetAsync(fence, next, TimeSpan.FromSeconds(1), CancellationToken.None), Throws.TypeOf<FenceBusyException>());
        await theirs.ExecuteAsync("COMMIT");
        Assert.That(await Fence.CompareAndSetAsync(fence, next, TimeSpan.FromSeconds(1), CancellationToken.None), Is.True);
    }

    /// <summary>Case41: two programs and the flip in a circle; the server ends the one that has done least, which is the flip.</summary>
    [Test]
    [Category("Case41")]
    public async Task A_change_of_stage_that_is_the_victim_of_a_deadlock_is_tried_again()
    {
        const string Lock = "SELECT epoch FROM strangler_fence LOCK IN SHARE MODE";
        await using var first = await _world.LegacyDatabase.OpenAsync();
        await using var second = await _world.LegacyDatabase.OpenAsync();
        await using var watch = await _world.LegacyDatabase.OpenAsync();
        var deadlocks = await DeadlocksAsync(watch);
        await first.ExecuteAsync($"START TRANSACTION; UPDATE spenden SET betrag = '1.00' WHERE id = 1; {Lock}");
        var fence = await Fence.ReadAsync(CancellationToken.None);
        var next = fence with { Stage = Stage.DualWrite, Epoch = fence.Epoch + 1, DualEpoch = fence.Epoch + 1 };
        var moved = Fence.CompareAndSetPatientlyAsync(_world.Host.Runtime, fence, next, CancellationToken.None);
        await UntilWaitingAsync(watch, 1);
        await second.ExecuteAsync("START TRANSACTION; DELETE FROM spenden WHERE id = 2");
        var behind = second.ExecuteAsync($"{Lock}; COMMIT");
        await UntilWaitingAsync(watch, 2);
        await first.ExecuteAsync("SELECT id FROM spenden WHERE id = 2 FOR UPDATE; COMMIT");
        await behind;
        Assert.That(await moved, Is.True);
        Assert.That(await DeadlocksAsync(watch), Is.GreaterThan(deadlocks), "else nothing was shown");
    }

    private static async Task<long> DeadlocksAsync(DbConnection connection) => (await connection.QuerySingleAsync<(string, long Count)>(
        "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")).Count;

    private static async Task UntilWaitingAsync(DbConnection connection, long transactions)
    {
        var began = Stopwatch.GetTimestamp();
        while (await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'") < transactions)
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(10)));
            await Task.Delay(Refreshed);
        }
    }

    /// <summary>Case33: a snapshot that is older than the stage must not hide it.</summary>
    [Test]
    [Category("Case33")]
    public async Task A_transaction_that_took_its_snapshot_in_legacy_only_is_captured_when_it_writes_in_dual_write([Values("ROW", "MIXED")] string binaryLog)
    {
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await theirs.ExecuteAsync($"""
            SET SESSION binlog_format = '{binaryLog}'; SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION; SELECT COUNT(*) FROM spenden
            """);
        await _world.MoveToAsync(Stage.DualWrite);
        await theirs.ExecuteAsync("UPDATE spenden SET betrag = '7.00' WHERE id = 1; COMMIT");
        Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task What_one_program_has_captured_does_not_stop_another_or_us()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await Foreign.RunAsync(_world, $"{Foreign.Insert(1000)}; UPDATE spenden SET betrag = '1.00' WHERE id = 1000");
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await theirs.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION; UPDATE spenden SET betrag = '7.00' WHERE id IN (1, 1000)");
        await using var others = await _world.LegacyDatabase.OpenAsync();
        await others.ExecuteAsync($"""
            SET SESSION innodb_lock_wait_timeout = 1; SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; {Foreign.Insert(500)}; {Foreign.Insert(2000)};
            UPDATE spenden SET betrag = '2.00' WHERE id = 2
            """);
        var donation = CaptureSamples.Donation("Ours");
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await theirs.ExecuteAsync("COMMIT");
        Assert.That(await _world.RecordAsync(SideName.New, donation.Id), Is.Not.Null, "applied while their transaction was open");
    }

    /// <summary>Case41: their row of a companion, then our entity row; we must not come the other way round.</summary>
    [Test]
    [Category("Case41")]
    public async Task Their_writes_of_companions_and_ours_of_the_same_donation_do_not_deadlock()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        var sofort = CaptureSamples.Sofort();
        await _world.Donations.Donations.StoreAsync(sofort, CancellationToken.None);
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        var payment = await theirs.ExecuteScalarAsync<long>("SELECT payment_id FROM spenden WHERE id = @Id", new { sofort.Id });
        await theirs.ExecuteAsync($"SET SESSION innodb_lock_wait_timeout = 5; START TRANSACTION; SELECT id FROM donation_payment_sofort WHERE id = {payment} FOR UPDATE");

        var store = _world.Host.Sides.Legacy.Store;
        var ours = Task.Run(async () =>
        {
            await using var transaction = await store.BeginAsync(new WriteIntent(new EntityKey(DonationsContext.DonationKind, sofort.Id)), CancellationToken.None);
            return transaction.State.Row is not null;
        });
        await WaitsForRowAsync(payment);
        await theirs.ExecuteAsync($"UPDATE donation_payment_sofort SET confirmed_at = '2020-02-02 02:02:02' WHERE id = {payment}; COMMIT");
        Assert.That(await ours, Is.True);
        Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { sofort.Id }));
    }

    private async Task WaitsForRowAsync(long payment)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var began = Stopwatch.GetTimestamp();
        while (await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM information_schema.INNODB_LOCK_WAITS") == 0)
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(10)), $"nobody waits for payment {payment}");
            await Task.Delay(Refreshed);
        }
    }
}
