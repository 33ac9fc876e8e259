using Strangler.Mapping;

namespace Strangler.Fates;

/// <summary>The fate of one legacy table in one context; a table that several contexts share has one in each.</summary>
/// <param name="Table">The table.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Context">Whose mapping file says so.</param>
/// <param name="Kind">Whose rows, or parts, its rows are; "" for one that no kind reads.</param>
/// <param name="Into">The new root table; "" where there is none.</param>
/// <param name="Reason">Why.</param>
public sealed record FateOfTable(string Table, TableFate Fate, string Context, string Kind, string Into, string Reason);

/// <summary>The fates of all legacy tables, as the mapping files have them.</summary>
public static class FateRules
{
    /// <summary>In the order of the tables' names.</summary>
    public static IReadOnlyList<FateOfTable> Of(IEnumerable<CompiledMapping> mappings) =>
        [.. mappings.SelectMany(Of).Distinct().OrderBy(fate => fate.Table, StringComparer.Ordinal).ThenBy(fate => fate.Context, StringComparer.Ordinal)];

    /// <summary>Tables that are there and that no file says anything of.</summary>
    public static IReadOnlyList<string> Undeclared(IEnumerable<string> tables, IReadOnlyList<FateOfTable> fates) =>
        [.. tables.Where(table => !fates.Any(fate => Same(fate.Table, table)))];

    /// <summary>Names of tables, as servers compare them that do not tell letters apart; others have no two that differ in that alone.</summary>
    public static bool Same(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<FateOfTable> Of(CompiledMapping mapping)
    {
        var into = mapping.New.Layout.Root.Name;
        foreach (var table in mapping.LegacyTables.Select(table => table.Name))
        {
            yield return table == mapping.Legacy.Layout.Root.Name
                ? new FateOfTable(table, TableFate.Migrated, mapping.Context, mapping.Kind, into, $"Each row is a {mapping.Kind}")
                : new FateOfTable(table, TableFate.Folded, mapping.Context, mapping.Kind, into, PartOf(mapping, table));
        }

        if (mapping.IdSource is { Origin: IdOrigin.GeneratorTable } ids)
        {
            yield return new FateOfTable(ids.Table, TableFate.Kept, mapping.Context, mapping.Kind, "", "Legacy's programs count ids there for as long as they write");
        }

        foreach (var declared in mapping.DeclaredFates)
        {
            yield return new FateOfTable(declared.Table, declared.Fate, mapping.Context, "", "", declared.Reason);
        }
    }

    private static string PartOf(CompiledMapping mapping, string table) =>
        mapping.Legacy.Layout.Tables.Any(one => one.Lookups.Any(lookup => lookup.Table == table))
            ? $"What its rows say stands in each {mapping.Kind} that refers to one"
            : $"Its rows are parts of the {mapping.Kind} that they belong to";
}
