using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.Memberships;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>The states of applications for membership.</summary>
public sealed class MembershipStatesTests : ContextStatesContract<MembershipApplication>
{
    private static readonly DateTime Now = new(2023, 12, 1, 12, 30, 0);
    private static readonly string[] Status = ["is_confirmed", "is_cancelled", "is_moderated", "is_aborted", "status_evidence", "undecided_status", "log_entries"];

    private protected override int Rows => 1_300;

    private protected override IEnumerable<string> ReadableKinds =>
        LegacyMembershipGenerator.Kinds.Except(LegacyMembershipGenerator.UnreadableKinds);

    private protected override IReadOnlyList<(string Name, Func<MembershipApplication, bool> May, Action<MembershipApplication> Act, string[] Fields)> AllChanges =>
    [
        ("cancel", one => one is { Status: KnownStatus, IsExported: false, IsCancelled: false }, one => one.Cancel(Now, "x"), Status),
        ("restore", one => one.IsCancelled, one => one.Restore(Now, "x"), Status),
        ("moderate", one => one is { Status: KnownStatus, IsModerated: false },
            one => one.Moderate(Now, "x", new ModerationReason("ADDRESS_CONTENT_VIOLATION", "city")), [.. Status, "moderation_reasons"]),
        ("approve", one => one.IsModerated, one => one.Approve(Now, "x"), [.. Status, "moderation_reasons"]),
        ("confirm", one => one is { Status: KnownStatus, IsConfirmed: false }, one => one.Confirm(), Status),
        ("decide", one => one.Status is UndecidedStatus, one => one.Decide(new KnownStatus(true, IsCancelled: true), Now, "x"), Status),
        ("fee", one => one.IntervalInMonths is 1 or 3 or 6 or 12, one => one.ChangeFee(20_000, 12), ["fee", "interval_months"]),
        ("fee with cents", one => one.IntervalInMonths is 1 or 3 or 6 or 12, one => one.ChangeFee(20_010, 12), ["fee", "interval_months"]),
        ("type", one => one.Type != MembershipType.Active, one => one.ChangeType(MembershipType.Active), ["type"]),
        ("receipt", one => one.Receipt != ReceiptWish.Yes, one => one.WishReceipt(ReceiptWish.Yes), ["receipt"]),
        ("no receipt", one => one.Receipt != ReceiptWish.No, one => one.WishReceipt(ReceiptWish.No), ["receipt"]),
        ("receipt unknown", one => one.Receipt != ReceiptWish.Unknown, one => one.WishReceipt(ReceiptWish.Unknown), ["receipt"]),
        ("person", one => one is { IsExported: false, IsAnonymized: false }, one => one.ChangeApplicant(MembershipSamples.Person("Müller-Łódź")), ["applicant."]),
        ("company", one => one is { IsExported: false, IsAnonymized: false }, one => one.ChangeApplicant(MembershipSamples.Company("Käse & Söhne")), ["applicant."]),
        ("account", one => !one.IsAnonymized && one.Payment is DirectDebitPayment,
            one => one.ChangePayment(new DirectDebitPayment(new BankAccount("DE02701500000000594937", "SSKMDEMMXXX"))), ["direct_debit."]),
        ("book", one => one is { IsAnonymized: false, Status: KnownStatus, Payment: PayPalPayment },
            one => one.Book(new PayPalBooking { PayerId = "42", TransactionId = "T4242", GrossInCents = 1_000 }), [.. Status, "paypal.", "provider."]),
        ("another payment", one => !one.IsAnonymized && one.Payment is DirectDebitPayment, one => one.ChangePayment(new PayPalPayment(null)),
            ["payment_type", "paypal.", "provider.", "is_confirmed"]),
        ("incentive", _ => true, one => one.Promise(new Incentive("Süßes")), ["incentives"]),
        ("no incentive", one => one.Incentives.Count > 0, one => one.Withdraw(one.Incentives[0]), ["incentives"]),
        ("tracking", _ => true, one => one.Track(new Tracking("other", "word/with/slashes")), ["tracking."]),
        ("no tracking", one => one.Tracking is not null, one => one.Track(null), ["tracking."]),
        ("tokens", one => !one.IsAnonymized, one => one.IssueTokens(new(new string('a', 32), new string('b', 32), Now)), ["token."]),
        ("export", one => !one.IsExported, one => one.MarkExported(Now), ["is_exported", "exported_at"]),
        ("export again", one => one.IsExported, one => one.ResetExport(), ["is_exported", "exported_at"]),
        ("backup", one => !one.IsBackedUp, one => one.MarkBackedUp(Now), ["is_backed_up", "backed_up_at"]),
        ("log", _ => true, one => one.AddLog(Now, "letter sent"), ["log_entries"]),
        ("anonymize", _ => true, one => one.Anonymize(), ["*"]),
    ];

    // While legacy leads, a number that says cancelled, or held back, hides whether it was confirmed.
    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>
    {
        ["another payment"] = ["is_confirmed"],
    };

    private protected override async Task<ContextWorld> CreateWorldAsync() => await MembershipsWorld.CreateAsync();

    private protected override RepositoryWrapper<MembershipApplication> WrapperOf(ContextWorld world) => world.Host.Part<MembershipsContext>().Memberships;
}
