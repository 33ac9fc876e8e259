using Strangler.Mapping;

namespace Strangler.Capture;

/// <summary>How the entities are found that a row of a captured table belongs to.</summary>
public enum CaptureOwner
{
    /// <summary>The row's key column holds the entity's key: the root, and tables with the root's key.</summary>
    ByKey,

    /// <summary>
    /// A column of the root refers to the row's key: every root that does. So also of a row that entities share, by way of their rows.
    /// </summary>
    ByReference,
}

/// <summary>One legacy table whose rows are part of entities.</summary>
/// <param name="Kind">The kind of the entities.</param>
/// <param name="Table">The table.</param>
/// <param name="KeyColumn">Its key column; a change of it touches the entities of both keys.</param>
/// <param name="Owner">How to come from the key to the entities.</param>
/// <param name="Columns">The columns that count beside the key: a change of any other one is none of ours.</param>
/// <param name="Root">The table that refers to the row, for <see cref="CaptureOwner.ByReference"/>: the root, or a table of the
/// aggregate.</param>
/// <param name="RootKey">Its column with the entity's key.</param>
/// <param name="ReferencedBy">Its column that refers to the row.</param>
public sealed record CapturedTable(
    string Kind, string Table, string KeyColumn, CaptureOwner Owner, IReadOnlyList<ColumnLayout> Columns, string Root, string RootKey, string? ReferencedBy)
{
    /// <summary>Whether the key is a text: the entity's key is then what <see cref="TextKey"/> makes of it.</summary>
    public bool HasTextKey { get; init; }

    /// <summary>The column that, beside the key, tells rows of one entity apart; null where one entity has one row, or nothing tells them apart.</summary>
    public string? OwnKey { get; init; }

    /// <summary>Rows with other values there belong to no entity of this kind.</summary>
    public IReadOnlyList<FixedColumn> Fixed { get; init; } = [];
}

/// <summary>What has to be captured, from the layouts of a context's legacy side. Pure.</summary>
public static class CaptureRules
{
    /// <summary>All tables of all kinds, the root of each kind first, behind each what it looks up.</summary>
    public static IReadOnlyList<CapturedTable> Of(IReadOnlyDictionary<string, AggregateLayout> kinds) =>
        [.. kinds.OrderBy(kind => kind.Key, StringComparer.Ordinal).SelectMany(kind => Of(kind.Key, kind.Value))];

    private static IEnumerable<CapturedTable> Of(string kind, AggregateLayout layout) =>
        layout.Tables.SelectMany(table => LookedUp(kind, table).Prepend(Of(kind, layout, table)));

    private static CapturedTable Of(string kind, AggregateLayout layout, TableLayout table)
    {
        var reference = table.Role == TableRole.Referenced
            ? table.ReferencedBy ?? layout.Tables[layout.IndexOf(table.Parent!)].ReferencedBy
            : table.Parent is { } parent ? layout.Tables[layout.IndexOf(parent)].ReferencedBy : null;
        // The key is compared as the key, not once more as a column.
        var columns = table.Columns.Take(table.StoredColumns).Where((_, at) => at != table.NaturalKey?.Column);
        return new CapturedTable(
            kind, table.Name, table.KeyColumn, reference is null ? CaptureOwner.ByKey : CaptureOwner.ByReference,
            [.. table.HasOrdinal ? columns.Append(new ColumnLayout("ordinal", ColumnType.Integer, Nullable: false)) : columns],
            layout.Root.Name, layout.Root.KeyColumn, reference)
        {
            Fixed = table.Fixed, OwnKey = table.HasOrdinal ? "ordinal" : table.Children?.OwnKey, HasTextKey = table.NaturalKey is { IsText: true },
        };
    }

    // A shared row that says something else changes every entity that refers to it.
    private static IEnumerable<CapturedTable> LookedUp(string kind, TableLayout table) => table.Lookups.Select(lookup => new CapturedTable(
        kind, lookup.Table, lookup.KeyColumn, CaptureOwner.ByReference, lookup.Columns, table.Name, table.KeyColumn, lookup.ReferencedBy));
}
