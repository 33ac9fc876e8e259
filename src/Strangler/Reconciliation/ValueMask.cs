using System.Globalization;
using System.Text;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>What stands for a secret where its value must not: a keyed hash, without even the value's shape.</summary>
internal sealed record SecretMark(string Text);

/// <summary>
/// How a value is shown in reports. Personal ones as a keyed-hash prefix and their shape: equal values look equal, nothing can be read
/// back.
/// Secrets as the hash alone, also for those who may see personal values. Others in plain, shortened, on one line.
/// </summary>
internal sealed class ValueMask(FieldHasher hasher)
{
    private const int MaxLength = 40;

    public string Show(RecordField field, object? value) => value switch
    {
        null => "null",
        Hidden => "(not expressible)",
        SecretMark mark => mark.Text,
        _ when field.Secret => Mark(value).Text,
        RecordList list => $"{Hash(value)} ({list.Count} rows)",
        _ when IsPersonal(field) => $"{Hash(value)} ({Shape(value)})",
        _ => Plain(field, value) ?? Hash(value),
    };

    /// <summary>The value itself, whoever it belongs to: for eyes that may see it, never for a report, a log or a file.</summary>
    internal static string Clear(RecordField field, object? value) => value switch
    {
        null => "null",
        Hidden => "(not expressible)",
        SecretMark mark => mark.Text,
        _ when field.Secret => "(secret)",
        RecordList list => $"[{string.Join("; ", list.Rows.Select(row => string.Join(", ", field.Items.Select((item, at) => Clear(item, row[at])))))}]",
        string text => Quote(text, int.MaxValue),
        byte[] bytes => Convert.ToHexStringLower(bytes),
        _ => Plain(field, value) ?? value.ToString() ?? "",
    };

    /// <summary>All that may be kept of a secret outside of its own column: enough to tell whether two are the same.</summary>
    internal SecretMark Mark(object value) => new(value is "" ? "empty" : Hash(value));

    private static string? Plain(RecordField field, object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        long cents when field.Type == FieldType.Money => string.Create(CultureInfo.InvariantCulture, $"{cents / 100m:0.00}"),
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        DateTime moment => moment.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        string text => Quote(text, MaxLength),
        _ => null,
    };

    private static bool IsPersonal(RecordField field) => field.Personal || field.Items.Any(IsPersonal);

    private string Hash(object? value) => "#" + Convert.ToHexStringLower(hasher.HashValue(value).AsSpan(0, 4));

    private static string Shape(object value) => value switch
    {
        string text => text.Length == 0 ? "empty" : $"{text.Length} characters: {string.Join(", ", Classes(text))}",
        byte[] bytes => $"{bytes.Length} bytes",
        long or double => "a number",
        bool => "a flag",
        _ => "a date",
    };

    private static IEnumerable<string> Classes(string text)
    {
        (string Name, Func<char, bool> Has)[] classes =
        [
            ("letters", char.IsAsciiLetter),
            ("other letters", c => char.IsLetter(c) && !char.IsAsciiLetter(c)),
            ("digits", char.IsDigit),
            ("blanks", c => c == ' '),
            ("control characters", char.IsControl),
            ("surrogates", char.IsSurrogate),
            ("signs", c => !char.IsLetterOrDigit(c) && c != ' ' && !char.IsControl(c) && !char.IsSurrogate(c)),
        ];
        return classes.Where(each => text.Any(each.Has)).Select(each => each.Name);
    }

    private static string Quote(string text, int most)
    {
        var shown = new StringBuilder("'");
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, most)))
        {
            // Control characters would command the terminal, lone surrogates break the JSON.
            shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? $"\\u{(int)c:x4}" : c.ToString());
        }

        return shown.Append(text.Length > most ? $"…' ({text.Length} characters)" : "'").ToString();
    }
}
