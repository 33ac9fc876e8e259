namespace Strangler.Mapping.Lenses;

/// <summary>What a legacy row looks like: its tables, its LOBs, and a row in which everything has its default.</summary>
/// <param name="layout">The tables.</param>
/// <param name="defaults">A row of defaults for each table.</param>
/// <param name="owners">For each companion table whose existence is a field: that field. Only it creates the row.</param>
/// <param name="lobs">The LOBs.</param>
/// <param name="slots">How many LOB keys the mapping knows.</param>
internal sealed class LegacyPlan(AggregateLayout layout, object?[][] defaults, string?[] owners, LobPlan[] lobs, int slots)
{
    public string?[] Owners { get; } = owners;

    public AggregateLayout Layout { get; } = layout;

    /// <summary>A row of defaults for each table.</summary>
    public object?[][] Defaults { get; } = defaults;

    public LobPlan[] Lobs { get; } = lobs;

    /// <summary>How many LOB keys the mapping knows, over all LOBs.</summary>
    public int Slots { get; } = slots;

    /// <summary>Columns that refer to shared rows, with what is looked up there.</summary>
    public (int Table, int Reference, LookupLayout Lookup)[] Lookups { get; } =
    [
        .. layout.Tables.SelectMany((table, at) => table.Lookups.Select(lookup => (at, table.IndexOf(lookup.ReferencedBy), lookup))),
    ];

    /// <summary>Whether the database gives the value, or it is found by what is looked up: null stands for that.</summary>
    public bool IsFilledIn(int table, int column) =>
        (column == 0 && Layout.Tables[table].Children is { OwnKey: not null })
        || Array.Exists(Lookups, lookup => lookup.Table == table && lookup.Reference == column);

    /// <summary>What an insert starts from: the root row with its defaults, no other rows.</summary>
    public AggregateRow Blank { get; } = new(
        layout,
        [.. layout.Tables.Select((_, at) => at == 0 ? (IReadOnlyList<object?[]>)[defaults[0]] : [])]);
}

/// <summary>A column that holds base64 around a serialized PHP array.</summary>
/// <param name="Name"><c>spenden.data</c></param>
/// <param name="ExtraPrefix">What the names of its extras begin with: <c>data/</c>.</param>
/// <param name="EmptyLiterals">Texts that are no LOB, but read as an empty one.</param>
/// <param name="Keys">Key → slot.</param>
internal sealed record LobPlan(
    int Table, int Column, string Name, string ExtraPrefix, string[] EmptyLiterals, int MaxBytes, KeyIndex Keys);
