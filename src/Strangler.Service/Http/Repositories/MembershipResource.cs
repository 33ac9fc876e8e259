using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Common.Tokens;
using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>What a membership costs, and how often: one rule covers both, so that they change together.</summary>
internal sealed record Fee(long AmountInCents, int IntervalInMonths);

/// <summary>Applications for membership, and the lists of those that somebody has something to do with.</summary>
internal sealed class MembershipResource : ResourceDescription<MembershipApplication>
{
    public override string Context => MembershipsContext.Name;

    public override string Kind => MembershipsContext.MembershipKind;

    public override IReadOnlyList<Member<MembershipApplication>> Members { get; } =
    [
        Shown("id", application => application.Id),
        Made("created_at", application => application.CreatedAt, isNeeded: false),
        Made("type", application => application.Type, (application, type, _) => application.ChangeType(type)),
        Made("applicant", application => application.Applicant, (application, applicant, _) => application.ChangeApplicant(applicant)),
        Made(
            "fee", application => new Fee(application.FeeInCents, application.IntervalInMonths),
            (application, fee, _) => application.ChangeFee(fee.AmountInCents, fee.IntervalInMonths)),
        Made("payment", application => application.Payment, (application, payment, _) => application.ChangePayment(payment)),
        Done<PayPalBooking>("booking", (application, booking, _) => application.Book(booking)),
        Changed(
            "status", application => application.Status,
            (application, status, act) => application.Decide(
                status as KnownStatus ?? throw new ArgumentException("Whoever decides a status knows it.", nameof(status)), act.Now,
                act.By)),
        Flag("is_confirmed", application => application.IsConfirmed, (application, _) => application.Confirm()),
        Flag(
            "is_cancelled", application => application.IsCancelled, (application, act) => application.Cancel(act.Now, act.By),
            (application, act) => application.Restore(act.Now, act.By)),
        Flag(
            "is_moderated", application => application.IsModerated, (application, act) => application.Moderate(act.Now, act.By),
            (application, act) => application.Approve(act.Now, act.By)),
        Done<IReadOnlyList<ModerationReason>>("hold_back", (application, reasons, act) => application.Moderate(act.Now, act.By, reasons)),
        Shown("moderation_reasons", application => application.ModerationReasons),
        Changed("receipt", application => application.Receipt, (application, wish, _) => application.WishReceipt(wish)),
        Changed("incentives", application => application.Incentives, Promise),
        Flag(
            "is_exported", application => application.IsExported, (application, act) => application.MarkExported(act.Now),
            (application, _) => application.ResetExport()),
        Shown("exported_at", application => application.ExportedAt),
        Flag("is_backed_up", application => application.IsBackedUp, (application, act) => application.MarkBackedUp(act.Now)),
        Shown("backed_up_at", application => application.BackedUpAt),
        Changed(
            "tracking", application => application.Tracking, (application, tracking, _) => application.Track(tracking), isNullable: true,
            takesNull: true),
        Changed(
            "tokens", application => application.Tokens, (application, tokens, _) => application.IssueTokens(tokens!), isNullable: true),
        Done<string>("log_message", (application, message, act) => application.AddLog(act.Now, message)),
        Shown("log", application => application.Log),
        Flag("is_anonymized", application => application.IsAnonymized, (application, _) => application.Anonymize()),
    ];

    public override IReadOnlyList<Question> Questions =>
    [
        new(HttpMethods.Get, "", "applications to be exported, or held back, by id: list, after, limit", ListAsync)
        {
            Query = ["list", "after", "limit"],
        },
        new(HttpMethods.Post, "/similar", "how many have the same e-mail address and were made after a moment", SimilarAsync)
        {
            Body = Asked(("email", typeof(string)), ("after", typeof(DateTime))), Schema = "similar_memberships",
        },
    ];

    public override RepositoryWrapper<MembershipApplication> Of(ContextHost host) => host.Part<MembershipsContext>().Memberships;

    public override MembershipApplication Make(Given given, Act act)
    {
        var fee = given.Get<Fee>("fee");
        return new MembershipApplication(
            0, given.Find<DateTime?>("created_at") ?? act.Now, given.Get<MembershipType>("type"), given.Get<Applicant>("applicant"),
            fee.AmountInCents, fee.IntervalInMonths, given.Get<Payment>("payment"));
    }

    private static void Promise(MembershipApplication application, IReadOnlyList<Incentive> wanted, Act act)
    {
        foreach (var gone in application.Incentives.Except(wanted).ToList())
        {
            application.Withdraw(gone);
        }

        foreach (var incentive in wanted)
        {
            application.Promise(incentive);
        }
    }

    private static async Task<object?> ListAsync(Inquiry asked, CancellationToken cancellationToken)
    {
        var lists = Enum.GetValues<MembershipList>().ToDictionary(each => Codes.Of(each), StringComparer.Ordinal);
        var name = asked.Request.Query("list") ?? "";
        if (!lists.TryGetValue(name, out var list))
        {
            throw Refusal.Bad($"list is one of: {string.Join(", ", lists.Keys)}.");
        }

        var (after, limit) = (asked.Request.Whole("after", 0, 0, long.MaxValue), asked.Request.Page.Limit);
        var found = await asked.Host.Part<MembershipsContext>().Memberships.ListAsync(list, after, limit + 1, cancellationToken)
            .ConfigureAwait(false);
        var last = found.Take(limit).LastOrDefault()?.Id;
        return Lists.Page(found, limit, $"{asked.Request.Http.Request.Path}?list={name}&after={last}&limit={limit}");
    }

    private static async Task<object?> SimilarAsync(Inquiry asked, CancellationToken cancellationToken)
    {
        var entities = asked.Host.Part<MembershipsContext>().Memberships;
        var (email, after) = (asked.Given.Get<string>("email"), asked.Given.Get<DateTime>("after"));
        var count = await entities.CountSimilarAsync(email, after, cancellationToken).ConfigureAwait(false);
        return new JsonObject { ["count"] = count };
    }
}
