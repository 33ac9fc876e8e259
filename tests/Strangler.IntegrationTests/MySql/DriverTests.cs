using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dapper;
using Strangler.LocalServers;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[CancelAfter(120_000)]
public sealed class DriverTests
{
    // Far below the 1000 s that the hopeless statements would take, far above what a busy machine needs.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private const string HeavyJoin = "SELECT COUNT(*) FROM seq_1_to_1000000000 a JOIN seq_1_to_1000000000 b WHERE a.seq % 7 = b.seq % 11";

    private TestDatabase _database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabase() => _database = await TestServers.CreateDatabaseAsync("driver");

    [OneTimeTearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Open_keeps_its_deadline_when_a_server_accepts_and_says_nothing(CancellationToken cancellationToken)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var source = MySqlDriver.CreateDataSource(
            $"Server=127.0.0.1;Port={PortOf(silent)};User ID=x;Password=y", new() { ConnectTimeout = TimeSpan.FromSeconds(1) });
        var clock = Stopwatch.StartNew();

        var e = Assert.CatchAsync(() => source.OpenAsync(cancellationToken))!;

        Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.Timeout).Or.EqualTo(MySqlErrorKind.Unreachable));
        Assert.That(MySqlDriver.IsTransient(e), Is.True);
        Assert.That(clock.Elapsed, Is.LessThan(Soon));
    }

    [Test]
    public async Task Open_keeps_its_token_when_a_server_accepts_and_says_nothing()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var source = MySqlDriver.CreateDataSource(
            $"Server=127.0.0.1;Port={PortOf(silent)};User ID=x;Password=y", new() { ConnectTimeout = TimeSpan.FromSeconds(1000) });
        using var stop = new CancellationTokenSource();
        var opening = source.OpenAsync(stop.Token);
        using (await silent.AcceptTcpClientAsync())
        {
            await stop.CancelAsync();

            Assert.CatchAsync<OperationCanceledException>(() => opening.WaitAsync(Soon));
        }
    }

    [Test]
    public async Task Dead_servers_do_not_starve_the_threads(CancellationToken cancellationToken)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var source = MySqlDriver.CreateDataSource($"Server=127.0.0.1;Port={PortOf(silent)};User ID=x;Password=y",
            new() { ConnectTimeout = TimeSpan.FromSeconds(1), MaxPoolSize = 2 });

        for (var round = 0; round < 3; round++)
        {
            var all = Enumerable.Range(0, 4).Select(_ => source.OpenAsync(cancellationToken)).ToList();
            foreach (var one in all)
                Assert.CatchAsync(() => one.WaitAsync(Soon, cancellationToken));
        }
    }

    [Test]
    public async Task A_frozen_server_does_not_hold_a_command_beyond_its_deadline(CancellationToken cancellationToken)
    {
        await using var server = await TestServers.StartPrivateMySqlAsync();
        await using var source = MySqlDriver.CreateDataSource(
            server.ConnectionString(), new() { CancellationGrace = TimeSpan.FromSeconds(1) });
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            await server.FreezeAsync(cancellationToken);
            var clock = Stopwatch.StartNew();

            var e = Assert.CatchAsync(() => connection.ExecuteAsync("DO 1", commandTimeout: 1))!;

            Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.Timeout));
            Assert.That(clock.Elapsed, Is.LessThan(Soon));
            Assert.That(connection.State, Is.Not.EqualTo(ConnectionState.Open));
        }
        await server.ThawAsync(cancellationToken);
        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_frozen_server_does_not_hold_a_command_beyond_its_token(CancellationToken cancellationToken)
    {
        await using var server = await TestServers.StartPrivateMySqlAsync();
        await using var source = MySqlDriver.CreateDataSource(
            server.ConnectionString(), new() { CancellationGrace = TimeSpan.FromSeconds(1) });
        await using var connection = await source.OpenAsync(cancellationToken);
        await server.FreezeAsync(cancellationToken);
        using var stop = new CancellationTokenSource();
        var running = connection.ExecuteAsync(new("DO 1", cancellationToken: stop.Token));
        await stop.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => running.WaitAsync(Soon, cancellationToken));
    }

    [TestCase("SELECT SLEEP(1000)")]
    [TestCase(HeavyJoin)]
    [TestCase("DO SLEEP(1000)")]
    public async Task A_query_that_never_ends_is_cancelled_on_the_server_too(string query, CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        var id = await connection.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()");
        using var stop = new CancellationTokenSource();
        var running = connection.ExecuteScalarAsync(new CommandDefinition(query, commandTimeout: 1000, cancellationToken: stop.Token));
        await UntilBusyAsync(id, cancellationToken);

        await stop.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => running.WaitAsync(Soon, cancellationToken));
        Assert.That(await BusyAsync(id), Is.False);
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1), "still good for a rollback");
    }

    [Test]
    public async Task A_query_that_never_ends_stops_at_its_deadline()
    {
        await using var connection = await _database.OpenAsync();
        var clock = Stopwatch.StartNew();

        var e = Assert.CatchAsync(() => connection.ExecuteScalarAsync("SELECT SLEEP(1000)", commandTimeout: 1))!;

        Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.Timeout));
        Assert.That(clock.Elapsed, Is.LessThan(Soon));
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
    }

    [Test]
    public async Task Rows_that_stop_coming_are_cancelled_between_them(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT seq, REPEAT('x', 20000), IF(seq = 100, SLEEP(1000), 0) FROM seq_1_to_200";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);

        var read = ReadToEndAsync(reader, stop.Token);
        await UntilBusyAsync(await IdOfAsync("REPEAT('x', 20000)"), cancellationToken);
        await stop.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => read.WaitAsync(Soon, CancellationToken.None));
    }

    [Test]
    public async Task A_statement_killed_from_elsewhere_says_so(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        var id = await connection.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()");
        var running = connection.ExecuteScalarAsync(HeavyJoin);
        await UntilBusyAsync(id, cancellationToken);

        await RunElsewhereAsync($"KILL QUERY {id}");

        var e = Assert.CatchAsync(() => running.WaitAsync(Soon, cancellationToken))!;
        Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.QueryKilled));
    }

    [Test]
    public async Task A_connection_killed_from_elsewhere_is_lost_and_the_pool_gives_good_ones(CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new() { MaxPoolSize = 1 });
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            var id = await connection.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()");
            await connection.ExecuteAsync("START TRANSACTION");
            await RunElsewhereAsync($"KILL CONNECTION {id}");

            var e = Assert.CatchAsync(() => connection.ExecuteScalarAsync("SELECT 1"))!;

            Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.ConnectionLost), e.ToString());
            Assert.CatchAsync(() => connection.ExecuteScalarAsync("SELECT 1"));
        }
        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_connection_killed_while_it_lay_in_the_pool_is_not_handed_out(CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new() { MaxPoolSize = 1 });
        long id;
        await using (var connection = await source.OpenAsync(cancellationToken))
            id = await connection.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()");
        await RunElsewhereAsync($"KILL CONNECTION {id}");
        while (await ExistsAsync(id))
            cancellationToken.ThrowIfCancellationRequested();

        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
    }

    [Test]
    public async Task Errors_are_classified(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("CREATE TABLE kinds (id INT PRIMARY KEY, name VARCHAR(3)); INSERT INTO kinds VALUES (1, 'a')");

        Assert.That(await KindAsync(connection, "INSERT INTO kinds VALUES (1, 'b')"), Is.EqualTo(MySqlErrorKind.Duplicate));
        Assert.That(await KindAsync(connection, "INSERT INTO kinds VALUES (2, 'abcd')"), Is.EqualTo(MySqlErrorKind.DataTooLong));
        Assert.That(await KindAsync(connection, "SELECT * FROM no_such_table"), Is.EqualTo(MySqlErrorKind.NoSuchTable));
        Assert.That(await KindAsync(connection, "SELEKT 1"), Is.EqualTo(MySqlErrorKind.Other));
        Assert.That(await KindAsync(connection, "no_such_procedure"), Is.Not.EqualTo(MySqlErrorKind.ConnectionLost),
            "the driver's own errors have no number");
        Assert.That(connection.State, Is.EqualTo(ConnectionState.Open));
        Assert.That(await KindAsync(connection, "INSERT INTO kinds VALUES (3, 'c'); INSERT INTO kinds VALUES (1, 'b')"),
            Is.EqualTo(MySqlErrorKind.Duplicate), "also of a later statement of one text");
        Assert.That(MySqlDriver.Classify(new InvalidOperationException()), Is.EqualTo(MySqlErrorKind.Other));
        Assert.That(MySqlDriver.Classify(new InvalidOperationException("outer", new TimeoutException())),
            Is.EqualTo(MySqlErrorKind.Timeout));
    }

    [Test]
    public async Task A_wrong_password_an_unknown_database_and_a_closed_port_differ(CancellationToken cancellationToken)
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = PortOf(closed);
        closed.Stop();

        Assert.That(await OpenKindAsync("Password", "wrong", cancellationToken), Is.EqualTo(MySqlErrorKind.AccessDenied));
        Assert.That(await OpenKindAsync("Database", "no_such_database", cancellationToken), Is.EqualTo(MySqlErrorKind.UnknownDatabase));
        Assert.That(await OpenKindAsync("Port", port.ToString(), cancellationToken), Is.EqualTo(MySqlErrorKind.Unreachable));
    }

    [Test]
    public async Task Lock_waits_and_deadlocks_are_transient(CancellationToken cancellationToken)
    {
        await using var one = await _database.OpenAsync();
        await using var two = await _database.OpenAsync();
        await one.ExecuteAsync("CREATE TABLE locks (id INT PRIMARY KEY, n INT); INSERT INTO locks VALUES (1, 0), (2, 0)");
        await two.ExecuteAsync("SET innodb_lock_wait_timeout = 1");
        await one.ExecuteAsync("START TRANSACTION; UPDATE locks SET n = 1 WHERE id = 1");

        var waited = Assert.CatchAsync(() => two.ExecuteAsync("UPDATE locks SET n = 2 WHERE id = 1"))!;
        Assert.That(MySqlDriver.Classify(waited), Is.EqualTo(MySqlErrorKind.LockWaitTimeout));
        Assert.That(MySqlDriver.IsTransient(waited), Is.True);

        await two.ExecuteAsync("SET innodb_lock_wait_timeout = 50; START TRANSACTION; UPDATE locks SET n = 2 WHERE id = 2");
        var first = one.ExecuteAsync("UPDATE locks SET n = 1 WHERE id = 2");
        var second = two.ExecuteAsync("UPDATE locks SET n = 2 WHERE id = 1");
        var e = Assert.CatchAsync(() => Task.WhenAll(first, second).WaitAsync(Soon, cancellationToken))!;
        Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.Deadlock));
    }

    [Test]
    public async Task Several_results_of_one_text_are_read_one_after_the_other(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        var sql = "START TRANSACTION; SELECT @a AS a; DO 0; SELECT seq FROM seq_1_to_3 WHERE seq <> @b; SELECT 'last' WHERE 1 = 0; COMMIT";
        await using var results = await connection.QueryMultipleAsync(
            new CommandDefinition(sql, new { a = "x", b = 2 }, cancellationToken: cancellationToken));

        Assert.That(await results.ReadSingleAsync<string>(), Is.EqualTo("x"));
        Assert.That(await results.ReadAsync<long>(), Is.EqualTo(new[] { 1L, 3L }));
        Assert.That(await results.ReadAsync<string>(), Is.Empty);
        Assert.That(results.IsConsumed, Is.True);
    }

    [Test]
    public async Task Results_larger_than_a_batch_follow_each_other(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT seq FROM seq_1_to_1000; SELECT seq FROM seq_1_to_2000; SELECT seq FROM seq_1_to_5";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);

        Assert.That(await ReadToEndAsync(reader, cancellationToken), Is.EqualTo(1000));
        Assert.That(await reader.NextResultAsync(cancellationToken), Is.True);
        Assert.That(await reader.ReadAsync(cancellationToken), Is.True);
        Assert.That(await reader.NextResultAsync(cancellationToken), Is.True, "the rest of a result may be left out");
        Assert.That(await ReadToEndAsync(reader, cancellationToken), Is.EqualTo(5));
        Assert.That(await reader.NextResultAsync(cancellationToken), Is.False);
    }

    [Test]
    public async Task An_error_behind_rows_comes_behind_the_rows(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT 1; SELECT * FROM no_such_table";
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            Assert.That(await reader.ReadAsync(cancellationToken), Is.True);
            Assert.That(reader.GetInt32(0), Is.EqualTo(1));
            Assert.That(await reader.ReadAsync(cancellationToken), Is.False);
            var e = Assert.CatchAsync(() => reader.NextResultAsync(cancellationToken))!;
            Assert.That(MySqlDriver.Classify(e), Is.EqualTo(MySqlErrorKind.NoSuchTable));
        }
        Assert.CatchAsync(() => command.ExecuteScalarAsync(cancellationToken), "a scalar does not hide it");
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT 2"), Is.EqualTo(2));
    }

    [TestCase(3)]
    [TestCase(2_000)]
    public async Task A_result_that_ends_in_an_error_amid_its_rows_can_be_closed_either_way(int rows, CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new());
        var text = $"SELECT seq, IF(seq = {rows}, (SELECT 1 UNION SELECT 2), 0) FROM seq_1_to_3000";
        foreach (var isAsync in new[] { true, false })
        {
            await using var connection = await source.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = text;
            var reader = await command.ExecuteReaderAsync(cancellationToken);
            var read = 0;
            var error = Assert.CatchAsync(async () =>
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    read++;
                }
            });
            Assert.That(error!.ToString(), Does.Contain("more than 1 row"));
            Assert.That(read, Is.EqualTo(rows - 1));

            // On a thread of its own: what hangs would take the test with it.
            var closing = Task.Run(() => isAsync ? reader.DisposeAsync().AsTask() : Task.Run(reader.Dispose, cancellationToken), cancellationToken);
            await closing.WaitAsync(Soon, cancellationToken);
        }

        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT 2"), Is.EqualTo(2));
    }

    [Test]
    public async Task Fifty_thousand_rows_stream_in_order(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT seq, REPEAT('x', 200) FROM seq_1_to_50000";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var expected = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetInt64(0) != ++expected)
                Assert.Fail($"row {expected} is {reader.GetInt64(0)}");
        }
        Assert.That(expected, Is.EqualTo(50_000));
    }

    [TestCase(500)]
    [TestCase(1_000_000_000)]
    public async Task Closing_early_leaves_the_connection_and_its_transaction_usable(int rows, CancellationToken cancellationToken)
    {
        // On a machine that is busy with something else, the KILL takes its time.
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new() { CancellationGrace = Soon });
        await using var connection = await source.OpenAsync(cancellationToken);
        await connection.ExecuteAsync($"CREATE TABLE early_{rows} (id INT PRIMARY KEY)");
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync($"INSERT INTO early_{rows} VALUES (1)", transaction: transaction);
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT seq FROM seq_1_to_{rows}";
        var reader = await command.ExecuteReaderAsync(cancellationToken);
        Assert.That(await reader.ReadAsync(cancellationToken), Is.True);

        await reader.DisposeAsync().AsTask().WaitAsync(Soon, cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        Assert.That(await connection.ExecuteScalarAsync<int>($"SELECT COUNT(*) FROM early_{rows}"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_long_result_closed_synchronously_costs_the_connection_but_not_the_pool(CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new() { MaxPoolSize = 1 });
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            await using var command = connection.CreateCommand();
            command.CommandText = "SELECT seq FROM seq_1_to_1000000000";
            // Some callers dispose what they opened asynchronously like this.
            using var reader = await command.ExecuteReaderAsync(cancellationToken);
            Assert.That(reader.Read(), Is.True);
        }
        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
    }

    [Test]
    public async Task Dapper_works_unchanged(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync(
            "CREATE TABLE people (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), born DATE, active TINYINT(1))");

        var rows = await connection.ExecuteAsync(new CommandDefinition(
            "INSERT INTO people (name, born, active) VALUES (@Name, @Born, @Active)",
            new[] { new Person(0, "Käthe", new(1950, 2, 3), 1), new Person(0, "Ümit", null, 2) }, cancellationToken: cancellationToken));
        var people = (await connection.QueryAsync<Person>(new CommandDefinition(
            "SELECT id, name, born, active FROM people WHERE name IN @names ORDER BY id", new { names = new[] { "Käthe", "Ümit" } },
            cancellationToken: cancellationToken))).ToList();
        var changed = await connection.ExecuteAsync("UPDATE people SET name = name");

        Assert.That(rows, Is.EqualTo(2));
        Assert.That(people, Is.EqualTo(new[] { new Person(1, "Käthe", new(1950, 2, 3), 1), new Person(2, "Ümit", null, 2) }));
        Assert.That(changed, Is.EqualTo(2), "found rows, not changed ones");
        Assert.That(connection.Query<long>("SELECT id FROM people ORDER BY id").ToList(), Is.EqualTo(new[] { 1L, 2L }),
            "the synchronous way, too");
    }

    [Test]
    public async Task Zero_dates_are_read_as_text_and_fail_only_where_they_are_asked_for(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("SET sql_mode = ''; CREATE TABLE zero (id INT, at DATETIME)");
        await connection.ExecuteAsync("INSERT INTO zero VALUES (1, '0000-00-00'), (2, '2024-02-29 01:02:03')");
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT id, at, CAST(at AS CHAR) FROM zero ORDER BY id";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);

        Assert.That(await reader.ReadAsync(cancellationToken), Is.True);
        Assert.That((reader.GetInt32(0), reader.GetString(2)), Is.EqualTo((1, "0000-00-00 00:00:00")));
        Assert.Catch<InvalidCastException>(() => reader.GetDateTime(1));
        Assert.That(await reader.ReadAsync(cancellationToken), Is.True);
        Assert.That(reader.GetDateTime(1), Is.EqualTo(new DateTime(2024, 2, 29, 1, 2, 3, DateTimeKind.Unspecified)));
        Assert.That(reader.GetDateTime(1).Kind, Is.EqualTo(DateTimeKind.Unspecified));
    }

    [Test]
    public async Task Values_come_back_as_they_went()
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("""
            CREATE TABLE things (text VARCHAR(100), old VARCHAR(100) CHARACTER SET latin1, bytes BLOB, big BIGINT UNSIGNED,
              money DECIMAL(20,4), at DATETIME(6), stamp TIMESTAMP(6) NULL, guid CHAR(36), bin BINARY(16),
              flag TINYINT(1), bits BIT(8), time TIME)
            """);
        var all = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        var moment = new DateTime(2024, 2, 29, 23, 59, 59, DateTimeKind.Unspecified).AddTicks(1234560);
        var given = new
        {
            text = "🦊 'quoted' \\ \0 end", old = "Grüße für 5 €", bytes = all, big = ulong.MaxValue,
            money = 1234567890123456.7891m, at = moment, stamp = moment,
            guid = "ABCDEF00-not-a-guid-in-capitals-AAAA", bin = all[16..32], flag = 7, bits = 129UL, time = new TimeSpan(1, 2, 3),
        };
        await connection.ExecuteAsync(
            "INSERT INTO things VALUES (@text, @old, @bytes, @big, @money, @at, @stamp, @guid, @bin, @flag, @bits, @time)", given);

        var row = (IDictionary<string, object>)await connection.QuerySingleAsync("SELECT * FROM things");
        var stored = (IDictionary<string, object>)await connection.QuerySingleAsync(
            "SELECT HEX(old) AS old, HEX(text) AS text FROM things");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(row["text"], Is.EqualTo(given.text));
            Assert.That(row["old"], Is.EqualTo(given.old));
            Assert.That(stored["old"], Is.EqualTo("4772FCDF652066FC7220352080"));
            Assert.That((string)stored["text"], Does.StartWith("F09FA68A20"));
            Assert.That(row["bytes"], Is.EqualTo(all));
            Assert.That(row["big"], Is.EqualTo(ulong.MaxValue));
            Assert.That(row["money"], Is.EqualTo(given.money));
            Assert.That(row["at"], Is.EqualTo(moment));
            Assert.That(row["stamp"], Is.EqualTo(moment));
            Assert.That(((DateTime)row["stamp"]).Kind, Is.EqualTo(DateTimeKind.Unspecified));
            Assert.That(row["guid"], Is.EqualTo(given.guid));
            Assert.That(row["bin"], Is.EqualTo(given.bin));
            Assert.That(Convert.ToInt32(row["flag"]), Is.EqualTo(7));
            Assert.That(row["bits"], Is.EqualTo(129UL));
            Assert.That(row["time"], Is.EqualTo(given.time));
        }
    }

    [Test]
    public async Task Prepared_statements_run_many_times(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("CREATE TABLE prepared (id INT PRIMARY KEY, name VARCHAR(20), raw VARBINARY(20))");
        await using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO prepared VALUES (@id, @name, @raw)";
        var (id, name, raw) = (Add(insert, "@id", DbType.Int32), Add(insert, "@name", DbType.String), Add(insert, "@raw", DbType.Binary));
        await insert.PrepareAsync(cancellationToken);
        for (var i = 0; i < 100; i++)
        {
            (id.Value, name.Value, raw.Value) = (i, i % 2 == 0 ? $"🦊{i}" : DBNull.Value, new byte[] { (byte)i, 0, 255 });
            Assert.That(await insert.ExecuteNonQueryAsync(cancellationToken), Is.EqualTo(1));
        }

        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM prepared WHERE name = CONCAT('🦊', id)"),
            Is.EqualTo(50));
        Assert.That(await connection.ExecuteScalarAsync<byte[]>("SELECT raw FROM prepared WHERE id = 99"),
            Is.EqualTo(new byte[] { 99, 0, 255 }));
    }

    [Test]
    public async Task Two_hundred_tasks_share_ten_connections(CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString,
            new() { MaxPoolSize = 10, ConnectTimeout = TimeSpan.FromSeconds(60) });
        await _database.Source.RunAsync(
            "CREATE TABLE counter (id INT PRIMARY KEY, n INT); INSERT INTO counter VALUES (1, 0)", cancellationToken);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async _ =>
        {
            await using var connection = await source.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
            await connection.ExecuteAsync(new(
                "UPDATE counter SET n = n + 1 WHERE id = 1", transaction: transaction, cancellationToken: cancellationToken));
            await transaction.CommitAsync(cancellationToken);
        }));

        await using var check = await source.OpenAsync(cancellationToken);
        Assert.That(await check.ExecuteScalarAsync<int>("SELECT n FROM counter"), Is.EqualTo(200));
        var connections = await check.ExecuteScalarAsync<int>(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()");
        Assert.That(connections, Is.LessThanOrEqualTo(10 + 10), "ten of this pool, and the fixture's few");
    }

    [Test]
    public async Task An_empty_pool_ends_waiting_at_the_connect_timeout(CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString,
            new() { MaxPoolSize = 1, ConnectTimeout = TimeSpan.FromSeconds(1) });
        await using var only = await source.OpenAsync(cancellationToken);

        var e = Assert.CatchAsync(() => source.OpenAsync(cancellationToken).WaitAsync(Soon, cancellationToken))!;
        Assert.That(MySqlDriver.IsTransient(e), Is.True);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_transaction_left_open_is_rolled_back_when_its_connection_is_returned(
        bool byText, CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(_database.ConnectionString, new() { MaxPoolSize = 1 });
        var table = $"left_{byText}";
        await source.RunAsync($"CREATE TABLE {table} (id INT PRIMARY KEY)", cancellationToken);
        long id;
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            id = await connection.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()");
            if (byText)
                await connection.ExecuteAsync("START TRANSACTION");
            else
                await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync($"INSERT INTO {table} VALUES (1); SET @mine = 1; DO GET_LOCK('{table}', 0)");
        }
        await using var next = await source.OpenAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<long>("SELECT CONNECTION_ID()"), Is.EqualTo(id), "the same session again");
        Assert.That(await next.ExecuteScalarAsync<int>($"SELECT COUNT(*) FROM {table}"), Is.Zero);
        Assert.That(await next.ExecuteScalarAsync<object>("SELECT @mine"), Is.Null);
        Assert.That(await next.ExecuteScalarAsync<int>($"SELECT IS_FREE_LOCK('{table}')"), Is.EqualTo(1));
        await using var transaction = await next.BeginTransactionAsync(cancellationToken);
        await next.ExecuteAsync($"INSERT INTO {table} VALUES (2)", transaction: transaction);
        await transaction.RollbackAsync(cancellationToken);
        Assert.That(await next.ExecuteScalarAsync<int>($"SELECT COUNT(*) FROM {table}"), Is.Zero);
    }

    [Test]
    public async Task A_cancelled_statement_leaves_its_transaction_to_a_rollback_and_frees_its_locks(CancellationToken cancellationToken)
    {
        await _database.Source.RunAsync("CREATE TABLE held (id INT PRIMARY KEY, n INT); INSERT INTO held VALUES (1, 0)", cancellationToken);
        await using (var connection = await _database.OpenAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync("UPDATE held SET n = 1", transaction: transaction);
            Assert.CatchAsync<TimeoutException>(() =>
                connection.ExecuteAsync("DO SLEEP(1000)", commandTimeout: 1, transaction: transaction));
        }
        await using var next = await _database.OpenAsync();
        Assert.That(await next.ExecuteAsync("UPDATE held SET n = n + 2"), Is.EqualTo(1));
        Assert.That(await next.ExecuteScalarAsync<int>("SELECT n FROM held"), Is.EqualTo(2));
    }

    [Test]
    public async Task The_password_is_shown_nowhere(CancellationToken cancellationToken)
    {
        var password = (string)new DbConnectionStringBuilder { ConnectionString = _database.ConnectionString }["Password"];
        await using var connection = await _database.OpenAsync();

        Assert.That(_database.Source.Display, Does.Contain(_database.Name).And.Not.Contain(password));
        Assert.That(connection.ConnectionString, Does.Not.Contain(password));
    }

    [Test]
    public void Bad_connection_strings_and_options_are_refused()
    {
        Assert.Catch<ArgumentException>(() => MySqlDriver.CreateDataSource("Port=1", new()));
        Assert.Catch<ArgumentException>(() => MySqlDriver.CreateDataSource("Server=x;NoSuchKey=1", new()));
        Assert.Catch<ArgumentException>(() => MySqlDriver.CreateDataSource("Server=x", new() { MaxPoolSize = 0 }));
        Assert.Catch<ArgumentException>(() => MySqlDriver.CreateDataSource("Server=x", new() { MaxPoolSize = 5, MaxBlockingThreads = 4 }));
        if (MySqlDriver.Name == "MySql.Data")
        {
            var e = Assert.Catch<ArgumentException>(() => MySqlDriver.CreateDataSource("Server=x;Ssl Mode=VerifyFull", new()));
            Assert.That(e!.Message, Does.Contain("MySqlConnector"));
        }
    }

    private sealed record Person(long Id, string Name, DateTime? Born, sbyte Active);

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private static DbParameter Add(DbCommand command, string name, DbType type)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.DbType) = (name, type);
        command.Parameters.Add(parameter);
        return parameter;
    }

    private static async Task<int> ReadToEndAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        var rows = 0;
        while (await reader.ReadAsync(cancellationToken))
            rows++;
        return rows;
    }

    private static async Task<MySqlErrorKind> KindAsync(DbConnection connection, string sql)
    {
        try
        {
            await connection.ExecuteAsync(sql);
            throw new AssertionException($"'{sql}' did not fail.");
        }
        catch (DbException e)
        {
            return MySqlDriver.Classify(e);
        }
    }

    private async Task<MySqlErrorKind> OpenKindAsync(string key, string value, CancellationToken cancellationToken)
    {
        var text = new DbConnectionStringBuilder { ConnectionString = _database.ConnectionString, [key] = value }.ConnectionString;
        await using var source = MySqlDriver.CreateDataSource(text, new());
        return MySqlDriver.Classify(Assert.CatchAsync(() => source.OpenAsync(cancellationToken))!);
    }

    private async Task RunElsewhereAsync(string sql)
    {
        await using var elsewhere = await _database.OpenAsync();
        await elsewhere.ExecuteAsync(sql);
    }

    private async Task<bool> BusyAsync(long id)
    {
        await using var elsewhere = await _database.OpenAsync();
        return await elsewhere.ExecuteScalarAsync<int>(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = @id AND command <> 'Sleep'", new { id }) > 0;
    }

    private async Task<bool> ExistsAsync(long id)
    {
        await using var elsewhere = await _database.OpenAsync();
        return await elsewhere.ExecuteScalarAsync<int>(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = @id", new { id }) > 0;
    }

    private async Task<long> IdOfAsync(string part)
    {
        await using var elsewhere = await _database.OpenAsync();
        return await elsewhere.ExecuteScalarAsync<long>(
            "SELECT id FROM information_schema.processlist WHERE INSTR(info, @part) > 0 AND id <> CONNECTION_ID()", new { part });
    }

    private async Task UntilBusyAsync(long id, CancellationToken cancellationToken)
    {
        while (!await BusyAsync(id))
            cancellationToken.ThrowIfCancellationRequested();
    }
}

file static class Shorthand
{
    public static async Task RunAsync(this MySqlDataSource source, string sql, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new(sql, cancellationToken: cancellationToken));
    }
}
