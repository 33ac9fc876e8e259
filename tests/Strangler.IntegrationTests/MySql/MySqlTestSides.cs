using Dapper;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Migrations;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

/// <summary>Two databases with the side tables and the contract's tables on both sides.</summary>
internal sealed class MySqlTestSides : IAsyncDisposable
{
    public const string Context = "tests";

    /// <summary>Far from any legacy id, so that code which bypasses the map is found out.</summary>
    public const long FirstNewId = 1_000_000;

    public const string Thing = """
        CREATE TABLE thing (
            id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, amount VARCHAR(250) NULL, flag TINYINT(1) NOT
            NULL,
            size INT UNSIGNED NULL, big BIGINT NULL, born DATE NULL, made DATETIME NULL, `blob` BLOB NULL, untouched VARCHAR(20) NOT NULL
            DEFAULT 'as it was')
            CHARACTER SET utf8mb4;
        CREATE TABLE thing_extra (thing_id INT UNSIGNED NOT NULL PRIMARY KEY, remark VARCHAR(100) NOT NULL, FOREIGN KEY (thing_id)
        REFERENCES thing (id)) CHARACTER SET utf8mb4;
        CREATE TABLE thing_note (thing_id INT UNSIGNED NOT NULL, ordinal INT NOT NULL, text VARCHAR(100) NOT NULL, at DATETIME NULL, PRIMARY
        KEY (thing_id, ordinal),
            FOREIGN KEY (thing_id) REFERENCES thing (id)) CHARACTER SET utf8mb4;
        """;

    private MySqlTestSides(TestDatabase legacy, TestDatabase @new, IReadOnlyDictionary<string, (AggregateLayout, AggregateLayout)> kinds)
    {
        (Legacy, New) = (legacy, @new);
        LegacyOptions = new MySqlSideOptions { ConnectionString = legacy.ConnectionString };
        NewOptions = new MySqlSideOptions { ConnectionString = @new.ConnectionString };
        Sides = MySqlSides.Create(LegacyOptions, NewOptions, Context, kinds);
    }

    public TestDatabase Legacy { get; }

    public TestDatabase New { get; }

    public MySqlSideOptions LegacyOptions { get; }

    public MySqlSideOptions NewOptions { get; }

    public ContextSides Sides { get; }

    public static async Task<MySqlTestSides> CreateAsync(string? legacyTables = null, AggregateLayout? legacyLayout = null)
    {
        var sides = new MySqlTestSides(
            await TestServers.CreateDatabaseAsync("legacy"),
            await TestServers.CreateDatabaseAsync("new"),
            new Dictionary<string, (AggregateLayout, AggregateLayout)> { ["thing"] =
                (legacyLayout ?? SideStoreContract.Layout, SideStoreContract.Layout) });
        await sides.RunAsync(SideName.Legacy, legacyTables ?? Thing);
        await sides.RunAsync(SideName.New, $"{Thing} ALTER TABLE thing AUTO_INCREMENT = {FirstNewId};");
        await MigrateAsync(sides.LegacyOptions, sides.NewOptions);
        return sides;
    }

    public static async Task MigrateAsync(MySqlSideOptions legacy, MySqlSideOptions @new)
    {
        var catalog = await MySqlMigrations.ReadCatalogAsync(MigrationsFolder, default);
        var runner = new MigrationRunner(
        [
            new MigrationTarget(SideName.Legacy, [Context], MySqlMigrations.Database(legacy, SideName.Legacy), catalog),
            new MigrationTarget(SideName.New, [Context], MySqlMigrations.Database(@new, SideName.New), catalog),
        ]);
        Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);
    }

    public static string MigrationsFolder { get; } = Path.Combine(AppContext.BaseDirectory, "migrations");

    public TestDatabase Of(SideName side) => side == SideName.Legacy ? Legacy : New;

    public async Task RunAsync(SideName side, string sql, object? parameters = null)
    {
        await using var connection = await Of(side).OpenAsync();
        await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(SideName side, string sql)
    {
        await using var connection = await Of(side).OpenAsync();
        return (await connection.QueryAsync<T>(sql)).ToList();
    }

    public Task SetFenceAsync(SideName side, FenceRow fence) => RunAsync(
        side,
        "UPDATE strangler_fence SET role = @Role, stage = @Stage, epoch = @Epoch, dual_epoch = @DualEpoch, deadline = @Deadline WHERE context = 'tests'",
        new { Role = fence.Role.ToString().ToLowerInvariant(), Stage = fence.Stage.ToString(), fence.Epoch, fence.DualEpoch, fence.Deadline });

    public async ValueTask DisposeAsync()
    {
        await MySqlSides.CloseAsync(LegacyOptions);
        await MySqlSides.CloseAsync(NewOptions);
        await Legacy.DisposeAsync();
        await New.DisposeAsync();
    }
}
