using System.Collections.Frozen;

namespace Strangler.LegacyData.AddressChanges;

/// <summary>One row of <c>address_change</c> as it is stored, with the row of <c>address</c> that it refers to.</summary>
public sealed class LegacyAddressChange
{
    private static readonly string[] _columns =
    [
        "id", "address_id", "current_identifier", "previous_identifier", "address_type", "external_id", "external_id_type", "export_date",
        "created_at", "modified_at", "donation_receipt",
    ];

    private static readonly string[] _addressColumns =
        ["id", "salutation", "company", "title", "first_name", "last_name", "street", "postcode", "city", "country"];

    private static readonly FrozenDictionary<string, int> _positions =
        _columns.Select((name, at) => (name, at)).ToFrozenDictionary(x => x.name, x => x.at);

    private readonly object?[] _values;

    internal LegacyAddressChange(object?[] values, object?[]? address, bool isAddressMine, IReadOnlyList<string> kinds)
    {
        _values = values;
        Address = address;
        IsAddressMine = isAddressMine;
        Kinds = kinds;
    }

    /// <summary>The columns, in the order of the table.</summary>
    public static IReadOnlyList<string> ColumnNames => _columns;

    public static IReadOnlyList<string> AddressColumnNames => _addressColumns;

    public int Id => (int)_values[0]!;

    /// <summary>
    /// Raw values in the order of <see cref="ColumnNames"/>: null, int or string. Dates are strings, because "0000-00-00 00:00:00" is no
    /// date anywhere else.
    /// </summary>
    public IReadOnlyList<object?> Values => _values;

    /// <summary>In the order of <see cref="AddressColumnNames"/>; null when there is no such row, whatever <c>address_id</c> says.</summary>
    public IReadOnlyList<object?>? Address { get; }

    /// <summary>False where the address is an earlier row's.</summary>
    public bool IsAddressMine { get; }

    /// <summary>Which states and oddities the row shows: names out of <see cref="LegacyAddressChangeGenerator.Kinds"/>.</summary>
    public IReadOnlyList<string> Kinds { get; }

    /// <summary>Whether the row is damaged on purpose, so that no reader can make sense of it.</summary>
    public bool IsUnreadable => Kinds.Any(LegacyAddressChangeGenerator.UnreadableKinds.Contains);

    public object? this[string column] => _values[_positions[column]];

    internal static int PositionOf(string column) => _positions[column];

    internal static int PositionOfAddress(string column) => Array.IndexOf(_addressColumns, column);
}
