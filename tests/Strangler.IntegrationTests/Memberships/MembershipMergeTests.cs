using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Merging;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>
/// The back office's, the export's and the purge's own acts on legacy tables while the new side leads, beside what frontends do meanwhile (Case43): who is
/// right is what the mapping's owners say.
/// </summary>
[Category("Case43")]
public sealed class MembershipMergeTests
{
    private static readonly DateTime Noon = MembershipSamples.Noon;

    private static readonly Scenario[] _scenarios =
    [
        new("cancelled there, fee changed here: both", "status = -1", one => one.ChangeFee(30_000, 12), "is_cancelled=True fee=30000"),
        new("handed on there, moved here: both", "export = '2022-07-01 00:00:00'", Move, "is_exported=True applicant.city=Köln"),
        new("approved there, cancelled here: both, each in its own field", "status = 1", one => one.Cancel(Noon, "applicant"), "is_moderated=False is_cancelled=True", IsHeldBack: true),
        new("cancelled there and here: once", "status = -1", one => one.Cancel(Noon, "applicant"), "is_cancelled=True"),
        new("held back there, confirmed and moved here: both", "status = -2", Move, "is_moderated=True applicant.city=Köln"),
        new("moved there first and here later: here", "ort = 'Bonn'", Move, "applicant.city=Köln"),
        new("given another account here and there: here", "iban = 'DE00'", one => one.ChangePayment(
            new Strangler.Contexts.Common.Payments.DirectDebitPayment(new("DE02701500000000594937", "SSKMDEMMXXX"))), "direct_debit.iban=DE02701500000000594937"),
        new("decided by neither: an old number stays, the rest is merged", "membership_type = 'active'", one => one.ChangeFee(30_000, 12),
            "status_evidence=undecided undecided_status=-2 type=active fee=30000", Old: -2),
        new("the old program's number becomes one that is certain, beside another act here", "status = 1", one => one.ChangeFee(30_000, 12),
            "status_evidence=decided is_confirmed=True fee=30000", Old: -1),
        new("flags there, another act here", "status = -8", one => one.ChangeFee(30_000, 12), "status_evidence=flags is_cancelled=True fee=30000", Old: 1),
        new("a fee changed on both sides: somebody has to look", "membership_fee = 77", one => one.ChangeFee(30_000, 12), "CONFLICT fee"),
        new("a fee changed on both sides to the same: nobody has to", "membership_fee = 300, membership_fee_interval = 12", one => one.ChangeFee(30_000, 12), "fee=30000"),
        new("purged there, moved here: erased", Scrub, Move, "is_anonymized=True applicant.city= applicant.email= applicant.salutation=Herr"),
    ];

    private const string Scrub =
        """
        titel = '', name = '', vorname = '', nachname = '', strasse = '', plz = '', ort = '', email = '', phone = '', dob = NULL, iban = '', bic = '',
        account_number = '', bank_code = '', bank_name = '', country = ''
        """;

    private static IEnumerable<TestCaseData> Scenarios => _scenarios.Select((one, at) => new TestCaseData(at).SetName($"While_new_leads: {one.Name}"));

    private MembershipsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await MembershipsWorld.CreateAsync();
        await _world.MoveToAsync(Stage.NewLeads);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [TestCaseSource(nameof(Scenarios))]
    public async Task While_new_leads(int at)
    {
        var scenario = _scenarios[at];
        var id = await CreateAsync(scenario);
        var ours = (await _world.Memberships.FindAsync(id, CancellationToken.None))!;
        await _world.RunForeignAsync($"UPDATE request SET {scenario.Theirs} WHERE id = {id}");
        scenario.Ours(ours);
        await _world.Memberships.StoreAsync(ours, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        if (scenario.Expected.StartsWith("CONFLICT ", StringComparison.Ordinal))
        {
            await AssertConflictAsync(id, scenario.Expected[9..].Split(' '));
            return;
        }

        var (legacy, @new) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        foreach (var (field, value) in scenario.Expected.Split(' ').Select(pair => pair.Split('=')).Select(pair => (pair[0], pair[1])))
        {
            Assert.That($"{@new!.Visible(field)}", Is.EqualTo(value), $"{field} on the new side");
            Assert.That(legacy!.AgreesWith(@new), () => string.Join(", ", ContextStatesContract<MembershipApplication>.DifferingFields(legacy, @new)));
        }
    }

    [Test]
    public async Task While_new_leads_what_is_deleted_there_is_gone_whatever_was_changed_here()
    {
        var id = await CreateAsync(new Scenario("", "", _ => { }, ""));
        var ours = (await _world.Memberships.FindAsync(id, CancellationToken.None))!;
        await _world.RunForeignAsync($"DELETE FROM membership_incentive WHERE membership_id = {id}; DELETE FROM request WHERE id = {id}");
        Move(ours);
        await _world.Memberships.StoreAsync(ours, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await _world.Memberships.FindAsync(id, CancellationToken.None), Is.Null);
    }

    // Rows below the root are the entity's: a bag taken back by the back office, a reason that it adds.
    [Test]
    public async Task While_new_leads_rows_below_are_merged_as_lists()
    {
        var id = await CreateAsync(new Scenario("", "", _ => { }, ""));
        var ours = (await _world.Memberships.FindAsync(id, CancellationToken.None))!;
        await _world.RunForeignAsync(
            $"""
            DELETE FROM membership_incentive WHERE membership_id = {id};
            INSERT INTO membership_moderation_reason (moderation_identifier) VALUES ('MANUALLY_FLAGGED_BY_ADMIN');
            INSERT INTO memberships_moderation_reasons VALUES ({id}, LAST_INSERT_ID())
            """);
        Move(ours);
        await _world.Memberships.StoreAsync(ours, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var merged = (await _world.Memberships.FindAsync(id, CancellationToken.None))!;
        Assert.That(
            (merged.Incentives.Count, merged.ModerationReasons.Single().Identifier, ((PersonApplicant)merged.Applicant).Contact.Address.City),
            Is.EqualTo((0, "MANUALLY_FLAGGED_BY_ADMIN", "Köln")));

        // Both change the incentives: they come in through the frontends.
        await _world.RunForeignAsync($"INSERT INTO incentive (name) VALUES ('theirs'); INSERT INTO membership_incentive VALUES ({id}, LAST_INSERT_ID())");
        merged.Promise(new Incentive("ours"));
        await _world.Memberships.StoreAsync(merged, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(
            (await _world.Memberships.FindAsync(id, CancellationToken.None))!.Incentives.Select(one => one.Name), Is.EqualTo(new[] { "ours" }));
    }

    // All programs add to it; nobody's line is lost, and a state that theirs tells beside ours is theirs.
    [Test]
    public async Task While_new_leads_two_logs_are_one()
    {
        var id = await CreateAsync(new Scenario("", "", _ => { }, ""));
        var ours = (await _world.Memberships.FindAsync(id, CancellationToken.None))!;
        var theirs = Convert.ToBase64String(Map((Text("log"), Map((Text("2022-05-01 10:00:00"), Text("cancelled by user: foc")))), (Text("unheard of"), Text("7"))));
        await _world.RunForeignAsync($"UPDATE request SET status = -1, data = '{theirs}' WHERE id = {id}");
        ours.AddLog(Noon, "letter sent");
        await _world.Memberships.StoreAsync(ours, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var (legacy, @new) = ((await _world.RecordAsync(SideName.Legacy, id))!, (await _world.RecordAsync(SideName.New, id))!);
        Assert.That(@new.List("log_entries").Rows.Select(row => row[1]), Is.EqualTo(new[] { "cancelled by user: foc", "letter sent" }));
        Assert.That((@new["is_cancelled"], legacy.AgreesWith(@new), @new.List("legacy_extras").Count > 0), Is.EqualTo(((object)true, true, true)));
    }

    private async Task<long> CreateAsync(Scenario scenario)
    {
        var application = MembershipSamples.Application(at: scenario.Old is null ? null : new DateTime(2018, 5, 17, 11, 42, 2), interval: 12);
        application.Promise(new Incentive("tote_bag"));
        if (scenario.IsHeldBack)
        {
            application.HoldBack();
        }

        await _world.Memberships.StoreAsync(application, CancellationToken.None);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        if (scenario.Old is { } old)
        {
            await _world.RunForeignAsync($"UPDATE request SET status = {old} WHERE id = {application.Id}");
            await _world.Host.Relay.DrainAsync(CancellationToken.None);
        }

        return application.Id;
    }

    private async Task AssertConflictAsync(long id, string[] fields)
    {
        var conflict = await new ConflictService(_world.Host.Runtime).FindAsync(new EntityKey(MembershipsContext.MembershipKind, id), CancellationToken.None);
        Assert.That(conflict.Fields.Select(one => one.Field), Is.EqualTo(fields));
    }

    private static void Move(MembershipApplication application)
    {
        var person = (PersonApplicant)application.Applicant;
        application.ChangeApplicant(person with { Contact = person.Contact with { Address = person.Contact.Address with { City = "Köln" } } });
    }

    private sealed record Scenario(string Name, string Theirs, Action<MembershipApplication> Ours, string Expected, bool IsHeldBack = false, int? Old = null);
}
