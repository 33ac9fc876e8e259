using System.Data.Common;
using Dapper;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Capture;

/// <summary>What the triggers make of each way to write a table (Case42).</summary>
[Category("Case42")]
public sealed class TriggerTests
{
    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.MoveToAsync(Stage.DualWrite);
        await Foreign.RunAsync(_world, "ALTER TABLE spenden ADD COLUMN theirs INT NULL");
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [SetUp]
    public async Task Fill()
    {
        await Foreign.RunAsync(_world, """
            DELETE FROM donation_notification_log; UPDATE spenden SET payment_id = NULL; DELETE FROM donation_payment; DELETE FROM spenden
            """);
        await Foreign.RunAsync(_world, string.Join(';', Enumerable.Range(1, 12).Select(id => Foreign.Insert(id))));
        await Foreign.RunAsync(_world, """
            INSERT INTO donation_payment (id, payment_type) VALUES (500, 'SUB'), (501, 'SUB');
            INSERT INTO donation_payment_sofort (id, confirmed_at) VALUES (500, NULL);
            UPDATE spenden SET payment_id = 500 WHERE id = 11;
            INSERT INTO donation_notification_log VALUES (12)
            """);
        await Foreign.ForgetAsync(_world);
    }

    [TestCase("UPDATE spenden SET betrag = '7.00' WHERE id = 1", 1L)]
    [TestCase("UPDATE spenden SET betrag = '7.00' WHERE id IN (1, 2, 3)", 1L, 2L, 3L)]
    [TestCase("DELETE FROM spenden WHERE id IN (4, 5)", 4L, 5L)]
    [TestCase("INSERT INTO spenden (id, kommentar, dt_new) VALUES (9001, '', '2020-01-01')", 9001L)]
    [TestCase("INSERT INTO spenden (id, kommentar, dt_new) VALUES (9001, '', '2020-01-01'), (9002, '', '2020-01-01')", 9001L, 9002L)]
    [TestCase("REPLACE INTO spenden (id, betrag, kommentar, dt_new) VALUES (6, '9.00', '', '2020-01-01')", 6L, 6L)]
    [TestCase("INSERT INTO spenden (id, kommentar, dt_new) VALUES (7, '', '2020-01-01') ON DUPLICATE KEY UPDATE betrag = '8.00'", 7L)]
    [TestCase("INSERT IGNORE INTO spenden (id, kommentar, dt_new) VALUES (7, '', '2020-01-01')")]
    [TestCase("UPDATE spenden SET id = 9100 WHERE id = 8", 9100L, 8L)]
    [TestCase("INSERT INTO donation_notification_log VALUES (10)", 10L)]
    [TestCase("UPDATE donation_notification_log SET donation_id = 9 WHERE donation_id = 12", 9L, 12L)]
    [TestCase("DELETE FROM donation_notification_log", 12L)]
    [TestCase("INSERT INTO donation_payment (id, payment_type) VALUES (502, 'SUB')")]
    [TestCase("UPDATE donation_payment_sofort SET confirmed_at = '2020-01-01 12:00:00' WHERE id = 500", 11L)]
    [TestCase("UPDATE donation_payment_sofort SET confirmed_at = NULL WHERE id = 500")]
    [TestCase("UPDATE donation_payment SET payment_type = 'XXX'", 11L)]
    [TestCase("DELETE FROM donation_payment_sofort WHERE id = 500", 11L)]
    [TestCase("DELETE FROM donation_payment_sofort WHERE id = 500; INSERT INTO donation_payment_sofort VALUES (500, NULL)", 11L, 11L)]
    [TestCase("UPDATE donation_payment_sofort SET id = 501 WHERE id = 500", 11L)]
    [TestCase("UPDATE spenden SET payment_id = 501 WHERE id = 10", 10L)]
    public async Task Every_way_to_write_names_the_entities_that_it_touches(string sql, params long[] keys)
    {
        await Foreign.RunAsync(_world, sql);
        Assert.That(await Foreign.KeysAsync(_world), Is.EquivalentTo(keys));
    }

    [TestCase("betrag = betrag, status = status")]
    [TestCase("theirs = 1", TestName = "An_update_makes_no_work: a column that the mapping does not know")]
    [TestCase("betrag = '5.00', name = 'Max'")]
    public async Task An_update_that_changes_nothing_of_ours_makes_no_work(string set)
    {
        Assert.That(await Foreign.RunAsync(_world, $"UPDATE spenden SET {set}"), Is.Positive);
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
    }

    [TestCase("name", "NULL", "''")]
    [TestCase("name", "''", "NULL")]
    [TestCase("name", "'max'", "'Max'", TestName = "Text_is_compared_by_its_bytes: case")]
    [TestCase("name", "'Strase'", "'Straße'", TestName = "Text_is_compared_by_its_bytes: what the collation calls equal")]
    [TestCase("name", "'Max'", "'Max '", TestName = "Text_is_compared_by_its_bytes: trailing blanks")]
    [TestCase("dt_gruen", "NULL", "'0000-00-00 00:00:00'")]
    [TestCase("dt_gruen", "'0000-00-00 00:00:00'", "'2020-00-00 00:00:00'")]
    [TestCase("bescheinigung", "NULL", "0")]
    [TestCase("data", "NULL", "''")]
    [TestCase("status", "'N'", "'n'")]
    public async Task Every_change_of_a_byte_counts(string column, string before, string after)
    {
        const string Lax = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'";
        await Foreign.RunAsync(_world, $"{Lax}; UPDATE spenden SET {column} = {before} WHERE id = 1");
        await Foreign.ForgetAsync(_world);
        await Foreign.RunAsync(_world, $"{Lax}; UPDATE spenden SET {column} = {before} WHERE id = 1");
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
        await Foreign.RunAsync(_world, $"{Lax}; UPDATE spenden SET {column} = {after} WHERE id = 1");
        Assert.That(await Foreign.CapturedAsync(_world), Is.EqualTo(new[] { (1L, 1L) }));
    }

    [Test]
    public async Task Every_write_raises_foreign_seq_by_one_and_leaves_the_version()
    {
        await Foreign.RunAsync(_world, "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq) VALUES ('donations', 'donation', 1, 2, 7, 4)");
        await Foreign.RunAsync(_world, "UPDATE spenden SET betrag = '1.00' WHERE id = 1; UPDATE spenden SET betrag = '2.00' WHERE id = 1");
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var rows = await connection.QueryAsync<(long, long, long, string, string)>(
            "SELECT CAST(epoch AS SIGNED), CAST(counter AS SIGNED), CAST(foreign_seq AS SIGNED), state, SUBSTRING_INDEX(actor, '@', 1) FROM strangler_journal ORDER BY id");
        var user = await connection.ExecuteScalarAsync<string>("SELECT SUBSTRING_INDEX(USER(), '@', 1)");
        Assert.That(rows, Is.EqualTo(new[] { (2L, 7L, 5L, "open", user), (2L, 7L, 6L, "open", user) }));
        Assert.That(
            await connection.ExecuteScalarAsync<string>("SELECT SUBSTRING_INDEX(writer, '@', 1) FROM strangler_entity WHERE `key` = 1"), Is.EqualTo(user),
            "the time of the row's change is theirs, so its writer must be, too");
    }

    [Test]
    public async Task The_writer_notices_nothing_of_it()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
        var id = await connection.ExecuteScalarAsync<long>(
            "INSERT INTO spenden (kommentar, dt_new) VALUES ('', '2020-01-01'); SELECT LAST_INSERT_ID()");
        Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { id }));
        Assert.That(await connection.ExecuteAsync("UPDATE spenden SET betrag = '3.00' WHERE id IN (1, 2)"), Is.EqualTo(2));
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT LAST_INSERT_ID()"), Is.EqualTo(id), "not the journal's id");
        await Foreign.ForgetAsync(_world);
        Assert.That(
            await connection.ExecuteAsync("INSERT INTO spenden (id, kommentar, dt_new) VALUES (-5, '', '2020-01-01')"), Is.EqualTo(1),
            "an id that cannot be a key of ours is none of ours, and no error of theirs");
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
    }

    /// <summary>
    /// As dumps are loaded. Where two triggers themselves wrote one table, MariaDB 10.11 took what another session had done with it for a use by
    /// the statement, which then failed with error 1442.
    /// </summary>
    [Test]
    public async Task Tables_that_the_writer_has_locked_are_captured_as_well()
    {
        await using var theirs = await _world.LegacyDatabase.OpenAsync();
        await using var others = await _world.LegacyDatabase.OpenAsync();
        foreach (var locks in new[] { "spenden WRITE", "spenden WRITE, donation_payment WRITE, donation_payment_sofort WRITE, donation_notification_log WRITE" })
        {
            await others.ExecuteAsync(
                "SELECT COUNT(*) FROM strangler_journal; SELECT COUNT(*) FROM strangler_entity; SELECT COUNT(*) FROM strangler_foreign_write; SELECT COUNT(*) FROM strangler_foreign_reference");
            await Foreign.ForgetAsync(_world);
            await theirs.ExecuteAsync($"""
                LOCK TABLES {locks}; UPDATE spenden SET betrag = CONCAT(betrag, '1') WHERE id = 1; DELETE FROM spenden WHERE id = 2;
                INSERT INTO spenden (id, kommentar, dt_new) VALUES (2, '', '2020-01-01')
                """);
            await theirs.ExecuteAsync("UNLOCK TABLES");
            Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { 1L, 2L, 2L }), locks);
        }
    }

    /// <summary>A session whose clock stands, or whose zone or mode is another one, is noted as of now; a note of tomorrow would wait until then.</summary>
    [TestCase("SET timestamp = UNIX_TIMESTAMP('2037-01-01 00:00:00')")]
    [TestCase("SET timestamp = UNIX_TIMESTAMP('2015-07-01 00:00:00'), time_zone = '-11:00'")]
    [TestCase("SET time_zone = '+13:00', sql_mode = 'ORACLE,ANSI,STRICT_ALL_TABLES,NO_ZERO_DATE', sql_select_limit = 0, sql_safe_updates = 1, unique_checks = 0")]
    public async Task Whatever_a_session_has_set_its_writes_are_of_now(string session)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync($"{session}; UPDATE spenden SET betrag = '7.00' WHERE id = 1");
        await connection.ExecuteAsync("SET timestamp = DEFAULT, time_zone = '+00:00', sql_select_limit = DEFAULT");
        var ages = await connection.QuerySingleAsync<(long Created, long Due, long Changed, long Written)>("""
            SELECT ABS(TIMESTAMPDIFF(SECOND, j.created_at, UTC_TIMESTAMP(6))), ABS(TIMESTAMPDIFF(SECOND, j.next_attempt_at, UTC_TIMESTAMP(6))),
                ABS(TIMESTAMPDIFF(SECOND, e.changed_at, NOW(6))), ABS(TIMESTAMPDIFF(SECOND, w.written_at, UTC_TIMESTAMP(6)))
            FROM strangler_journal j JOIN strangler_entity e ON e.`key` = j.`key` JOIN strangler_foreign_write w
            ORDER BY w.id DESC LIMIT 1
            """);
        Assert.That(new[] { ages.Created, ages.Due, ages.Changed, ages.Written }, Has.All.LessThan(60));
    }

    [Test]
    public async Task What_is_rolled_back_leaves_nothing()
    {
        await Foreign.RunAsync(_world, "START TRANSACTION; UPDATE spenden SET betrag = '7.00'; ROLLBACK");
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_entity"), Is.Zero);
    }

    [Test]
    public async Task Without_side_tables_the_other_programs_go_on_working()
    {
        await Foreign.RunAsync(_world, "RENAME TABLE strangler_entity TO gone_1, strangler_journal TO gone_2, strangler_fence TO gone_3");
        try
        {
            Assert.That(await Foreign.RunAsync(_world, "UPDATE spenden SET betrag = '7.00' WHERE id = 11"), Is.EqualTo(1));
            Assert.That(await Foreign.RunAsync(_world, "UPDATE donation_payment SET payment_type = 'YYY'"), Is.EqualTo(2));
        }
        finally
        {
            await Foreign.RunAsync(_world, "RENAME TABLE gone_1 TO strangler_entity, gone_2 TO strangler_journal, gone_3 TO strangler_fence");
        }
    }
}
