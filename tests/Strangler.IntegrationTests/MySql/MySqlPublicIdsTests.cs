using Dapper;
using Strangler.DualWrite;
using Strangler.LocalServers;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[CancelAfter(120_000)]
internal sealed class MySqlPublicIdsTests
{
    private static readonly Dictionary<string, (AggregateLayout, AggregateLayout)> Kinds = new()
    {
        ["thing"] = (SideStoreContract.Layout, SideStoreContract.Layout),
    };

    [Test]
    public async Task Reserved_ids_are_handed_out_once_and_end_with_a_clear_error()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        var (ids, others) =
            (sides.Sides.PublicIds, MySqlSides.Create(sides.LegacyOptions, sides.NewOptions, MySqlTestSides.Context, Kinds).PublicIds);
        Assert.ThrowsAsync<IdsExhaustedException>(() => ids.TakeAsync("thing", default));
        Assert.That(await ids.ReserveAsync("thing", 95, default), Is.EqualTo(95));
        Assert.That(await ids.LeftAsync("thing", default), Is.EqualTo(95));

        var taken = await Task.WhenAll(Enumerable.Range(0, 80).Select(i => (i % 2 == 0 ? ids : others).TakeAsync("thing", default)));

        Assert.That(taken, Is.Unique);
        Assert.That(taken, Is.All.InRange(1, 95));
        Assert.That(await sides.QueryAsync<long>(SideName.Legacy,
            "INSERT INTO thing (name, flag) VALUES ('foreign', 0); SELECT LAST_INSERT_ID()"),
            Is.EqualTo(new[] { 96L }));
        Assert.ThrowsAsync<IdsExhaustedException>(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                await ids.TakeAsync("thing", default);
            }
        });
    }

    [Test]
    public async Task A_reservation_that_died_before_its_copy_is_completed_and_used_blocks_do_not_come_back()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        var ids = sides.Sides.PublicIds;
        await ids.ReserveAsync("thing", 10, default);
        for (var i = 0; i < 10; i++)
        {
            await ids.TakeAsync("thing", default);
        }

        await sides.RunAsync(SideName.Legacy,
            "INSERT INTO strangler_id_block (context, kind, first_id, last_id, reserved_at) VALUES ('tests', 'thing', 500, 509, NOW(6))");
        await ids.ReserveAsync("thing", 0, default);

        Assert.That(await ids.LeftAsync("thing", default), Is.EqualTo(10));
        Assert.That(await ids.TakeAsync("thing", default), Is.EqualTo(500));
    }

    [Test]
    public async Task A_counter_that_was_set_back_is_found_and_nothing_more_is_reserved()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        var ids = sides.Sides.PublicIds;
        Assert.That(await ids.OverlapAsync("thing", default), Is.Zero);
        await ids.ReserveAsync("thing", 1500, default);
        Assert.That(await ids.OverlapAsync("thing", default), Is.Zero);

        await sides.RunAsync(SideName.Legacy, "ALTER TABLE thing AUTO_INCREMENT = 1401");

        Assert.That(await ids.OverlapAsync("thing", default), Is.EqualTo(100));
        var refused = Assert.ThrowsAsync<SideUnavailableException>(() => ids.ReserveAsync("thing", 10, default))!;
        Assert.That(refused.IsTransient, Is.False);
        await sides.RunAsync(SideName.Legacy, "ALTER TABLE thing AUTO_INCREMENT = 1501");
        Assert.That(await ids.OverlapAsync("thing", default), Is.Zero);
    }

    [Test]
    public async Task Interleaved_blocks_of_a_cluster_do_not_lend_each_other_their_ends()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        var (first, second) = (sides.NewOptions.IdBatch * 3 / 2, sides.NewOptions.IdBatch * 4);
        await sides.RunAsync(SideName.Legacy, """
            INSERT INTO strangler_id_block (context, kind, first_id, last_id, step, reserved_at)
            VALUES ('tests', 'thing', 1, 1 + 3 * (@first - 1), 3, NOW(6)), ('tests', 'thing', 2, 2 + 3 * (@second - 1), 3, NOW(6))
            """, new { first, second });
        var ids = sides.Sides.PublicIds;
        await ids.ReserveAsync("thing", 0, default);
        var taken = new List<long>();
        for (var left = await ids.LeftAsync("thing", default); left > 0; left--)
        {
            taken.Add(await ids.TakeAsync("thing", default));
        }

        Assert.That(taken, Is.Unique);
        Assert.That(taken.Where(id => id % 3 == 1), Is.EqualTo(Enumerable.Range(0, first).Select(i => 1 + (3L * i))));
    }

    [Test]
    public async Task NewOnly_goes_on_above_all_ids()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        await sides.RunAsync(SideName.New,
            "INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ('tests', 'thing', 4711, 1)");
        await sides.SetFenceAsync(SideName.New, new FenceRow(FenceRole.Lead, Stage.NewOnly, 9, 4));

        Assert.That(await sides.Sides.PublicIds.TakeAsync("thing", default), Is.EqualTo(4712));
    }

    /// <summary>Case 6.</summary>
    [Test]
    public async Task A_killed_legacy_server_never_gives_out_a_reserved_id_again()
    {
        await using var sides = await MySqlTestSides.CreateAsync();
        await using var server = await TestServers.StartPrivateMySqlAsync();
        var options = await LegacyAsync(server);
        var ids = MySqlSides.Create(options, sides.NewOptions, MySqlTestSides.Context, Kinds).PublicIds;
        var reserved = await ids.ReserveAsync("thing", 2500, default);

        await server.KillAsync(default);
        Assert.That(await ids.TakeAsync("thing", default), Is.EqualTo(1), "creates go on while legacy is down");
        await server.RestartAsync(default);

        await using var source = MySqlDriver.CreateDataSource(options.ConnectionString, new());
        await using var foreign = await source.OpenAsync(default);
        Assert.That(await foreign.ExecuteScalarAsync<long>(
            "INSERT INTO thing (name, flag) VALUES ('foreign', 0); SELECT LAST_INSERT_ID()"), Is.GreaterThan(reserved));
        await MySqlSides.CloseAsync(options);

        async Task<MySqlSideOptions> LegacyAsync(LocalMariaDb private_)
        {
            await using var admin = MySqlDriver.CreateDataSource(private_.ConnectionString(), new());
            await using var connection = await admin.OpenAsync(default);
            await connection.ExecuteAsync($"CREATE DATABASE old; USE old; {MySqlTestSides.Thing}");
            var made = new MySqlSideOptions { ConnectionString = private_.ConnectionString("old") };
            await MySqlTestSides.MigrateAsync(made, sides.NewOptions);
            return made;
        }
    }
}
