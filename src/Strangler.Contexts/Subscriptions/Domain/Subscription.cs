namespace Strangler.Contexts.Subscriptions;

/// <summary>
/// Someone's wish to get mail. Confirmation, moderation, export, backup and anonymization are states of their own: changing one never
/// touches another. All times are civil time of the organisation, in whole seconds.
/// </summary>
public sealed class Subscription
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="createdAt">When it was made.</param>
    /// <param name="email">Not empty.</param>
    /// <param name="confirmationCode">What the subscriber has to show; "" for none.</param>
    public Subscription(long id, DateTime createdAt, string email, string confirmationCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        _id = id;
        CreatedAt = WholeSecond(createdAt);
        Email = NotEmpty(email);
        ConfirmationCode = NotNull(confirmationCode);
    }

    // What was stored once is taken as it is: old records break today's rules.
    private Subscription(SubscriptionState state)
    {
        _id = state.Id;
        CreatedAt = state.CreatedAt;
        Email = state.Email;
        FullName = state.FullName;
        Confirmation = state.Confirmation;
        ConfirmationCode = state.ConfirmationCode;
        Tracking = state.Tracking;
        Source = state.Source;
        IsModerated = state.IsModerated;
        IsExported = state.IsExported;
        ExportedAt = state.ExportedAt;
        IsBackedUp = state.IsBackedUp;
        BackedUpAt = state.BackedUpAt;
        IsAnonymized = state.IsAnonymized;
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>Null for old records that do not tell.</summary>
    public DateTime? CreatedAt { get; }

    /// <summary>"" only of an anonymized one, or of an old record without any.</summary>
    public string Email { get; private set; }

    /// <summary>Only old records have one.</summary>
    public string FullName { get; private set; } = "";

    public Confirmation Confirmation { get; private set; }

    /// <summary>Whether the mail with the code has still to be answered; what is held back is not asked for.</summary>
    public bool IsUnconfirmed => Confirmation == Confirmation.Unconfirmed && !IsModerated;

    /// <summary>"" for none.</summary>
    public string ConfirmationCode { get; private set; }

    /// <summary>Null: nobody knows.</summary>
    public Tracking? Tracking { get; private set; }

    /// <summary>What led to the subscription, e.g. a reminder; "" for nothing special.</summary>
    public string Source { get; private set; } = "";

    /// <summary>Whether it is held back until someone has looked at it.</summary>
    public bool IsModerated { get; private set; }

    /// <summary>Whether it was handed on; the time may be unknown for old records.</summary>
    public bool IsExported { get; private set; }

    public DateTime? ExportedAt { get; private set; }

    public bool IsBackedUp { get; private set; }

    public DateTime? BackedUpAt { get; private set; }

    /// <summary>Whether nothing personal is left.</summary>
    public bool IsAnonymized { get; private set; }

    /// <summary>Whether <see cref="Anonymize"/> was asked for: then storing also clears personal data that it does not show.</summary>
    internal bool ErasesLeftovers { get; private set; }

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The subscription has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>Refused while it is held back: nobody was asked, and the old programs would forget the answer.</summary>
    public void Confirm()
    {
        RefuseAnonymized("confirmed");
        if (IsModerated)
        {
            throw new InvalidOperationException($"Subscription {Id} is held back; it cannot be confirmed before it is approved.");
        }

        Confirmation = Confirmation.Confirmed;
    }

    public void Moderate() => IsModerated = true;

    public void Approve() => IsModerated = false;

    public void ChangeEmail(string email)
    {
        RefuseAnonymized("given an address");
        Email = NotEmpty(email);
    }

    public void Rename(string fullName)
    {
        RefuseAnonymized("given a name");
        FullName = NotNull(fullName);
    }

    /// <summary>A new code, at least 8 characters; the one before is void.</summary>
    public void IssueConfirmationCode(string code)
    {
        RefuseAnonymized("given a code");
        ArgumentException.ThrowIfNullOrWhiteSpace(code);
        if (code.Length < 8)
        {
            throw new ArgumentException("A code that can be guessed confirms nothing: at least 8 characters.", nameof(code));
        }

        ConfirmationCode = code;
    }

    public void Track(Tracking? tracking) => Tracking = tracking == new Tracking("", "") ? null : tracking;

    public void ComeFrom(string source) => Source = NotNull(source);

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

    /// <summary>Erases address, name and code for good. Where it came from, its states and times stay for statistics. May be repeated.</summary>
    public void Anonymize()
    {
        ErasesLeftovers = true;
        IsAnonymized = true;
        Email = "";
        FullName = "";
        ConfirmationCode = "";
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static Subscription Recall(SubscriptionState state) => new(state);

    private void RefuseAnonymized(string what)
    {
        if (IsAnonymized)
        {
            throw new InvalidOperationException($"Subscription {Id} is anonymized; it cannot be {what}.");
        }
    }

    private static string NotEmpty(string email)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(email);
        return email;
    }

    private static string NotNull(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text;
    }

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}

/// <summary>Whether the subscriber has answered the mail.</summary>
public enum Confirmation
{
    Unconfirmed,
    Confirmed,

    /// <summary>The record does not tell.</summary>
    Unknown,
}

/// <summary>Where the subscriber came from. Campaign and keyword in lower case.</summary>
public sealed record Tracking(string Campaign, string Keyword);

/// <summary>Everything that a subscription holds, for bringing it back to life.</summary>
internal sealed record SubscriptionState
{
    public required long Id { get; init; }

    public required DateTime? CreatedAt { get; init; }

    public required string Email { get; init; }

    public required string FullName { get; init; }

    public required Confirmation Confirmation { get; init; }

    public required string ConfirmationCode { get; init; }

    public required Tracking? Tracking { get; init; }

    public required string Source { get; init; }

    public required bool IsModerated { get; init; }

    public required bool IsExported { get; init; }

    public required DateTime? ExportedAt { get; init; }

    public required bool IsBackedUp { get; init; }

    public required DateTime? BackedUpAt { get; init; }

    public required bool IsAnonymized { get; init; }
}
