using Strangler.Contexts.Subscriptions.Mapping;
using Strangler.LegacyData.Subscriptions;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Tests.Mapping;

/// <summary>The subscriptions mapping as it is delivered, and legacy rows for it.</summary>
internal static class SubscriptionRows
{
    private static readonly Lazy<CompiledMapping> _mapping = new(() => MappingFile.Load(Path, "subscription", Converters));

    public static ConverterRegistry Converters => new ConverterRegistry().AddSubscriptions();

    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "subscriptions.xml");

    public static CompiledMapping Mapping => _mapping.Value;

    /// <summary>What an insert leaves, with these columns.</summary>
    public static AggregateRow Row(params (string Column, object? Value)[] columns)
    {
        var root = Mapping.Legacy.Layout.Root;
        var values = new object?[root.Columns.Count];
        foreach (var (column, value) in (IEnumerable<(string, object?)>)
                 [("full_name", ""), ("email", "nyan@awesomecats.example"), ("status", 0L), ("createdAt", "2020-01-02 03:04:05"), .. columns])
        {
            values[root.IndexOf(column)] = value is int number ? (long)number : value;
        }

        return new AggregateRow(Mapping.Legacy.Layout, [[values]]);
    }

    public static object? ColumnOf(AggregateRow row, string column) => row.Root[Mapping.Legacy.Layout.Root.IndexOf(column)];

    public static Record Get(AggregateRow row) => Mapping.Legacy.Get(row);

    public static AggregateRow Put(AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) =>
        Mapping.Legacy.Put(Get(row).With(changes), row);

    public static AggregateRow Of(LegacySubscription subscription) =>
        Row([.. LegacySubscription.ColumnNames.Skip(1).Select(column => (column, subscription[column]))]);

    public static IEnumerable<LegacySubscription> Generate(int rows, int seed) =>
        new LegacySubscriptionGenerator(new LegacySubscriptionOptions { Rows = rows, Seed = seed }).Generate();
}
