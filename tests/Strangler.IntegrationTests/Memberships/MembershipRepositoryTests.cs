using System.Text;
using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>What only memberships have: lists, duplicates, rows in several tables, what neither side can hold, erasure.</summary>
public sealed class MembershipRepositoryTests
{
    private static readonly Stage[] DualStages = [Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads];

    [Test]
    public async Task Lists_and_duplicates_are_the_same_in_every_stage()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        await world.FillExamplesAsync(900);
        await world.RunForeignAsync(
            """
            INSERT INTO request (id, timestamp, email, comment) VALUES (8001, '2022-06-01 11:50:00', 'Weiß@Example.org', ''),
                (8002, '2022-06-01 11:20:00', 'weiss@example.org', ''), (8003, '0000-00-00 00:00:00', 'weiss@example.org', '')
            """);
        Dictionary<string, string> expected = [];
        foreach (var stage in DualStages)
        {
            await world.MoveToAsync(stage);
            foreach (var list in Enum.GetValues<MembershipList>())
            {
                var found = await ListAsync(world.Memberships, list);
                Assert.That(found, Is.Not.Empty.And.Unique);
                Assert.That(expected.TryAdd($"{list}", Text(found)) || expected[$"{list}"] == Text(found), $"{list} in {stage}");
            }

            foreach (var (email, count) in new[] { ("Weiß@example.org", 1L), ("weisz@example.org", 0), ("", 0), ("' OR 1=1 -- ", 0) })
            {
                Assert.That(
                    await world.Memberships.CountSimilarAsync(email, new DateTime(2022, 6, 1, 11, 30, 0), CancellationToken.None), Is.EqualTo(count),
                    $"'{email}' in {stage}");
            }
        }

        var heldBack = await ListAsync(world.Memberships, MembershipList.HeldBack);
        var statuses = await QueryAsync<(long Id, int? Status)>(world, "SELECT id, status FROM request WHERE export IS NULL");
        Assert.That(
            heldBack.Select(one => one.Id), Is.EquivalentTo(statuses.Where(row => row.Status is -2 or -6).Select(row => row.Id)), "as programs of today find them");
        var part = world.Host.Part<MembershipsContext>();
        foreach (IMembershipRepository bare in new IMembershipRepository[] { part.Legacy, part.New })
        {
            Assert.That(Text(await ListAsync(bare, MembershipList.HeldBack)), Is.EqualTo(expected["HeldBack"]));
        }

        Assert.That(
            () => world.Memberships.ListAsync(MembershipList.HeldBack, 0, 0, CancellationToken.None), Throws.TypeOf<ArgumentOutOfRangeException>());

        static string Text(IEnumerable<ListedApplication> list) => string.Join('\n', list);
    }

    [Test]
    public async Task An_application_that_is_handed_on_or_erased_is_closed_to_its_applicant()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        foreach (var stage in DualStages)
        {
            await world.MoveToAsync(stage);
            var application = await StoreAsync(world, MembershipSamples.Application());
            Assert.That(await world.Memberships.FindOpenAsync(application.Id, CancellationToken.None), Is.Not.Null);
            Assert.That(await world.Memberships.FindOpenAsync(application.Id + 100_000, CancellationToken.None), Is.Null);
            application.MarkExported(MembershipSamples.Noon);
            await world.Memberships.StoreAsync(application, CancellationToken.None);
            var closed = Assert.ThrowsAsync<ApplicationClosedException>(() => world.Memberships.FindOpenAsync(application.Id, CancellationToken.None))!;
            Assert.That((closed.Id, closed.IsAnonymized), Is.EqualTo((application.Id, false)));

            // Q30: it has its address still, and keeps it.
            var found = (await world.Memberships.FindAsync(application.Id, CancellationToken.None))!;
            Assert.That(((PersonApplicant)found.Applicant).Contact.Email, Is.EqualTo("person@example.org"));
            found.AddLog(MembershipSamples.Noon, "letter sent");
            await world.Memberships.StoreAsync(found, CancellationToken.None);
            Assert.That((await world.RecordAsync(SideName.Legacy, application.Id))!["applicant.email"], Is.EqualTo("person@example.org"), $"{stage}");
            found.Anonymize();
            await world.Memberships.StoreAsync(found, CancellationToken.None);
            closed = Assert.ThrowsAsync<ApplicationClosedException>(() => world.Memberships.FindOpenAsync(application.Id, CancellationToken.None))!;
            Assert.That(closed.IsAnonymized);
        }
    }

    // Shared rows of incentives and reasons: looked up by what they say, never changed.
    [Test]
    public async Task Incentives_and_reasons_are_shared_rows_in_every_stage()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        await world.RunForeignAsync("INSERT INTO incentive VALUES (1, 'tote_bag'); INSERT INTO membership_moderation_reason VALUES (5, 'EMAIL_BLOCKED', 'email')");
        foreach (var stage in DualStages)
        {
            await world.MoveToAsync(stage);
            var application = MembershipSamples.Application();
            application.Promise(new Incentive("tote_bag"));
            application.Promise(new Incentive("eternal_thankfulness"));
            application.HoldBack(new ModerationReason("EMAIL_BLOCKED", "email"), new ModerationReason("EMAIL_BLOCKED", ""));
            await StoreAsync(world, application);
            var found = (await world.Memberships.FindAsync(application.Id, CancellationToken.None))!;
            Assert.That(found.Incentives.Select(one => one.Name), Is.EquivalentTo(new[] { "tote_bag", "eternal_thankfulness" }), $"{stage}");
            Assert.That(found.ModerationReasons, Is.EquivalentTo(application.ModerationReasons), $"{stage}");
            found.Withdraw(new Incentive("tote_bag"));
            found.Approve(MembershipSamples.Noon, "foc");
            await world.Memberships.StoreAsync(found, CancellationToken.None);
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            Assert.That(
                await QueryAsync<string>(world, $"SELECT i.name FROM membership_incentive x JOIN incentive i ON i.id = x.incentive_id WHERE x.membership_id = {application.Id}"),
                Is.EqualTo(new[] { "eternal_thankfulness" }), $"{stage}");
        }

        Assert.That(await QueryAsync<long>(world, "SELECT COUNT(*) FROM incentive"), Is.EqualTo(new[] { 2L }));
        Assert.That(await QueryAsync<long>(world, "SELECT COUNT(*) FROM membership_moderation_reason"), Is.EqualTo(new[] { 2L }));
        Assert.That(await QueryAsync<long>(world, "SELECT COUNT(*) FROM memberships_moderation_reasons"), Is.EqualTo(new[] { 0L }));
        await AssertCleanAsync(world);
    }

    // A bag that changes its owner changes two applications; another name of the bag, all that have it.
    [Test]
    [Category("Case42")]
    public async Task What_other_programs_do_to_rows_below_an_application_reaches_the_new_side()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        await world.MoveToAsync(Stage.DualWrite);
        List<long> ids = [];
        for (var i = 0; i < 3; i++)
        {
            var application = MembershipSamples.Application();
            application.Promise(new Incentive(i < 2 ? "tote_bag" : "mug"));
            ids.Add((await StoreAsync(world, application)).Id);
        }

        await world.RunForeignAsync($"DELETE FROM membership_incentive WHERE membership_id = {ids[2]}");
        await world.RunForeignAsync($"UPDATE membership_incentive SET membership_id = {ids[2]} WHERE membership_id = {ids[1]}");
        await world.RunForeignAsync("UPDATE incentive SET name = 'shopping_bag' WHERE name = 'tote_bag'");
        await world.RunForeignAsync(
            $"""
            INSERT INTO membership_moderation_reason (moderation_identifier) VALUES ('MANUALLY_FLAGGED_BY_ADMIN');
            INSERT INTO memberships_moderation_reasons VALUES ({ids[0]}, LAST_INSERT_ID());
            INSERT INTO legacy_auth_tokens VALUES ({ids[1]}, 'M', 'access', 'update', NULL), ({ids[1]}, 'D', 'other', 'other', NULL)
            """);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var records = await Task.WhenAll(ids.Select(id => world.RecordAsync(SideName.New, id)));
        Assert.That(
            records.Select(record => string.Join(' ', record!.List("incentives").Rows.Select(row => row[0]))), Is.EqualTo(new[] { "shopping_bag", "", "shopping_bag" }));
        Assert.That(records[0]!.List("moderation_reasons").Rows.Single()[0], Is.EqualTo("MANUALLY_FLAGGED_BY_ADMIN"));
        Assert.That(records[1]!["token.access"], Is.EqualTo("access"));
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task What_a_side_cannot_hold_is_refused_by_name_and_changes_neither()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var application = await StoreAsync(world, MembershipSamples.Application());
            foreach (var (field, change) in new (string, Action<MembershipApplication>)[]
                     {
                         ("fee", one => one.ChangeFee(25_010, 3)), ("applicant.email", one => one.ChangeApplicant(MembershipSamples.Person(email: new string('e', 251)))),
                         ("applicant.last_name", one => one.ChangeApplicant(MembershipSamples.Person("\U0001F431"))),
                         ("applicant.company", one => one.ChangeApplicant(MembershipSamples.Company(new string('c', 101)))),
                         ("tracking.keyword", one => one.Track(new Tracking(new string('c', 30), new string('k', 30)))),
                         ("tracking.campaign", one => one.Track(new Tracking("a/b", "c"))),
                         ("incentives[].name", one => one.Promise(new Incentive(new string('i', 33)))),
                         ("token.access", one => one.IssueTokens(new(new string('t', 65), "", null))),
                         ("payment_type", one => one.ChangePayment(new BankTransferPayment("XW-DAR-E99-X"))),
                         ("provider.parent_payment_id", one => one.ChangePayment(new PayPalPayment(new PayPalBooking { ParentPaymentId = 7 }))),
                         ("follow_ups", one => one.ChangePayment(new PayPalPayment(null, FollowUps.None.Add(new FollowUp("t", 7))))),
                     })
            {
                var (legacy, @new) = (await world.LegacyBytesAsync(application.Id), stage == Stage.LegacyOnly ? null : await world.RecordAsync(SideName.New, application.Id));
                var loaded = (await world.Memberships.FindAsync(application.Id, CancellationToken.None))!;
                change(loaded);
                var refused = Assert.ThrowsAsync<CannotHoldException>(() => world.Memberships.StoreAsync(loaded, CancellationToken.None), $"{field} in {stage}")!;
                Assert.That(refused.Field, Is.EqualTo(field), $"{stage}");
                Assert.That(refused.Message, Does.Not.Contain("eeeee").And.Not.Contain("ttttt"), "no values in messages");
                Assert.That(await world.LegacyBytesAsync(application.Id), Is.EqualTo(legacy), $"{field} in {stage}");
                if (@new is not null)
                {
                    Assert.That((await world.RecordAsync(SideName.New, application.Id))!.AgreesWith(@new), $"{field} in {stage}");
                }
            }
        }

        await AssertCleanAsync(world);
    }

    // Rows of the older scheme that nobody can read for certain go through every stage, and back, as they are.
    [Test]
    [Category("Case53")]
    public async Task An_undecided_status_goes_through_every_stage_untouched_until_somebody_decides()
    {
        await using var world = await MembershipsWorld.CreateAsync();
        var numbers = Enumerable.Range(-15, 17).Select(status => (Id: 100L + status, Status: (int?)status)).Append((Id: 200, Status: null)).ToList();
        await world.RunForeignAsync(string.Join(';', numbers.Select(row => $"""
            INSERT INTO request (id, timestamp, email, comment, status) VALUES ({row.Id}, '2018-05-17 11:42:02', 'm{row.Id}@example.org', '', {row.Status?.ToString() ?? "NULL"})
            """)));
        foreach (var stage in new[] { Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (id, _) in numbers)
            {
                var application = (await world.Memberships.FindAsync(id, CancellationToken.None))!;
                application.AddLog(MembershipSamples.Noon, "letter sent");
                await world.Memberships.StoreAsync(application, CancellationToken.None);
            }

            await world.Host.Relay.DrainAsync(CancellationToken.None);
            Assert.That(
                await QueryAsync<(long, int?)>(world, "SELECT id, status FROM request ORDER BY id"), Is.EqualTo(numbers), $"{stage}");
            await AssertCleanAsync(world);
        }

        var undecided = (await world.Memberships.FindAsync(98, CancellationToken.None))!;
        Assert.That(undecided.Status, Is.EqualTo(new UndecidedStatus(-2)));
        undecided.Decide(new KnownStatus(true, IsCancelled: true), MembershipSamples.Noon.AddDays(1), "somebody who knows");
        await world.Memberships.StoreAsync(undecided, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await QueryAsync<int>(world, "SELECT status FROM request WHERE id = 98"), Is.EqualTo(new[] { -1 }));
        await AssertCleanAsync(world);
    }

    /// <summary>I10: what was personal stands in no column of any table of either database, ours included (Case64).</summary>
    [Test]
    [Category("Case64")]
    public async Task Anonymized_nothing_personal_is_left_anywhere([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        const string Mark = "Qxz";
        await using var world = await MembershipsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var application = MembershipSamples.Application(
            new PersonApplicant(new PersonName("Frau", "", $"{Mark}a", $"{Mark}b"), new Contact(new Address($"{Mark}c", $"{Mark}d", $"{Mark}e", "DE"), $"{Mark}@example.org", $"{Mark}f"), null));
        application.ChangePayment(new DirectDebitPayment(new BankAccount($"{Mark}g", $"{Mark}h", $"{Mark}i", $"{Mark}j", $"{Mark}k")));
        application.IssueTokens(new($"{Mark}l", $"{Mark}m", null));
        application.Promise(new Incentive("tote_bag"));
        application.Track(new Tracking("test", "blue"));
        await world.Memberships.StoreAsync(application, CancellationToken.None, "request");
        if (stage == Stage.DualWrite)
        {
            await world.RunForeignAsync($"UPDATE request SET account_holder = '{Mark}n', comment = '{Mark}o' WHERE id = {application.Id}");
            await world.Host.Relay.DrainAsync(CancellationToken.None);
        }

        application = (await world.Memberships.FindAsync(application.Id, CancellationToken.None))!;
        Assert.That(await PlacesOfAsync(world, Mark), Has.Count.GreaterThan(20), "the search finds what is there");
        application.Anonymize();
        await world.Memberships.StoreAsync(application, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await PlacesOfAsync(world, Mark), Is.Empty);
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Mark, StringComparison.Ordinal)), Is.Empty);
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            var record = (await world.RecordAsync(side, application.Id))!;
            Assert.That(
                (record["is_anonymized"], record["applicant.salutation"], record.List("incentives").Count), Is.EqualTo(((object)true, (object)"Frau", 1)), $"{side}");
        }

        await AssertCleanAsync(world);
    }

    [Test]
    public async Task An_erased_company_stays_one_on_the_new_side([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await MembershipsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var application = await StoreAsync(world, MembershipSamples.Application(new CompanyApplicant("Evilcrop", "nyan", MembershipSamples.Contact())));
        application.Anonymize();
        await world.Memberships.StoreAsync(application, CancellationToken.None);
        await world.MoveToAsync(Stage.DualWrite);
        await world.RunForeignAsync($"UPDATE request SET membership_fee = 200 WHERE id = {application.Id}");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var record = (await world.RecordAsync(SideName.New, application.Id))!;
        Assert.That((record["applicant.type"], record["fee"]), Is.EqualTo(((object)"company", (object)20_000L)), "legacy cannot tell, so what the new side knows stays");
    }

    private static async Task<List<ListedApplication>> ListAsync(IMembershipRepository repository, MembershipList list)
    {
        List<ListedApplication> all = [];
        while (await repository.ListAsync(list, all.LastOrDefault()?.Id ?? 0, 40, CancellationToken.None) is { Count: > 0 } page)
        {
            all.AddRange(page);
        }

        return all;
    }

    private static async Task<IReadOnlyList<T>> QueryAsync<T>(MembershipsWorld world, string sql)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return [.. await connection.QueryAsync<T>(sql)];
    }

    private static async Task<List<string>> PlacesOfAsync(MembershipsWorld world, string mark)
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
                    $"SELECT COUNT(*) FROM `{table}` WHERE INSTR(CAST(`{column}` AS BINARY), @text) > 0 OR INSTR(FROM_BASE64(`{column}`), @text) > 0",
                    new { text = Encoding.ASCII.GetBytes(mark) });
                if (rows > 0)
                {
                    found.Add($"{database.Name}.{table}.{column}");
                }
            }
        }

        return found;
    }

    private static async Task<MembershipApplication> StoreAsync(MembershipsWorld world, MembershipApplication application)
    {
        await world.Memberships.StoreAsync(application, CancellationToken.None);
        return application;
    }

    private static async Task AssertCleanAsync(MembershipsWorld world)
    {
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
