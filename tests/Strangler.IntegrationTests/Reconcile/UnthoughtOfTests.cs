using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.Mapping;
using Strangler.Mapping.Php;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>
/// Differences as hands and programs make them in the tables, past everything: each is found on a real server, in its class and field, and
/// what is none is not.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
[Category("Case57")]
public sealed class UnthoughtOfTests
{
    private const string Own = "SET @strangler_own = 'donations'; ";

    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateAsync()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(300);
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        Assert.That((await ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [OneTimeTearDown]
    public async Task DropAsync() => await _world.DisposeAsync();

    // What a collation takes for equal, what a driver or a column type might, and what a careless read would.
    private static IEnumerable<TestCaseData> NewSide =>
    [
        Case("the same letters to a collation", "donation_donor", "city = 'Köln'", "city = 'Koln'", Verdict.Drift, "donor.city", "Köln"),
        Case("ss for ß", "donation_donor", "street LIKE '%ß%'", "street = REPLACE(street, 'ß', 'ss')", Verdict.Drift, "donor.street"),
        Case("another case", "donation_donor", "email REGEXP '[a-z]'", "email = UPPER(email)", Verdict.Drift, "donor.email"),
        Case("a blank behind", "donation_donor", "full_name <> ''", "full_name = CONCAT(full_name, ' ')", Verdict.Drift, "donor.full_name"),
        Case("a no-break space for a blank", "donation_donor", "full_name LIKE '% %'", "full_name = REPLACE(full_name, ' ', _utf8mb4 x'C2A0')", Verdict.Drift, "donor.full_name"),
        Case("a zero-width space", "donation_donor", "last_name <> ''", "last_name = CONCAT(last_name, _utf8mb4 x'E2808B')", Verdict.Drift, "donor.last_name"),
        Case("a line end", "donation_comment", "text <> ''", "text = CONCAT(text, '\\n')", Verdict.Drift, "comment.text"),
        Case("a leading zero lost", "donation_donor", "postcode LIKE '0%'", "postcode = TRIM(LEADING '0' FROM postcode)", Verdict.Drift, "donor.postcode"),
        Case("nothing for something", "donation_donor", "title <> ''", "title = ''", Verdict.Drift, "donor.title"),
        Case("a cent", "donation", "amount > 0", "amount = amount + 1", Verdict.Drift, "amount"),
        Case("the other sign", "donation", "amount > 0", "amount = -amount", Verdict.Drift, "amount"),
        Case("cents for euros", "donation", "amount > 0", "amount = amount * 100", Verdict.Drift, "amount"),
        Case("a second", "donation", "created_at IS NOT NULL", "created_at = created_at + INTERVAL 1 SECOND", Verdict.Drift, "created_at"),
        Case("an hour, as a time zone makes it", "donation", "created_at IS NOT NULL", "created_at = created_at + INTERVAL 1 HOUR", Verdict.Drift, "created_at"),
        Case("no time where there was one", "donation", "exported_at IS NOT NULL", "exported_at = NULL", Verdict.Drift, "exported_at"),
        Case("a flag that is neither", "donation", "is_exported = 1", "is_exported = 2", Verdict.Unreadable, ""),
        Case("a code that is none", "donation", "payment_type = 'paypal'", "payment_type = 'PayPal '", Verdict.Unreadable, ""),
        Case("a row of a list more", "donation_log_entry", "`ordinal` = 0", null, Verdict.Drift, "log_entries",
            "INSERT INTO donation_log_entry (donation_id, `ordinal`, logged_at, message) SELECT donation_id, 9999, logged_at, message FROM donation_log_entry WHERE donation_id = @id AND `ordinal` = 0"),
        Case("a list in another order", "donation_log_entry", "`ordinal` = 1", null, Verdict.Drift, "log_entries",
            """
            UPDATE donation_log_entry SET `ordinal` = 9999 WHERE donation_id = @id AND `ordinal` = 0;
            UPDATE donation_log_entry SET `ordinal` = 0 WHERE donation_id = @id AND `ordinal` = 1;
            UPDATE donation_log_entry SET `ordinal` = 1 WHERE donation_id = @id AND `ordinal` = 9999
            """),
        Case("who did it, which stands in the line as well", "donation_log_entry", "actor <> ''", "actor = 'someone else'", Verdict.Drift, "log_entries"),
        Case("what was done, likewise", "donation_log_entry", "action = 'booked'", "action = 'cancelled'", Verdict.Drift, "log_entries"),
        Case("by which program, likewise", "donation_log_entry", "program = 'paypal_handler'", "program = ''", Verdict.Drift, "log_entries"),
        Case("an action that is none", "donation_log_entry", "action = 'booked'", "action = 'gebucht'", Verdict.Unreadable, ""),
        Case("a byte in an extra", "donation_legacy_extra", "LENGTH(content) > 4", "content = CONCAT(LEFT(content, LENGTH(content) - 1), 'x')", Verdict.Drift, "legacy_extras"),
        Case("an extra that only the new side has", "donation", "amount > 0", null, Verdict.Drift, "legacy_extras",
            "INSERT INTO donation_legacy_extra (donation_id, `ordinal`, name, content) VALUES (@id, 9999, 'data/nobody knows', 'i:1;')"),
        Case("a companion row gone", "donation_tracking", "campaign <> ''", null, Verdict.Drift, "tracking.campaign,tracking.keyword,tracking.impressions,tracking.banner_impressions",
            "DELETE FROM donation_tracking WHERE donation_id = @id"),
        Case("what legacy cannot tell", "donation", "amount > 0", null, Verdict.Drift, "moderation_reasons",
            "INSERT INTO donation_moderation_reason (donation_id, `ordinal`, identifier, source) VALUES (@id, 0, 'AMOUNT_TOO_HIGH', 'x')"),
        Case("the payment state of a cancelled one", "donation", "is_cancelled = 1 AND payment_state = 'new'", "payment_state = 'booked'", Verdict.Drift, "payment_state"),
        Case("rows under a tombstone", "donation", "amount > 0", null, Verdict.Drift, "",
            "UPDATE strangler_entity SET tombstone = 1 WHERE kind = 'donation' AND `key` = @public"),
    ];

    // Past the triggers, as bulk loads are; the first blank is where they are silent.
    private static IEnumerable<TestCaseData> LegacySide =>
    [
        Case("another case", "spenden", "email REGEXP '[a-z]'", "email = UPPER(email)", Verdict.Uncaptured, "donor.email,legacy_extras"),
        Case("a blank behind", "spenden", "name <> ''", "name = CONCAT(name, ' ')", Verdict.Uncaptured, "donor.full_name"),
        Case("another amount", "spenden", "betrag REGEXP '^[0-9]+\\\\.00$'", "betrag = CONCAT(SUBSTRING_INDEX(betrag, '.', 1), '.01')", Verdict.Uncaptured, "amount"),
        Case("an amount with a comma", "spenden", "betrag REGEXP '^[0-9]+\\\\.00$'", "betrag = REPLACE(betrag, '.', ',')", Verdict.Unreadable, ""),
        Case("a letter that is none", "spenden", "status = 'N'", "status = '?'", Verdict.Unreadable, ""),
        Case("cancelled", "spenden", "status = 'N' AND zahlweise = 'BEZ'", "status = 'D'", Verdict.Uncaptured, "is_cancelled"),
        Case("a date of export", "spenden", "dt_gruen IS NULL", "dt_gruen = '2021-01-01 00:00:00'", Verdict.Uncaptured, "exported_at,is_exported"),
        Case("a damaged blob", "spenden", "LENGTH(data) > 100", "data = LEFT(data, LENGTH(data) - 5)", Verdict.Unreadable, ""),
        Case("sent", "spenden", "id NOT IN (SELECT donation_id FROM donation_notification_log)", null, Verdict.Uncaptured, "is_confirmation_sent",
            Own + "INSERT INTO donation_notification_log VALUES (@id)"),
    ];

    [TestCaseSource(nameof(NewSide))]
    public async Task A_hand_in_the_new_tables_is_found(string table, string where, string change, Verdict verdict, string fields, string? legacyHas)
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var (column, map) = table == "donation" ? ("id", "new_id") : ("donation_id", "new_id");
        if (legacyHas is not null)
        {
            await SetAsync(new Dictionary<string, string> { ["ort"] = legacyHas });
        }

        var id = await connection.ExecuteScalarAsync<long?>($"SELECT {column} FROM {table} WHERE {where} ORDER BY {column} DESC LIMIT 1");
        Assert.That(id, Is.Not.Null, "nothing to change is there");
        var key = await connection.ExecuteScalarAsync<long>($"SELECT public_id FROM strangler_id_map WHERE {map} = @id", new { id });
        await AssertFoundAsync(connection, change.Replace("@where", $"{column} = {id}", StringComparison.Ordinal), new { id, @public = key }, key, verdict, fields);
    }

    [TestCaseSource(nameof(LegacySide))]
    public async Task A_hand_in_the_legacy_tables_is_found(string table, string where, string change, Verdict verdict, string fields, string? legacyHas)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var id = await connection.ExecuteScalarAsync<long>($"SELECT MAX(id) FROM {table} WHERE {where}");
        Assert.That(legacyHas, Is.Null);
        await AssertFoundAsync(connection, Own + change.Replace("@where", $"id = {id}", StringComparison.Ordinal), new { id }, id, verdict, fields);
    }

    [TestCase("betrag = REPLACE(betrag, '.00', '')", "betrag REGEXP '^[0-9]+\\\\.00$'", Description = "24 is 24.00")]
    [TestCase("name = IF(name = '', NULL, name)", "name = ''", Description = "NULL is no name, as '' is")]
    [TestCase("dt_exp = dt_exp", "id > 0")]
    public async Task What_means_the_same_is_no_difference(string change, string where)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync($"{Own}UPDATE spenden SET {change} WHERE {where}");
        var report = await ReconcileAsync();

        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), string.Join('\n', ReportText.Render(report)));
    }

    [Test]
    public async Task A_key_of_the_blob_that_only_legacy_knows_is_found_and_keys_in_another_order_are_none()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var (id, data) = await connection.QueryFirstAsync<(long, string)>("SELECT id, data FROM spenden WHERE LENGTH(data) > 200 ORDER BY id LIMIT 1");
        var blob = PhpBlob.Decode(data).Array!;
        blob.Set("nobody knows", PhpString.Of("x"));
        await AssertFoundAsync(connection, Own + "UPDATE spenden SET data = @data WHERE id = @id", new { id, data = PhpBlob.Encode(blob) }, id, Verdict.Uncaptured, "legacy_extras");

        var turned = new PhpArray();
        foreach (var (key, value) in PhpBlob.Decode(data).Array!.Reverse())
        {
            turned.Set(key, value);
        }

        await connection.ExecuteAsync(Own + "UPDATE spenden SET data = @turned WHERE id = @id", new { id, turned = PhpBlob.Encode(turned) });
        var report = await ReconcileAsync();
        await connection.ExecuteAsync(Own + "UPDATE spenden SET data = @data WHERE id = @id", new { id, data });
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), string.Join('\n', ReportText.Render(report)));
    }

    [Test]
    [Category("Case55")]
    public async Task Ids_that_are_none_are_found_and_named_and_nothing_breaks([Values(0, -7)] long id)
    {
        await using var world = await DonationsWorld.CreateAsync(capture: false);
        await world.FillAsync(30);
        await world.RunForeignAsync($"SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; UPDATE spenden SET id = {id} ORDER BY id DESC LIMIT 1");
        await world.InstallCaptureAsync();
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();

        var report = await ReconcileAsync(world);

        Assert.That(report.Samples.Where(sample => sample.Verdict != Verdict.NotComparable).Select(sample => (sample.Id, sample.Verdict)),
            Is.EqualTo(new[] { (id, Verdict.Unreadable) }), string.Join('\n', ReportText.Render(report)));
        Assert.That(report.Entities, Is.EqualTo(30));
        Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
        await world.Host.Sides.Quarantine.SignOffAsync(world.Kind, null, "test", "test row", CancellationToken.None);
        Assert.That((await ReconcileAsync(world)).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    private static TestCaseData Case(
        string name, string table, string where, string? set, Verdict verdict, string fields, string? change = null) =>
        new TestCaseData(table, where, change is null or "Köln" ? $"UPDATE {table} SET {set} WHERE @where" : change, verdict, fields, change == "Köln" ? change : null)
            .SetArgDisplayNames(name);

    // The change, the report, the change undone from a copy of the rows: each case begins with sides that agree.
    private async Task AssertFoundAsync(
        System.Data.Common.DbConnection connection, string change, object parameters, long key, Verdict verdict, string fields)
    {
        await connection.ExecuteAsync("SET SESSION group_concat_max_len = 100000");
        var copies = await CopyAsync(connection);
        try
        {
            await connection.ExecuteAsync(change, parameters);
            var report = await ReconcileAsync();

            var found = report.Samples.Where(sample => sample.Verdict is not Verdict.NotComparable).ToList();
            Assert.That(found.Select(sample => (sample.Id, sample.Verdict)), Is.EqualTo(new[] { (key, verdict) }), string.Join('\n', ReportText.Render(report)));
            Assert.That(found[0].Fields.Select(field => field.Field).Order(StringComparer.Ordinal), fields.Length == 0
                ? Is.Empty
                : Is.SubsetOf(fields.Split(',')).And.Not.Empty);
        }
        finally
        {
            await RestoreAsync(connection, copies);
        }

        Assert.That((await ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean), "put back");
    }

    private static async Task<IReadOnlyList<(string Table, string Columns)>> CopyAsync(System.Data.Common.DbConnection connection)
    {
        var tables = (await connection.QueryAsync<(string, string)>(
            """
            SELECT TABLE_NAME, GROUP_CONCAT(CONCAT('`', COLUMN_NAME, '`')) FROM information_schema.COLUMNS
            WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'copy_of_%' AND EXTRA NOT LIKE '%GENERATED%'
                AND (TABLE_NAME NOT LIKE 'strangler%' OR TABLE_NAME = 'strangler_entity')
            GROUP BY TABLE_NAME
            """)).ToList();
        foreach (var (table, columns) in tables)
        {
            await connection.ExecuteAsync($"DROP TABLE IF EXISTS copy_of_{table}; CREATE TABLE copy_of_{table} AS SELECT {columns} FROM {table}");
        }

        return tables;
    }

    private static async Task RestoreAsync(System.Data.Common.DbConnection connection, IReadOnlyList<(string Table, string Columns)> tables)
    {
        await connection.ExecuteAsync("SET foreign_key_checks = 0, @strangler_own = 'donations'");
        foreach (var (table, columns) in tables)
        {
            await connection.ExecuteAsync(
                $"DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM copy_of_{table}; DROP TABLE copy_of_{table}");
        }

        await connection.ExecuteAsync("SET foreign_key_checks = 1, @strangler_own = NULL");
    }

    /// <summary>A captured write of another program, brought over.</summary>
    private async Task SetAsync(Dictionary<string, string> columns)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var (id, data) = await connection.QueryFirstAsync<(long, string)>("SELECT id, data FROM spenden WHERE LENGTH(data) > 200 ORDER BY id DESC LIMIT 1");
        var blob = PhpBlob.Decode(data).Array!;
        foreach (var (column, value) in columns)
        {
            blob.Set(column, PhpString.Of(value));
        }

        await connection.ExecuteAsync("UPDATE spenden SET data = @data, ort = @ort WHERE id = @id", new { id, data = PhpBlob.Encode(blob), ort = columns["ort"] });
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
    }

    private Task<ReconciliationReport> ReconcileAsync() => ReconcileAsync(_world);

    private static Task<ReconciliationReport> ReconcileAsync(ContextWorld world) => world.Host.Reconciler(Options(world)).RunAsync(
        new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None);

    private static ReconciliationOptions Options(ContextWorld world)
    {
        var options = ContextWorld.Hasty(world.Host);
        (options.SamplesPerVerdict, options.RecheckDelay) = (1000, TimeSpan.FromMilliseconds(20));
        return options;
    }
}
