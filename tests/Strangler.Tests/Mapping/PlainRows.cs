using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Tests.Mapping;

/// <summary>Generated rows of plain legacy tables, for the mapping that is delivered for them.</summary>
/// <param name="context">The mapping's context.</param>
/// <param name="kind">Its kind.</param>
/// <param name="converters">That the mapping names.</param>
/// <param name="childrenOf">The rows of the second table, where there is one.</param>
internal sealed class PlainRows(
    string context, string kind, ConverterRegistry? converters = null, Func<LegacyRow, IReadOnlyList<object?[]>>? childrenOf = null)
{
    private readonly Lazy<CompiledMapping> _mapping = new(() => MappingFile.Load(PathOf(context), kind, converters));

    public CompiledMapping Mapping => _mapping.Value;

    public static string PathOf(string context) => Path.Combine(AppContext.BaseDirectory, "legacy-mappings", $"{context}.xml");

    /// <summary>A generated row with only those columns that the mapping knows, and these changed.</summary>
    public AggregateRow Of(LegacyRow row, params (string Column, object? Value)[] changes)
    {
        var root = Mapping.Legacy.Layout.Root;
        var values = new object?[root.Columns.Count];
        foreach (var (column, value) in row.Columns.Skip(1).Select(column => (column, row[column])).Concat(changes))
        {
            if (root.IndexOf(column) is var at && at >= 0)
            {
                values[at] = value is int number ? (long)number : value;
            }
        }

        return new AggregateRow(
            Mapping.Legacy.Layout, [[values], .. Mapping.Legacy.Layout.Tables.Skip(1).Select(_ => childrenOf?.Invoke(row) ?? [])]);
    }

    /// <summary>The first generated row of a kind, with these columns.</summary>
    public AggregateRow First(LegacyTableGenerator generator, string kindOfRow, params (string Column, object? Value)[] changes) =>
        Of(generator.Generate().First(row => row.Kinds.Contains(kindOfRow)), changes);

    public object? ColumnOf(AggregateRow row, string column) => row.Root[Mapping.Legacy.Layout.Root.IndexOf(column)];

    public Record Get(AggregateRow row) => Mapping.Legacy.Get(row);

    public AggregateRow Put(AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) => Mapping.Legacy.Put(Get(row).With(changes), row);

    public Task<MappingVerification> CheckLawsAsync(LegacyTableGenerator generator, int seed, int trials) => LawCheck.RunAsync(
        Mapping, generator.Generate().Select(row => (row.Id, row.IsUnreadable, row.Kinds, Of(row))), generator.Kinds, seed, trials);

    public void AssertRebuilds(LegacyTableGenerator generator) => LawCheck.AssertRebuilds(
        Mapping, generator.Generate().Where(row => !row.IsUnreadable).Select(row => (row.Kinds, Of(row))));

    /// <summary>That an entity which nobody changed gives back its record.</summary>
    public void AssertGivesBack<TEntity>(LegacyTableGenerator generator, IEntityConverter<TEntity> records)
        where TEntity : class
    {
        foreach (var row in generator.Generate().Where(row => !row.IsUnreadable))
        {
            var record = Get(Of(row));
            var back = records.Apply(records.ToEntity(row.Id, record), record);
            foreach (var field in record.Schema.Fields)
            {
                NUnit.Framework.Assert.That(
                    Record.ValuesEqual(back.Values[field.Ordinal], record.Values[field.Ordinal]), $"{string.Join(' ', row.Kinds)}: {field.Name}");
            }
        }
    }
}
