using System.Text;
using Dapper;
using Strangler.Cli;
using Strangler.Contexts.BackOfficeUsers;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.BackOfficeUsers;

/// <summary>What only the back office's users have: names that belong to one of them, and a secret that never leaves its two columns.</summary>
public sealed class BackOfficeUserRepositoryTests
{
    private const string Secret = "$2y$10$QxzQxzQxzQxzQxzQxzQxzu";

    [Test]
    public async Task Names_and_addresses_are_what_the_legacy_collation_calls_the_same_in_every_stage()
    {
        await using var world = await UsersWorld.CreateAsync();
        await world.RunForeignAsync(
            """
            INSERT INTO users (user_id, user_name, user_address, user_pass) VALUES (11, 'Weiß', 'w@example.org', 'a'), (12, 'b.muster', 'b@example.org', 'b')
            """);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (name, expected) in new (string, long?)[] { ("Weiß", 11), ("WEISS", 11), ("weiss ", 11), ("weis", null), ("", null), ("' OR 1=1 -- ", null) })
            {
                Assert.That((await world.Users.FindByNameAsync(name, CancellationToken.None))?.Id, Is.EqualTo(expected), $"'{name}' in {stage}");
            }

            Assert.That((await world.Users.FindByEmailAsync("B@EXAMPLE.ORG", CancellationToken.None))?.Id, Is.EqualTo(12), $"{stage}");
            IBackOfficeUserRepository users = world.Users;
            foreach (var taken in new[] { New("WEISS", "new@example.org"), New("new", "B@example.org") })
            {
                Assert.That(() => users.StoreAsync(taken, CancellationToken.None), Throws.TypeOf<NameTakenException>(), $"{stage}");
            }

            var other = (await world.Users.FindAsync(12, CancellationToken.None))!;
            other.Rename("weiss");
            Assert.That(() => users.StoreAsync(other, CancellationToken.None), Throws.TypeOf<NameTakenException>(), $"{stage}");
            var same = (await world.Users.FindAsync(11, CancellationToken.None))!;
            same.ChangeRole(same.Role + 1);
            await users.StoreAsync(same, CancellationToken.None);
        }

        foreach (var bare in new IBackOfficeUserRepository[] { world.Host.Part<BackOfficeUsersContext>().Legacy, world.Host.Part<BackOfficeUsersContext>().New })
        {
            Assert.That((await bare.FindByNameAsync("weiss", CancellationToken.None))?.Id, Is.EqualTo(11));
        }
    }

    /// <summary>Two creates of one name at the same moment, that both have asked: legacy's own key decides while it leads.</summary>
    [Test]
    public async Task A_name_that_was_taken_in_between_is_refused_by_legacys_key()
    {
        await using var world = await UsersWorld.CreateAsync();
        await world.MoveToAsync(Stage.DualWrite);
        await world.Users.StoreAsync(New("a.muster", "a@example.org"), CancellationToken.None);
        Assert.That(() => world.Users.StoreAsync(New("A.MUSTER", "other@example.org"), CancellationToken.None), Throws.TypeOf<DuplicateKeyException>());
        await AssertCleanAsync(world);
    }

    /// <summary>
    /// No password ever leaves its two columns: not into a log, a report, a journal, nor into a conflict over it, whoever asks; and it is carried
    /// to the byte. Nor does its shape, or a plain hash of it.
    /// </summary>
    [Test]
    public async Task A_conflict_over_a_password_keeps_a_keyed_hash_and_takes_the_value_from_its_side()
    {
        await using var world = await UsersWorld.CreateAsync();
        await world.RunForeignAsync("INSERT INTO users (user_id, user_name, user_address, user_pass, user_active) VALUES (7, 'a.muster', 'a@example.org', 'before', 1)");
        await world.MoveToAsync(Stage.NewLeads);
        var user = (await world.Users.FindAsync(7, CancellationToken.None))!;
        user.ChangePassword(new PasswordHash(Secret + "new"), null);
        await world.RunForeignAsync($"UPDATE users SET user_pass = '{Secret}legacy' WHERE user_id = 7");
        await world.Users.StoreAsync(user, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await world.Host.Sides.Merges.CountAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(await PlacesOfAsync(world), Is.EqualTo(new[] { "back_office_user.password_hash", "users.user_pass" }));

        var cli = new CommandLine(world);
        var revealing = Path.Combine(Path.GetDirectoryName(world.ConfigFile)!, "revealing.json");
        var config = await File.ReadAllTextAsync(cli.ConfigFile);
        await File.WriteAllTextAsync(revealing, config.Insert(1, $"\"reveal\": [\"{Environment.UserName}\"],"));
        var shown = await cli.RunAsync("conflicts show back-office-users 7", ExitCodes.Ok);
        var revealed = await cli.RunAsync("conflicts show back-office-users 7 --reveal --reason ticket", revealing, CancellationToken.None);
        Assert.That((shown.Output, revealed.Code), Is.EqualTo((shown.Output, ExitCodes.Ok)), $"{revealed}");
        Assert.That(shown.Output, Does.Match("password_hash.*#[0-9a-f]{8}.*#[0-9a-f]{8}"));
        Assert.That(revealed.Output, Does.Match("password_hash.*#[0-9a-f]{8}.*#[0-9a-f]{8}"), "even a reveal");
        await cli.RunAsync("conflicts resolve back-office-users 7 --take legacy --reason asked --apply", ExitCodes.Ok);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Users.FindAsync(7, CancellationToken.None))!.PasswordHash.Reveal(), Is.EqualTo(Secret + "legacy"));
        await AssertCleanAsync(world);
        Assert.That(cli.EverythingSaid + string.Join('\n', world.Logs.Lines), Does.Not.Contain("QxzQxz"));
        Assert.That(await PlacesOfAsync(world), Is.EqualTo(new[] { "back_office_user.password_hash", "users.user_pass" }));
    }

    private static BackOfficeUser New(string name, string email) => new(0, name, email, new PasswordHash("x"));

    private static async Task<List<string>> PlacesOfAsync(UsersWorld world)
    {
        List<string> found = [];
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            var columns = await connection.QueryAsync<(string Table, string Column)>(
                """
                SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()
                AND data_type IN ('char', 'varchar', 'text', 'mediumtext', 'longtext', 'binary', 'varbinary', 'blob', 'mediumblob', 'longblob', 'json')
                """);
            foreach (var (table, column) in columns)
            {
                if (await connection.ExecuteScalarAsync<long>(
                        $"SELECT COUNT(*) FROM `{table}` WHERE INSTR(CAST(`{column}` AS BINARY), @text) > 0", new { text = Encoding.ASCII.GetBytes("QxzQxz") }) > 0)
                {
                    found.Add($"{table}.{column}");
                }
            }
        }

        return [.. found.Order(StringComparer.Ordinal)];
    }

    private static async Task AssertCleanAsync(UsersWorld world)
    {
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
