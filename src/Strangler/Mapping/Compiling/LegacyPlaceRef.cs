namespace Strangler.Mapping.Compiling;

/// <summary>A legacy place as the file writes it: <c>table.column</c>, or <c>table.column/key</c> in a LOB.</summary>
/// <param name="Table">The table of the aggregate: of a looked-up column the one that refers to it.</param>
/// <param name="Lookup">The table of shared rows in which the column stands; null for the table's own.</param>
internal sealed record LegacyPlaceRef(TableDeclaration Table, ColumnDeclaration Column, string? Key, TableDeclaration? Lookup = null)
{
    public string Name => $"{(Lookup ?? Table).Name}.{Column.Name}{(Key is null ? "" : "/" + Key)}";

    /// <summary>Shorter, and the same in every generation of the mapping: the root table goes without saying.</summary>
    public string ExtraName =>
        (Lookup is null && Table.Role == TableRole.Root ? "" : (Lookup ?? Table).Name + ".") + Column.Name + (Key is null ? "" : "/" + Key);

    public bool IsPersonal => Key is null ? Column.Personal : Table.Lob!.PersonalKeys.GetValueOrDefault(Key);

    /// <summary>Null with the reason when there is no such place.</summary>
    public static LegacyPlaceRef? Parse(string text, KindDeclaration kind, out string problem)
    {
        problem = "";
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var (column, key) = slash < 0 ? (text, null) : (text[..slash], text[(slash + 1)..]);
        var (table, found) = Find(column, kind.Legacy.Concat(kind.Lookups), out problem);
        if (table is null || found is null)
        {
            return null;
        }

        if (table.IsLookup)
        {
            var host = kind.Legacy.Find(candidate => candidate.ReferenceTo(table) is not null);
            problem = host is null ? $"no column refers to the lookup table {table.Name}" : key is not null ? $"{column} is no LOB and has no keys" : "";
            return host is null || key is not null ? null : new LegacyPlaceRef(host, found, null, table);
        }

        var isLob = table.Lob?.Column == found.Name;
        if (isLob == (key is null))
        {
            problem = isLob ? $"{column} is a LOB: name a key in it, {column}/key" : $"{column} is no LOB and has no keys";
            return null;
        }

        return new LegacyPlaceRef(table, found, key);
    }

    /// <summary>A <c>table.column</c> of either side.</summary>
    public static (TableDeclaration? Table, ColumnDeclaration? Column) Find(
        string text, IEnumerable<TableDeclaration> tables, out string problem)
    {
        problem = "";
        var parts = text.Split('.');
        var table = tables.FirstOrDefault(candidate => candidate.Name == parts[0]);
        if (table is null)
        {
            problem = $"unknown table '{parts[0]}'";
            return (null, null);
        }

        var column = parts.Length == 2 ? table.Find(parts[1]) : null;
        if (column is null)
        {
            problem = parts.Length == 2 ? $"unknown column '{text}'" : $"'{text}' is not of the form table.column";
        }

        return (table, column);
    }
}
