namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>Somebody who works in the back office. Whether they may enter, their password and its expiry are states of their own. Times are
/// civil time of the organisation, in whole seconds.</summary>
public sealed class BackOfficeUser
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="name">Not empty; nobody else has it.</param>
    /// <param name="email">Not empty; nobody else has it.</param>
    /// <param name="passwordHash">What is kept of the password.</param>
    public BackOfficeUser(long id, string name, string email, PasswordHash passwordHash)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentNullException.ThrowIfNull(passwordHash);
        _id = id;
        Name = NotEmpty(name);
        Email = NotEmpty(email);
        PasswordHash = passwordHash;
    }

    // What was stored once is taken as it is: old records break today's rules.
    private BackOfficeUser(BackOfficeUserState state)
    {
        _id = state.Id;
        Name = state.Name;
        Email = state.Email;
        PasswordHash = state.PasswordHash;
        PasswordExpiresAt = state.PasswordExpiresAt;
        ExpiryNotice = state.ExpiryNotice;
        Role = state.Role;
        IsActive = state.IsActive;
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    public string Name { get; private set; }

    public string Email { get; private set; }

    public PasswordHash PasswordHash { get; private set; }

    /// <summary>Null: it does not.</summary>
    public DateTime? PasswordExpiresAt { get; private set; }

    /// <summary>Whether they were told that it expires.</summary>
    public ExpiryNotice ExpiryNotice { get; private set; }

    /// <summary>A number that the back office gives a meaning to; 0 is what everybody begins with.</summary>
    public int Role { get; private set; }

    /// <summary>Whether they may enter; not at first.</summary>
    public bool IsActive { get; private set; }

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The user has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    public void Rename(string name) => Name = NotEmpty(name);

    public void ChangeEmail(string email) => Email = NotEmpty(email);

    /// <summary>A new password; a notice about the old one says nothing any more.</summary>
    /// <param name="passwordHash">What is kept of it.</param>
    /// <param name="expiresAt">Null: it does not expire.</param>
    public void ChangePassword(PasswordHash passwordHash, DateTime? expiresAt)
    {
        ArgumentNullException.ThrowIfNull(passwordHash);
        PasswordHash = passwordHash;
        PasswordExpiresAt = expiresAt is { } time ? WholeSecond(time) : null;
        ExpiryNotice = ExpiryNotice.Due;
    }

    /// <summary>They were told that the password expires.</summary>
    /// <exception cref="InvalidOperationException">It does not.</exception>
    public void NoteExpiryNotice()
    {
        if (PasswordExpiresAt is null)
        {
            throw new InvalidOperationException($"The password of user {Id} does not expire; there is nothing to tell.");
        }

        ExpiryNotice = ExpiryNotice.Sent;
    }

    public void ChangeRole(int role)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(role);
        Role = role;
    }

    public void Activate() => IsActive = true;

    public void Deactivate() => IsActive = false;

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static BackOfficeUser Recall(BackOfficeUserState state) => new(state);

    private static string NotEmpty(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return text;
    }

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}

/// <summary>Whether somebody was told that the password expires.</summary>
public enum ExpiryNotice
{
    /// <summary>The record does not tell.</summary>
    Unknown,

    Due,
    Sent,
}

/// <summary>What is kept of a password. It shows itself to nobody: a log line with a user in it holds no secret.</summary>
public sealed class PasswordHash : IEquatable<PasswordHash>
{
    private readonly string _text;

    /// <param name="text">As it is kept; "" of old records that have none.</param>
    public PasswordHash(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        _text = text;
    }

    public bool IsEmpty => _text.Length == 0;

    /// <summary>The secret itself, for whoever checks a password against it.</summary>
    public string Reveal() => _text;

    public bool Equals(PasswordHash? other) => other is not null && string.Equals(_text, other._text, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as PasswordHash);

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_text);

    public override string ToString() => "(secret)";
}

/// <summary>Somebody else has the name or the address.</summary>
public sealed class NameTakenException(string what, Exception? cause = null)
    : Exception($"Another user has this {what}; names and addresses belong to one user each.", cause)
{
}

/// <summary>Everything that a user holds, for bringing it back to life.</summary>
internal sealed record BackOfficeUserState
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    public required string Email { get; init; }

    public required PasswordHash PasswordHash { get; init; }

    public required DateTime? PasswordExpiresAt { get; init; }

    public required ExpiryNotice ExpiryNotice { get; init; }

    public required int Role { get; init; }

    public required bool IsActive { get; init; }
}
