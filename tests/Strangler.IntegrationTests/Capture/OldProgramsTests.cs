using System.Collections.Concurrent;
using System.Data.Common;
using System.Text;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Faults;
using Strangler.Mapping.Php;
using Strangler.MySql;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// The frontend through the wrapper; back office, export and purge as plain SQL sessions with their own statements; all at once, through
/// all stages in which two sides are written, forward and back. At the end both sides are identical, and nothing that anybody wrote is
/// missing (I9): each writer keeps a list of its own.
/// </summary>
[Category("Case42")]
[Category("Case43")]
[Category("Case44")]
public sealed class OldProgramsTests
{
    // Of one step. A pass over a system under full load may be inconclusive, or find a step's lock busy, and is repeated.
    private const int MostTries = 8;

    private static readonly string Scrubbed =
        Convert.ToBase64String(Encoding.UTF8.GetBytes("a:1:{s:9:\"adresstyp\";s:6:\"person\";}"));

    private readonly ConcurrentDictionary<long, bool> _deleted = [];
    private readonly ConcurrentDictionary<long, bool> _approved = [];
    private readonly ConcurrentDictionary<long, bool> _purged = [];
    private readonly ConcurrentDictionary<long, bool> _confirmed = [];
    private readonly ConcurrentDictionary<long, long> _amounts = [];
    private readonly ConcurrentDictionary<long, ConcurrentQueue<string>> _lines = [];
    private readonly ConcurrentQueue<long> _created = [];
    private int _repeated;
    private int _exported;
    private int _merged;
    private int _tries;

    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(600);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test]
    public async Task Everything_at_once_and_nothing_is_lost()
    {
        using var stop = new CancellationTokenSource();
        using var relayStop = new CancellationTokenSource();
        var relay = _world.Host.Relay.RunAsync(relayStop.Token);
        Task[] programs =
        [
            FrontendAsync(_world.Donations, 1, stop.Token), FrontendAsync(_world.Open().Part<DonationsContext>(), 2, stop.Token),
            TheirsAsync(DeleteAsync, stop.Token), TheirsAsync(ApproveAsync, stop.Token), TheirsAsync(PurgeAsync, stop.Token),
            TheirsAsync(ConfirmAsync, stop.Token), TheirsAsync(ExportAsync, stop.Token), TheirsAsync(LogAsync, stop.Token),
        ];
        await FaultWorld.UntilAsync("all have begun", () => _deleted.Count > 5 && _amounts.Count > 5);
        foreach (var stage in new[]
        {
            Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads,
        })
        {
            await MoveAsync(stage);
            var (deleted, purged, confirmed) = (_deleted.Count, _purged.Count, _confirmed.Count);
            await FaultWorld.UntilAsync(
                "all have gone on", () => _deleted.Count > deleted + 5 && _purged.Count > purged && _confirmed.Count > confirmed);
        }

        await stop.CancelAsync();
        await Task.WhenAll(programs);

        // Before the relay is stopped: what it has claimed would stay claimed.
        await FaultWorld.UntilAsync("the journals are empty", async () => (await _world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Open == 0
            && (await _world.Host.Sides.New.Journal.DepthAsync(CancellationToken.None)).Open == 0);
        await relayStop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        TestContext.Out.WriteLine(
            $"{_created.Count} created, {_amounts.Count} changed by frontends; {_deleted.Count} deleted, {_approved.Count} approved, {_purged.Count} purged, "
            + $"{_confirmed.Count} Sofort payments confirmed, {_exported} rows exported, {_lines.Values.Sum(lines => lines.Count)} lines logged by both; "
            + $"{_repeated} transactions of the old programs repeated; {_tries} tries of steps in vain");
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        await AssertNothingIsLostAsync();
        Assert.That(_world.Logs.Lines.Where(line => line.StartsWith("Error 1013", StringComparison.Ordinal)), Is.Empty, "the triggers saw all of it");
        var merged = (await _world.Host.Sides.New.Audit.ListAsync(10_000, CancellationToken.None)).Count(entry => entry.Action == "merge");
        TestContext.Out.WriteLine($"{_merged} entities changed by both while the new side led; {merged} clashes decided by an owner");
        Assert.That(_merged, Is.Positive, "else nothing was merged");
        await _world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean), "back again, at rest");
    }

    // On both sides: identical they are already, but both could have lost the same.
    private async Task AssertNothingIsLostAsync()
    {
        foreach (var (id, _) in _amounts)
        {
            var entity = (await _world.Host.Sides.New.Store.ReadAsync(new EntityKey(DonationsContext.DonationKind, id), CancellationToken.None)).Entity;
            _merged += entity is { IsSigned: true, ForeignSeq: > 0 } ? 1 : 0;
        }

        foreach (var side in Enum.GetValues<SideName>())
        {
            foreach (var id in _deleted.Keys)
            {
                Assert.That((await _world.RecordAsync(side, id))!.Boolean("is_deleted"), Is.True, $"{side} {id}");
            }

            // A deleted one has lost its moderation state in legacy: one letter says all.
            foreach (var id in _approved.Keys.Except(_deleted.Keys))
            {
                Assert.That((await _world.RecordAsync(side, id))!.Boolean("is_moderated"), Is.False, $"{side} {id}");
            }

            foreach (var id in _purged.Keys)
            {
                Assert.That((await _world.RecordAsync(side, id))!.Boolean("is_anonymized"), Is.True, $"{side} {id}");
            }

            foreach (var id in _confirmed.Keys)
            {
                Assert.That((await _world.RecordAsync(side, id))!["sofort.confirmed_at"], Is.Not.Null, $"{side} {id}");
            }

            foreach (var (id, amount) in _amounts)
            {
                Assert.That((await _world.RecordAsync(side, id))!.Integer("amount"), Is.EqualTo(amount), $"{side} {id}");
            }

            // The purge empties the log as well.
            foreach (var (id, lines) in _lines.Where(lines => !_purged.ContainsKey(lines.Key)))
            {
                var logged = (await _world.RecordAsync(side, id))!.List("log_entries").Rows.Select(row => (string)row[1]!);
                Assert.That(logged, Is.EquivalentTo(lines), $"{side} {id}: no line is lost, none is doubled");
            }
        }
    }

    // Under load keys are in flight at any moment, so a pass is repeated until the stage's gates are open.
    private async Task MoveAsync(Stage stage)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await _world.MoveToAsync(stage);
                return;
            }
            catch (Exception exception) when (tries < MostTries
                && exception is Cutover.GateException or FenceBusyException or Cutover.CutoverException or SideUnavailableException { IsTransient: true })
            {
                _tries++;
                TestContext.Out.WriteLine($"{stage}: {exception.Message}");
            }
        }
    }

    private async Task FrontendAsync(DonationsContext context, int seed, CancellationToken cancellationToken)
    {
        var random = new Random(seed);
        List<long> mine = [];
        while (!cancellationToken.IsCancellationRequested)
        {
            var kind = random.Next(5);
            if (kind == 4 && mine.Count > 0)
            {
                // What the old programs may just have in hand.
                var id = mine[^Math.Min(mine.Count, random.Next(1, 20))];
                await (random.Next(2) == 0
                    ? ChangeAsync(context, id, random.Next(100, 10_000))
                    : LogAsync(context, id, $"frontend {seed}.{_amounts.Count}.{random.Next()}"));
                continue;
            }

            var donation = kind == 0 ? CaptureSamples.Sofort() : CaptureSamples.Donation("Frontend", random.Next(100, 10_000));
            if (kind == 1)
            {
                donation.Moderate([]);
            }

            await context.Donations.StoreAsync(donation, CancellationToken.None);
            _created.Enqueue(donation.Id);
            mine.Add(donation.Id);
            if (kind == 2)
            {
                await ChangeAsync(context, donation.Id, random.Next(100, 10_000));
            }

            await Task.Yield();
        }
    }

    private async Task ChangeAsync(DonationsContext context, long id, long amount)
    {
        await ChangeAsync(context, id, donation => donation.ChangeAmount(amount));
        _amounts[id] = amount;
    }

    // At a time that others write, too: both keep a line a second.
    private async Task LogAsync(DonationsContext context, long id, string line)
    {
        await ChangeAsync(context, id, donation => donation.AddLog(new DateTime(2022, 6, 1, 10, 0, line.Length % 3), line));
        _lines.GetOrAdd(id, _ => []).Enqueue(line);
    }

    // The frontend does what a caller does that is refused: loads again.
    private static async Task ChangeAsync(DonationsContext context, long id, Action<Donation> change)
    {
        while (true)
        {
            try
            {
                var donation = (await context.Donations.FindAsync(id, CancellationToken.None))!;
                change(donation);
                await context.Donations.StoreAsync(donation, CancellationToken.None);
                return;
            }
            catch (ConflictException)
            {
            }
        }
    }

    private async Task TheirsAsync(Func<DbConnection, long, Task> work, CancellationToken cancellationToken)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET SESSION sql_mode = ''");
        var index = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var ids = _created.ToArray();
            if (index >= ids.Length)
            {
                await Task.Delay(5, CancellationToken.None);
                continue;
            }

            try
            {
                await work(connection, ids[index]);
                index++;
            }
            catch (DbException exception) when (MySqlDriver.Classify(exception) is MySqlErrorKind.Deadlock or MySqlErrorKind.LockWaitTimeout)
            {
                Interlocked.Increment(ref _repeated);
                await connection.ExecuteAsync("ROLLBACK");
            }
        }
    }

    private async Task DeleteAsync(DbConnection connection, long id)
    {
        if (id % 3 == 0 && await connection.ExecuteAsync("UPDATE spenden SET status = 'D', dt_del = NOW() WHERE id = @id", new { id }) > 0)
        {
            _deleted[id] = true;
        }
    }

    // The approval and the note that its mail was sent, in one transaction.
    private async Task ApproveAsync(DbConnection connection, long id)
    {
        await connection.ExecuteAsync("START TRANSACTION");
        var changed = await connection.ExecuteAsync("UPDATE spenden SET status = 'N' WHERE id = @id AND status = 'P'", new { id });
        await connection.ExecuteAsync("INSERT IGNORE INTO donation_notification_log (donation_id) VALUES (@id); COMMIT", new { id });
        if (changed > 0)
        {
            _approved[id] = true;
        }
    }

    private async Task PurgeAsync(DbConnection connection, long id)
    {
        var purged = id % 5 == 0 ? await connection.ExecuteAsync(
            """
            UPDATE spenden SET dt_backup = NOW(), name = '', ort = '', email = '', data = @Scrubbed
            WHERE id = @id AND zahlweise = 'BEZ' AND dt_new < NOW() - INTERVAL 2 DAY
            """,
            new { id, Scrubbed }) : 0;
        if (purged > 0)
        {
            _purged[id] = true;
        }
    }

    private async Task ConfirmAsync(DbConnection connection, long id)
    {
        if (await connection.ExecuteAsync(
            "UPDATE donation_payment_sofort f JOIN spenden s ON s.payment_id = f.id SET f.confirmed_at = '2022-06-02 08:00:00' WHERE s.id = @id", new { id }) > 0)
        {
            _confirmed[id] = true;
        }
    }

    // As the back office does: the whole LOB is read, gets a line more, and is written back; under the row's lock.
    private async Task LogAsync(DbConnection connection, long id)
    {
        await connection.ExecuteAsync("START TRANSACTION");
        var data = await connection.ExecuteScalarAsync<string>("SELECT data FROM spenden WHERE id = @id FOR UPDATE", new { id });
        var lob = PhpBlob.Decode(data).Array!.Copy();
        var log = lob.TryGet("log", out var known) ? ((PhpArray)known).Copy() : new PhpArray();
        var (line, second) = ($"restored by user: {id}", log.Count);
        while (log.ContainsKey(Time(second)))
        {
            second++;
        }

        log.Set(Time(second), PhpString.Of(line));
        lob.Set("log", log);
        await connection.ExecuteAsync("UPDATE spenden SET data = @data WHERE id = @id; COMMIT", new { id, data = PhpBlob.Encode(lob) });
        _lines.GetOrAdd(id, _ => []).Enqueue(line);
    }

    private static string Time(int second) =>
        new DateTime(2022, 6, 1, 10, 0, 0).AddSeconds(second).ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    // In bulk: whatever may be exported and is not yet.
    private async Task ExportAsync(DbConnection connection, long id)
    {
        if (id % 10 == 0)
        {
            _exported += await connection.ExecuteAsync(
                "UPDATE spenden SET dt_gruen = NOW() WHERE dt_gruen IS NULL AND dt_del IS NULL AND status IN ('N', 'Z', 'B') ORDER BY id LIMIT 200");
        }
    }
}
