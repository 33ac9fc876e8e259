using Strangler.Contexts.Memberships.Mapping;
using Strangler.LegacyData.Memberships;
using Strangler.Mapping;
using Strangler.Mapping.Converters;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>The memberships mapping as it is delivered, and legacy rows for it.</summary>
internal static class MembershipRows
{
    private static readonly Lazy<CompiledMapping> _mapping = new(() => MappingFile.Load(Path, "membership", Converters));

    public static ConverterRegistry Converters => new ConverterRegistry().AddMemberships();

    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "memberships.xml");

    public static CompiledMapping Mapping => _mapping.Value;

    public static AggregateLayout Layout => Mapping.Legacy.Layout;

    /// <summary>What an insert leaves, with these columns.</summary>
    public static AggregateRow Row(params (string Column, object? Value)[] columns)
    {
        var row = Mapping.Legacy.Put(Mapping.Schema.Blank().With(("created_at", new DateTime(2022, 6, 1, 12, 0, 0)), ("applicant.email", "m@example.org")), null);
        foreach (var (column, value) in columns)
        {
            row.Root[Layout.Root.IndexOf(column)] = value is int number ? (long)number : value;
        }

        return row;
    }

    public static object? ColumnOf(AggregateRow row, string column) => row.Root[Layout.Root.IndexOf(column)];

    public static Record Get(AggregateRow row) => Mapping.Legacy.Get(row);

    public static AggregateRow Put(AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) =>
        Mapping.Legacy.Put(Get(row).With(changes), row);

    public static AggregateRow Of(LegacyMembership membership) => new(Layout,
    [
        [[.. Layout.Root.Columns.Select(column => membership[column.Name] is int number ? (long)number : membership[column.Name])]],
        [.. membership.Incentives.Select(id => new object?[] { (long)id, LegacyMembership.SharedIncentives.Single(one => one.Id == id).Name })],
        [.. membership.Reasons.Select(id => LegacyMembership.SharedReasons.Single(one => one.Id == id)).Select(
            reason => new object?[] { (long)reason.Id, reason.Identifier, reason.Source })],
        membership.Tokens is { } tokens ? [[tokens.Access, tokens.Update, tokens.Expires]] : [],
    ]);

    public static IEnumerable<LegacyMembership> Generate(int rows, int seed) =>
        new LegacyMembershipGenerator(new LegacyMembershipOptions { Rows = rows, Seed = seed }).Generate();

    public static string Blob(params (string Key, PhpValue Value)[] entries)
    {
        var array = new PhpArray();
        foreach (var (key, value) in entries)
        {
            array.Set(key, value);
        }

        return PhpBlob.Encode(array);
    }

    public static string Log(string time, string message)
    {
        var log = new PhpArray();
        log.Set(time, PhpString.Of(message));
        return Blob(("log", log));
    }
}
