using System.Collections.Frozen;

namespace Strangler.LegacyData.Subscriptions;

/// <summary>One row of <c>subscription</c> as it is stored.</summary>
public sealed class LegacySubscription
{
    private static readonly string[] _columns =
        ["id", "full_name", "email", "export", "backup", "status", "confirmationCode", "address_id", "tracking", "source", "createdAt"];

    private static readonly FrozenDictionary<string, int> _positions =
        _columns.Select((name, at) => (name, at)).ToFrozenDictionary(x => x.name, x => x.at);

    private readonly object?[] _values;

    internal LegacySubscription(object?[] values, IReadOnlyList<string> kinds)
    {
        _values = values;
        Kinds = kinds;
    }

    /// <summary>The columns, in the order of the table.</summary>
    public static IReadOnlyList<string> ColumnNames => _columns;

    public int Id => (int)_values[0]!;

    /// <summary>
    /// Raw values in the order of <see cref="ColumnNames"/>: null, int, string or bytes. Dates are strings, because "0000-00-00 00:00:00" is no
    /// date anywhere else.
    /// </summary>
    public IReadOnlyList<object?> Values => _values;

    /// <summary>Which states and oddities the row shows: names out of <see cref="LegacySubscriptionGenerator.Kinds"/>.</summary>
    public IReadOnlyList<string> Kinds { get; }

    /// <summary>Whether the row is damaged on purpose, so that no reader can make sense of it.</summary>
    public bool IsUnreadable => Kinds.Any(LegacySubscriptionGenerator.UnreadableKinds.Contains);

    public object? this[string column] => _values[_positions[column]];

    internal static int PositionOf(string column) => _positions[column];
}
