using System.Data.Common;
using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>
/// Frontends write, old programs write past them, stages change forward and back, and reconciliations run all the while: none of them ever
/// reports drift, for there is none; and what is planted in the middle of it is found by the next one.
/// </summary>
[TestFixture]
[Category("Case59")]
public sealed class TruthTests
{
    private const int Rows = 400;

    // Where the frontends' own donations end and those of the old programs begin: nobody is in conflict with anybody.
    private const int Frontends = 120;

    // Slow enough for the relays of a machine that has other work, or no flip would ever drain.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    private static readonly Stage[] Way = [Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.DualWrite];

    private readonly List<ReconciliationReport> _reports = [];
    private DonationsWorld _world = null!;
    private int _foreign;
    private int _own;

    [SetUp]
    public async Task CreateAsync()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(Rows);
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        (_foreign, _own) = (0, 0);
        _reports.Clear();
    }

    [TearDown]
    public async Task DropAsync() => await _world.DisposeAsync();

    [Test]
    public async Task With_writers_old_programs_and_flips_no_drift_is_reported_and_what_is_planted_is_found()
    {
        using var stop = new CancellationTokenSource();
        using var relayStop = new CancellationTokenSource();
        Task[] relays = [_world.Host.Relay.RunAsync(relayStop.Token), _world.Open().Relay.RunAsync(relayStop.Token)];
        Task[] programs =
        [
            FrontendAsync(_world.Donations, 1, stop.Token), FrontendAsync(_world.Open().Part<DonationsContext>(), 2, stop.Token),
            TheirsAsync(3, stop.Token), TheirsAsync(4, stop.Token), ReconcileAsync(stop.Token),
        ];
        foreach (var stage in Way)
        {
            await MoveAsync(stage);
            var (reports, foreign, own) = (_reports.Count, _foreign, _own);
            await UntilAsync(() => _reports.Count >= reports + 2 && _foreign > foreign + 10 && _own > own + 10, programs);
        }

        var planted = await PlantAsync();
        var before = _reports.Count;
        await UntilAsync(() => _reports.Count >= before + 2, programs);
        await stop.CancelAsync();
        await Task.WhenAll(programs);
        await relayStop.CancelAsync();
        await Task.WhenAll(relays.Select(async relay => await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing)));

        TestContext.Out.WriteLine(
            $"{_reports.Count} reconciliations, {_own} writes of frontends, {_foreign} of old programs; "
            + string.Join(", ", _reports.Take(before).GroupBy(report => report.Outcome).Select(same => $"{same.Count()} {same.Key}")));
        Assert.That(_reports.Take(before).Select(report => report.Outcome), Has.None.EqualTo(ReconciliationOutcome.Drift),
            () => string.Join('\n', ReportText.Render(_reports.First(report => report.Outcome == ReconciliationOutcome.Drift))));
        Assert.That(_reports.Take(before).Select(report => report.Stage).Distinct(), Is.SupersetOf(Way.Distinct()));
        Assert.That(_reports[^1].DifferingIds, Is.EqualTo(new[] { planted }));
        Assert.That(_reports[^1].FieldCounts.Keys, Is.EqualTo(new[] { "amount" }));
    }

    private async Task<long> PlantAsync()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();

        // One that nobody writes: the last of legacy's own.
        var (planted, newId) = await connection.QuerySingleAsync<(long, long)>(
            "SELECT public_id, new_id FROM strangler_id_map WHERE public_id <= @Rows ORDER BY public_id DESC LIMIT 1", new { Rows });
        await connection.ExecuteAsync("UPDATE donation SET amount = amount + 1 WHERE id = @newId", new { newId });
        return planted;
    }

    private async Task ReconcileAsync(CancellationToken stop)
    {
        var host = _world.Open();
        while (!stop.IsCancellationRequested)
        {
            var options = ContextWorld.Hasty(host);
            (options.PauseForLag, options.RecheckDelay, options.FirstChunk, options.MaxChunk) = (TimeSpan.Zero, TimeSpan.FromMilliseconds(100), 60, 60);
            try
            {
                _reports.Add(await host.Reconciler(options).RunAsync(
                    new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None));
            }
            catch (SwitchingException)
            {
                // A flip was on when it began.
            }
        }
    }

    private async Task FrontendAsync(DonationsContext context, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (random.Next(4) == 0)
                {
                    await context.Donations.StoreAsync(New(random), CancellationToken.None);
                }
                else if (await context.Donations.FindAsync(random.Next(1, Frontends), CancellationToken.None) is { } donation)
                {
                    donation.ChangeAmount(random.Next(1, 100_000));
                    await context.Donations.StoreAsync(donation, CancellationToken.None);
                }

                Interlocked.Increment(ref _own);
            }
            catch (Exception exception) when (exception is ConflictException or SwitchingException or CannotHoldException)
            {
                // Loaded again, as a caller does; a flip was on for too long; or a side cannot hold a change of this one.
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    // Bulk and single updates, an insert with its id, a delete; past the frontends' donations.
    private async Task TheirsAsync(int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        while (!stop.IsCancellationRequested)
        {
            var id = random.Next(Frontends + 1, Rows - 20);
            var sql = random.Next(5) switch
            {
                0 => "UPDATE spenden SET dt_gruen = NOW() WHERE id BETWEEN @id AND @id + 4 AND dt_gruen IS NULL",
                1 => "UPDATE spenden SET dt_gruen = NULL WHERE id BETWEEN @id AND @id + 4",
                2 => "UPDATE spenden SET info = 1 - info WHERE id = @id",
                3 => "INSERT INTO spenden (name, status, zahlweise, betrag, kommentar, dt_new) VALUES ('theirs', 'N', 'BEZ', '5.00', '', NOW())",
                _ => "DELETE FROM spenden WHERE name = 'theirs' ORDER BY id LIMIT 1",
            };
            try
            {
                await connection.ExecuteAsync(sql, new { id });
                Interlocked.Increment(ref _foreign);
            }
            catch (DbException)
            {
                // The victim of a deadlock makes it again, as such programs do.
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    private static Donation New(Random random) => new(
        0, new DateTime(2022, 6, 1, 10, 0, 0), random.Next(1, 10_000), 0,
        new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
        new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));

    // By force: it is the reconciliations that are tried here, not the gates.
    private async Task MoveAsync(Stage stage)
    {
        for (var attempt = 1; ; attempt++)
        {
            var now = (await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Stage;
            if (now == stage)
            {
                return;
            }

            var request = new CutoverRequest { Actor = "test", Reason = "test", TypedConfirmation = _world.Name, Force = true };
            try
            {
                await (now < stage
                    ? _world.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                    : _world.Host.Cutover.BackAsync(request, null, CancellationToken.None));
            }
            catch (Exception) when (attempt < 20)
            {
                // It could not drain in time, or met a long transaction: taken back by itself.
            }
        }
    }

    private static async Task UntilAsync(Func<bool> condition, Task[] programs)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!condition())
        {
            if (programs.FirstOrDefault(program => program.IsFaulted) is { } failed)
            {
                await failed;
            }

            await Task.Delay(20, limit.Token);
        }
    }
}
