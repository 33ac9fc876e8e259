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

        // Past capture: a captured change would park the key besides, and keep the gates shut until the row is cured.
        await UpdateAsync(world, "SET @strangler_own = 1; UPDATE spenden SET status = 'Y' WHERE id = 1; SET @strangler_own = NULL");
        await BackfillAgainAsync(world);
        var bytes = await world.LegacyBytesAsync(1);
        await world.MoveToAsync(Stage.NewLeads);
        Assert.ThrowsAsync<QuarantinedException>(() => world.Donations.Donations.FindAsync(1, CancellationToken.None));
        Assert.ThrowsAsync<QuarantinedException>(() => world.Donations.Donations.DeleteAsync(1, CancellationToken.None));
        Assert.That(await world.LegacyBytesAsync(1), Is.EqualTo(bytes));
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

    private static Task BackfillAgainAsync(DonationsWorld world) =>
        new BackfillJob(world.Host.Runtime, new BackfillOptions { Again = true })
        .RunAsync(DonationsContext.DonationKind, null, CancellationToken.None);
}
