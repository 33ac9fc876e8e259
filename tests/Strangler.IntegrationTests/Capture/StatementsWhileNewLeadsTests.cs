using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// Every way that SQL has to write, by another program on a real server while the new side leads, beside a frontend whose own write legacy
/// does not have yet. Both sides end identical, and what neither owner nor rule gives up is there.
/// </summary>
[Category("Case42")]
[Category("Case43")]
public sealed class StatementsWhileNewLeadsTests
{
    private DonationsWorld _world = null!;
    private AheadFrontend _frontend = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(40);
        await _world.MoveToAsync(Stage.NewLeads);
        _frontend = new AheadFrontend(_world);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test]
    public async Task An_update_of_several_rows()
    {
        var (changed, other) = (await NewAsync(), await NewAsync());
        await _frontend.ChangeAsync(changed, donation => donation.SubscribeNewsletter(true));
        Assert.That(await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '11.00' WHERE id IN ({changed}, {other})"), Is.EqualTo(2));
        await MergeAsync();
        var record = await BothAsync(changed);
        Assert.That((record.Integer("amount"), record.Boolean("wants_newsletter")), Is.EqualTo((1_100L, true)));
        Assert.That((await BothAsync(other)).Integer("amount"), Is.EqualTo(1_100L));
    }

    /// <summary>Two events on one key: what it does not name is as the table's defaults say, but for what the frontend changed meanwhile.</summary>
    [Test]
    public async Task A_replace_of_a_row_that_is_there()
    {
        var id = await NewAsync();
        await _frontend.ChangeAsync(id, donation => donation.SubscribeNewsletter(true));
        await Foreign.RunAsync(_world, $"REPLACE INTO spenden (id, betrag, kommentar, dt_new) VALUES ({id}, '9.00', '', '2020-01-01 12:00:00')");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Integer("amount"), record.Boolean("wants_newsletter"), record.Text("donor.last_name")), Is.EqualTo((900L, true, "")));
    }

    [Test]
    public async Task A_replace_of_a_row_that_is_not_there()
    {
        await Foreign.RunAsync(_world, "REPLACE INTO spenden (id, betrag, kommentar, dt_new) VALUES (910001, '9.00', '', '2020-01-01 12:00:00')");
        await MergeAsync();
        Assert.That((await BothAsync(910_001)).Integer("amount"), Is.EqualTo(900L));
    }

    [Test]
    public async Task An_insert_on_duplicate_key_update_of_both_kinds_in_one_statement()
    {
        var id = await NewAsync();
        await _frontend.ChangeAsync(id, donation => donation.SubscribeNewsletter(true));
        await Foreign.RunAsync(
            _world, $"{Foreign.Insert(id)}, (920001, 'Max', '5.00', '', NULL, '2020-01-01 12:00:00') ON DUPLICATE KEY UPDATE betrag = '8.00'");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Integer("amount"), record.Boolean("wants_newsletter"), record.Text("donor.last_name")), Is.EqualTo((800L, true, "Muster")));
        Assert.That((await BothAsync(920_001)).Integer("amount"), Is.EqualTo(500L));
    }

    [Test]
    public async Task A_delete_of_many_rows_one_of_them_changed_by_the_frontend()
    {
        var ids = await NewAsync(12);
        await _frontend.ChangeAsync(ids[5], donation => donation.SubscribeNewsletter(true));
        Assert.That(await Foreign.RunAsync(_world, $"DELETE FROM spenden WHERE id IN ({string.Join(',', ids)})"), Is.EqualTo(12));
        await MergeAsync();
        foreach (var id in ids)
        {
            Assert.That((await _world.RecordAsync(SideName.New, id), await _world.RecordAsync(SideName.Legacy, id)), Is.EqualTo(((Record?)null, (Record?)null)));
        }

        Assert.That(await DecidedAsync(ids[5]), Does.StartWith("(existence) = legacy"), "lost by a rule, and told");
        Assert.That(await DecidedAsync(ids[4]), Is.Empty);
    }

    [Test]
    public async Task A_change_of_the_key_is_an_end_and_a_birth()
    {
        var id = await NewAsync();
        await Foreign.RunAsync(_world, $"UPDATE spenden SET id = 930001, betrag = '7.00' WHERE id = {id}");
        await MergeAsync();
        Assert.That(await _world.RecordAsync(SideName.New, id), Is.Null);
        var record = await BothAsync(930_001);
        Assert.That((record.Integer("amount"), record.Text("donor.last_name")), Is.EqualTo((700L, "Muster")));
        await Foreign.RunAsync(_world, $"UPDATE spenden SET id = {id} WHERE id = 930001");
        await MergeAsync();
        Assert.That(await _world.RecordAsync(SideName.New, 930_001), Is.Null);
        Assert.That((await BothAsync(id)).Integer("amount"), Is.EqualTo(700L), "and back");
    }

    [Test]
    public async Task A_row_that_is_deleted_and_inserted_again_in_one_transaction()
    {
        var id = await NewAsync();
        await Foreign.RunAsync(_world, $"START TRANSACTION; DELETE FROM spenden WHERE id = {id}; {Foreign.Insert(id)}; COMMIT");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Integer("amount"), record.Text("donor.full_name")), Is.EqualTo((500L, "Max")));
    }

    [Test]
    public async Task Several_statements_of_one_transaction_come_together_or_not_at_all()
    {
        var id = await NewAsync();
        await Foreign.RunAsync(_world, $"START TRANSACTION; UPDATE spenden SET betrag = '1.00' WHERE id = {id}; DELETE FROM spenden WHERE id = {id}; ROLLBACK");
        await Foreign.RunAsync(
            _world, $"START TRANSACTION; UPDATE spenden SET betrag = '2.00' WHERE id = {id}; INSERT INTO donation_notification_log VALUES ({id}); COMMIT");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Integer("amount"), record.Boolean("is_confirmation_sent")), Is.EqualTo((200L, true)));
    }

    [Test]
    public async Task Rows_of_companions()
    {
        var id = await _frontend.CreateAsync(CaptureSamples.Sofort());
        await MergeAsync();
        await _frontend.ChangeAsync(id, donation => donation.SubscribeNewsletter(true));
        await Foreign.RunAsync(
            _world,
            $"UPDATE donation_payment_sofort f JOIN spenden s ON s.payment_id = f.id SET f.confirmed_at = '2022-06-02 08:00:00' WHERE s.id = {id}; "
            + $"INSERT INTO donation_notification_log VALUES ({id})");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Boolean("wants_newsletter"), record.Boolean("is_confirmation_sent")), Is.EqualTo((true, true)));
        Assert.That(record.Timestamp("sofort.confirmed_at"), Is.EqualTo(new DateTime(2022, 6, 2, 8, 0, 0)));

        await Foreign.RunAsync(
            _world,
            $"""
            INSERT INTO donation_payment (id, payment_type) VALUES (8800, 'SUB'); INSERT INTO donation_payment_sofort VALUES (8800, '2022-07-07 07:07:07');
            UPDATE spenden SET payment_id = 8800 WHERE id = {id}
            """);
        await MergeAsync();
        Assert.That((await BothAsync(id)).Timestamp("sofort.confirmed_at"), Is.EqualTo(new DateTime(2022, 7, 7, 7, 7, 7)), "another payment");
        await Foreign.RunAsync(_world, "DELETE FROM donation_payment_sofort WHERE id = 8800");
        await MergeAsync();
        Assert.That((await BothAsync(id)).Timestamp("sofort.confirmed_at"), Is.Null);
    }

    /// <summary>An old snapshot hides from the trigger which donation the payment belongs to.</summary>
    [Test]
    public async Task A_payment_of_a_donation_that_is_younger_than_the_writers_snapshot()
    {
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await theirs.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION; SELECT COUNT(*) FROM spenden");
        var id = await _frontend.CreateAsync(CaptureSamples.Sofort());
        await MergeAsync();
        await using var now = await _world.LegacyDatabase.OpenAsync();
        var payment = await now.ExecuteScalarAsync<long>("SELECT payment_id FROM spenden WHERE id = @id", new { id });
        Assert.That(
            await theirs.ExecuteAsync($"UPDATE donation_payment_sofort SET confirmed_at = '2022-06-02 08:00:00' WHERE id = {payment}"), Is.EqualTo(1));
        await theirs.ExecuteAsync("COMMIT");
        await MergeAsync();
        Assert.That((await BothAsync(id)).Timestamp("sofort.confirmed_at"), Is.EqualTo(new DateTime(2022, 6, 2, 8, 0, 0)));
    }

    /// <summary>Somebody takes ids that are reserved for creates of the new side.</summary>
    [Test]
    public async Task An_id_of_the_reserved_block_that_another_program_has_taken_is_not_given_out([Values] bool isMerged)
    {
        var last = await _frontend.CreateAsync(CaptureSamples.Donation("Muster"));
        var taken = Enumerable.Range(1, 3).Select(step => last + step).ToList();
        foreach (var id in taken)
        {
            await Foreign.RunAsync(_world, Foreign.Insert(id));
        }

        if (isMerged)
        {
            await MergeAsync();
        }

        List<long> created = [];
        for (var i = 0; i < 5; i++)
        {
            created.Add(await _frontend.CreateAsync(CaptureSamples.Donation("Unser")));
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        TestContext.Out.WriteLine($"taken {string.Join(',', taken)}, created {string.Join(',', created)}");
        foreach (var id in created.Except(taken))
        {
            Assert.That((await BothAsync(id)).Text("donor.last_name"), Is.EqualTo("Unser"));
        }

        if (isMerged)
        {
            Assert.That(created.Intersect(taken), Is.Empty);
            return;
        }

        // Given out before anybody could know: two births are never mixed, and somebody has to look.
        var conflicts = await _world.Host.Sides.Merges.ListAsync(100, CancellationToken.None);
        Assert.That(conflicts.Select(conflict => conflict.Key.Id), Is.EquivalentTo(created.Intersect(taken)));
        foreach (var conflict in conflicts)
        {
            Assert.That((await _world.RecordAsync(SideName.Legacy, conflict.Key.Id))!.Text("donor.full_name"), Is.EqualTo("Max"));
            Assert.That((await _world.RecordAsync(SideName.New, conflict.Key.Id))!.Text("donor.last_name"), Is.EqualTo("Unser"));
            await new Merging.ConflictService(_world.Host.Runtime).ResolveAsync(
                conflict.Key, new Merging.MergeDecision(SideName.New, new Dictionary<string, SideName>()), "test", "ours", apply: true, CancellationToken.None);
        }
    }

    /// <summary>Case45: with the triggers off. The frontend's next write must not write over it as if it were not there.</summary>
    [Test]
    [Category("Case45")]
    public async Task A_write_that_no_trigger_saw_is_merged_when_the_frontend_writes_next()
    {
        var id = await NewAsync();
        await _world.Host.Capture.RemoveAsync("test", "off", force: true, TimeSpan.FromSeconds(20), null, CancellationToken.None);
        await Foreign.RunAsync(_world, $"UPDATE spenden SET status = 'D', dt_del = '2022-06-02 12:00:00' WHERE id = {id}");
        await _world.InstallCaptureAsync();
        await _frontend.ChangeAsync(id, donation => donation.SubscribeNewsletter(true));
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Boolean("is_deleted"), record.Boolean("is_cancelled"), record.Boolean("wants_newsletter")), Is.EqualTo((true, true, true)));
        Assert.That(_world.Logs.Lines, Has.Some.Match($"Error 1013 .*donation {id} was changed in legacy, in .*is_deleted"));
    }

    [Test]
    [Order(100)]
    public async Task Then_both_sides_are_identical_and_the_way_back_is_open()
    {
        await MergeAsync();
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        await _world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        await _world.MoveToAsync(Stage.NewLeads);
    }

    /// <summary>Case45: no trigger sees it; the new side, which leads, has everything, and a repair gives it back.</summary>
    [Test]
    [Order(101)]
    [Category("Case45")]
    public async Task A_truncate_is_found_as_uncaptured_and_the_lead_gives_everything_back()
    {
        var id = await NewAsync();
        await Foreign.RunAsync(_world, "SET SESSION foreign_key_checks = 0; TRUNCATE spenden");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await _world.RecordAsync(SideName.New, id), Is.Not.Null, "nothing is taken for deleted");
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        TestContext.Out.WriteLine(string.Join('\n', ReportText.Render(report)));
        Assert.That(report.Counts[Verdict.MissingInLegacy] + report.Counts[Verdict.Uncaptured], Is.GreaterThan(40));
        var gates = await _world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None);
        Assert.That(gates.Where(gate => !gate.Passed), Is.Not.Empty, "nobody goes back over it");
    }

    private async Task<long> NewAsync() => (await NewAsync(1))[0];

    private async Task<List<long>> NewAsync(int count)
    {
        List<long> ids = [];
        for (var i = 0; i < count; i++)
        {
            var donation = CaptureSamples.Donation("Muster");
            await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
            ids.Add(donation.Id);
        }

        return ids;
    }

    private async Task MergeAsync()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        foreach (var side in Enum.GetValues<SideName>())
        {
            var depth = await _world.Host.Sides.Of(side).Journal.DepthAsync(CancellationToken.None);
            Assert.That((depth.Open, depth.Parked, depth.Quarantined), Is.EqualTo((0L, 0L, 0L)), () => $"{side}\n{string.Join('\n', _world.Logs.Lines.TakeLast(5))}");
        }

        Assert.That(await _world.Host.Sides.Merges.CountAsync(CancellationToken.None), Is.Zero);
    }

    // The record that both sides show.
    private async Task<Record> BothAsync(long id)
    {
        var (legacy, @new) = ((await _world.RecordAsync(SideName.Legacy, id))!, (await _world.RecordAsync(SideName.New, id))!);
        Assert.That(
            legacy.Schema.Fields.Where(field => legacy.Values[field.Ordinal] is not Hidden
                && !Record.ValuesEqual(legacy.Values[field.Ordinal], @new.Values[field.Ordinal])).Select(field => field.Name),
            Is.Empty);
        return @new;
    }

    private async Task<string> DecidedAsync(long id)
    {
        var key = new EntityKey(DonationsContext.DonationKind, id);
        var entries = await _world.Host.Sides.New.Audit.ListAsync(1_000, CancellationToken.None);
        return string.Join("; ", entries.Where(entry => entry.Action == "merge" && entry.Detail.StartsWith($"{key}: ", StringComparison.Ordinal))
            .Select(entry => entry.Detail[$"{key}: ".Length..]));
    }
}
