using Dapper;
using Strangler.DualWrite;
using Strangler.Migrations;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[CancelAfter(120_000)]
internal sealed class MySqlMigrationTests
{
    private TestDatabase _database = null!;
    private string _folder = null!;
    private MySqlSideOptions _options = null!;

    [SetUp]
    public async Task MakeDatabase()
    {
        _database = await TestServers.CreateDatabaseAsync("migrate");
        _options = new MySqlSideOptions { ConnectionString = _database.ConnectionString };
        _folder = Directory.CreateTempSubdirectory("migrations").FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(MySqlTestSides.MigrationsFolder, "strangler", "mysql")))
        {
            Write("strangler", Path.GetFileNameWithoutExtension(file), await File.ReadAllTextAsync(file));
        }

        Write("apples", "0001_tree", """
            -- side: new
            CREATE TABLE IF NOT EXISTS tree (id INT PRIMARY KEY)
            -- step
            ALTER TABLE tree ADD COLUMN height INT
            -- step
            INSERT INTO tree VALUES (1, 2)
            """);
        Write("pears", "0001_tree", "CREATE TABLE IF NOT EXISTS pear_tree (id INT PRIMARY KEY) -- without a header: new side\n");
    }

    [TearDown]
    public async Task DropDatabase()
    {
        Directory.Delete(_folder, recursive: true);
        await MySqlSides.CloseAsync(_options);
        await _database.DisposeAsync();
    }

    [Test]
    public async Task All_contexts_are_applied_with_one_command_and_a_second_run_does_nothing([Values] SideName side)
    {
        var runner = await RunnerAsync(side);
        List<MigrationProgress> steps = [];

        var status = await runner.ApplyAsync(new Direct(steps.Add), default);
        var first = steps.Count;
        await runner.ApplyAsync(new Direct(steps.Add), default);

        Assert.That(status.IsUpToDate, Is.True);
        Assert.That(steps, Has.Count.EqualTo(first));
        var tables = await QueryAsync<string>("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()");
        Assert.That(tables.Contains("tree"), Is.EqualTo(side == SideName.New));
        Assert.That(tables.Contains("pear_tree"), Is.EqualTo(side == SideName.New));
        Assert.That(tables.Contains("strangler_id_map"), Is.EqualTo(side == SideName.New));
        Assert.That(tables.Contains("strangler_id_block"), Is.EqualTo(side == SideName.Legacy));
        Assert.That(await QueryAsync<string>(
            "SELECT CONCAT_WS(' ', context, role, stage, epoch, dual_epoch) FROM strangler_fence ORDER BY context"),
            Is.EqualTo(new[] { "apples", "pears" }
                .Select(context => $"{context} {(side == SideName.Legacy ? "lead" : "follower")} LegacyOnly 1 0")));
    }

    [Test]
    public async Task A_look_writes_nothing()
    {
        var status = await (await RunnerAsync()).StatusAsync(default);

        Assert.That(status.IsUpToDate, Is.False);
        Assert.That(status.Targets.Single().Open.Select(item => item.Name), Does.Contain("0001_tree"));
        Assert.That(await QueryAsync<string>("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"), Is.Empty);
    }

    /// <summary>What a run leaves that was killed after the statement and before its record, and before the statement.</summary>
    [Test]
    public async Task A_run_that_was_killed_within_a_step_is_resumed([Values(0, 1, 2, 3)] int done, [Values] bool happened)
    {
        var runner = await RunnerAsync();
        await runner.ApplyAsync(null, default);
        var file = (await CatalogAsync()).Files.Single(file => file.Context == "apples");
        await RunAsync(done < 1 && !happened ? "DROP TABLE tree" : "DELETE FROM tree");
        if (done == 0 && happened || done == 1 && !happened)
        {
            await RunAsync("ALTER TABLE tree DROP COLUMN height");
        }

        if (done == 3)
        {
            await RunAsync("INSERT INTO tree VALUES (1, 2)");
        }

        await RunAsync($"""
            UPDATE strangler_schema_migration SET started = {Math.Min(done + 1, 3)}, done = {done}, done_prefix =
            '{file.PrefixChecksum(done)}'
            WHERE context = 'apples'
            """);

        Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);

        Assert.That(await QueryAsync<string>("SELECT CONCAT_WS(' ', id, height) FROM tree"), Is.EqualTo(new[] { "1 2" }));
    }

    [Test]
    public async Task A_step_that_fails_names_its_file_and_may_be_corrected()
    {
        Write("pears", "0002_more",
            "CREATE TABLE IF NOT EXISTS pear (id INT PRIMARY KEY)\n-- step\nALTER TABLE no_such_table ADD COLUMN x INT\n");
        var failed = Assert.ThrowsAsync<MigrationException>(async () => await (await RunnerAsync()).ApplyAsync(null, default))!;
        Assert.That(failed.Message, Does.Contain("0002_more").And.Contain("step 2").And.Contain("no_such_table"));

        Write("pears", "0002_more", "CREATE TABLE IF NOT EXISTS pear (id INT PRIMARY KEY)\n-- step\nALTER TABLE pear ADD COLUMN x INT\n");
        Assert.That((await (await RunnerAsync()).ApplyAsync(null, default)).IsUpToDate, Is.True);
    }

    [Test]
    public async Task An_edited_or_missing_file_stops_everything_and_is_named()
    {
        await (await RunnerAsync()).ApplyAsync(null, default);
        Write("pears", "0001_tree", "CREATE TABLE IF NOT EXISTS pear_tree (id BIGINT PRIMARY KEY)");
        File.Delete(Path.Combine(_folder, "apples", "mysql", "0001_tree.sql"));
        Write("pears", "0002_new", "CREATE TABLE IF NOT EXISTS never (id INT PRIMARY KEY)");

        var refused = Assert.ThrowsAsync<MigrationException>(async () => await (await RunnerAsync()).ApplyAsync(null, default))!;

        Assert.That(refused.Message, Does.Contain(Path.Combine("pears", "mysql", "0001_tree.sql")).And.Contain("edited"));
        Assert.That(refused.Message, Does.Contain("apples/0001_tree").And.Contain("missing"));
        Assert.That(await QueryAsync<string>(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'never'"), Is.Empty);
    }

    [Test]
    public async Task Line_ends_are_not_an_edit()
    {
        await (await RunnerAsync()).ApplyAsync(null, default);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.sql", SearchOption.AllDirectories))
        {
            await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).ReplaceLineEndings("\r\n"));
        }

        Assert.That((await (await RunnerAsync()).StatusAsync(default)).IsUpToDate, Is.True);
    }

    [Test]
    public async Task Two_runs_at_once_do_not_meet()
    {
        await using (await MySqlMigrations.Database(_options, SideName.New).LockAsync(TimeSpan.Zero, default))
        {
            var refused =
                Assert.ThrowsAsync<MigrationException>(async () =>
                await (await RunnerAsync(wait: TimeSpan.Zero)).ApplyAsync(null, default))!;
            Assert.That(refused.Message, Does.Contain("already running"));
        }

        await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ => await (await RunnerAsync()).ApplyAsync(null, default)));
        Assert.That((await (await RunnerAsync()).StatusAsync(default)).IsUpToDate, Is.True);
    }

    [TestCase("CREATE TABLE t (id INT)", "cannot be recognised")]
    [TestCase("CREATE TABLE IF NOT EXISTS t (id INT); DROP TABLE IF EXISTS u", "more than one statement")]
    [TestCase("RENAME TABLE a TO b", "cannot be recognised")]
    [TestCase("CREATE TABLE IF NOT EXISTS t (a VARCHAR(9) DEFAULT ';' COMMENT 'it''s; fine') -- a; comment", null)]
    [TestCase("ALTER TABLE t ADD COLUMN b INT", null)]
    [TestCase("CREATE TRIGGER IF NOT EXISTS x AFTER INSERT ON t FOR EACH ROW BEGIN SET @a = 1; SET @b = 2; END", null)]
    public void Steps_are_checked_for_what_makes_them_resumable(string statement, string? error) =>
        Assert.That(MySqlMigrationLint.Check(statement), error is null ? Is.Null : Does.Contain(error));

    [TestCase("10.11.19-MariaDB-0+deb12u1", true)]
    [TestCase("5.5.5-10.6.1-MariaDB-log", true)]
    [TestCase("10.5.29-MariaDB", false)]
    [TestCase("8.0.36", true)]
    [TestCase("8.4.0-commercial", true)]
    [TestCase("5.7.44-log", false)]
    public void Servers_that_are_too_old_are_refused(string version, bool fits) =>
        Assert.That(MySqlPreflight.CheckVersion(version), fits ? Is.Null : Does.Contain("is needed"));

    [Test]
    public async Task Missing_privileges_are_named_before_anything_is_written()
    {
        var user = $"'reader_{_database.Name}'@'%'";
        await RunAsync($"CREATE USER {user} IDENTIFIED BY 'x'; GRANT SELECT ON `{_database.Name}`.* TO {user}");
        var options =
            new MySqlSideOptions { ConnectionString = $"{_database.ConnectionString};User ID=reader_{_database.Name};Password=x" };
        var runner =
            new MigrationRunner(
            [new MigrationTarget(SideName.New, ["apples"], MySqlMigrations.Database(options, SideName.New), await CatalogAsync())]);

        var refused = Assert.ThrowsAsync<MigrationException>(() => runner.ApplyAsync(null, default))!;

        Assert.That(refused.Message, Does.Contain("lacks INSERT").And.Contain("CREATE").And.Contain("GRANT"));
        await MySqlSides.CloseAsync(options);
        await RunAsync($"DROP USER {user}");
    }

    private Task<MigrationCatalog> CatalogAsync() => MySqlMigrations.ReadCatalogAsync(_folder, default);

    private async Task<MigrationRunner> RunnerAsync(SideName side = SideName.New, TimeSpan? wait = null) =>
        new([new MigrationTarget(side, ["apples", "pears"], MySqlMigrations.Database(_options, side), await CatalogAsync())])
        {
            LockWait = wait ?? TimeSpan.FromSeconds(10),
        };

    private void Write(string context, string name, string text)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_folder, context, "mysql")).FullName;
        File.WriteAllText(Path.Combine(directory, $"{name}.sql"), text);
    }

    private async Task RunAsync(string sql)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    private async Task<IReadOnlyList<T>> QueryAsync<T>(string sql)
    {
        await using var connection = await _database.OpenAsync();
        return (await connection.QueryAsync<T>(sql)).ToList();
    }

    private sealed class Direct(Action<MigrationProgress> report) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value) => report(value);
    }
}
