using Dapper;
using Npgsql;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.IntegrationTests.MySql;
using Strangler.Postgres;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>What the triggers on a legacy side in PostgreSQL make of each way to write a table (Case42), and how they are kept.</summary>
[Category("Case42")]
internal sealed class PostgresCaptureTests
{
    private const int Triggers = 12;
    private const string Kind = "thing";
    private static readonly FenceRow Dual = new(FenceRole.Lead, Stage.DualWrite, 5, 4);
    private static readonly FenceRow Alone = new(FenceRole.Lead, Stage.LegacyOnly, 3, 0);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private PostgresTestSide _side = null!;

    private ICapture Capture => _side.Legacy.Capture;

    [OneTimeSetUp]
    public async Task CreateSide()
    {
        _side = await PostgresTestSide.CreateAsync(SideName.Legacy);
        await _side.RunAsync("ALTER TABLE thing ADD COLUMN theirs integer");
    }

    [OneTimeTearDown]
    public Task DropSide() => _side.DisposeAsync().AsTask();

    [SetUp]
    public async Task Fill()
    {
        await _side.SetFenceAsync(Alone);
        await _side.RunAsync("""
            DELETE FROM thing_note; DELETE FROM thing_extra; DELETE FROM thing;
            INSERT INTO thing (id, name, flag) SELECT i, 'Max', 0 FROM generate_series(1, 12) i;
            INSERT INTO thing_extra VALUES (11, 'extra'); INSERT INTO thing_note VALUES (12, 0, 'a', NULL), (12, 1, 'b', NULL)
            """);
        await Capture.InstallAsync(Patience, null, default);
        await ForgetAsync();
        await _side.SetFenceAsync(Dual);
    }

    [TestCase("UPDATE thing SET flag = 7 WHERE id = 1", 1L)]
    [TestCase("UPDATE thing SET flag = 7 WHERE id IN (1, 2, 3)", 1L, 2L, 3L)]
    [TestCase("DELETE FROM thing WHERE id IN (4, 5)", 4L, 5L)]
    [TestCase("INSERT INTO thing (id, name, flag) VALUES (9001, '', 0), (9002, '', 0)", 9001L, 9002L)]
    [TestCase("INSERT INTO thing (id, name, flag) VALUES (7, '', 0) ON CONFLICT (id) DO UPDATE SET flag = 3", 7L)]
    [TestCase("INSERT INTO thing (id, name, flag) VALUES (7, '', 0), (77, '', 0) ON CONFLICT (id) DO UPDATE SET flag = 3", 7L, 77L)]
    [TestCase("INSERT INTO thing (id, name, flag) VALUES (7, '', 0) ON CONFLICT DO NOTHING")]
    [TestCase("UPDATE thing SET id = 9100 WHERE id = 8", 9100L, 8L)]
    [TestCase("INSERT INTO thing_extra VALUES (10, 'x')", 10L)]
    [TestCase("UPDATE thing_extra SET thing_id = 9 WHERE thing_id = 11", 9L, 11L)]
    [TestCase("UPDATE thing_note SET text = 'c' WHERE ordinal = 1", 12L)]
    [TestCase("UPDATE thing_note SET ordinal = 1 - ordinal + 5", 12L)]
    [TestCase("UPDATE thing_note SET text = CASE text WHEN 'a' THEN 'b' ELSE 'a' END", 12L, TestName = "Every_way: rows of one entity that exchange their content")]
    [TestCase("DELETE FROM thing_extra", 11L)]
    [TestCase("TRUNCATE thing_note", 12L)]
    [TestCase("TRUNCATE thing_extra, thing_note", 11L, 12L)]
    [TestCase("TRUNCATE thing CASCADE", 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 11L, 12L, 12L)]
    [TestCase("SET session_replication_role = replica; UPDATE thing SET flag = 7 WHERE id = 1", 1L)]
    [TestCase("INSERT INTO thing (id, name, flag) VALUES (-5, '', 0), (0, '', 0)", TestName = "Every_way: ids that cannot be keys of ours are none of ours")]
    [TestCase("MERGE INTO thing t USING (VALUES (1), (50)) v (id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET flag = 9 WHEN NOT MATCHED THEN INSERT (id, name, flag) VALUES (v.id, '', 0)", 1L, 50L)]
    public async Task Every_way_to_write_names_the_entities_that_it_touches(string sql, params long[] keys)
    {
        await RunAsync(sql);
        Assert.That(await KeysAsync(), Is.EquivalentTo(keys));
    }

    [Test]
    public async Task Rows_that_are_copied_in_bulk_are_captured()
    {
        await using (var connection = (NpgsqlConnection)await _side.Database.OpenAsync())
        {
            await using var copy = await connection.BeginTextImportAsync("COPY thing (id, name, flag) FROM STDIN");
            for (var id = 100; id < 1100; id++)
            {
                await copy.WriteLineAsync($"{id}\tcopied\t0");
            }
        }

        Assert.That(await KeysAsync(), Is.EqualTo(Enumerable.Range(100, 1000).Select(id => (long)id)));
        await ForgetAsync();
        await RunAsync("UPDATE thing SET name = name || '!' WHERE id >= 100");
        Assert.That(await KeysAsync(), Has.Count.EqualTo(1000));
    }

    [TestCase("flag = flag, name = name")]
    [TestCase("theirs = 1", TestName = "An_update_makes_no_work: a column that the mapping does not know")]
    public async Task An_update_that_changes_nothing_of_ours_makes_no_work(string set)
    {
        Assert.That(await RunAsync($"UPDATE thing SET {set}"), Is.Positive);
        Assert.That(await KeysAsync(), Is.Empty);
        Assert.That(await _side.QueryAsync<long>("SELECT COUNT(*) FROM strangler_foreign_write"), Is.EqualTo(new[] { 0L }));
    }

    [TestCase("amount", "NULL", "''")]
    [TestCase("name", "'max'", "'Max'")]
    [TestCase("name", "'Max'", "'Max '")]
    [TestCase("born", "NULL", "'2020-01-01'")]
    [TestCase("blob", "NULL", "'\\x'")]
    public async Task Every_change_of_a_byte_counts(string column, string before, string after)
    {
        await RunAsync($"UPDATE thing SET {column} = {before} WHERE id = 1");
        await ForgetAsync();
        await RunAsync($"UPDATE thing SET {column} = {before} WHERE id = 1");
        Assert.That(await KeysAsync(), Is.Empty);
        await RunAsync($"UPDATE thing SET {column} = {after} WHERE id = 1");
        Assert.That(await KeysAsync(), Is.EqualTo(new[] { 1L }));
    }

    /// <summary>What a column's collation takes for equal is another text all the same.</summary>
    [Test]
    public async Task Text_is_compared_by_its_bytes_whatever_the_collation_says()
    {
        await RunAsync("CREATE COLLATION IF NOT EXISTS lax (provider = icu, locale = 'und-u-ks-level1', deterministic = false)");
        await RunAsync("ALTER TABLE thing_extra ALTER COLUMN remark TYPE varchar(100) COLLATE lax");
        await ForgetAsync();
        Assert.That(await RunAsync("UPDATE thing_extra SET remark = 'EXTRA' WHERE remark = 'Éxtra'"), Is.EqualTo(1));
        Assert.That(await KeysAsync(), Is.EqualTo(new[] { 11L }));
    }

    [Test]
    public async Task Every_write_raises_foreign_seq_by_one_and_leaves_the_version_and_its_writer_is_who_logged_in()
    {
        await RunAsync("INSERT INTO strangler_entity (context, kind, key, epoch, counter, foreign_seq) VALUES ('tests', 'thing', 1, 2, 7, 4)");
        await RunAsync("SET application_name = 'office'; UPDATE thing SET flag = 1 WHERE id = 1; SET ROLE pg_monitor; RESET ROLE; UPDATE thing SET flag = 2 WHERE id = 1");
        var rows = await _side.QueryAsync<(long, long, long, string, string)>(
            "SELECT epoch, counter, foreign_seq, state, split_part(actor, '@', 1) FROM strangler_journal ORDER BY id");
        var user = (await _side.QueryAsync<string>("SELECT session_user")).Single();
        Assert.That(rows, Is.EqualTo(new[] { (2L, 7L, 5L, "open", user), (2L, 7L, 6L, "open", user) }));
        var entry = (await _side.Legacy.Census.ReadAsync(null, default)).Where(one => one.Column.Length == 0).Single();
        Assert.That((entry.Program, entry.Table, entry.Event, entry.Writes), Is.EqualTo(("office", "thing", "UPDATE", 2L)));
        Assert.That(await _side.Legacy.Census.CollectAsync(100, default), Is.EqualTo(2));
        var sums = await _side.Legacy.Census.ReadAsync(null, default);
        Assert.That(sums.Select(one => (one.Column, one.Writes)), Is.EquivalentTo(new[] { ("", 2L), ("flag", 2L) }));
        Assert.That(await _side.Legacy.Census.PruneAsync(TimeSpan.FromDays(2), 100, default), Is.Zero);
        await RunAsync("DELETE FROM strangler_census");
    }

    [Test]
    public async Task What_is_ours_is_silent_and_the_next_user_of_the_connection_is_not()
    {
        await using (var transaction = await _side.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 1)), default))
        {
            await transaction.SaveAsync(new EntityKey(Kind, 1), transaction.State.Row, Renamed(transaction.State.Row!), default);
            await transaction.CommitAsync(default);
        }

        Assert.That(await KeysAsync(), Is.Empty);
        var options = new PostgresSideOptions { ConnectionString = _side.Options.ConnectionString, ForegroundConnections = 1 };
        var other = PostgresTestSide.OpenLegacy(options);
        await using (await other.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 2)), default))
        {
            // Ends without a commit, as after a failure.
        }

        // The same connection in other hands.
        var (_, own) = await other.Seams.Queries!.QueryAsync(
            (connection, _, token) => connection.ExecuteScalarAsync<string?>(new CommandDefinition("SELECT current_setting('strangler.own', true)", cancellationToken: token)),
            default);
        Assert.That(own, Is.Empty, "it was set there, and is no more");
        await PostgresSides.CloseAsync(options);
    }

    [Test]
    public async Task In_legacy_only_and_after_a_rollback_nothing_is_written()
    {
        await RunAsync("BEGIN; UPDATE thing SET flag = 7; TRUNCATE thing_note; ROLLBACK");
        await _side.SetFenceAsync(Alone);
        await RunAsync("UPDATE thing SET flag = 7; DELETE FROM thing WHERE id = 2");
        Assert.That(await KeysAsync(), Is.Empty);
        Assert.That(await _side.QueryAsync<long>("SELECT COUNT(*) FROM strangler_entity"), Is.EqualTo(new[] { 0L }));
    }

    /// <summary>Case33: a snapshot that is older than the stage must not hide it, and no statement of theirs may fail by what we have written since.</summary>
    [Test]
    [Category("Case33")]
    public async Task A_transaction_that_keeps_its_snapshot_is_captured_by_what_is_true_now([Values("REPEATABLE READ", "SERIALIZABLE")] string isolation)
    {
        await _side.SetFenceAsync(Alone);
        await using var theirs = await _side.Database.OpenAsync();
        await theirs.ExecuteAsync($"BEGIN ISOLATION LEVEL {isolation}; SELECT COUNT(*) FROM thing_note");
        await _side.SetFenceAsync(Dual);
        await RunAsync("INSERT INTO strangler_entity (context, kind, key, epoch, foreign_seq) VALUES ('tests', 'thing', 1, 4, 0), ('tests', 'thing', 11, 4, 0)");
        await theirs.ExecuteAsync("UPDATE thing SET flag = 7 WHERE id = 1; UPDATE thing_extra SET remark = 'y' WHERE thing_id = 11; COMMIT");
        await Capture.ResolveAsync(100, default);
        Assert.That((await KeysAsync()).Order(), Is.EqualTo(new[] { 1L, 11L }));
    }

    [Test]
    public async Task An_entity_row_that_was_changed_since_their_snapshot_is_noted_for_later()
    {
        await RunAsync("INSERT INTO strangler_entity (context, kind, key, epoch) VALUES ('tests', 'thing', 11, 4)");
        await using var theirs = await _side.Database.OpenAsync();
        await theirs.ExecuteAsync("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT COUNT(*) FROM thing_note");
        await RunAsync("UPDATE strangler_entity SET counter = 5 WHERE key = 11");
        await theirs.ExecuteAsync("UPDATE thing_extra SET remark = 'y' WHERE thing_id = 11");
        Assert.That(await Capture.ResolveAsync(100, default), Is.Zero, "it is not committed");
        await theirs.ExecuteAsync("COMMIT");
        Assert.That(await KeysAsync(), Is.Empty);
        Assert.That(await Capture.ResolveAsync(100, default), Is.EqualTo(1));
        Assert.That(await _side.QueryAsync<(long, long, long)>("SELECT key, counter, foreign_seq FROM strangler_journal"), Is.EqualTo(new[] { (11L, 5L, 1L) }));
    }

    /// <summary>Case41, Case44: two programs that would not have met without us.</summary>
    [Test]
    [Category("Case41")]
    [Category("Case44")]
    public async Task Programs_at_different_rows_of_one_entity_do_not_wait_for_each_others_end()
    {
        await using var first = await _side.Database.OpenAsync();
        await first.ExecuteAsync("BEGIN; UPDATE thing SET flag = 7 WHERE id = 12");
        await RunAsync("SET statement_timeout = '5s'; UPDATE thing_note SET text = 'second' WHERE thing_id = 12 AND ordinal = 0");
        Assert.That(await KeysAsync(), Is.Empty);
        await first.ExecuteAsync("COMMIT");
        Assert.That(await Capture.ResolveAsync(100, default), Is.EqualTo(1));
        Assert.That(await _side.QueryAsync<(long, long)>("SELECT key, foreign_seq FROM strangler_journal ORDER BY id"), Is.EqualTo(new[] { (12L, 1L), (12L, 2L) }));
    }

    /// <summary>A write of ours that comes before the relay sees that something has changed.</summary>
    [Test]
    [Category("Case43")]
    public async Task What_was_noted_for_later_counts_for_a_write_of_ours_that_comes_first()
    {
        await RunAsync("INSERT INTO strangler_entity (context, kind, key, epoch) VALUES ('tests', 'thing', 11, 4)");
        await RunAsync("INSERT INTO strangler_foreign_touch (context, kind, key, writer, written_at) VALUES ('tests', 'thing', 11, 'office@local', now())");
        await using (var undone = await _side.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 11)), default))
        {
            Assert.That(undone.State.Entity!.ForeignSeq, Is.EqualTo(1));
        }

        Assert.That(await KeysAsync(), Is.Empty, "it was not committed");
        await using (var transaction = await _side.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 11)), default))
        {
            await transaction.SetEntityAsync(new EntityKey(Kind, 11), transaction.State.Entity! with { Version = new EntityVersion(5, 1) }, default);
            await transaction.CommitAsync(default);
        }

        Assert.That(await KeysAsync(), Is.EqualTo(new[] { 11L }));
        Assert.That(await Capture.ResolveAsync(100, default), Is.Zero);
        Assert.That((await _side.Seams.Store.ReadAsync(new EntityKey(Kind, 11), default)).Entity!.ForeignSeq, Is.EqualTo(1));
    }

    /// <summary>Case20, Case44: the flip has the fence; the other program does not wait, and what it writes counts.</summary>
    [Test]
    [Category("Case44")]
    public async Task Another_program_never_waits_for_a_flip_and_a_flip_waits_for_what_it_has_begun()
    {
        await _side.SetFenceAsync(Alone);
        await using var theirs = await _side.Database.OpenAsync();
        await theirs.ExecuteAsync("SET lock_timeout = 1000; BEGIN; UPDATE thing SET flag = 7 WHERE id = 1");
        var fence = _side.Seams.Fence;
        Assert.That(() => fence.CompareAndSetAsync(Alone, Dual, TimeSpan.FromMilliseconds(200), default), Throws.TypeOf<FenceBusyException>());
        await theirs.ExecuteAsync("COMMIT");
        Assert.That(await KeysAsync(), Is.Empty, "legacy led alone as it was written");
        await using (var flip = await _side.Database.OpenAsync())
        {
            var fenceLock = new PostgresSide(SideName.Legacy, PostgresTestSide.Context, PostgresDatabase.Of(_side.Options)).FenceLock;
            await flip.ExecuteAsync($"BEGIN; SELECT pg_advisory_xact_lock({fenceLock}); UPDATE strangler_fence SET stage = 'DualWrite'");
            await theirs.ExecuteAsync("UPDATE thing SET flag = 8 WHERE id = 1");
            await flip.ExecuteAsync("ROLLBACK");
        }

        Assert.That(await KeysAsync(), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task Whoever_may_only_write_legacy_tables_is_captured_and_fails_by_nothing()
    {
        var user = $"u{Guid.NewGuid():N}"[..16];
        await RunAsync($"CREATE ROLE {user} LOGIN; GRANT USAGE ON SCHEMA public TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON thing, thing_extra, thing_note TO {user}");
        try
        {
            await RunAsync($"SET SESSION AUTHORIZATION {user}; SET search_path = nowhere; SET datestyle = 'German'; UPDATE public.thing SET flag = 5 WHERE id = 1; TRUNCATE public.thing_extra; RESET SESSION AUTHORIZATION; RESET search_path");
            Assert.That(await KeysAsync(), Is.EqualTo(new[] { 1L, 11L }));
            Assert.That((await Capture.WaitingAsync(default)).Writers.Single(), Does.StartWith($"{user}@"));
        }
        finally
        {
            await RunAsync($"DROP OWNED BY {user}; DROP ROLE {user}");
        }
    }

    [Test]
    [Category("Case48")]
    public async Task A_column_that_is_gone_makes_every_row_count_and_without_the_key_it_is_told_that_nobody_knows()
    {
        await RunAsync("ALTER TABLE thing RENAME COLUMN amount TO sum");
        try
        {
            Assert.That((await Capture.LookAsync(default)).Fault, Does.Contain("thing has no column amount"));
            Assert.That(() => Capture.InstallAsync(Patience, null, default), Throws.TypeOf<CaptureException>());
            Assert.That(await RunAsync("UPDATE thing SET theirs = 2 WHERE id = 3"), Is.EqualTo(1));
            Assert.That(await KeysAsync(), Is.EqualTo(new[] { 3L }));
            await RunAsync("ALTER TABLE thing RENAME COLUMN id TO number");
            Assert.That(await RunAsync("UPDATE thing SET flag = 2 WHERE number = 4"), Is.EqualTo(1));
            IReadOnlyList<string>? unnoted = null;
            await _side.Legacy.Census.CollectAsync(100, default, tables => Task.FromResult(unnoted = tables));
            Assert.That(unnoted, Is.EqualTo(new[] { "thing" }));
        }
        finally
        {
            await RunAsync("ALTER TABLE thing RENAME COLUMN sum TO amount");
            await RunAsync("DO $$ BEGIN ALTER TABLE thing RENAME COLUMN number TO id; EXCEPTION WHEN undefined_column THEN NULL; END $$");
        }
    }

    [Test]
    public async Task Without_side_tables_the_other_programs_go_on_working()
    {
        foreach (var table in new[] { "strangler_entity", "strangler_journal", "strangler_fence", "strangler_foreign_write" })
        {
            await RunAsync($"ALTER TABLE {table} RENAME TO gone");
            try
            {
                Assert.That(await RunAsync("UPDATE thing SET flag = flag + 1"), Is.EqualTo(12), table);
                await RunAsync("BEGIN; TRUNCATE thing_note; ROLLBACK");
            }
            finally
            {
                await RunAsync($"ALTER TABLE gone RENAME TO {table}");
            }
        }
    }

    [Test]
    public async Task Installed_once_nothing_is_left_to_do_and_removed_nothing_is_left()
    {
        Assert.That((await Capture.LookAsync(default)).Fault, Is.Null);
        Assert.That(await Capture.InstallAsync(Patience, null, default), Is.Zero);
        Assert.That(await Capture.PlanInstallAsync(default), Is.Empty);
        Assert.That(await Capture.RemoveAsync(Patience, null, default), Is.EqualTo(Triggers));
        Assert.That((await Capture.LookAsync(default)).Fault, Is.EqualTo("not installed"));
        Assert.That(
            await _side.QueryAsync<long>("SELECT (SELECT COUNT(*) FROM pg_trigger WHERE NOT tgisinternal) + (SELECT COUNT(*) FROM pg_proc WHERE proname LIKE 'strangler%')"
                + " + (SELECT COUNT(*) FROM strangler_capture)"),
            Is.EqualTo(new[] { 0L }));
        Assert.That((await Capture.PlanInstallAsync(default)).Count(statement => statement.StartsWith("CREATE TRIGGER", StringComparison.Ordinal)), Is.EqualTo(Triggers));
        Assert.That(await Capture.InstallAsync(Patience, null, default), Is.EqualTo(Triggers));
    }

    /// <summary>Behind our back, also where it was put back as it had been: what was written in between went unnoted.</summary>
    [TestCase("ALTER TABLE thing DISABLE TRIGGER ALL", "disabled")]
    [TestCase("ALTER TABLE thing DISABLE TRIGGER USER; ALTER TABLE thing ENABLE TRIGGER USER", "disabled and enabled")]
    [TestCase("ALTER TABLE thing DISABLE TRIGGER strangler_tests_thing_thing_upd; ALTER TABLE thing ENABLE ALWAYS TRIGGER strangler_tests_thing_thing_upd", "since")]
    [TestCase("DROP TRIGGER strangler_tests_thing_thing_upd ON thing", "dropped by somebody")]
    [TestCase("DROP TRIGGER strangler_tests_thing_thing_tru ON thing", "dropped by somebody")]
    [TestCase("DROP FUNCTION strangler_tests_thing_thing_upd() CASCADE", "dropped by somebody")]
    [TestCase("CREATE OR REPLACE FUNCTION strangler_tests_thing_thing_upd() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", "changed it")]
    [TestCase("ALTER FUNCTION strangler_tests_thing_thing_upd() SECURITY INVOKER", "since it was installed")]
    [TestCase("ALTER TABLE thing_extra RENAME TO extra_before; CREATE TABLE thing_extra (LIKE extra_before INCLUDING ALL)", "went along with its table")]
    public async Task What_happened_to_a_trigger_is_told_and_cured(string sql, string told)
    {
        await RunAsync(sql);
        try
        {
            var faults = (await Capture.LookAsync(default)).Parts.Where(part => part.State != CapturePartState.Installed).ToList();
            Assert.That(faults, Is.Not.Empty);
            Assert.That(faults[0].Detail, Does.Contain(told));
            Assert.That(await Capture.InstallAsync(Patience, null, default), Is.EqualTo(faults.Count));
            Assert.That((await Capture.LookAsync(default)).Fault, Is.Null);
            await RunAsync("UPDATE thing SET flag = 3 WHERE id = 1");
            Assert.That(await KeysAsync(), Is.EqualTo(new[] { 1L }));
        }
        finally
        {
            await RunAsync("DO $$ BEGIN IF to_regclass('extra_before') IS NOT NULL THEN DROP TABLE thing_extra; ALTER TABLE extra_before RENAME TO thing_extra; END IF; END $$");
        }
    }

    [TestCase("ALTER TABLE thing_extra SET UNLOGGED", "ALTER TABLE thing_extra SET LOGGED", "unlogged")]
    [TestCase("CREATE TABLE heir () INHERITS (thing_extra)", "DROP TABLE heir", "inherit")]
    public async Task A_table_whose_changes_no_trigger_would_see_is_refused(string sql, string undo, string told)
    {
        await RunAsync(sql);
        try
        {
            Assert.That((await Capture.LookAsync(default)).Fault, Does.Contain(told));
        }
        finally
        {
            await RunAsync(undo);
        }
    }

    [Test]
    public async Task A_table_in_use_is_waited_for_a_second_at_a_time()
    {
        await Capture.RemoveAsync(Patience, null, default);
        await using var theirs = await _side.Database.OpenAsync();
        await theirs.ExecuteAsync("BEGIN; UPDATE thing SET flag = 1 WHERE id = 1");
        Assert.That(
            () => Capture.InstallAsync(TimeSpan.FromMilliseconds(1500), null, default),
            Throws.TypeOf<CaptureException>().With.Message.Contains("thing was in use without a pause"));
        var installing = Capture.InstallAsync(Patience, null, default);
        await theirs.ExecuteAsync("COMMIT");
        Assert.That(await installing, Is.EqualTo(Triggers));
    }

    /// <summary>Ids that are reserved come from the table's own sequence, beside others who take from it.</summary>
    [Test]
    [Category("Case6")]
    public async Task Reserved_ids_are_never_given_out_again_and_a_sequence_that_was_set_back_is_found()
    {
        var ids = _side.Legacy.IdBlocks;
        // Before anybody takes from it: who had come to 100 already would be given it again.
        await RunAsync("ALTER TABLE thing ALTER COLUMN id RESTART WITH 100");
        using var stop = new CancellationTokenSource();
        var others = Task.Run(async () =>
        {
            List<long> taken = [];
            await using var connection = await _side.Database.OpenAsync();
            while (!stop.IsCancellationRequested)
            {
                taken.Add(await connection.ExecuteScalarAsync<long>("INSERT INTO thing (name, flag) VALUES ('theirs', 0) RETURNING id"));
            }

            return taken;
        });
        Assert.That(await ids.ReserveAsync(Kind, 3000, default), Is.EqualTo(3000));
        Assert.That(await ids.ReserveAsync(Kind, 10, default), Is.EqualTo(10));
        await stop.CancelAsync();
        var blocks = await ids.ListAsync(Kind, default);
        var reserved = blocks.SelectMany(block => Enumerable.Range(0, (int)block.Count).Select(i => block.FirstId + i)).ToList();
        Assert.That(reserved, Has.Count.EqualTo(3010).And.Unique);
        Assert.That((await others).Intersect(reserved), Is.Empty);
        Assert.That(await ids.OverlapAsync(Kind, default), Is.Zero);
        await RunAsync($"ALTER TABLE thing ALTER COLUMN id RESTART WITH {reserved.Max() - 4}");
        Assert.That(await ids.OverlapAsync(Kind, default), Is.EqualTo(5));
        Assert.That(() => ids.ReserveAsync(Kind, 1, default), Throws.TypeOf<SideUnavailableException>().With.Message.Contains("5 reserved ids"));
        await RunAsync("DELETE FROM strangler_id_block; ALTER TABLE thing ALTER COLUMN id SET INCREMENT BY 3 RESTART WITH 100000");
        Assert.That(await ids.ReserveAsync(Kind, 10, default), Is.EqualTo(10));
        Assert.That(await ids.ListAsync(Kind, default), Is.EqualTo(new[] { new Strangler.IdMap.IdBlock(100000, 100027, 3) }));
        Assert.That(await ids.OverlapAsync(Kind, default), Is.Zero);
        await RunAsync("DELETE FROM strangler_id_block; ALTER TABLE thing ALTER COLUMN id SET INCREMENT BY 1 RESTART WITH 200000; DELETE FROM thing WHERE name = 'theirs'");
    }

    private static Strangler.Mapping.AggregateRow Renamed(Strangler.Mapping.AggregateRow row)
    {
        var copy = row.Clone();
        copy.Root[0] = "ours";
        return copy;
    }

    private async Task<int> RunAsync(string sql)
    {
        await using var connection = await _side.Database.OpenAsync();
        return await connection.ExecuteAsync(sql);
    }

    private async Task<List<long>> KeysAsync() => [.. await _side.QueryAsync<long>("SELECT key FROM strangler_journal WHERE origin = 'foreign' ORDER BY id")];

    private Task ForgetAsync() => _side.RunAsync(
        "DELETE FROM strangler_journal; DELETE FROM strangler_entity; DELETE FROM strangler_foreign_write; DELETE FROM strangler_foreign_touch; DELETE FROM strangler_census");
}
