using Dapper;
using Strangler.Contexts.ChangeLog;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.ChangeLog;

/// <summary>What is asked of the change log, answered alike in every stage; and what must not be in it.</summary>
public sealed class ChangeLogRepositoryTests
{
    private static readonly DateTime Noon = new(2018, 8, 16, 12, 0, 0);

    [Test]
    public async Task What_somebody_did_is_told_alike_in_every_stage_the_latest_first()
    {
        await using var world = await ChangeLogWorld.CreateAsync();
        await world.RunForeignAsync(
            """
            SET sql_mode = 'ALLOW_INVALID_DATES';
            INSERT INTO action_log (al_id, al_timestamp, al_type, al_username) VALUES
                (1, '2016-01-01 12:00:00', 'login', 'strasse'), (2, '2016-01-01 12:00:00', 'cancel', 'strasse'), (3, '2016-01-02 12:00:00', 'login', 'straße'),
                (4, '0000-00-00 00:00:00', 'old', 'strasse'), (5, '2015-01-01 12:00:00', 'logout', 'strasse'), (6, '2017-01-01 12:00:00', 'login', 'Strasse');
            """);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            Assert.That(await AskAsync("strasse", 10), Is.EqualTo("2 cancel, 1 login, 5 logout, 4 old"), $"{stage}");
            Assert.That(await AskAsync("strasse", 2), Is.EqualTo("2 cancel, 1 login"), $"{stage}");
            Assert.That(await AskAsync("straße", 10), Is.EqualTo("3 login"), $"{stage}");
            Assert.That(await AskAsync("unheard of", 10), Is.Empty, $"{stage}");
        }

        Assert.That((await world.Actions.FindOfUserAsync("strasse", 10, CancellationToken.None))[^1].LoggedAt, Is.Null);
        Assert.That(() => world.Actions.FindOfUserAsync("", 10, CancellationToken.None), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => world.Actions.FindOfUserAsync("x", 1001, CancellationToken.None), Throws.InstanceOf<ArgumentException>());

        async Task<string> AskAsync(string user, int limit) =>
            string.Join(", ", (await world.Actions.FindOfUserAsync(user, limit, CancellationToken.None)).Select(line => $"{line.Id} {line.Action}"));
    }

    [Test]
    public async Task Two_acts_in_the_same_second_are_two_on_both_sides_whoever_leads()
    {
        await using var world = await ChangeLogWorld.CreateAsync();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(
                number => world.Actions.AppendAsync(new LoggedAction(0, Noon, $"act{number}", "erika.muster"), CancellationToken.None)));
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        foreach (var (database, sql) in new[]
                 {
                     (world.LegacyDatabase, "SELECT COUNT(*) FROM action_log WHERE al_timestamp = @Noon"),
                     (world.NewDatabase, "SELECT COUNT(*) FROM logged_action WHERE logged_at = @Noon"),
                 })
        {
            await using var connection = await database.OpenAsync();
            Assert.That(await connection.ExecuteScalarAsync<long>(sql, new { Noon }), Is.EqualTo(12), database.Name);
        }
    }

    [Test]
    public async Task What_was_typed_as_a_password_stays_where_it_is_and_is_nowhere_else()
    {
        const string Typed = "geheim-0123456789";
        await using var world = await ChangeLogWorld.CreateAsync();
        await world.RunForeignAsync($"INSERT INTO action_log (al_id, al_type, al_username, al_password) VALUES (1, 'login', 'erika', '{Typed}')");
        await world.MoveToAsync(Stage.NewLeads);
        await world.RunForeignAsync("UPDATE action_log SET al_type = 'login_failed' WHERE al_id = 1");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Actions.FindAsync(1, CancellationToken.None))!.Action, Is.EqualTo("login_failed"));
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        Assert.That(await legacy.ExecuteScalarAsync<string>("SELECT al_password FROM action_log WHERE al_id = 1"), Is.EqualTo(Typed));
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            foreach (var (table, column) in await connection.QueryAsync<(string, string)>(
                         """
                         SELECT table_name, column_name FROM information_schema.columns
                         WHERE table_schema = DATABASE() AND (character_set_name IS NOT NULL OR data_type LIKE '%blob' OR data_type LIKE '%binary')
                         """))
            {
                Assert.That(
                    (table, await connection.ExecuteScalarAsync<long>($"SELECT COUNT(*) FROM `{table}` WHERE INSTR(`{column}`, @Typed) > 0", new { Typed })),
                    Is.EqualTo((table, table == "action_log" && column == "al_password" ? 1L : 0L)), column);
            }
        }
    }
}
