using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Common.Tokens;

namespace Strangler.Contexts.Memberships;

/// <summary>
/// One application for membership. Confirmation, cancellation, moderation, export, backup and anonymization are states of their own:
/// changing one never touches
/// another. All times are civil time of the organisation, in whole seconds.
/// </summary>
public sealed class MembershipApplication
{
    private readonly List<LogEntry> _log = [];
    private readonly List<Incentive> _incentives = [];
    private readonly List<ModerationReason> _moderationReasons = [];
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="createdAt">When it was made.</param>
    /// <param name="type">What is applied for.</param>
    /// <param name="applicant">Who applies.</param>
    /// <param name="feeInCents">Each time; see <see cref="MembershipFees"/>.</param>
    /// <param name="intervalInMonths">1, 3, 6 or 12.</param>
    /// <param name="payment">Direct debit, or PayPal.</param>
    public MembershipApplication(
        long id, DateTime createdAt, MembershipType type, Applicant applicant, long feeInCents, int intervalInMonths, Payment payment)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        MembershipFees.Check(feeInCents, intervalInMonths, applicant.Type);
        if (applicant is AnonymizedApplicant or CompanyApplicant { Company: "" })
        {
            throw new ArgumentException("Somebody has to apply: a person, or a company that has a name.", nameof(applicant));
        }

        _id = id;
        CreatedAt = WholeSecond(createdAt);
        Type = type;
        Applicant = applicant;
        FeeInCents = feeInCents;
        IntervalInMonths = intervalInMonths;
        Payment = payment;
        Status = new KnownStatus(IsConfirmedBy(payment));
    }

    // What was stored once is taken as it is: old records break today's rules.
    private MembershipApplication(MembershipState state)
    {
        _id = state.Id;
        CreatedAt = state.CreatedAt;
        Type = state.Type;
        Applicant = state.Applicant;
        FeeInCents = state.FeeInCents;
        IntervalInMonths = state.IntervalInMonths;
        Payment = state.Payment;
        Status = state.Status;
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>Null where an old record does not tell.</summary>
    public DateTime? CreatedAt { get; }

    public MembershipType Type { get; private set; }

    public Applicant Applicant { get; private set; }

    /// <summary>Each time it is paid.</summary>
    public long FeeInCents { get; private set; }

    /// <summary>0 where an old record does not tell.</summary>
    public int IntervalInMonths { get; private set; }

    public Payment Payment { get; private set; }

    public MembershipStatus Status { get; private set; }

    /// <summary>False also where nobody can tell; so the next two.</summary>
    public bool IsConfirmed => Status is KnownStatus { IsConfirmed: true };

    public bool IsCancelled => Status is KnownStatus { IsCancelled: true };

    public bool IsModerated => Status is KnownStatus { IsModerated: true };

    public IReadOnlyList<ModerationReason> ModerationReasons => _moderationReasons;

    public IReadOnlyList<Incentive> Incentives => _incentives;

    public ReceiptWish Receipt { get; private set; }

    /// <summary>Whether it was handed on; the time may be unknown for old records.</summary>
    public bool IsExported { get; private set; }

    public DateTime? ExportedAt { get; private set; }

    public bool IsBackedUp { get; private set; }

    public DateTime? BackedUpAt { get; private set; }

    public bool IsAnonymized => Applicant is AnonymizedApplicant;

    /// <summary>
    /// Whether <see cref="Anonymize"/> was asked for: then storing also clears personal data that the application does not show.
    /// </summary>
    internal bool ErasesLeftovers { get; private set; }

    public Tracking? Tracking { get; private set; }

    public AccessTokens? Tokens { get; private set; }

    /// <summary>In order of time.</summary>
    public IReadOnlyList<LogEntry> Log => _log;

    /// <summary>Gives the id to an application that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The application has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>Refused for exported and anonymized applications. A person may become a company, and the reverse.</summary>
    public void ChangeApplicant(Applicant applicant)
    {
        if (IsExported || IsAnonymized)
        {
            throw new InvalidOperationException($"Application {Id} is {(IsExported ? "exported" : "anonymized")}; its applicant can no longer be changed.");
        }

        if (applicant is AnonymizedApplicant or CompanyApplicant { Company: "" })
        {
            throw new ArgumentException("An applicant is anonymized by Anonymize, which erases the rest, too; and a company has a name.", nameof(applicant));
        }

        Applicant = applicant;
    }

    public void ChangeFee(long feeInCents, int intervalInMonths)
    {
        MembershipFees.Check(feeInCents, intervalInMonths, Applicant.Type);
        FeeInCents = feeInCents;
        IntervalInMonths = intervalInMonths;
    }

    public void ChangeType(MembershipType type) => Type = type;

    public void WishReceipt(ReceiptWish wish) => Receipt = wish;

    /// <summary>Another payment, or corrected data of the same one. Does not confirm.</summary>
    public void ChangePayment(Payment payment)
    {
        if (IsAnonymized)
        {
            throw new InvalidOperationException($"Application {Id} is anonymized; its payment can no longer be changed.");
        }

        Payment = payment;
    }

    /// <summary>PayPal has notified us: that confirms it.</summary>
    public void Book(PayPalBooking booking)
    {
        if (Payment is not PayPalPayment payment)
        {
            throw new InvalidOperationException($"A {Payment.GetType().Name} has no booking.");
        }

        Payment = payment with { Booking = booking };
        Status = Known("confirmed") with { IsConfirmed = true };
    }

    public void Confirm() => Status = Known("confirmed") with { IsConfirmed = true, IsAborted = false };

    /// <summary>Refused for exported ones: what was handed on is cancelled where it went. Again, it changes nothing.</summary>
    public void Cancel(DateTime at, string by)
    {
        var known = Known("cancelled");
        if (IsExported)
        {
            throw new InvalidOperationException($"Application {Id} is exported; it can no longer be cancelled here.");
        }

        if (!known.IsCancelled)
        {
            Act(known with { IsCancelled = true }, at, $"cancelled by user: {by}");
        }
    }

    public void Restore(DateTime at, string by)
    {
        if (Known("restored") is { IsCancelled: true } known)
        {
            Act(known with { IsCancelled = false }, at, $"restored by user: {by}");
        }
    }

    public void Moderate(DateTime at, string by, params IReadOnlyList<ModerationReason> reasons)
    {
        var known = Known("held back");
        foreach (var reason in reasons.Where(reason => !_moderationReasons.Contains(reason)))
        {
            _moderationReasons.Add(reason);
        }

        if (!known.IsModerated)
        {
            Act(known with { IsModerated = true }, at, $"marked for moderation by user: {by}");
        }
    }

    /// <summary>Held back by a rule while it is made, before anybody acts.</summary>
    public void HoldBack(params IReadOnlyList<ModerationReason> reasons)
    {
        Status = Known("held back") with { IsModerated = true };
        _moderationReasons.AddRange(reasons.Where(reason => !_moderationReasons.Contains(reason)));
    }

    public void Approve(DateTime at, string by)
    {
        _moderationReasons.Clear();
        if (Known("approved") is { IsModerated: true } known)
        {
            Act(known with { IsModerated = false }, at, $"marked as approved by user: {by}");
        }
    }

    /// <summary>Somebody who knows says what the status of an old record is.</summary>
    public void Decide(KnownStatus status, DateTime at, string by)
    {
        if (status.IsAborted)
        {
            throw new ArgumentException("Nothing is aborted any more.", nameof(status));
        }

        Act(status, at, status switch
        {
            { IsCancelled: true } => $"cancelled by user: {by}",
            { IsModerated: true } => $"marked for moderation by user: {by}",
            _ => $"restored by user: {by}",
        });
    }

    /// <summary>One that it has already is no second one.</summary>
    public void Promise(Incentive incentive)
    {
        if (!_incentives.Contains(incentive))
        {
            _incentives.Add(incentive);
        }
    }

    public void Withdraw(Incentive incentive) => _incentives.Remove(incentive);

    public void Track(Tracking? tracking) => Tracking = tracking == new Tracking("", "") ? null : tracking;

    public void IssueTokens(AccessTokens tokens) => Tokens = tokens;

    /// <summary>The e-mail address and all else stay: only <see cref="Anonymize"/> erases.</summary>
    public void MarkExported(DateTime at)
    {
        IsExported = true;
        ExportedAt = WholeSecond(at);
    }

    /// <summary>It shall be handed on once more.</summary>
    public void ResetExport()
    {
        IsExported = false;
        ExportedAt = null;
    }

    public void MarkBackedUp(DateTime at)
    {
        IsBackedUp = true;
        BackedUpAt = WholeSecond(at);
    }

    /// <summary>Adds a line; one that falls into the second of the last line, or before it, is moved one second past it.</summary>
    public void AddLog(DateTime at, string message)
    {
        var when = WholeSecond(at);
        if (_log.Count > 0 && _log.Max(entry => entry.LoggedAt) is var last && when <= last)
        {
            when = last.Year < 9999 ? last.AddSeconds(1) : FreeSecond(when);
        }

        _log.Add(new LogEntry(when, message));
    }

    /// <summary>
    /// Erases personal data for good: applicant, bank account, names and ids at the provider, tokens, and what old programs have left. Type
    /// of applicant,
    /// salutation, fee, states, incentives, tracking and log stay. May be repeated: applications that an old program erased still hold
    /// leftovers.
    /// </summary>
    public void Anonymize()
    {
        ErasesLeftovers = true;
        Applicant = new AnonymizedApplicant(Applicant.Type, Applicant.Salutation);
        Payment = Payment.Anonymized();
        Tokens = null;
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static MembershipApplication Recall(MembershipState state)
    {
        var application = new MembershipApplication(state)
        {
            Receipt = state.Receipt,
            IsExported = state.IsExported,
            ExportedAt = state.ExportedAt,
            IsBackedUp = state.IsBackedUp,
            BackedUpAt = state.BackedUpAt,
            Tracking = state.Tracking,
            Tokens = state.Tokens,
        };
        application._log.AddRange(state.Log);
        application._incentives.AddRange(state.Incentives);
        application._moderationReasons.AddRange(state.ModerationReasons);
        return application;
    }

    private static bool IsConfirmedBy(Payment payment) => payment is DirectDebitPayment or PayPalPayment { Booking.PayerId.Length: > 0 };

    private KnownStatus Known(string what) => Status as KnownStatus
        ?? throw new InvalidOperationException($"Nobody can tell the status of application {Id}; it cannot be {what} before somebody has decided it.");

    // Whatever an old record was aborted as, somebody acts on it now.
    private void Act(KnownStatus status, DateTime at, string message)
    {
        Status = status with { IsAborted = false };
        AddLog(at, message);
    }

    private DateTime FreeSecond(DateTime when)
    {
        while (_log.Exists(entry => entry.LoggedAt == when))
        {
            when = when.AddSeconds(1);
        }

        return when;
    }

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}

/// <summary>Everything that an application holds, for bringing it back to life.</summary>
internal sealed record MembershipState
{
    public required long Id { get; init; }

    public required DateTime? CreatedAt { get; init; }

    public required MembershipType Type { get; init; }

    public required Applicant Applicant { get; init; }

    public required long FeeInCents { get; init; }

    public required int IntervalInMonths { get; init; }

    public required Payment Payment { get; init; }

    public required MembershipStatus Status { get; init; }

    public required ReceiptWish Receipt { get; init; }

    public required bool IsExported { get; init; }

    public required DateTime? ExportedAt { get; init; }

    public required bool IsBackedUp { get; init; }

    public required DateTime? BackedUpAt { get; init; }

    public required Tracking? Tracking { get; init; }

    public required AccessTokens? Tokens { get; init; }

    public required IReadOnlyList<LogEntry> Log { get; init; }

    public required IReadOnlyList<Incentive> Incentives { get; init; }

    public required IReadOnlyList<ModerationReason> ModerationReasons { get; init; }
}
