using System.Globalization;

namespace Strangler.Mapping.Verification;

/// <summary>
/// Changes a few fields of a record as a domain might, and as it should not: limits of every type are among the values. The same seed
/// gives the same changes.
/// </summary>
internal sealed class RecordMutator(CompiledMapping mapping, int seed)
{
    private static readonly string[] _texts =
    [
        "", "x", "Zürich", "日本語", "\U0001F600 emoji", "O'Neill \"quoted\" \\ back", " blank before", "blank behind ", "a/b/c", "/",
            "Anonym", "0", "42", "007", "-1", "1e3",
        "tab\tand\nline", "e\u0301 beside \u00e9", new('ä', 250), new('x', 251), new('y', 32), new('\u4e00', 17_000), "\ud800",
    ];

    private static readonly long[] _integers =
        [0, 1, 2, 3, 12, -1, 42, short.MaxValue, short.MinValue, short.MaxValue + 1L, int.MaxValue, long.MaxValue, long.MinValue];

    private static readonly long[] _amounts = [0, 1, 9, 10, 99, 100, 1337, 500_000, 999_999_999_999_999, 1_000_000_000_000_000, -1];

    private static readonly DateTime?[] _times =
    [
        null, new(2016, 5, 17, 11, 42, 2), new(1000, 1, 1), new(9999, 12, 31, 23, 59, 59), new(999, 12, 31), new(1970, 1, 1),
            new(1970, 1, 1, 1, 0, 0),
        new(2021, 10, 31, 2, 30, 0), new(2024, 2, 29), new DateTime(2020, 1, 1).AddTicks(1), new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc),
    ];

    private static readonly double?[] _reals =
        [null, 0, 1, -1, 0.5, 0.1, (double)0.1f, float.MaxValue, double.MaxValue, double.Epsilon, -0.0, double.NaN, double.NegativeInfinity];

    private static readonly byte[][] _contents =
        ["s:5:\"hello\";"u8.ToArray(), "i:7;"u8.ToArray(), "a:0:{}"u8.ToArray(), "no php"u8.ToArray(), [0xFF]];

    /// <summary>One seed of two numbers, the same in every process (HashCode.Combine is another in each).</summary>
    public static int Mix(int seed, long number)
    {
        var bits = unchecked(((ulong)(uint)seed * 0x9E3779B97F4A7C15) ^ ((ulong)number * 0xBF58476D1CE4E5B9));
        bits = unchecked((bits ^ (bits >> 31)) * 0x94D049BB133111EB);
        return (int)(bits >> 32);
    }

    public Record Mutate(Record record, long id)
    {
        var random = new Random(Mix(seed, id));
        for (var changes = random.Next(1, 5); changes > 0; changes--)
        {
            record = Change(record, mapping.Schema.Fields[random.Next(mapping.Schema.Fields.Count)], random);
        }

        return record;
    }

    private Record Change(Record record, RecordField field, Random random) => field.Type switch
    {
        FieldType.Boolean => mapping.Change(record, field.Name, record.Visible(field.Name) is false),
        FieldType.Integer => mapping.Change(record, field.Name, Pick(_integers, random)),
        FieldType.Money => mapping.Change(record, field.Name, Pick(_amounts, random)),
        FieldType.Text => mapping.Change(record, field.Name, Pick(_texts, random)),
        FieldType.Code => mapping.Change(record, field.Name, Pick(field.Codes, random)),
        FieldType.Timestamp => mapping.Change(record, field.Name, Pick(_times, random)),
        FieldType.Count => mapping.Change(record, field.Name, random.Next(4) == 0 ? null : Pick(_integers, random)),
        FieldType.Real => mapping.Change(record, field.Name, Pick(_reals, random)),
        FieldType.Date => mapping.Change(record, field.Name, Pick(_times, random) is { } time ? DateOnly.FromDateTime(time) : null),
        _ when mapping.IsOpaque(record, field.Name) => record,
        _ => mapping.Change(record, field.Name, Change(record.Visible(field.Name) as RecordList ?? RecordList.Empty, field, random)),
    };

    private RecordList Change(RecordList list, RecordField field, Random random)
    {
        var rows = list.Rows.ToList();
        switch (random.Next(rows.Count == 0 ? 1 : 5))
        {
            case 0 or 1:
                rows.Insert(field.Name == mapping.Extras?.Name ? 0 : rows.Count, Row(field, random));
                break;
            case 2:
                rows.RemoveAt(random.Next(rows.Count));
                break;
            case 3:
                rows.Clear();
                break;
            default:
                rows[random.Next(rows.Count)] = Row(field, random);
                break;
        }

        return new RecordList(
            field.Name == mapping.Extras?.Name ? [.. rows.OrderBy(row => (string)row[0]!, StringComparer.Ordinal)] : rows);
    }

    private object?[] Row(RecordField list, Random random) =>
    [
        .. list.Items.Select(item => item.Type switch
        {
            FieldType.Boolean => random.Next(2) == 0,
            FieldType.Timestamp => Pick(_times, random),
            FieldType.Count => random.Next(4) == 0 ? null : Pick(_integers, random),
            FieldType.Real => Pick(_reals, random),
            FieldType.Date => Pick(_times, random) is { } time ? DateOnly.FromDateTime(time) : null,
            FieldType.Integer => Pick(_integers, random),
            FieldType.Money => Pick(_amounts, random),
            FieldType.Code => Pick(item.Codes, random),
            FieldType.Bytes => Pick(_contents, random),
            _ when item.Name == "name" && list.Name == mapping.Extras?.Name => ExtraName(random),
            _ => (object?)Pick(_texts, random),
        }),
    ];

    private static string ExtraName(Random random) => random.Next(4) switch
    {
        0 => "data/" + random.Next(5).ToString(CultureInfo.InvariantCulture),
        1 => "nowhere",
        2 => "data/100%25",
        _ => "data/unheard of",
    };

    private static T Pick<T>(IReadOnlyList<T> values, Random random) => values[random.Next(values.Count)];
}
