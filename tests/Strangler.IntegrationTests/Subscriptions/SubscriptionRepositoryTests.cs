using System.Text;
using Dapper;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Subscriptions;

/// <summary>What only subscriptions have: duplicates, codes in two forms, what neither side can hold, erasure.</summary>
public sealed class SubscriptionRepositoryTests
{
    private static readonly DateTime Noon = new(2022, 6, 1, 12, 0, 0);

    [Test]
    public async Task Duplicates_are_what_the_legacy_collation_calls_so_in_every_stage()
    {
        await using var world = await SubscriptionsWorld.CreateAsync();
        await StoreAsync(world, "Weiß@Example.org", Noon.AddMinutes(-10));
        await StoreAsync(world, "weiss@example.org", Noon.AddMinutes(-20));
        await StoreAsync(world, "weiss@example.org", Noon.AddMinutes(-30));
        await StoreAsync(world, "weiss@example.org", Noon.AddDays(-10));
        await StoreAsync(world, "other@example.org", Noon.AddMinutes(-1));
        await world.RunForeignAsync("INSERT INTO subscription (email, createdAt) VALUES ('weiss@example.org', NULL), ('weiss@example.org', '0000-00-00 00:00:00')");
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (email, expected) in new[]
                     {
                         ("weiss@example.org", 2L), ("WEISS@EXAMPLE.ORG", 2), ("weiß@example.org", 2), ("weiss@example.org   ", 2), ("wéiss@example.org", 2),
                         ("weis@example.org", 0), (" weiss@example.org", 0), ("other@example.org", 1), ("", 0), ("' OR 1=1 -- ", 0),
                     })
            {
                Assert.That(
                    await world.Subscriptions.CountSimilarAsync(email, Noon.AddMinutes(-30), CancellationToken.None), Is.EqualTo(expected), $"'{email}' in {stage}");
            }
        }

        var (legacy, @new) = (world.Host.Part<SubscriptionsContext>().Legacy, world.Host.Part<SubscriptionsContext>().New);
        foreach (ISubscriptionRepository bare in new ISubscriptionRepository[] { legacy, @new })
        {
            Assert.That(await bare.CountSimilarAsync("weiss@example.org", Noon.AddMinutes(-30), CancellationToken.None), Is.EqualTo(2));
        }
    }

    [Test]
    public async Task A_code_is_found_in_both_forms_in_every_stage_and_is_no_word()
    {
        const string AsBytes = "0f3cff00800020202020202020202020";
        const string AsText = "3d0f3cff008000202020202020202020";
        await using var world = await SubscriptionsWorld.CreateAsync();
        await world.RunForeignAsync(
            $"""
            INSERT INTO subscription (id, email, confirmationCode, createdAt) VALUES (11, 'old@example.org', UNHEX('{AsBytes}'), '2015-05-17 11:42:02'),
                (12, 'new@example.org', '{AsText}', '2019-05-17 11:42:02'), (13, 'none@example.org', NULL, '2019-05-17 11:42:02'),
                (14, 'empty@example.org', '', '2019-05-17 11:42:02'), (15, 'letters@example.org', 'Straße', '2019-05-17 11:42:02'),
                (16, 'twin@example.org', '{AsText}', '2019-05-17 11:42:02'), (17, 'bytes@example.org', 'abcdefghijklmnop', '2014-05-17 11:42:02')
            """);
        var before = await world.LegacyBytesAsync(11) + await world.LegacyBytesAsync(12);
        var letters = Convert.ToHexStringLower(Encoding.ASCII.GetBytes("abcdefghijklmnop"));
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (code, expected) in new (string, long?)[]
                     {
                         (AsBytes, 11), (AsText, 12), ("", null), ("Straße", 15), ("Strasse", null), (AsText.ToUpperInvariant(), null), (AsText + " ", null),
                         ("abcdefghijklmnop", null), (letters, 17), (new string('f', 32), null),
                     })
            {
                var found = await world.Subscriptions.FindByConfirmationCodeAsync(code, CancellationToken.None);
                Assert.That(found?.Id, Is.EqualTo(expected), $"'{code}' in {stage}");
            }
        }

        // Confirmed while new leads: legacy follows, and both forms stay as they were.
        foreach (var code in new[] { AsBytes, AsText })
        {
            var found = (await world.Subscriptions.FindByConfirmationCodeAsync(code, CancellationToken.None))!;
            found.Confirm();
            await world.Subscriptions.StoreAsync(found, CancellationToken.None);
        }

        Assert.That(
            await world.LegacyBytesAsync(11) + await world.LegacyBytesAsync(12), Is.EqualTo(before.Replace("status=0", "status=1", StringComparison.Ordinal)));
        foreach (ISubscriptionRepository bare in new ISubscriptionRepository[] { world.Host.Part<SubscriptionsContext>().Legacy, world.Host.Part<SubscriptionsContext>().New })
        {
            Assert.That((await bare.FindByConfirmationCodeAsync(AsBytes, CancellationToken.None))?.Id, Is.EqualTo(11));
            Assert.That(await bare.FindByConfirmationCodeAsync("", CancellationToken.None), Is.Null);
        }
    }

    [Test]
    public async Task A_table_whose_code_was_altered_to_text_works_with_the_same_mapping()
    {
        await using var world = await SubscriptionsWorld.CreateAsync(
            alter: connection => connection.ExecuteAsync("ALTER TABLE subscription MODIFY confirmationCode varchar(32) COLLATE utf8_unicode_ci DEFAULT NULL"));
        await world.RunForeignAsync(
            """
            INSERT INTO subscription (id, email, confirmationCode, createdAt) VALUES
                (1, 'text@example.org', '3d0f3cff008000202020202020202020', '2019-05-17 11:42:02'), (2, 'none@example.org', NULL, '2019-05-17 11:42:02')
            """);
        var before = await world.LegacyBytesAsync(1);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        foreach (var stage in new[] { Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var found = (await world.Subscriptions.FindByConfirmationCodeAsync("3d0f3cff008000202020202020202020", CancellationToken.None))!;
            await world.Subscriptions.StoreAsync(found, CancellationToken.None);
            Assert.That(await world.LegacyBytesAsync(1), Is.EqualTo(before), $"{stage}");
        }

        // Captured although the two are equal under the column's collation.
        await world.MoveToAsync(Stage.DualWrite);
        await world.RunForeignAsync("UPDATE subscription SET confirmationCode = UPPER(confirmationCode) WHERE id = 1");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.RecordAsync(SideName.New, 1))!["confirmation_code.code"], Is.EqualTo("3D0F3CFF008000202020202020202020"));
        var issued = (await world.Subscriptions.FindAsync(2, CancellationToken.None))!;
        issued.IssueConfirmationCode(new string('e', 32));
        await world.Subscriptions.StoreAsync(issued, CancellationToken.None);
        Assert.That((await world.RecordAsync(SideName.Legacy, 2))!["confirmation_code.code"], Is.EqualTo(new string('e', 32)));
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task What_a_side_cannot_hold_is_refused_by_name_and_changes_neither()
    {
        await using var world = await SubscriptionsWorld.CreateAsync();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var subscription = await StoreAsync(world, "nyan@awesomecats.example", Noon);
            foreach (var (field, change) in new (string, Action<Subscription>)[]
                     {
                         ("email", one => one.ChangeEmail(new string('e', 251))), ("email", one => one.ChangeEmail("\U0001F431@example.org")),
                         ("email", one => one.ChangeEmail("half \ud800")), ("full_name", one => one.Rename(new string('n', 251))),
                         ("source", one => one.ComeFrom(new string('s', 51))), ("tracking.campaign", one => one.Track(new Tracking("a/b", "c"))),
                         ("tracking.keyword", one => one.Track(new Tracking(new string('c', 30), new string('k', 30)))),
                         ("confirmation_code.code", one => one.IssueConfirmationCode("sixteen letters!")),
                         ("confirmation_code.code", one => one.IssueConfirmationCode(new string('a', 33))),
                     })
            {
                var (legacy, @new) = (await world.LegacyBytesAsync(subscription.Id), stage == Stage.LegacyOnly ? null : await world.RecordAsync(SideName.New, subscription.Id));
                var loaded = (await world.Subscriptions.FindAsync(subscription.Id, CancellationToken.None))!;
                change(loaded);
                var refused = Assert.ThrowsAsync<CannotHoldException>(() => world.Subscriptions.StoreAsync(loaded, CancellationToken.None), $"{field} in {stage}");
                Assert.That(refused!.Field, Is.EqualTo(field), $"{stage}");
                Assert.That(refused.Message, Does.Not.Contain("eeeee").And.Not.Contain("nnnnn"), "no values in messages");
                Assert.That(await world.LegacyBytesAsync(subscription.Id), Is.EqualTo(legacy), $"{field} in {stage}");
                if (@new is not null)
                {
                    Assert.That((await world.RecordAsync(SideName.New, subscription.Id))!.AgreesWith(@new), $"{field} in {stage}");
                }
            }
        }

        await AssertCleanAsync(world);
    }

    /// <summary>I10: what was personal stands in no column of any table of either database, ours included (Case64).</summary>
    [Test]
    [Category("Case64")]
    public async Task Anonymized_nothing_personal_is_left_anywhere([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        const string Mark = "Qxz";
        await using var world = await SubscriptionsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var subscription = new Subscription(0, Noon, $"{Mark}@example.org", $"{Mark}456789abcdef");
        subscription.Rename($"{Mark} Muster");
        subscription.Track(new Tracking("test", "blue"));
        await world.Subscriptions.StoreAsync(subscription, CancellationToken.None, "request");
        await world.RunForeignAsync($"UPDATE subscription SET address_id = 7 WHERE id = {subscription.Id} AND {(stage == Stage.DualWrite ? 1 : 0)}");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        subscription = (await world.Subscriptions.FindAsync(subscription.Id, CancellationToken.None))!;
        Assert.That(await PlacesOfAsync(world, Mark), Is.Not.Empty, "the search finds what is there");
        subscription.Anonymize();
        await world.Subscriptions.StoreAsync(subscription, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await PlacesOfAsync(world, Mark), Is.Empty);
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Mark, StringComparison.Ordinal)), Is.Empty);
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            var record = (await world.RecordAsync(side, subscription.Id))!;
            Assert.That((record["is_anonymized"], record["tracking.campaign"]), Is.EqualTo(((object)true, (object)"test")), $"{side}");
        }

        await AssertCleanAsync(world);
    }

    private static async Task<List<string>> PlacesOfAsync(SubscriptionsWorld world, string mark)
    {
        List<string> found = [];
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            var columns = await connection.QueryAsync<(string Table, string Column)>(
                """
                SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = DATABASE() AND data_type IN ('char', 'varchar', 'text', 'mediumtext', 'longtext', 'binary', 'varbinary', 'blob', 'mediumblob', 'longblob')
                """);
            foreach (var (table, column) in columns)
            {
                var rows = await connection.ExecuteScalarAsync<long>(
                    $"SELECT COUNT(*) FROM `{table}` WHERE INSTR(CAST(`{column}` AS BINARY), @text) > 0 OR INSTR(CAST(`{column}` AS BINARY), @hex) > 0",
                    new { text = Encoding.ASCII.GetBytes(mark), hex = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Encoding.ASCII.GetBytes(mark))) });
                if (rows > 0)
                {
                    found.Add($"{database.Name}.{table}.{column}");
                }
            }
        }

        return found;
    }

    private static async Task<Subscription> StoreAsync(SubscriptionsWorld world, string email, DateTime at)
    {
        var subscription = new Subscription(0, at, email, "3d0f3cff008000202020202020202020");
        await world.Subscriptions.StoreAsync(subscription, CancellationToken.None);
        return subscription;
    }

    private static async Task AssertCleanAsync(SubscriptionsWorld world)
    {
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
