using System.Data.Common;
using System.Globalization;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Mapping;
using Strangler.Mapping.Php;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// The typical acts of back office, export and purge while the new side leads, each beside a frontend's write that legacy does not have
/// yet: what either did alone is there, and what both did goes as the donations mapping declares.
/// </summary>
[Category("Case43")]
public sealed class OfficeActsTests
{
    private static readonly DateTime Noon = new(2022, 6, 2, 12, 0, 0);
    private static readonly string Scrubbed = PhpBlob.Encode(Of(("adresstyp", PhpString.Of("person"))));

    private DonationsWorld _world = null!;
    private AheadFrontend _frontend = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(30);
        await _world.MoveToAsync(Stage.NewLeads);
        _frontend = new AheadFrontend(_world);
    }

    [OneTimeTearDown]
    public async Task DropWorld()
    {
        await _world.DisposeAsync();
    }

    [TearDown]
    public async Task BothSidesAreIdentical()
    {
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    [Test]
    public async Task A_soft_delete()
    {
        var record = await ActAsync(
            donation => donation.SubscribeNewsletter(true), "UPDATE spenden SET status = 'D', dt_del = '2022-06-02 12:00:00' WHERE id = @id");
        Assert.That((record.Boolean("is_deleted"), record.Boolean("is_cancelled"), record.Boolean("wants_newsletter")), Is.EqualTo((true, true, true)));
    }

    [Test]
    public async Task A_soft_delete_of_what_the_frontend_deletes_as_well_has_the_back_office_s_time()
    {
        var record = await ActAsync(donation => donation.Delete(Noon.AddHours(1)), "UPDATE spenden SET status = 'D', dt_del = '2022-06-02 12:00:00' WHERE id = @id");
        Assert.That(record.Timestamp("deleted_at"), Is.EqualTo(Noon));
    }

    [Test]
    public async Task An_approval()
    {
        var record = await ActAsync(
            donation => donation.SubscribeNewsletter(true), "UPDATE spenden SET status = 'N' WHERE id = @id AND status = 'P'", one => one.Moderate([]));
        Assert.That((record.Boolean("is_moderated"), record.Boolean("wants_newsletter"), record.Text("payment_state")), Is.EqualTo((false, true, "new")));
    }

    /// <summary>The letter that legacy shows says one thing; each side's act is of its own, and both stand.</summary>
    [Test]
    public async Task An_approval_of_what_the_frontend_cancels()
    {
        var record = await ActAsync(donation => donation.Cancel(), "UPDATE spenden SET status = 'N' WHERE id = @id AND status = 'P'", one => one.Moderate([]));
        Assert.That((record.Boolean("is_moderated"), record.Boolean("is_cancelled")), Is.EqualTo((false, true)));
        Assert.That(await ColumnAsync("status"), Is.EqualTo("D"));
    }

    [Test]
    public async Task An_export_in_bulk()
    {
        var record = await ActAsync(
            donation => donation.SubscribeNewsletter(true),
            "UPDATE spenden SET dt_gruen = '2022-06-02 12:00:00' WHERE dt_gruen IS NULL AND dt_del IS NULL AND status IN ('N', 'Z', 'B') AND id >= @id");
        Assert.That((record.Boolean("is_exported"), record.Timestamp("exported_at"), record.Boolean("wants_newsletter")), Is.EqualTo((true, (DateTime?)Noon, true)));
    }

    [Test]
    public async Task An_export_of_what_the_new_side_exports_as_well_has_the_export_s_time()
    {
        var record = await ActAsync(donation => donation.MarkExported(Noon.AddHours(1)), "UPDATE spenden SET dt_gruen = '2022-06-02 12:00:00' WHERE id = @id");
        Assert.That(record.Timestamp("exported_at"), Is.EqualTo(Noon));
    }

    [Test]
    public async Task A_purge_wins_over_what_the_donor_writes()
    {
        var record = await ActAsync(
            donation => donation.ChangeDonor(new EmailDonor(new PersonName("Herr", "", "Moritz", "Neu"), "moritz@example.org"), true, false),
            $"UPDATE spenden SET dt_backup = '2022-06-02 12:00:00', name = '', ort = '', email = '', data = '{Scrubbed}' WHERE id = @id");
        Assert.That((record.Boolean("is_anonymized"), record.Text("donor.last_name"), record.Text("donor.email")), Is.EqualTo((true, "", "")));
    }

    [Test]
    public async Task A_purge_that_deletes_wins_over_what_the_donor_writes()
    {
        var id = await NewAsync(_ => { });
        await _frontend.ChangeAsync(id, donation => donation.SubscribeNewsletter(true));
        await Foreign.RunAsync(_world, $"DELETE FROM spenden WHERE id = {id}");
        await MergeAsync();
        Assert.That((await _world.RecordAsync(SideName.New, id), await _world.RecordAsync(SideName.Legacy, id)), Is.EqualTo(((Record?)null, (Record?)null)));
    }

    [Test]
    public async Task A_comment_that_is_published()
    {
        var record = await ActAsync(
            donation => donation.SubscribeNewsletter(true), "UPDATE spenden SET is_public = 1 WHERE id = @id", one => one.WriteComment(new Comment("gut", "Max", false)));
        Assert.That((record.Boolean("comment.is_public"), record.Text("comment.text")), Is.EqualTo((true, "gut")));
    }

    [Test]
    public async Task A_mail_that_was_sent()
    {
        var record = await ActAsync(donation => donation.SubscribeNewsletter(true), "INSERT IGNORE INTO donation_notification_log (donation_id) VALUES (@id)");
        Assert.That(record.Boolean("is_confirmation_sent"), Is.True);
    }

    /// <summary>Corrected on a donor's call after the donor wrote on the web, and the other way round: whoever spoke last.</summary>
    [Test]
    public async Task An_address_goes_to_whoever_spoke_last([Values] bool isTheOfficeLast)
    {
        var id = await NewAsync(_ => { });
        Func<Task>[] acts =
        [
            () => _frontend.ChangeAsync(id, donation => donation.ChangeDonor(Person("Frontend"), false, false)),
            () => ChangeLobAsync(id, lob => lob.Set("strasse", PhpString.Of("Office"))),
        ];
        foreach (var act in isTheOfficeLast ? acts : acts.Reverse())
        {
            await AgeAsync();
            await act();
        }

        await MergeAsync();
        Assert.That((await BothAsync(id)).Text("donor.street"), Is.EqualTo(isTheOfficeLast ? "Office" : "Frontend"));
    }

    /// <summary>All programs write it, each rewriting the whole LOB: the most frequent clash there is, and nobody's to decide.</summary>
    [Test]
    public async Task Lines_that_both_add_to_the_log_are_all_there()
    {
        var id = await NewAsync(one => one.AddLog(Noon, "known"));
        await _frontend.ChangeAsync(id, donation => donation.AddLog(Noon.AddSeconds(9), "frontend: storno"));
        await LogAsync(id, Noon.AddSeconds(3), "cancelled by user: anna", also: ("status", "D"));
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That(Log(record), Is.EqualTo("0 known, 3 cancelled by user: anna, 9 frontend: storno"));
        Assert.That(record.Boolean("is_cancelled"), Is.True);
    }

    [Test]
    public async Task Lines_of_one_second_are_both_kept()
    {
        var id = await NewAsync(_ => { });
        await _frontend.ChangeAsync(id, donation => donation.AddLog(Noon, "paypal_handler: booked"));
        await LogAsync(id, Noon, "cancelled by user: anna");
        await MergeAsync();
        Assert.That(Log(await BothAsync(id)), Is.EqualTo("0 cancelled by user: anna, 1 paypal_handler: booked"));
    }

    [Test]
    public async Task Line_after_line_from_both_no_line_is_lost_or_doubled()
    {
        var id = await NewAsync(_ => { });
        for (var round = 0; round < 12; round++)
        {
            await _frontend.ChangeAsync(id, donation => donation.AddLog(Noon.AddMinutes(round), $"frontend {round}"));
            await LogAsync(id, Noon.AddMinutes(round).AddSeconds(5), $"office {round}");
            if (round % 3 == 0)
            {
                await MergeAsync();
            }
        }

        await MergeAsync();
        var lines = ((RecordList)(await BothAsync(id))["log_entries"]!).Rows.Select(row => (string)row[1]!);
        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, 12).SelectMany(round => new[] { $"frontend {round}", $"office {round}" })));
    }

    /// <summary>A key that only the old programs know, beside a copy that the frontend's change makes void.</summary>
    [Test]
    public async Task What_only_the_old_programs_know_is_merged_by_name()
    {
        var id = await NewAsync(_ => { });
        await Foreign.RunAsync(_world, $"UPDATE spenden SET ort = 'Bonn' WHERE id = {id}");
        await MergeAsync();
        Assert.That(Extras(await BothAsync(id)), Is.EqualTo("ort"), "the column says something else than the LOB");
        await _frontend.ChangeAsync(
            id, donation => donation.ChangeDonor(Person("Straße 1") with { Address = new Address("Straße 1", "12345", "Ulm", "DE") }, false, false));
        await ChangeLobAsync(id, lob => lob.Set("office_note", PhpString.Of("calls back")));
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.Text("donor.city"), Extras(record)), Is.EqualTo(("Ulm", "data/office_note")));
    }

    private static string Extras(Record record) => string.Join(", ", record.List("legacy_extras").Rows.Select(row => row[0]));

    private static PersonDonor Person(string street) =>
        new(new PersonName("Herr", "", "Max", "Muster"), new Address(street, "12345", "Köln", "DE"), "max@example.org");

    private long _last;

    // The frontend's write first, then the other program's.
    private async Task<Record> ActAsync(Action<Donation> frontend, string sql, Action<Donation>? before = null)
    {
        var id = _last = await NewAsync(before ?? (_ => { }));
        await _frontend.ChangeAsync(id, frontend);
        Assert.That(await Foreign.RunAsync(_world, sql.Replace("@id", id.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)), Is.EqualTo(1));
        await MergeAsync();
        return await BothAsync(id);
    }

    // A while goes by.
    private async Task AgeAsync()
    {
        foreach (var database in new[] { _world.LegacyDatabase, _world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            await connection.ExecuteAsync("UPDATE strangler_journal SET created_at = created_at - INTERVAL 10 SECOND");
        }
    }

    private async Task<long> NewAsync(Action<Donation> prepare)
    {
        var donation = CaptureSamples.Donation("Muster");
        prepare(donation);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    private async Task<string> ColumnAsync(string column)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        return (await connection.ExecuteScalarAsync<string>($"SELECT {column} FROM spenden WHERE id = {_last}"))!;
    }

    private Task LogAsync(long id, DateTime at, string message, (string Column, string Value)? also = null) => ChangeLobAsync(
        id,
        lob =>
        {
            var log = lob.TryGet("log", out var known) ? ((PhpArray)known).Copy() : new PhpArray();
            log.Set(at.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), PhpString.Of(message));
            lob.Set("log", log);
        },
        also);

    // As the old programs do: the whole LOB is read, changed and written back.
    private async Task ChangeLobAsync(long id, Action<PhpArray> change, (string Column, string Value)? also = null)
    {
        await using DbConnection connection = await _world.LegacyDatabase.OpenAsync();
        var lob = PhpBlob.Decode(await connection.ExecuteScalarAsync<string>("SELECT data FROM spenden WHERE id = @id", new { id })).Array!.Copy();
        change(lob);
        var more = also is { } column ? $", {column.Column} = '{column.Value}'" : "";
        await connection.ExecuteAsync($"UPDATE spenden SET data = @data{more} WHERE id = @id", new { id, data = PhpBlob.Encode(lob) });
    }

    private static PhpArray Of(params (string Name, PhpValue Value)[] entries)
    {
        var array = new PhpArray();
        foreach (var (name, value) in entries)
        {
            array.Set(name, value);
        }

        return array;
    }

    // Seconds since noon, and the text.
    private static string Log(Record record) => string.Join(
        ", ", ((RecordList)record["log_entries"]!).Rows.Select(row => $"{((DateTime)row[0]! - Noon).TotalSeconds:0} {row[1]}"));

    private async Task MergeAsync()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(
            (await _world.Host.Sides.Merges.ListAsync(9, CancellationToken.None)).SelectMany(conflict => conflict.Fields.Select(field => field.Field)), Is.Empty);
    }

    private async Task<Record> BothAsync(long id)
    {
        var (legacy, @new) = ((await _world.RecordAsync(SideName.Legacy, id))!, (await _world.RecordAsync(SideName.New, id))!);
        Assert.That(legacy.AgreesWith(@new), Is.True);
        return @new;
    }
}
