using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;

namespace Strangler.IntegrationTests.Donations;

/// <summary>The states of donations.</summary>
public sealed class DonationStatesTests : ContextStatesContract<Donation>
{
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    /// <summary>Changes with the fields that each may touch.</summary>
    internal static readonly (string Name, Func<Donation, bool> May, Action<Donation> Act, string[] Fields)[] Changes =
    [
        ("amount", _ => true, donation => donation.ChangeAmount(donation.AmountInCents + 4711), ["amount"]),
        ("interval", donation => donation.IntervalInMonths != 6, donation => donation.ChangeInterval(6), ["interval_months"]),
        ("newsletter", _ => true, donation => donation.SubscribeNewsletter(!donation.WantsNewsletter), ["wants_newsletter"]),
        ("receipt", _ => true, donation => donation.RequestReceipt(!donation.WantsReceipt), ["wants_receipt"]),
        ("cancel", donation => !donation.IsCancelled, donation => donation.Cancel(), ["is_cancelled"]),
        ("restore", donation => donation.IsCancelled, donation => donation.Restore(), ["is_cancelled"]),
        ("delete", donation => !donation.IsDeleted, donation => donation.Delete(Now), ["is_deleted", "deleted_at"]),
        ("undelete", donation => donation.IsDeleted, donation => donation.Undelete(), ["is_deleted", "deleted_at"]),
        ("moderate", donation => !donation.IsModerated, donation => donation.Moderate(new ModerationReason("MANUALLY_FLAGGED_BY_ADMIN", "")), ["is_moderated", "moderation_reasons"]),
        ("approve", donation => donation.IsModerated, donation => donation.Approve(), ["is_moderated", "moderation_reasons"]),
        ("confirmation", donation => !donation.IsConfirmationSent, donation => donation.MarkConfirmationSent(), ["is_confirmation_sent"]),
        ("comment", _ => true, donation => donation.WriteComment(new Comment("Für große Gerechtigkeit!", "Erika", true)), ["comment.text", "comment.author", "comment.is_public"]),
        ("tracking", _ => true, donation => donation.Track(new Tracking("other", "word", 9, 4)), ["tracking.campaign", "tracking.keyword", "tracking.impressions", "tracking.banner_impressions"]),
        ("tokens", _ => true, donation => donation.IssueTokens(new AccessTokens(new string('a', 32), new string('b', 32), Now)), ["token.access", "token.update", "token.update_expires_at"]),
        ("donor", donation => !donation.IsExported && !donation.IsAnonymized, ChangeDonor, ["donor.", "wants_newsletter", "wants_receipt"]),
        ("export", donation => !donation.IsExported, donation => donation.MarkExported(Now), ["is_exported", "exported_at"]),
        ("log", _ => true, donation => donation.AddLog(Now, "restored by user: anna"), ["log_entries"]),
        ("follow", donation => donation.Payment is PayPalPayment { ParentId: 0 }, donation => donation.Follow(donation.Id + 1_000_000, Now), ["paypal.parent_", "log_entries"]),
        ("follow-up", donation => donation.Payment is PayPalPayment, donation => donation.AddFollowUp(new FollowUp("T4711", donation.Id + 2_000_000), Now), ["follow_ups", "log_entries"]),
        ("anonymize", donation => !donation.IsAnonymized, donation => donation.Anonymize(Now), ["*"]),
    ];

    /// <summary>
    /// While legacy leads, its one letter hides what a cancellation or a moderation drowned; when that ends, the payment data tells what the state is.
    /// That is legacy's own loss. While new leads it must not happen.
    /// </summary>
    internal static readonly Dictionary<string, string[]> LostByTheLetter = new(StringComparer.Ordinal)
    {
        ["restore"] = ["payment_state", "is_moderated"],
        ["approve"] = ["payment_state"],
    };

    private protected override int Rows => 2_000;

    private protected override IEnumerable<string> ReadableKinds =>
        LegacyDonationKinds.All.Except(LegacyDonationKinds.Unreadable).Where(IsReadableKind);

    private protected override IReadOnlyList<(string Name, Func<Donation, bool> May, Action<Donation> Act, string[] Fields)> AllChanges => Changes;

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads => LostByTheLetter;

    private protected override async Task<ContextWorld> CreateWorldAsync() => await DonationsWorld.CreateAsync();

    private protected override RepositoryWrapper<Donation> WrapperOf(ContextWorld world) => world.Host.Part<DonationsContext>().Donations;

    private static bool IsReadableKind(string kind) => kind is not ("status-Y" or "payment-XYZ" or "donor-verein");

    private static void ChangeDonor(Donation donation) => donation.ChangeDonor(
        new CompanyDonor("Fluffy Beings Ltd.", new PersonName("", "", "", ""), new Address("Nyan Street 1", "54321", "Köln", "DE"), "info@example.org"),
        wantsNewsletter: !donation.WantsNewsletter,
        wantsReceipt: true);
}
