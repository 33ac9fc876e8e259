using System.Text;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping.Php;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Donations;

/// <summary>The lines within donations' LOBs: who did what, when, from which program; queryable rows on the new side, and the same bytes in legacy.</summary>
public sealed class EventLogTests
{
    [Test]
    public async Task Events_of_the_same_second_from_two_replicas_all_survive_on_both_sides([Values(Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        await world.RunForeignAsync(
            $"""
            INSERT INTO spenden (id, status, betrag, zahlweise, kommentar, data, dt_new) VALUES
                (5, 'N', '5.00', 'BEZ', '', '{Log("2016-05-16 19:23:16", "paypal_handler: booked")}', '2016-05-16 19:00:00')
            """);
        await DrainAsync(world, stage);
        var loggers = new[] { world.Host, world.Open() }.Select(host => host.Part<DonationsContext>().Events).ToList();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(number => loggers[number % 2].LogAsync(5, $"cancelled by user: user{number}", CancellationToken.None)));
        await DrainAsync(world, stage);

        var lines = await loggers[0].FindAsync(5, CancellationToken.None);
        Assert.That(lines.Select(line => line.At), Is.Unique, "legacy holds one a second: the later ones are moved on");
        Assert.That(lines[0], Has.Property("Program").EqualTo("paypal_handler").And.Property("What").EqualTo("booked").And.Property("Who").EqualTo(""));
        Assert.That(lines.Skip(1).Select(line => line.Who), Is.EquivalentTo(Enumerable.Range(0, 6).Select(number => $"user{number}")));
        Assert.That(lines.Skip(1).Select(line => (line.What, line.Program)), Is.All.EqualTo(("cancelled", "back_office")));
        Assert.That(await LegacyLinesAsync(world), Is.EqualTo(lines.Select(line => (line.At.ToString("yyyy-MM-dd HH:mm:ss", null), line.Text))));
        if (stage != Stage.LegacyOnly)
        {
            Assert.That(await NewRowsAsync(world), Is.EqualTo(lines.Select(line => (line.At, line.Text))));
            Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        }
    }

    [Test]
    public async Task What_a_user_did_on_a_day_across_all_donations_is_one_question_with_an_index_and_the_lines_stay_as_they_were()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(300);
        for (var number = 1; number <= 3; number++)
        {
            await world.RunForeignAsync(
                $"""
                INSERT INTO spenden (id, status, betrag, zahlweise, kommentar, data, dt_new) VALUES
                    ({First + number}, 'N', '5.00', 'BEZ', '', '{Log($"2016-05-1{number} 19:23:16", "cancelled by user: Zoë")}', '2016-05-16 19:00:00'),
                    ({First + number + 3}, 'N', '5.00', 'BEZ', '', '{Log("2016-05-12 12:00:00", "marked as approved by user: Zoë")}', '2016-05-16 19:00:00'),
                    ({First + number + 6}, 'N', '5.00', 'BEZ', '', '{Log("2016-05-12 08:00:00", "restored by user: zoe")}', '2016-05-16 19:00:00')
                """);
        }

        await world.MoveToAsync(Stage.ShadowRead);
        (string, string)[] expected =
        [
            .. Enumerable.Repeat(("approved", "marked as approved by user: Zoë"), 3), ("cancelled", "cancelled by user: Zoë"),
        ];
        Assert.That(await OfZoëAsync(world), Is.EqualTo(expected), "another spelling is another user");
        await AssertIndexAsync(world);

        await world.MoveToAsync(Stage.NewLeads);
        var bytes = await DataAsync(world, First + 4);
        var donation = (await world.Donations.Donations.FindAsync(First + 4, CancellationToken.None))!;
        donation.AddLog(new DateTime(2016, 5, 12, 18, 0, 0), "Comment published by user: Zoë");
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        const string Added = """s:19:"2016-05-12 18:00:00";s:31:"Comment published by user: Zoë";""";
        Assert.That(
            await DataAsync(world, First + 4), Is.EqualTo(bytes.Replace("a:1:{s:19", "a:2:{s:19", StringComparison.Ordinal).Replace(";}}", $";{Added}}}}}", StringComparison.Ordinal)));
        Assert.That(await OfZoëAsync(world), Is.EqualTo((IEnumerable<(string, string)>)[.. expected[..3], ("comment_published", "Comment published by user: Zoë"), expected[3]]));
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public async Task What_is_not_there_is_not_logged_and_has_no_lines()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var events = world.Host.Part<DonationsContext>().Events;
        Assert.That(await events.LogAsync(4711, "paypal_handler: booked", CancellationToken.None), Is.False);
        Assert.That(await events.FindAsync(4711, CancellationToken.None), Is.Empty);
        Assert.That(() => events.LogAsync(4711, " ", CancellationToken.None), Throws.InstanceOf<ArgumentException>());
    }

    private static Task DrainAsync(DonationsWorld world, Stage stage) =>
        stage == Stage.LegacyOnly ? Task.CompletedTask : world.Host.Relay.DrainAsync(CancellationToken.None);

    private static string Log(string time, string message)
    {
        var (log, blob) = (new PhpArray(), new PhpArray());
        log.Set(time, PhpString.Of(message));
        blob.Set("adresstyp", PhpString.Of("anonym"));
        blob.Set("log", log);
        return PhpBlob.Encode(blob);
    }

    private static async Task<List<(string, string)>> LegacyLinesAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        var blob = PhpBlob.Decode(await connection.ExecuteScalarAsync<string>("SELECT data FROM spenden WHERE id = 5"));
        return blob.Array!.TryGet("log", out var log)
            ? [.. ((PhpArray)log).Select(entry => (Encoding.UTF8.GetString(entry.Key.Bytes.Span), ((PhpString)entry.Value).Text))]
            : [];
    }

    private const long First = 900_000;

    private const string ByUserAndDay =
        "WHERE actor_hash = UNHEX(SHA2('Zoë', 256)) AND logged_at >= '2016-05-12' AND logged_at < '2016-05-13'";

    private static async Task<List<(string, string)>> OfZoëAsync(DonationsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return [.. await connection.QueryAsync<(string, string)>(
            $"SELECT action, message FROM donation_log_entry {ByUserAndDay} AND program = 'back_office' AND actor = 'Zoë' ORDER BY logged_at, action")];
    }

    private static async Task AssertIndexAsync(DonationsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        var plan = (IDictionary<string, object?>)await connection.QuerySingleAsync($"EXPLAIN SELECT message FROM donation_log_entry {ByUserAndDay}");
        Assert.That((plan["key"], plan["type"]), Is.EqualTo(("donation_log_entry_actor", "range")));
    }

    private static async Task<string> DataAsync(DonationsWorld world, long id)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return Encoding.UTF8.GetString(Convert.FromBase64String((await connection.ExecuteScalarAsync<string>("SELECT data FROM spenden WHERE id = @id", new { id }))!));
    }

    private static async Task<List<(DateTime, string)>> NewRowsAsync(DonationsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return [.. await connection.QueryAsync<(DateTime, string)>(
            """
            SELECT e.logged_at, e.message FROM donation_log_entry e
            JOIN strangler_id_map m ON m.kind = 'donation' AND m.new_id = e.donation_id WHERE m.public_id = 5 ORDER BY e.logged_at
            """)];
    }
}
