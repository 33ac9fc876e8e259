using System.Globalization;
using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>The life cycle of memberships, with rows in every table.</summary>
public sealed class MembershipsLifeCycleTests : ContextLifeCycleContract<MembershipApplication>
{
    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await MembershipsWorld.CreateAsync(options: options);

    private protected override RepositoryWrapper<MembershipApplication> WrapperOf(ContextHost host) => host.Part<MembershipsContext>().Memberships;

    private protected override MembershipApplication New(long number)
    {
        var application = MembershipSamples.Application();
        application.Promise(new Incentive("tote_bag"));
        application.Promise(new Incentive($"number {number % 5}"));
        application.HoldBack(new ModerationReason("MEMBERSHIP_FEE_TOO_HIGH", ""));
        application.IssueTokens(new("access", "update", null));
        application.Track(new Tracking("test", "gelb"));
        Change(application, number);
        return application;
    }

    private protected override void Change(MembershipApplication entity, long number)
    {
        var person = (PersonApplicant)entity.Applicant;
        var phone = number.ToString(CultureInfo.InvariantCulture);
        entity.ChangeApplicant(person with { Contact = person.Contact with { Phone = phone } });
        if (number % 2 == 0)
        {
            entity.Withdraw(entity.Incentives is [var first, ..] ? first : new Incentive(""));
        }
        else
        {
            entity.Promise(new Incentive($"number {number % 7}"));
        }
    }

    private protected override long NumberOf(MembershipApplication entity) =>
        long.Parse(((PersonApplicant)entity.Applicant).Contact.Phone, CultureInfo.InvariantCulture);

    private protected override long IdOf(MembershipApplication entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("applicant.phone", number.ToString(CultureInfo.InvariantCulture));

    private protected override string ForeignInsert(long id, long number) =>
        $"""
        INSERT INTO request (id, timestamp, email, phone, comment, status) VALUES ({id}, '2022-01-01 12:00:00', 'other@example.org', '{number}', '', 1);
        INSERT INTO incentive (id, name) VALUES (4711, 'theirs') ON DUPLICATE KEY UPDATE name = 'theirs';
        INSERT INTO membership_incentive VALUES ({id}, 4711)
        """;

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE request SET phone = '{number}' WHERE id = {id}";

    private protected override string ForeignDelete(long id) =>
        $"DELETE FROM membership_incentive WHERE membership_id = {id}; DELETE FROM request WHERE id = {id}";
}
