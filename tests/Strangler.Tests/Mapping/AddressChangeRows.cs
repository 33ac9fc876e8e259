using Strangler.LegacyData.AddressChanges;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The mapping of address changes as it is delivered, and legacy rows for it.</summary>
internal static class AddressChangeRows
{
    private static readonly Lazy<CompiledMapping> _mapping = new(() => MappingFile.Load(Path, "address-change"));

    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "address-changes.xml");

    public static CompiledMapping Mapping => _mapping.Value;

    public static AggregateRow Of(LegacyAddressChange change)
    {
        var layout = Mapping.Legacy.Layout;
        return new AggregateRow(
            layout,
            [
                [Values(layout.Root, LegacyAddressChange.ColumnNames, change.Values)],
                change.Address is null ? [] : [Values(layout.Tables[1], LegacyAddressChange.AddressColumnNames, change.Address)],
            ]);
    }

    /// <summary>The first generated row of a kind, with these columns of the root.</summary>
    public static AggregateRow First(string kind, params (string Column, object? Value)[] columns)
    {
        var row = Of(Generate(400, 1).First(one => one.Kinds.Contains(kind)));
        foreach (var (column, value) in columns)
        {
            row.Root[Mapping.Legacy.Layout.Root.IndexOf(column)] = value is int number ? (long)number : value;
        }

        return row;
    }

    public static object? ColumnOf(AggregateRow row, string column) => row.Root[Mapping.Legacy.Layout.Root.IndexOf(column)];

    public static Record Get(AggregateRow row) => Mapping.Legacy.Get(row);

    public static AggregateRow Put(AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) =>
        Mapping.Legacy.Put(Get(row).With(changes), row);

    public static IEnumerable<LegacyAddressChange> Generate(int rows, int seed) =>
        new LegacyAddressChangeGenerator(new LegacyAddressChangeOptions { Rows = rows, Seed = seed }).Generate();

    private static object?[] Values(TableLayout table, IReadOnlyList<string> names, IReadOnlyList<object?> values)
    {
        var row = new object?[table.Columns.Count];
        for (var i = 0; i < names.Count; i++)
        {
            if (table.IndexOf(names[i]) is var at && at >= 0)
            {
                row[at] = values[i] is int number ? (long)number : values[i];
            }
        }

        return row;
    }
}
