using Strangler.Backfill;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Service;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Donations;

/// <summary>Rows that become unreadable, that are cured, and what is refused meanwhile (Case52).</summary>
[Category("Case52")]
public sealed class QuarantineTests
{
    [Test]
    public async Task A_row_that_becomes_unreadable_after_it_was_copied_is_neither_shown_as_it_was_nor_written_over()
    {
        await using var world = await FilledAsync(new HandWrittenRow());

        // Past capture, so that only a backfill finds it.
        await UpdateAsync(world, "SET @strangler_own = 'donations'; UPDATE spenden SET status = 'Y' WHERE id = 1; SET @strangler_own = NULL");
        await BackfillAgainAsync(world);
        var bytes = await world.LegacyBytesAsync(1);
        await world.MoveToAsync(Stage.NewLeads);
        Assert.ThrowsAsync<QuarantinedException>(() => world.Donations.Donations.FindAsync(1, CancellationToken.None));
        Assert.ThrowsAsync<QuarantinedException>(() => world.Donations.Donations.DeleteAsync(1, CancellationToken.None));
        Assert.That(await world.LegacyBytesAsync(1), Is.EqualTo(bytes));
    }

    /// <summary>
    /// The change is captured: the key is not parked besides, so its signed-off entry is all that stands, and keeps no gate shut. The write
    /// that cures it brings it over.
    /// </summary>
    [Test]
    [Category("Case40")]
    [Category("Case42")]
    public async Task A_captured_write_that_makes_a_row_unreadable_shuts_the_gates_until_it_is_signed_off_and_its_cure_comes_over()
    {
        await using var world = await FilledAsync(new HandWrittenRow());
        await UpdateAsync(world, "UPDATE spenden SET status = 'Y' WHERE id = 1");
        var pass = await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((pass.Quarantined, pass.Parked, pass.Failed), Is.EqualTo((1, 0, 0)));
        Assert.That(await DepthAsync(world), Is.EqualTo((0L, 0L, 1L)));
        Assert.That((await world.Host.Relay.DrainAsync(CancellationToken.None)).Quarantined, Is.Zero, "it is not tried again");
        await world.ReconcileAsync();
        Assert.That(await ClosedAsync(world), Is.EqualTo(new[] { "quarantine of donation", "full reconciliation of donation" }));

        await world.Host.Sides.Quarantine.SignOffAsync(DonationsContext.DonationKind, 1, "test", "known", CancellationToken.None);
        await world.ReconcileAsync();
        Assert.That(await ClosedAsync(world), Is.Empty);
        await world.MoveToAsync(Stage.NewLeads);
        Assert.ThrowsAsync<QuarantinedException>(() => world.Donations.Donations.FindAsync(1, CancellationToken.None));
        await world.MoveToAsync(Stage.DualWrite);

        await UpdateAsync(world, "UPDATE spenden SET status = 'N', betrag = '7.00' WHERE id = 1");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.RecordAsync(SideName.New, 1))!.Integer("amount"), Is.EqualTo(700));
        Assert.That((await world.Host.Sides.Quarantine.CountAsync(DonationsContext.DonationKind, CancellationToken.None)).All, Is.Zero);
        Assert.That(await DepthAsync(world), Is.EqualTo((0L, 0L, 0L)));
    }

    /// <summary>No write tells of the cure, as when the mapping was mended: the operator asks for another try.</summary>
    [Test]
    public async Task Cured_without_a_captured_write_it_comes_over_when_it_is_tried_again_by_hand()
    {
        await using var world = await FilledAsync(new HandWrittenRow());
        await UpdateAsync(world, "UPDATE spenden SET status = 'Y', betrag = '8.00' WHERE id = 1");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await UpdateAsync(world, "SET @strangler_own = 'donations'; UPDATE spenden SET status = 'N' WHERE id = 1; SET @strangler_own = NULL");
        Assert.That((await world.Host.Relay.DrainAsync(CancellationToken.None)).Applied, Is.Zero);
        Assert.That(await world.Host.Sides.Legacy.Journal.RetryAsync(null, CancellationToken.None), Is.EqualTo(1));
        Assert.That((await world.Host.Relay.DrainAsync(CancellationToken.None)).Applied, Is.EqualTo(1));
        Assert.That((await world.RecordAsync(SideName.New, 1))!.Integer("amount"), Is.EqualTo(800));
        Assert.That((await world.Host.Sides.Quarantine.CountAsync(DonationsContext.DonationKind, CancellationToken.None)).All, Is.Zero);
    }

    [Test]
    public async Task Cured_by_another_program_a_row_leaves_quarantine_with_the_next_pass_and_can_be_read_everywhere()
    {
        await using var world = await FilledAsync(new HandWrittenRow().With("betrag", "5,00"));
        var listed = await world.Host.Sides.Quarantine.ListAsync(DonationsContext.DonationKind, 10, CancellationToken.None);
        Assert.That(listed.Select(entry => (entry.Id, entry.Place)), Is.EqualTo(new[] { (1L, "spenden.betrag") }));
        Assert.ThrowsAsync<UnreadableException>(() => world.Donations.Donations.FindAsync(1, CancellationToken.None));
        await UpdateAsync(world, "UPDATE spenden SET betrag = '5.00' WHERE id = 1");
        await BackfillAgainAsync(world);
        Assert.That((await world.Host.Sides.Quarantine.CountAsync(DonationsContext.DonationKind, CancellationToken.None)).All, Is.Zero);
        await world.MoveToAsync(Stage.NewLeads);
        Assert.That((await world.Donations.Donations.FindAsync(1, CancellationToken.None))?.AmountInCents, Is.EqualTo(500));
    }

    [Test]
    public async Task A_log_that_is_not_understood_is_refused_by_name_rather_than_dropped([Values(Stage.DualWrite,
        Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync(new HandWrittenRow().Key("log", Map((Raw("i:0;"), Text("cancelled by user: anna")))));
        await world.MoveToAsync(stage);
        var bytes = await world.LegacyBytesAsync(1);
        var donation = (await world.Donations.Donations.FindAsync(1, CancellationToken.None))!;
        donation.AddLog(new DateTime(2022, 6, 1), "restored by user: anna");
        var refused = Assert.ThrowsAsync<CannotHoldException>(() =>
            world.Donations.Donations.StoreAsync(donation, CancellationToken.None))!;
        Assert.That(refused.Field, Is.EqualTo("log_entries"));
        Assert.That(await world.LegacyBytesAsync(1), Is.EqualTo(bytes));
    }

    [Test]
    public async Task A_verification_lists_the_ids_of_what_it_could_not_read()
    {
        await using var world = await FilledAsync(new HandWrittenRow().With("status", "Y"));
        var result = await new MappingVerificationJob(world.Host).RunAsync(DonationsContext.DonationKind, null, CancellationToken.None);
        Assert.That(result.Quarantined, Is.EqualTo(new[] { new RefusedRow(1, "spenden.status", "unknown code 'Y'") }));
    }

    [TestCase("Duplicate entry 'O'Brien@example.org' for key 'PRIMARY'", "Duplicate entry '…' for key 'PRIMARY'")]
    [TestCase("Duplicate entry 'a' for key 'b'-c' for key 'name'", "Duplicate entry '…' for key 'name'")]
    [TestCase("Incorrect string value: '\\xF0'x' for column `db`.`t`.`name` at row 1",
        "Incorrect string value: '…' for column `db`.`t`.`name` at row 1")]
    [TestCase("Truncated incorrect DOUBLE value: 'O'Brien", "Truncated incorrect DOUBLE value: '…'")]
    [TestCase("Data too long for column 'name' at row 1", "Data too long for column 'name' at row 1")]
    public void The_servers_messages_are_handed_on_without_values(string message, string shown) =>
        Assert.That(MySqlSide.WithoutValues(message), Is.EqualTo(shown));

    private static async Task<DonationsWorld> FilledAsync(HandWrittenRow row)
    {
        var world = await DonationsWorld.CreateAsync();
        await using (var connection = await HandWrittenRow.OpenAsync(world.LegacyDatabase))
        {
            await row.InsertAsync(connection, 1);
        }

        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        return world;
    }

    private static async Task UpdateAsync(DonationsWorld world, string sql)
    {
        await using var connection = await HandWrittenRow.OpenAsync(world.LegacyDatabase);
        await RunAsync(connection, sql);
    }

    private static async Task<(long Open, long Parked, long Quarantined)> DepthAsync(DonationsWorld world)
    {
        var depth = await world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None);
        return (depth.Open, depth.Parked, depth.Quarantined);
    }

    private static async Task<IReadOnlyList<string>> ClosedAsync(DonationsWorld world) =>
        [
            .. (await world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None))
                .Where(gate => !gate.Passed).Select(gate => gate.Name),
        ];

    private static Task BackfillAgainAsync(DonationsWorld world) =>
        new BackfillJob(world.Host.Runtime, new BackfillOptions { Again = true })
        .RunAsync(DonationsContext.DonationKind, null, CancellationToken.None);
}
