using Strangler.Contexts.Donations.Mapping;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Mapping.Converters;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>The donations mapping as it is delivered, and legacy rows for it.</summary>
internal static class DonationRows
{
    private static readonly Lazy<CompiledMapping> _mapping = new(() => MappingFile.Load(Path, "donation", Converters));

    public static ConverterRegistry Converters => new ConverterRegistry().AddDonations();

    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "donations.xml");

    public static CompiledMapping Mapping => _mapping.Value;

    public static AggregateLayout Layout => Mapping.Legacy.Layout;

    /// <summary>A plain row: what an insert leaves, created in 2020, with these columns.</summary>
    public static AggregateRow Row(params (string Column, object? Value)[] columns)
    {
        var root = Layout.Root;
        var values = new object?[root.Columns.Count];
        foreach (var (column, value) in (IEnumerable<(string, object?)>)
                 [
                     ("status", "N"), ("info", 0L), ("eintrag", ""), ("periode", 0L), ("zahlweise", "BEZ"), ("kommentar", ""),
                         ("ueb_code", ""), ("remote_addr", ""),
                     ("is_public", 0L), ("dt_new", "2020-01-02 03:04:05"), .. columns,
                 ])
        {
            values[root.IndexOf(column)] = value is int number ? (long)number : value;
        }

        var tables = new IReadOnlyList<object?[]>[Layout.Tables.Count];
        Array.Fill(tables, []);
        tables[0] = [values];
        return new AggregateRow(Layout, tables);
    }

    public static AggregateRow WithBlob(this AggregateRow row, params (string Key, object? Value)[] entries) =>
        row.With("data", PhpBlob.Encode(Php(entries)));

    public static AggregateRow With(this AggregateRow row, string column, object? value)
    {
        var copy = row.Clone();
        copy.Root[Layout.Root.IndexOf(column)] = value is int number ? (long)number : value;
        return copy;
    }

    public static AggregateRow WithTable(this AggregateRow row, string table, params object?[] values)
    {
        var copy = row.Clone();
        copy.Tables[Layout.IndexOf(table)] = [values];
        return copy;
    }

    public static AggregateRow WithSofort(this AggregateRow row, string? confirmedAt) =>
        row.With("payment_id", 7).WithTable("donation_payment", "SUB").WithTable("donation_payment_sofort", confirmedAt);

    public static object? Column(this AggregateRow row, string column) => row.Root[Layout.Root.IndexOf(column)];

    public static PhpArray Blob(this AggregateRow row) => PhpBlob.Decode((string)row.Column("data")!).Array!;

    public static string Serialized(this AggregateRow row) =>
        System.Text.Encoding.UTF8.GetString(Convert.FromBase64String((string)row.Column("data")!));

    public static Record Get(this AggregateRow row) => Mapping.Legacy.Get(row);

    public static AggregateRow Put(this AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) =>
        Mapping.Legacy.Put(row.Get().With(changes), row);

    public static PhpArray Php(params (string Key, object? Value)[] entries)
    {
        var array = new PhpArray();
        foreach (var (key, value) in entries)
        {
            array.Set(key, value switch
            {
                null => PhpNull.Instance,
                string text => PhpString.Of(text),
                int number => PhpInt.Of(number),
                bool flag => PhpBool.Of(flag),
                byte[] bytes => PhpString.Of(bytes),
                double number => PhpFloat.Of(number),
                _ => (PhpValue)value,
            });
        }

        return array;
    }

    public static AggregateRow Of(LegacyDonation donation)
    {
        var root = Layout.Root;
        var values = new object?[root.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = donation[root.Columns[i].Name] is int number ? (long)number : donation[root.Columns[i].Name];
        }

        var tables = new IReadOnlyList<object?[]>[Layout.Tables.Count];
        Array.Fill(tables, []);
        tables[0] = [values];
        if (donation.Payment is { } payment)
        {
            tables[Layout.IndexOf("donation_payment")] = [["SUB"]];
            tables[Layout.IndexOf("donation_payment_sofort")] = [[payment.ConfirmedAt]];
        }

        if (donation.IsConfirmationSent)
        {
            tables[Layout.IndexOf("donation_notification_log")] = [[]];
        }

        return new AggregateRow(Layout, tables);
    }

    public static IEnumerable<LegacyDonation> Generate(int rows, int seed) =>
        new LegacyDonationGenerator(new LegacyDonationOptions { Rows = rows, Seed = seed }).Generate();
}
