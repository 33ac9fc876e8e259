using Strangler.Contexts.Common.Payments;

namespace Strangler.Contexts.Donations;

/// <summary>
/// One donation. Payment, cancellation, deletion, moderation, export and anonymization are states of their own: changing one never touches another.
/// All times are civil time of the organisation, in whole seconds.
/// </summary>
public sealed class Donation
{
    // By these words other programs know it.
    private const string Logged = "book_donation_use_case: new transaction id to corresponding";

    private readonly List<LogEntry> _log = [];
    private readonly List<ModerationReason> _moderationReasons = [];
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="createdAt">When it was made.</param>
    /// <param name="amountInCents">0 or more.</param>
    /// <param name="intervalInMonths">0 one-time; 1, 3, 6 or 12 recurring (old records may hold other values).</param>
    /// <param name="donor">Who gave.</param>
    /// <param name="payment">How.</param>
    public Donation(long id, DateTime createdAt, long amountInCents, int intervalInMonths, Donor donor, Payment payment)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfNegative(amountInCents);
        ArgumentOutOfRangeException.ThrowIfNegative(intervalInMonths);
        _id = id;
        CreatedAt = WholeSecond(createdAt);
        AmountInCents = amountInCents;
        IntervalInMonths = intervalInMonths;
        Donor = donor;
        Payment = payment;
        PaymentState = payment.InitialState;
    }

    // What was stored once is taken as it is: old records break today's rules.
    private Donation(DonationState state)
    {
        _id = state.Id;
        CreatedAt = state.CreatedAt;
        AmountInCents = state.AmountInCents;
        IntervalInMonths = state.IntervalInMonths;
        Donor = state.Donor;
        Payment = state.Payment;
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    public DateTime CreatedAt { get; }

    public long AmountInCents { get; private set; }

    public int IntervalInMonths { get; private set; }

    public Donor Donor { get; private set; }

    public Payment Payment { get; private set; }

    public PaymentState PaymentState { get; private set; }

    public bool IsCancelled { get; private set; }

    public bool IsModerated { get; private set; }

    public IReadOnlyList<ModerationReason> ModerationReasons => _moderationReasons;

    /// <summary>Whether the back office has deleted it; the time may be unknown for old records.</summary>
    public bool IsDeleted { get; private set; }

    public DateTime? DeletedAt { get; private set; }

    public bool IsExported { get; private set; }

    public DateTime? ExportedAt { get; private set; }

    /// <summary>When it was included in a backup, or purged (old records); null = never.</summary>
    public DateTime? BackedUpAt { get; private set; }

    public bool IsAnonymized => Donor is AnonymizedDonor;

    /// <summary>
    /// Whether <see cref="Anonymize"/> was asked for: then storing also clears personal data that the donation does not show: an earlier
    /// donor's, leftovers of old programs.
    /// </summary>
    internal bool ErasesLeftovers { get; private set; }

    public bool WantsNewsletter { get; private set; }

    public bool WantsReceipt { get; private set; }

    public bool IsConfirmationSent { get; private set; }

    public Comment? Comment { get; private set; }

    public Tracking? Tracking { get; private set; }

    public AccessTokens? Tokens { get; private set; }

    /// <summary>In order of time.</summary>
    public IReadOnlyList<LogEntry> Log => _log;

    /// <summary>Gives the id to a donation that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The donation has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    public void ChangeAmount(long amountInCents)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amountInCents);
        AmountInCents = amountInCents;
    }

    public void ChangeInterval(int intervalInMonths)
    {
        if (intervalInMonths is not (0 or 1 or 3 or 6 or 12))
        {
            throw new ArgumentOutOfRangeException(nameof(intervalInMonths), intervalInMonths, "An interval is 0, 1, 3, 6 or 12 months.");
        }

        IntervalInMonths = intervalInMonths;
    }

    /// <summary>Refused for exported and anonymized donations.</summary>
    public void ChangeDonor(Donor donor, bool wantsNewsletter, bool wantsReceipt)
    {
        if (IsExported || IsAnonymized)
        {
            throw new InvalidOperationException($"Donation {Id} is {(IsExported ? "exported" : "anonymized")}; its donor can no longer be changed.");
        }

        if (donor is AnonymizedDonor)
        {
            throw new ArgumentException("A donor is anonymized by Anonymize, which erases the rest, too.", nameof(donor));
        }

        Donor = donor;
        WantsNewsletter = wantsNewsletter && donor is not AnonymousDonor;
        WantsReceipt = wantsReceipt && donor is PersonDonor or CompanyDonor;
    }

    public void SubscribeNewsletter(bool wants) => WantsNewsletter = wants;

    public void RequestReceipt(bool wants) => WantsReceipt = wants;

    /// <summary>The provider has notified us: the payment with its booking data, of the same type as before.</summary>
    public void Book(Payment booked)
    {
        if (booked.GetType() != Payment.GetType())
        {
            throw new ArgumentException($"A {Payment.GetType().Name} cannot be booked as {booked.GetType().Name}.", nameof(booked));
        }

        if (booked is DirectDebitPayment or BankTransferPayment or CashPayment)
        {
            throw new InvalidOperationException($"A {booked.GetType().Name} has no booking.");
        }

        Payment = WithParent(booked);
        PaymentState = booked.InitialState;
        if ((IsCancelled || IsModerated) && Comment is { IsPublic: true } comment)
        {
            Comment = comment with { IsPublic = false };
        }
    }

    /// <summary>Replaces the payment's data without a change of state (a corrected account, a new follow-up).</summary>
    public void CorrectPayment(Payment payment)
    {
        if (payment.GetType() != Payment.GetType())
        {
            throw new ArgumentException($"A {Payment.GetType().Name} cannot become a {payment.GetType().Name}.", nameof(payment));
        }

        Payment = WithParent(payment);
    }

    /// <summary>
    /// This donation is a later payment of a recurring one: said in its payment, and as all programs do in its log. Of an old record that names several
    /// parents, somebody who knows says which is right.
    /// </summary>
    public void Follow(long parentId, DateTime at)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parentId);
        if (Payment is not PayPalPayment payment || parentId == _id)
        {
            throw new InvalidOperationException($"Donation {Id} cannot be a later payment of {parentId}: only PayPal's are, of another donation.");
        }

        if (payment.ParentId != 0 && payment.ParentId != parentId)
        {
            throw new InvalidOperationException($"Donation {Id} is a later payment of {payment.ParentId} already; it cannot be one of {parentId}.");
        }

        if (payment.ParentId == 0)
        {
            Payment = payment with { ParentId = parentId };
            if (!payment.NamesSeveralParents)
            {
                AddLog(at, $"{Logged} parent donation: {parentId}");
            }
        }
    }

    /// <summary>A later payment of this recurring donation became a donation of its own. One that it has already is no second one.</summary>
    public void AddFollowUp(FollowUp followUp, DateTime at)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(followUp.Id, nameof(followUp));
        if (Payment is not PayPalPayment payment || followUp.Id == _id)
        {
            throw new InvalidOperationException($"Donation {Id} has no later payments: only PayPal's have, each another donation.");
        }

        if (!payment.FollowUps.Items.Contains(followUp))
        {
            Payment = payment with { FollowUps = payment.FollowUps.Add(followUp) };
            AddLog(at, $"{Logged} child donation: {followUp.Id}");
        }
    }

    public void Cancel() => IsCancelled = true;

    public void Restore() => IsCancelled = false;

    public void Moderate(params IReadOnlyList<ModerationReason> reasons)
    {
        IsModerated = true;
        foreach (var reason in reasons.Where(reason => !_moderationReasons.Contains(reason)))
        {
            _moderationReasons.Add(reason);
        }
    }

    public void Approve()
    {
        IsModerated = false;
        _moderationReasons.Clear();
    }

    public void Delete(DateTime at)
    {
        IsDeleted = true;
        DeletedAt = WholeSecond(at);
    }

    public void Undelete()
    {
        IsDeleted = false;
        DeletedAt = null;
    }

    public void MarkExported(DateTime at)
    {
        IsExported = true;
        ExportedAt = WholeSecond(at);
    }

    public void MarkBackedUp(DateTime at) => BackedUpAt = WholeSecond(at);

    public void MarkConfirmationSent() => IsConfirmationSent = true;

    /// <summary>A donation has at most one comment, and it cannot be emptied.</summary>
    public void WriteComment(Comment comment)
    {
        if (comment.Text.Length == 0)
        {
            throw new ArgumentException("A comment has text.", nameof(comment));
        }

        Comment = comment;
    }

    public void Track(Tracking tracking) => Tracking = tracking;

    public void IssueTokens(AccessTokens tokens) => Tokens = tokens;

    /// <summary>
    /// Adds a line; one that falls into the second of the last line, or before it, is moved one second past it. Behind a line in the last
    /// year of all it takes the next free second of its own.
    /// </summary>
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
    /// Erases personal data for good: donor, account, names, accounts and transaction ids at the provider, tokens, a comment that is not
    /// public, and what an earlier donor or an old program has left. As in the last frontends, salutation, kind of donor, a public comment
    /// with its signature, tracking and the log stay. An anonymous donor stays one. May be repeated: donations that an old program purged
    /// still hold leftovers.
    /// </summary>
    public void Anonymize(DateTime at)
    {
        BackedUpAt = IsAnonymized ? BackedUpAt : BackedUpAt ?? WholeSecond(at);
        ErasesLeftovers = true;
        Donor = Donor switch
        {
            PersonDonor person => new AnonymizedDonor(DonorType.Person, person.Name.Salutation),
            CompanyDonor company => new AnonymizedDonor(DonorType.Company, company.Contact.Salutation),
            EmailDonor email => new AnonymizedDonor(DonorType.Email, email.Name.Salutation),
            AnonymousDonor or AnonymizedDonor => Donor,
            UnclassifiedDonor unclassified => new AnonymizedDonor(DonorType.Unknown, unclassified.Name.Salutation),
            _ => throw new InvalidOperationException($"No rule to anonymize a {Donor.GetType().Name}."),
        };
        Payment = Payment.Anonymized();
        Tokens = null;
        Comment = Comment is { IsPublic: true } ? Comment : null;
    }

    /// <summary>Brings a stored donation back to life exactly as it was.</summary>
    internal static Donation Recall(DonationState state)
    {
        var donation = new Donation(state)
        {
            PaymentState = state.PaymentState,
            IsCancelled = state.IsCancelled,
            IsModerated = state.IsModerated,
            IsDeleted = state.IsDeleted,
            DeletedAt = state.DeletedAt,
            IsExported = state.IsExported,
            ExportedAt = state.ExportedAt,
            BackedUpAt = state.BackedUpAt,
            WantsNewsletter = state.WantsNewsletter,
            WantsReceipt = state.WantsReceipt,
            IsConfirmationSent = state.IsConfirmationSent,
            Comment = state.Comment,
            Tracking = state.Tracking,
            Tokens = state.Tokens,
        };
        donation._log.AddRange(state.Log);
        donation._moderationReasons.AddRange(state.ModerationReasons);
        return donation;
    }

    // Corrected or booked, it is still a later payment of whatever it was.
    private Payment WithParent(Payment payment) => (payment, Payment) switch
    {
        (PayPalPayment now, PayPalPayment was) => now with { ParentId = was.ParentId, NamesSeveralParents = was.NamesSeveralParents },
        _ => payment,
    };

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

/// <summary>Everything that a donation holds, for bringing it back to life.</summary>
internal sealed record DonationState
{
    public required long Id { get; init; }

    public required DateTime CreatedAt { get; init; }

    public required long AmountInCents { get; init; }

    public required int IntervalInMonths { get; init; }

    public required Donor Donor { get; init; }

    public required Payment Payment { get; init; }

    public required PaymentState PaymentState { get; init; }

    public required bool IsCancelled { get; init; }

    public required bool IsModerated { get; init; }

    public required bool IsDeleted { get; init; }

    public required DateTime? DeletedAt { get; init; }

    public required bool IsExported { get; init; }

    public required DateTime? ExportedAt { get; init; }

    public required DateTime? BackedUpAt { get; init; }

    public required bool WantsNewsletter { get; init; }

    public required bool WantsReceipt { get; init; }

    public required bool IsConfirmationSent { get; init; }

    public required Comment? Comment { get; init; }

    public required Tracking? Tracking { get; init; }

    public required AccessTokens? Tokens { get; init; }

    public required IReadOnlyList<LogEntry> Log { get; init; }

    public required IReadOnlyList<ModerationReason> ModerationReasons { get; init; }
}
