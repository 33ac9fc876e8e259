using System.Data.Common;
using Strangler.Contexts.Memberships;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.Memberships;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>The memberships context on two fresh databases.</summary>
internal sealed class MembershipsWorld : ContextWorld
{
    private MembershipsWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(MembershipsContext.Name, MembershipsContext.MembershipKind, legacy, @new, options)
    {
    }

    public MembershipRepositoryWrapper Memberships => Host.Part<MembershipsContext>().Memberships;

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows =>
    [
        ("SELECT * FROM request WHERE id = @id", "request"),
        ("SELECT * FROM membership_incentive WHERE membership_id = @id ORDER BY incentive_id", "membership_incentive"),
        ("SELECT * FROM memberships_moderation_reasons WHERE membership_id = @id ORDER BY moderation_reason_id", "memberships_moderation_reasons"),
        ("SELECT * FROM legacy_auth_tokens WHERE id = @id ORDER BY authentication_context", "legacy_auth_tokens"),
    ];

    /// <param name="migrate">Whether both sides are migrated, and capture installed.</param>
    /// <param name="options">The context's options, as JSON.</param>
    /// <param name="alter">What is done to the legacy tables once they are there.</param>
    public static async Task<MembershipsWorld> CreateAsync(bool migrate = true, string? options = null, Func<DbConnection, Task>? alter = null)
    {
        var world = new MembershipsWorld(
            await TestServers.CreateDatabaseAsync("memberships_legacy"), await TestServers.CreateDatabaseAsync("memberships_new"), options);
        return await PrepareAsync(
            world,
            async connection =>
            {
                await LegacyMembershipSchema.CreateAsync(connection);
                await (alter?.Invoke(connection) ?? Task.CompletedTask);
            },
            migrate);
    }

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = new LegacyMembershipGenerator(
            new LegacyMembershipOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        await generator.WriteAsync(LegacyDatabase.Source.OpenAsync);
        return [.. generator.Generate().Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }
}

/// <summary>Applications as a frontend makes them.</summary>
internal static class MembershipSamples
{
    public static readonly DateTime Noon = new(2022, 6, 1, 12, 0, 0);

    public static Contact Contact(string email = "person@example.org", string phone = "1337-1337-1337") =>
        new(new Address("Nyan street", "1234", "Berlin", "DE"), email, phone);

    public static PersonApplicant Person(string last = "The Great", string email = "person@example.org", string phone = "1337-1337-1337") =>
        new(new PersonName("Herr", "", "Potato", last), Contact(email, phone), new DateOnly(1990, 1, 1));

    public static CompanyApplicant Company(string name = "Evilcrop") => new(name, CompanyApplicant.UsualSalutation, Contact());

    public static MembershipApplication Application(Applicant? applicant = null, DateTime? at = null, long fee = 10_000, int interval = 3) => new(
        0, at ?? Noon, MembershipType.Sustaining, applicant ?? Person(), fee, interval,
        new Strangler.Contexts.Common.Payments.DirectDebitPayment(new("DE12500105170648489890", "INGDDEFFXXX", "0648489890", "50010517", "ING-DiBa")));
}
