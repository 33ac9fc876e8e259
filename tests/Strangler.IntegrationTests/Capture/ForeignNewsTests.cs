using System.Diagnostics;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Capture;

/// <summary>While legacy leads, what other programs write is ordinary news; what no trigger saw is found.</summary>
public sealed class ForeignNewsTests
{
    private DonationsWorld _world = null!;

    private static EntityKey Key(long id) => new(DonationsContext.DonationKind, id);

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(60);
        await _world.MoveToAsync(Stage.ShadowRead);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test]
    [Order(0)]
    [Category("Case42")]
    public async Task The_relay_brings_it_to_the_new_side_within_a_second_and_the_version_stays()
    {
        var donation = CaptureSamples.Donation("Muster");
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        var before = (await _world.Host.Sides.Legacy.Store.ReadAsync(Key(donation.Id), CancellationToken.None)).Entity!;
        using var stop = new CancellationTokenSource();
        var replica = _world.Open();
        var relay = replica.Relay.RunAsync(stop.Token);
        await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '99.00', dt_gruen = '2022-07-01 00:00:00' WHERE id = {donation.Id}");
        var began = Stopwatch.GetTimestamp();
        while ((await _world.RecordAsync(SideName.New, donation.Id))!.Integer("amount") != 9_900)
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(10)));
        }

        TestContext.Out.WriteLine($"brought over after {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms");
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            var entity = (await _world.Host.Sides.Of(side).Store.ReadAsync(Key(donation.Id), CancellationToken.None)).Entity!;
            Assert.That((entity.Version, entity.ForeignSeq), Is.EqualTo((before.Version, before.ForeignSeq + 1)), $"{side}");
        }

        // Before the relay is stopped: what it has claimed would stay claimed.
        while ((await Foreign.CapturedAsync(_world)).Count > 0)
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(20)), "settled");
        }

        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    [Order(1)]
    [Category("Case12")]
    public async Task Whoever_loaded_before_it_is_refused()
    {
        var donation = CaptureSamples.Donation("Muster");
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        var loaded = (await _world.Donations.Donations.FindAsync(donation.Id, CancellationToken.None))!;
        await Foreign.RunAsync(_world, $"UPDATE spenden SET ort = 'Bonn', data = NULL WHERE id = {donation.Id}; UPDATE spenden SET status = 'D' WHERE id = {donation.Id}");
        loaded.ChangeAmount(1);
        await Assert.ThatAsync(() => _world.Donations.Donations.StoreAsync(loaded, CancellationToken.None), Throws.TypeOf<ConflictException>());
        await Foreign.RunAsync(_world, $"DELETE FROM spenden WHERE id = {donation.Id}");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await _world.RecordAsync(SideName.New, donation.Id), Is.Null, "a delete is news, too");
    }

    [Test]
    [Order(2)]
    public async Task A_reconciliation_calls_it_in_flight_until_the_relay_was_there()
    {
        await Foreign.RunAsync(_world, $"UPDATE spenden SET dt_exp = '2022-01-01 00:00:00' WHERE id IN (SELECT * FROM (SELECT id FROM spenden ORDER BY id DESC LIMIT 1) s)");
        var report = await _world.ReconcileAsync();
        Assert.That((report.Outcome, report.Counts[Verdict.InFlight]), Is.EqualTo((ReconciliationOutcome.Inconclusive, 1L)), string.Join('\n', ReportText.Render(report)));
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    /// <summary>
    /// Case43: taken where only they changed it; where both changed the donation's amount nobody decides but an operator.
    /// </summary>
    [Test]
    [Order(3)]
    [Category("Case43")]
    public async Task While_new_leads_it_is_merged_and_what_both_changed_is_a_conflict_until_somebody_decides()
    {
        var (theirs, both) = (CaptureSamples.Donation("Theirs"), CaptureSamples.Donation("Both"));
        await _world.Donations.Donations.StoreAsync(theirs, CancellationToken.None);
        await _world.Donations.Donations.StoreAsync(both, CancellationToken.None);
        var steps = new List<string>();
        await _world.OpenGatesAsync(Stage.NewLeads);
        await _world.Host.Cutover.AdvanceAsync(
            new Cutover.CutoverRequest { Actor = "test" }, new Direct(steps.Add), CancellationToken.None);
        Assert.That(steps, Has.One.StartsWith("Other programs: what they write to legacy from then on is merged field by field"));

        var cli = new Cli.CommandLine(_world);
        await cli.RunAsync("relay status donations", Strangler.Cli.ExitCodes.Ok);
        await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '11.00', status = 'D' WHERE id IN ({theirs.Id}, {both.Id})");
        Assert.That((await cli.RunAsync("relay status donations", Strangler.Cli.ExitCodes.Found)).Output, Does.Contain("other programs' writes to legacy: 2 wait to be merged"));
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.Not.EqualTo(ReconciliationOutcome.Clean));

        both.ChangeAmount(2_200);
        await _world.Donations.Donations.StoreAsync(both, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        foreach (var side in Enum.GetValues<SideName>())
        {
            var merged = (await _world.RecordAsync(side, theirs.Id))!;
            Assert.That((merged.Integer("amount"), merged.Boolean("is_cancelled")), Is.EqualTo((1_100L, true)), $"{side}");
            Assert.That((await _world.RecordAsync(side, both.Id))!.Integer("amount"), Is.EqualTo(side == SideName.Legacy ? 1_100L : 2_200L), "not overwritten unseen");
        }

        Assert.That((await cli.RunAsync("conflicts list donations", Strangler.Cli.ExitCodes.Found)).Output, Does.Contain($"donation {both.Id}").And.Contain("amount"));
        Assert.That((await cli.RunAsync($"conflicts show donations {both.Id}", Strangler.Cli.ExitCodes.Ok)).Output, Does.Contain("11.00").And.Contain("22.00"));
        Assert.That((await cli.RunAsync($"timeline donations {both.Id}", Strangler.Cli.ExitCodes.Ok)).Output, Does.Contain("in conflict"));
        Assert.That((await cli.RunAsync($"timeline donations {theirs.Id}", Strangler.Cli.ExitCodes.Ok)).Output, Does.Contain("merged"));
        var gates = await _world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None);
        Assert.That(gates.Where(gate => !gate.Passed).Select(gate => gate.Name), Is.EqualTo(new[] { "parked keys", "conflicts", "merges" }));

        await cli.RunAsync($"conflicts resolve donations {both.Id} --field amount=new --reason agreed", Strangler.Cli.ExitCodes.Ok);
        Assert.That(await _world.Host.Sides.Merges.CountAsync(CancellationToken.None), Is.EqualTo(1), "a dry run");
        await cli.RunAsync($"conflicts resolve donations {both.Id} --field amount=new --reason agreed --apply", Strangler.Cli.ExitCodes.Ok);
        await cli.RunAsync("conflicts list donations", Strangler.Cli.ExitCodes.Ok);
        foreach (var side in Enum.GetValues<SideName>())
        {
            var merged = (await _world.RecordAsync(side, both.Id))!;
            Assert.That((merged.Integer("amount"), merged.Boolean("is_cancelled")), Is.EqualTo((2_200L, true)), $"{side}");
        }

        await cli.RunAsync("relay status donations", Strangler.Cli.ExitCodes.Ok);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        await _world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    /// <summary>Case64: what a conflict keeps of a person goes with the person, and purge is not kept waiting by a clash.</summary>
    [Test]
    [Order(4)]
    [Category("Case64")]
    public async Task Who_is_purged_while_in_conflict_is_anonymized_on_both_sides_and_the_conflict_is_gone()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        var donation = CaptureSamples.Donation("Weg");
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await Foreign.RunAsync(_world, $"UPDATE spenden SET kommentar = 'theirs' WHERE id = {donation.Id}");
        await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '11.00' WHERE id = {donation.Id}");
        donation.ChangeAmount(2_200);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await _world.Host.Sides.Merges.CountAsync(CancellationToken.None), Is.EqualTo(1));

        var scrubbed = Convert.ToBase64String("a:1:{s:9:\"adresstyp\";s:6:\"person\";}"u8);
        await Foreign.RunAsync(
            _world, $"UPDATE spenden SET dt_backup = NOW(), name = '', ort = '', email = '', data = '{scrubbed}' WHERE id = {donation.Id}");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await _world.Host.Sides.Merges.CountAsync(CancellationToken.None), Is.Zero);
        foreach (var side in Enum.GetValues<SideName>())
        {
            var record = (await _world.RecordAsync(side, donation.Id))!;
            Assert.That((record.Boolean("is_anonymized"), record.Text("donor.last_name")), Is.EqualTo((true, "")), $"{side}");
        }

        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        await _world.MoveToAsync(Stage.ShadowRead);
    }

    private sealed class Direct(Action<string> report) : IProgress<string>
    {
        public void Report(string value) => report(value);
    }

    /// <summary>Case45: the triggers switched off, a foreign key's cascade, TRUNCATE.</summary>
    [Test]
    [Order(5)]
    [Category("Case45")]
    public async Task What_no_trigger_sees_is_found_as_uncaptured()
    {
        var sofort = CaptureSamples.Sofort();
        await _world.Donations.Donations.StoreAsync(sofort, CancellationToken.None);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var id = await connection.ExecuteScalarAsync<long>("SELECT MIN(id) FROM spenden WHERE betrag = '5.00' OR id > 0");
        var payment = await connection.ExecuteScalarAsync<long>("SELECT payment_id FROM spenden WHERE id = @Id", new { sofort.Id });

        await _world.Host.Capture.RemoveAsync("test", "off", force: true, TimeSpan.FromSeconds(20), null, CancellationToken.None);
        await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '123.45' WHERE id = {id}");
        await Foreign.RunAsync(_world, $"{Foreign.Insert(700_001)}; INSERT INTO donation_notification_log SELECT id FROM spenden WHERE id = 700001");
        await _world.InstallCaptureAsync();
        Assert.That((await UncapturedAsync()).Except([700_001L]), Is.EqualTo(new[] { id }), "the triggers were off");
        var loaded = (await _world.ReconcileAsync()).Counts;
        Assert.That(loaded[Verdict.Uncaptured] + loaded[Verdict.MissingInNew], Is.EqualTo(2), "a bulk load with the triggers off");
        var cli = new Cli.CommandLine(_world);
        var (status, census) = (await cli.RunAsync("capture status donations", Strangler.Cli.ExitCodes.Ok), await cli.RunAsync("census donations"));
        foreach (var spoken in new[] { status, census })
        {
            Assert.That(
                spoken.Output, Does.Contain($"Seen by no trigger (Uncaptured): {loaded[Verdict.Uncaptured]} in the last full reconciliation"));
        }

        Assert.That((await cli.RunAsync("capture status donations --json")).Json.GetProperty("uncaptured").GetInt64(), Is.EqualTo(loaded[Verdict.Uncaptured]));
        await Foreign.RunAsync(_world, "DELETE FROM donation_notification_log WHERE donation_id = 700001; DELETE FROM spenden WHERE id = 700001");

        await Foreign.RunAsync(_world, "ALTER TABLE spenden DROP FOREIGN KEY FK_3CBBD0454C3A3BB");
        await Foreign.RunAsync(_world, "ALTER TABLE spenden ADD CONSTRAINT cascading FOREIGN KEY (payment_id) REFERENCES donation_payment (id) ON DELETE SET NULL");
        await Foreign.RunAsync(_world, $"DELETE FROM donation_payment WHERE id = {payment}");
        Assert.That(await UncapturedAsync(), Is.EquivalentTo(new[] { id, sofort.Id }), "a cascade fires no trigger");

        var all = await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden");
        await Foreign.RunAsync(_world, "SET SESSION foreign_key_checks = 0; TRUNCATE spenden");
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
        Assert.That((await _world.ReconcileAsync()).Counts[Verdict.Uncaptured], Is.GreaterThan(all * 9 / 10), "TRUNCATE fires none either");
    }

    private async Task<IEnumerable<long>> UncapturedAsync()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        return report.Samples.Where(sample => sample.Verdict == Verdict.Uncaptured).Select(sample => sample.Id).Order();
    }
}
