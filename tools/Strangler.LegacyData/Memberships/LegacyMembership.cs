using System.Collections.Frozen;

namespace Strangler.LegacyData.Memberships;

/// <summary>Tokens of an application in the table that donations and memberships share.</summary>
public sealed record LegacyTokens(string Access, string Update, string? Expires);

/// <summary>One row of <c>request</c> as it is stored, with the rows of other tables that belong to it.</summary>
public sealed class LegacyMembership
{
    private static readonly string[] _columns =
    [
        "id", "donation_id", "timestamp", "anrede", "firma", "titel", "name", "vorname", "nachname", "strasse", "plz", "ort", "email", "phone", "dob",
        "wikimedium_shipping", "membership_type", "membership_fee", "membership_fee_interval", "account_number", "bank_code", "bank_name", "iban", "bic",
        "account_holder", "comment", "export", "backup", "wikilogin", "tracking", "status", "country", "data", "payment_type", "donation_receipt",
    ];

    private static readonly FrozenDictionary<string, int> _positions =
        _columns.Select((name, at) => (name, at)).ToFrozenDictionary(x => x.name, x => x.at);

    private readonly object?[] _values;

    internal LegacyMembership(object?[] values, IReadOnlyList<string> kinds) => (_values, Kinds) = (values, kinds);

    /// <summary>The columns of <c>request</c>, in the order in which the mapping has them.</summary>
    public static IReadOnlyList<string> ColumnNames => _columns;

    /// <summary>Shared rows of <c>incentive</c>; two of them say the same.</summary>
    public static IReadOnlyList<(int Id, string Name)> SharedIncentives { get; } = [(1, "tote_bag"), (2, "eternal_thankfulness"), (3, "tote_bag")];

    /// <summary>Shared rows of <c>membership_moderation_reason</c>.</summary>
    public static IReadOnlyList<(int Id, string Identifier, string Source)> SharedReasons { get; } =
    [
        (1, "MEMBERSHIP_FEE_TOO_HIGH", ""), (2, "ADDRESS_CONTENT_VIOLATION", "street"), (3, "MANUALLY_FLAGGED_BY_ADMIN", ""), (4, "EMAIL_BLOCKED", "email"),
        (5, "ADDRESS_CONTENT_VIOLATION", "city"),
    ];

    public int Id => (int)_values[0]!;

    /// <summary>Raw values in the order of <see cref="ColumnNames"/>: null, int or string. Dates are strings.</summary>
    public IReadOnlyList<object?> Values => _values;

    /// <summary>Keys of <see cref="SharedIncentives"/>, ascending.</summary>
    public IReadOnlyList<int> Incentives { get; internal init; } = [];

    /// <summary>Keys of <see cref="SharedReasons"/>, ascending.</summary>
    public IReadOnlyList<int> Reasons { get; internal init; } = [];

    public LegacyTokens? Tokens { get; internal init; }

    /// <summary>Which states and oddities the row shows: names out of <see cref="LegacyMembershipGenerator.Kinds"/>.</summary>
    public IReadOnlyList<string> Kinds { get; }

    /// <summary>Whether the row is damaged on purpose, so that no reader can make sense of it.</summary>
    public bool IsUnreadable => Kinds.Any(LegacyMembershipGenerator.UnreadableKinds.Contains);

    public object? this[string column] => _values[_positions[column]];

    internal static int PositionOf(string column) => _positions[column];
}
