using Strangler.Mapping;

namespace Strangler.Capture;

/// <summary>How the entities are found that a row of a captured table belongs to.</summary>
public enum CaptureOwner
{
    /// <summary>The row's key column holds the entity's key: the root, and tables with the root's key.</summary>
    ByKey,

    /// <summary>A column of the root refers to the row's key: every root that does.</summary>
    ByReference,
}

/// <summary>One legacy table whose rows are part of entities.</summary>
/// <param name="Kind">The kind of the entities.</param>
/// <param name="Table">The table.</param>
/// <param name="KeyColumn">Its key column; a change of it touches the entities of both keys.</param>
/// <param name="Owner">How to come from the key to the entities.</param>
/// <param name="Columns">The columns that count beside the key: a change of any other one is none of ours.</param>
/// <param name="Root">The root table, for <see cref="CaptureOwner.ByReference"/>.</param>
/// <param name="RootKey">Its key.</param>
/// <param name="ReferencedBy">The root's column that refers to the row.</param>
public sealed record CapturedTable(
    string Kind, string Table, string KeyColumn, CaptureOwner Owner, IReadOnlyList<ColumnLayout> Columns, string Root, string RootKey, string? ReferencedBy);

/// <summary>What has to be captured, from the layouts of a context's legacy side. Pure.</summary>
public static class CaptureRules
{
    /// <summary>All tables of all kinds, the root of each kind first.</summary>
    public static IReadOnlyList<CapturedTable> Of(IReadOnlyDictionary<string, AggregateLayout> kinds) =>
        [.. kinds.OrderBy(kind => kind.Key, StringComparer.Ordinal).SelectMany(kind => Of(kind.Key, kind.Value))];

    private static IEnumerable<CapturedTable> Of(string kind, AggregateLayout layout) => layout.Tables.Select(table =>
    {
        var reference = table.Role == TableRole.Referenced
            ? table.ReferencedBy ?? layout.Tables[layout.IndexOf(table.Parent!)].ReferencedBy
            : table.Parent is { } parent ? layout.Tables[layout.IndexOf(parent)].ReferencedBy : null;
        IReadOnlyList<ColumnLayout> columns = table.Role == TableRole.Many
            ? [.. table.Columns, new ColumnLayout("ordinal", ColumnType.Integer, Nullable: false)]
            : table.Columns;
        return new CapturedTable(
            kind, table.Name, table.KeyColumn, reference is null ? CaptureOwner.ByKey : CaptureOwner.ByReference, columns, layout.Root.Name,
            layout.Root.KeyColumn, reference);
    });
}
