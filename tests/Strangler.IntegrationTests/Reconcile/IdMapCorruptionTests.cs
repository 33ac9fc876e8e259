using System.Text.Json;
using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>
/// An id map that somebody has damaged on a real server: found with the right verdict, every gate closed, and no repair makes it worse.
/// </summary>
[TestFixture]
[Category("Case67")]
public sealed class IdMapCorruptionTests
{
    [Test]
    public async Task Two_legacy_ids_on_one_new_row_are_found_however_far_apart_and_close_the_gates()
    {
        await using var world = await ReadyAsync();
        var line = new CommandLine(world);
        var (first, last, rows) = await EdgesAsync(world);
        await ExecuteAsync(world, "ALTER TABLE strangler_id_map DROP KEY strangler_id_map_new");
        await ExecuteAsync(world, "UPDATE strangler_id_map SET new_id = @to WHERE public_id = @last", new { to = rows[first], last });

        var report = (await line.RunAsync("reconcile donations --json", 1)).Json;

        // The row that the last id led to is nobody's now.
        Assert.That(Unmapped(report), Is.EquivalentTo(new[] { $"0/{rows[last]}", $"{last}/{rows[first]}" }));
        Assert.That(Note(report, last), Does.Contain($"shares new id {rows[first]} with public id {first}"));
        Assert.That(report.GetProperty("counts").EnumerateObject().Where(count => count.Value.GetInt64() > 0).Select(count => count.Name),
            Is.EquivalentTo(new[] { "matched", "unmapped" }));
        Assert.That((await line.RunAsync("cutover advance donations", 4)).All, Does.Contain("unmapped donation").And.Contain("full reconciliation"));

        var before = await RowAsync(world, rows[first]);
        var repair = await line.RunAsync($"repair donations --keys {first} {last} --apply --reason test");
        Assert.That(repair.All, Does.Contain("Refused").And.Contain("shares new id"));
        Assert.That(await RowAsync(world, rows[first]), Is.EqualTo(before));

        await ExecuteAsync(world, "UPDATE strangler_id_map SET new_id = @to WHERE public_id = @last", new { to = rows[last], last });
        await ExecuteAsync(world, "ALTER TABLE strangler_id_map ADD UNIQUE KEY by_hand (context, kind, new_id)");
        await line.RunAsync("reconcile donations", 0);
        await line.RunAsync("cutover advance donations", 0);
    }

    [Test]
    public async Task A_map_row_that_is_gone_and_two_that_are_exchanged_are_found()
    {
        await using var world = await ReadyAsync();
        var line = new CommandLine(world);
        var (first, last, rows) = await EdgesAsync(world);
        var (one, other) = (rows.Keys.Order().ElementAt(1), rows.Keys.Order().ElementAt(2));
        await ExecuteAsync(world, "DELETE FROM strangler_id_map WHERE public_id = @first", new { first });
        await ExecuteAsync(world, "UPDATE strangler_id_map SET new_id = 0 WHERE public_id = @one", new { one });
        await ExecuteAsync(world, "UPDATE strangler_id_map SET new_id = @to WHERE public_id = @other", new { to = rows[one], other });
        await ExecuteAsync(world, "UPDATE strangler_id_map SET new_id = @to WHERE public_id = @one", new { to = rows[other], one });

        var report = (await line.RunAsync("reconcile donations --json", 1)).Json;

        Assert.That(Unmapped(report), Is.EquivalentTo(new[] { $"0/{rows[first]}", $"{first}/" }));
        Assert.That(Note(report, first), Does.Contain("its map row is gone"));
        Assert.That(Found(report, "drift"), Is.EquivalentTo(new[] { one, other }));
        Assert.That((await line.RunAsync("cutover advance donations", 4)).All, Does.Contain("unmapped donation"));
        Assert.That((await line.RunAsync($"repair donations --keys {first} --apply --reason test")).All, Does.Contain("Refused"));
        Assert.That((await EdgesAsync(world)).Rows, Does.Not.ContainKey(first), "no second row was made for it");
        Assert.That(last, Is.GreaterThan(first));
    }

    [Test]
    public async Task Where_legacy_would_allot_reserved_ids_again_the_new_side_does_not_lead()
    {
        await using var world = await ReadyAsync();
        var line = new CommandLine(world);
        await world.Host.Sides.PublicIds.ReserveAsync(DonationsContext.DonationKind, 50, CancellationToken.None);

        // As after a restore: InnoDB takes the highest id that is there.
        await world.RunForeignAsync("ALTER TABLE spenden AUTO_INCREMENT = 1");

        Assert.That((await line.RunAsync("cutover advance donations", 4)).All, Does.Contain("reserved ids"));
        Assert.That((await line.RunAsync("cutover advance donations --force --reason test", 4)).All, Does.Contain("reserved ids"));
        Assert.That((await world.Host.Cutover.StatusAsync(CancellationToken.None)).Stage, Is.EqualTo(Stage.ShadowRead));
    }

    [Test]
    public async Task After_a_flip_new_rows_get_ids_above_all_there_are_whatever_was_done_to_the_sequence()
    {
        await using var world = await ReadyAsync();
        await ExecuteAsync(world, "ALTER TABLE donation AUTO_INCREMENT = 1");
        var (_, _, rows) = await EdgesAsync(world);
        await world.Host.Cutover.AdvanceAsync(new CutoverRequest { Actor = "test", Reason = "test", TypedConfirmation = world.Name }, null, CancellationToken.None);
        var donation = (await world.Donations.Donations.FindAsync(rows.Keys.Max(), CancellationToken.None))!;
        Assert.That(donation, Is.Not.Null);

        List<long> born = [];
        for (var i = 0; i < 3; i++)
        {
            born.Add(await StoreAsync(world));
        }

        var after = (await EdgesAsync(world)).Rows;
        Assert.That(born.Select(id => after[id]), Is.Unique);
        Assert.That(born.Select(id => after[id]), Is.All.GreaterThan(rows.Values.Max()));
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(Reconciliation.ReconciliationOutcome.Clean));
    }

    private static async Task<long> StoreAsync(DonationsWorld world)
    {
        var donation = new Donation(
            0, new DateTime(2022, 6, 1, 10, 0, 0), 500, 0, new EmailDonor(new PersonName("", "", "", ""), "max@example.org"),
            new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    private static async Task<DonationsWorld> ReadyAsync()
    {
        var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(600);
        await world.MoveToAsync(Stage.ShadowRead);
        await world.ReconcileAsync();
        return world;
    }

    private static async Task<(long First, long Last, Dictionary<long, long> Rows)> EdgesAsync(DonationsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        var rows = (await connection.QueryAsync<(long, long)>(
            "SELECT public_id, new_id FROM strangler_id_map WHERE context = 'donations'")).ToDictionary(pair => pair.Item1, pair => pair.Item2);
        return (rows.Keys.Min(), rows.Keys.Max(), rows);
    }

    private static async Task ExecuteAsync(DonationsWorld world, string sql, object? parameters = null)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(sql, parameters);
    }

    private static async Task<string> RowAsync(DonationsWorld world, long newId)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return JsonSerializer.Serialize(await connection.QuerySingleAsync("SELECT * FROM donation WHERE id = @newId", new { newId }));
    }

    private static IEnumerable<string> Unmapped(JsonElement report) => Samples(report, "unmapped").Select(sample =>
        $"{sample.GetProperty("id")}/{(sample.TryGetProperty("new_id", out var id) ? id.ToString() : "")}");

    private static IEnumerable<long> Found(JsonElement report, string verdict) => Samples(report, verdict).Select(sample => sample.GetProperty("id").GetInt64());

    private static string Note(JsonElement report, long id) =>
        report.GetProperty("samples").EnumerateArray().First(sample => sample.GetProperty("id").GetInt64() == id).GetProperty("note").GetString()!;

    private static IEnumerable<JsonElement> Samples(JsonElement report, string verdict) =>
        report.GetProperty("samples").EnumerateArray().Where(sample => sample.GetProperty("verdict").GetString() == verdict);
}
