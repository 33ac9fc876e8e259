namespace Strangler.Contexts.AddressChanges;

/// <summary>
/// The standing offer to a donor or a member to tell a new postal address, or that no receipt is wanted. It knows its owner by kind and id alone.
/// Whoever has the present identifier may answer; each answer makes a new identifier, and asks to be handed on once more. All times are
/// civil time of the organisation, in whole seconds.
/// </summary>
public sealed class AddressChange
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="type">Whose address it is.</param>
    /// <param name="owner">Whom it was made for.</param>
    /// <param name="identifier">A UUID.</param>
    /// <param name="createdAt">When it was made.</param>
    public AddressChange(long id, AddressType type, Owner owner, string identifier, DateTime createdAt)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentNullException.ThrowIfNull(owner);
        if (type == AddressType.Unknown || owner.Type == OwnerType.Unknown)
        {
            throw new ArgumentException("Only old records may leave open whose address it is, or who the owner is.", nameof(type));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(owner.Id, nameof(owner));
        _id = id;
        Type = type;
        Owner = owner;
        CurrentIdentifier = PreviousIdentifier = Uuid(identifier);
        CreatedAt = ModifiedAt = WholeSecond(createdAt);
        WantsReceipt = true;
    }

    // What was stored once is taken as it is: old records break today's rules.
    private AddressChange(AddressChangeState state)
    {
        _id = state.Id;
        Type = state.Type;
        Owner = state.Owner;
        CurrentIdentifier = state.CurrentIdentifier;
        PreviousIdentifier = state.PreviousIdentifier;
        CreatedAt = state.CreatedAt;
        ModifiedAt = state.ModifiedAt;
        Address = state.Address;
        WantsReceipt = state.WantsReceipt;
        IsExported = state.IsExported;
        ExportedAt = state.ExportedAt;
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    public AddressType Type { get; }

    public Owner Owner { get; }

    /// <summary>"" of old records that were never offered.</summary>
    public string CurrentIdentifier { get; private set; }

    /// <summary>The one before the last answer; the same as <see cref="CurrentIdentifier"/> before the first, "" in old records.</summary>
    public string PreviousIdentifier { get; private set; }

    /// <summary>Null for old records that do not tell.</summary>
    public DateTime? CreatedAt { get; }

    /// <summary>When it was last answered; the time of creation before that.</summary>
    public DateTime? ModifiedAt { get; private set; }

    /// <summary>Null: none was told, or it was removed.</summary>
    public PostalAddress? Address { get; private set; }

    public bool WantsReceipt { get; private set; }

    /// <summary>Whether it was handed on since the last answer; the time may be unknown for old records.</summary>
    public bool IsExported { get; private set; }

    public DateTime? ExportedAt { get; private set; }

    /// <summary>Whether it was ever answered.</summary>
    public bool IsModified => CreatedAt < ModifiedAt;

    public ExportState ExportState =>
        Address is null ? ExportState.NoData : IsExported ? ExportState.UsedExported : ExportState.UsedNotExported;

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The address change has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>The owner tells a new address. That can be done once.</summary>
    /// <param name="address">The address.</param>
    /// <param name="newIdentifier">A UUID; the present identifier is void.</param>
    /// <param name="at">Now.</param>
    /// <exception cref="InvalidOperationException">There is an address.</exception>
    public void ChangeAddress(PostalAddress address, string newIdentifier, DateTime at)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (Address is not null)
        {
            throw new InvalidOperationException($"Address change {Id} has an address already; it can be told once.");
        }

        Answer(newIdentifier, at);
        Address = address;
    }

    /// <summary>The owner wants no receipts.</summary>
    /// <param name="newIdentifier">A UUID; the present identifier is void. The same for several answers of one request.</param>
    /// <param name="at">Now.</param>
    public void OptOutOfReceipt(string newIdentifier, DateTime at)
    {
        Answer(newIdentifier, at);
        WantsReceipt = false;
    }

    /// <exception cref="InvalidOperationException">It was handed on since the last answer.</exception>
    public void MarkExported(DateTime at)
    {
        if (IsExported)
        {
            throw new InvalidOperationException($"Address change {Id} was handed on already; it can be once.");
        }

        IsExported = true;
        ExportedAt = WholeSecond(at);
    }

    /// <summary>
    /// The address has been handed on, or waited long enough: it goes, and with it what tells of a hand-over. That it was answered stays. May be
    /// repeated.
    /// </summary>
    public void RemoveAddress()
    {
        if (Address is not null)
        {
            Address = null;
            ResetExport();
        }
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static AddressChange Recall(AddressChangeState state) => new(state);

    private void Answer(string newIdentifier, DateTime at)
    {
        // Two answers of one request come with one identifier: the one that it was asked with is then still the one before.
        if (Uuid(newIdentifier) != CurrentIdentifier)
        {
            PreviousIdentifier = CurrentIdentifier;
            CurrentIdentifier = newIdentifier;
        }

        ModifiedAt = WholeSecond(at);
        ResetExport();
    }

    private void ResetExport()
    {
        IsExported = false;
        ExportedAt = null;
    }

    private static string Uuid(string identifier) =>
        Guid.TryParseExact(identifier, "D", out _) ? identifier : throw new ArgumentException("The identifier is no UUID.", nameof(identifier));

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}

/// <summary>Everything that an address change holds, for bringing it back to life.</summary>
internal sealed record AddressChangeState
{
    public required long Id { get; init; }

    public required AddressType Type { get; init; }

    public required Owner Owner { get; init; }

    public required string CurrentIdentifier { get; init; }

    public required string PreviousIdentifier { get; init; }

    public required DateTime? CreatedAt { get; init; }

    public required DateTime? ModifiedAt { get; init; }

    public required PostalAddress? Address { get; init; }

    public required bool WantsReceipt { get; init; }

    public required bool IsExported { get; init; }

    public required DateTime? ExportedAt { get; init; }
}
