using System.Text;
using Strangler.Mapping;

namespace Strangler.LegacyData.Drift;

/// <summary>
/// Other values of a field, by its type alone: such that a careless comparison takes for equal (a blank behind, another case, the same
/// letters composed otherwise, "" for nothing, a list in another order), and plainly different ones.
/// </summary>
internal static class FieldVariants
{
    public static IEnumerable<object?> Of(RecordField field, object? present) =>
        Others(field, present).Where(other => !Record.ValuesEqual(other, present));

    private static IEnumerable<object?> Others(RecordField field, object? present) => (field.Type, present) switch
    {
        (FieldType.Boolean, bool flag) => [!flag],
        (FieldType.Integer or FieldType.Money, long number) => [number + 1, number + 100, -number, number == 0 ? 1L : 0L],
        (FieldType.Integer or FieldType.Money, null) => [0L, 1L, 100L],
        (FieldType.Text, var text) => Texts(text as string ?? ""),
        (FieldType.Code, var code) => field.Codes.Where(other => other != code as string),
        (FieldType.Timestamp, DateTime time) => [time.AddSeconds(1), time.AddDays(1), null],
        (FieldType.Timestamp, null) => [new DateTime(2020, 2, 3, 4, 5, 6), new DateTime(1980, 1, 1)],
        (FieldType.Date, DateOnly date) => [date.AddDays(1), null],
        (FieldType.Date, null) => [new DateOnly(2020, 2, 3)],
        (FieldType.Count, long number) => [number + 1, number + 100, null],
        (FieldType.Count, null) => [0L, 1L],
        (FieldType.Real, double number) => [(double)MathF.BitIncrement((float)number), number + 1, -number, null],
        (FieldType.Real, null) => [0d, 1d],
        (FieldType.Bytes, byte[] bytes) => [bytes.Append((byte)'x').ToArray(), "s:5:\"hello\";"u8.ToArray(), "i:7;"u8.ToArray()],
        (FieldType.Bytes, null) => ["s:5:\"hello\";"u8.ToArray()],
        (FieldType.List, RecordList list) => Lists(field, list),
        _ => [],
    };

    private static IEnumerable<object?> Texts(string text)
    {
        if (text.Length > 0)
        {
            yield return text + " ";
            yield return text.Any(char.IsLower) ? text.ToUpperInvariant() : text.ToLowerInvariant();
            yield return text.Replace("ss", "ß", StringComparison.Ordinal);
            yield return Decomposed(text);
            yield return text[..^1];
        }

        yield return text + "x";
        yield return "x";
        yield return "12345";
        yield return "";
    }

    // Not of lone surrogates, which no normalization takes.
    private static string Decomposed(string text) => text.Any(char.IsSurrogate) ? text : text.Normalize(NormalizationForm.FormD);

    private static IEnumerable<object?> Lists(RecordField field, RecordList list)
    {
        if (list.Count > 1)
        {
            yield return new RecordList([.. list.Rows.Reverse()]);
        }

        if (list.Count > 0)
        {
            yield return new RecordList([.. list.Rows.Skip(1)]);
            yield return new RecordList([.. list.Rows, list.Rows[0]]);
        }

        foreach (var changed in list.Rows.SelectMany((row, at) => Rows(field, row).Select(other => Replaced(list, at, other))).Take(50))
        {
            yield return changed;
        }

        foreach (var row in NewRows(field).Take(20))
        {
            yield return new RecordList([.. list.Rows, row]);
        }
    }

    private static IEnumerable<object?[]> Rows(RecordField field, object?[] row) =>
        field.Items.SelectMany((item, at) => Of(item, row[at]).Select(value => row.Select((present, place) => place == at ? value : present).ToArray()));

    private static IEnumerable<object?[]> NewRows(RecordField field)
    {
        var blank = field.Items.Select(item => item.Type switch
        {
            FieldType.Text => "x",
            FieldType.Integer or FieldType.Money => 1L,
            FieldType.Bytes => "i:1;"u8.ToArray(),
            FieldType.Timestamp => new DateTime(2020, 2, 3, 4, 5, 6),
            FieldType.Date => new DateOnly(2020, 2, 3),
            _ => item.Default,
        }).ToArray();
        return Rows(field, blank).Prepend(blank);
    }

    private static RecordList Replaced(RecordList list, int at, object?[] row) => new([.. list.Rows.Select((present, place) => place == at ? row : present)]);
}
