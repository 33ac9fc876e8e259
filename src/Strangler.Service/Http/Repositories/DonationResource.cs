using Microsoft.AspNetCore.Http;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>Donations, and the public comment list.</summary>
internal sealed class DonationResource : ResourceDescription<Donation>
{
    public override string Context => DonationsContext.Name;

    public override string Kind => DonationsContext.DonationKind;

    public override IReadOnlyList<Member<Donation>> Members { get; } =
    [
        Shown("id", donation => donation.Id),
        Made("created_at", donation => donation.CreatedAt == default ? null : (DateTime?)donation.CreatedAt, isNeeded: false),
        Made("amount_in_cents", donation => donation.AmountInCents, (donation, cents, _) => donation.ChangeAmount(cents)),
        Made("interval_in_months", donation => donation.IntervalInMonths, (donation, months, _) => donation.ChangeInterval(months)),
        Made(
            "donor", donation => donation.Donor,
            (donation, donor, _) => donation.ChangeDonor(donor, donation.WantsNewsletter, donation.WantsReceipt)),
        Changed("wants_newsletter", donation => donation.WantsNewsletter, (donation, wants, _) => donation.SubscribeNewsletter(wants)),
        Changed("wants_receipt", donation => donation.WantsReceipt, (donation, wants, _) => donation.RequestReceipt(wants)),
        Made("payment", donation => donation.Payment, (donation, payment, _) => donation.CorrectPayment(payment)),
        Done<Payment>("booked_payment", (donation, payment, _) => donation.Book(payment)),
        Done<long>("follows", (donation, parent, act) => donation.Follow(parent, act.Now)),
        Done<FollowUp>("follow_up", (donation, later, act) => donation.AddFollowUp(later, act.Now)),
        Shown("payment_state", donation => donation.PaymentState),
        Flag("is_cancelled", donation => donation.IsCancelled, (donation, _) => donation.Cancel(), (donation, _) => donation.Restore()),
        Flag("is_moderated", donation => donation.IsModerated, (donation, _) => donation.Moderate(), (donation, _) => donation.Approve()),
        Done<IReadOnlyList<ModerationReason>>("hold_back", (donation, reasons, _) => donation.Moderate(reasons)),
        Shown("moderation_reasons", donation => donation.ModerationReasons),
        Flag(
            "is_deleted", donation => donation.IsDeleted, (donation, act) => donation.Delete(act.Now),
            (donation, _) => donation.Undelete()),
        Shown("deleted_at", donation => donation.DeletedAt),
        Flag("is_exported", donation => donation.IsExported, (donation, act) => donation.MarkExported(act.Now)),
        Shown("exported_at", donation => donation.ExportedAt),
        Shown("backed_up_at", donation => donation.BackedUpAt),
        Flag("is_confirmation_sent", donation => donation.IsConfirmationSent, (donation, _) => donation.MarkConfirmationSent()),
        Changed("comment", donation => donation.Comment, (donation, comment, _) => donation.WriteComment(comment!), isNullable: true),
        Changed("tracking", donation => donation.Tracking, (donation, tracking, _) => donation.Track(tracking!), isNullable: true),
        Changed("tokens", donation => donation.Tokens, (donation, tokens, _) => donation.IssueTokens(tokens!), isNullable: true),
        Done<string>("log_message", (donation, message, act) => donation.AddLog(act.Now, message)),
        Shown("log", donation => donation.Log),
        Flag("is_anonymized", donation => donation.IsAnonymized, (donation, act) => donation.Anonymize(act.Now)),
    ];

    public override IReadOnlyList<Question> Questions =>
    [
        new(HttpMethods.Get, "/comments", "public comments, newest first", CommentsAsync) { Query = ["offset", "limit"] },
    ];

    public override RepositoryWrapper<Donation> Of(ContextHost host) => host.Part<DonationsContext>().Donations;

    public override Donation Make(Given given, Act act) => new(
        0, given.Find<DateTime?>("created_at") ?? act.Now, given.Get<long>("amount_in_cents"), given.Get<int>("interval_in_months"),
        Known(given.Get<Donor>("donor")), given.Get<Payment>("payment"));

    private static Donor Known(Donor donor) => donor is not AnonymizedDonor
        ? donor : throw new ArgumentException("A donor is anonymized later, by is_anonymized.", nameof(donor));

    private static async Task<object?> CommentsAsync(Inquiry asked, CancellationToken cancellationToken)
    {
        var (offset, limit) = asked.Request.Page;
        var comments = await asked.Host.Part<DonationsContext>().Comments.FindPublicAsync(limit + 1, offset, cancellationToken)
            .ConfigureAwait(false);
        return Lists.Page(comments, limit, asked.Request.Next(comments.Count > limit));
    }
}
