using System.Globalization;
using Strangler.Mapping.Lenses;

namespace Strangler.Mapping.Converters;

/// <summary>
/// A day that legacy keeps as text, in the one form that the mapping file declares. A text of another form is no guess at a day: it stays a text.
/// </summary>
internal sealed class DateInTextConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Date, FieldType.Text, FieldType.Boolean], [new ConverterPlace("text", Written: true)], ["pattern"]);

    private readonly LegacyPlace _place = binding.Place("text");
    private readonly string _pattern = PatternOf(binding);

    public override string Description =>
        $"{_place} written {_pattern} is {binding.Fields[0]}; anything else is {binding.Fields[1]}, as it is, and no day; NULL is no {binding.Fields[2]}.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var text = _place.Text(row);
        var day = DayOf(text);
        (values[0], values[1], values[2]) = (day, day is null ? text : "", Values.Of(_place.IsPresent(row)));
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var (day, other, isGiven) = ((DateOnly?)values[0], (string)values[1]!, values[2] is true);
        if (day is not null && other.Length > 0)
        {
            throw new CannotHoldException(binding.Fields[1], $"legacy holds one of it and {binding.Fields[0]}");
        }

        if (!isGiven && (day is not null || other.Length > 0))
        {
            throw new CannotHoldException(binding.Fields[2], $"legacy holds no {binding.Fields[0]} that is not given");
        }

        if (DayOf(other) is not null)
        {
            throw new CannotHoldException(binding.Fields[1], $"legacy takes it for {binding.Fields[0]}");
        }

        if (isGiven)
        {
            _place.FillText(row, day is null ? binding.Fields[1] : binding.Fields[0], day is { } one ? TextOf(one) : other);
        }
        else if (_place.IsPresent(row))
        {
            _place.Clear(row, binding.Fields[2]);
        }
    }

    // To the letter: what would be written otherwise is another text.
    private DateOnly? DayOf(string text) =>
        DateOnly.TryParseExact(text, _pattern, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year >= 1000 && TextOf(day) == text ? day : null;

    private string TextOf(DateOnly day) => day.Year >= 1000
        ? day.ToString(_pattern, CultureInfo.InvariantCulture)
        : throw new CannotHoldException(binding.Fields[0], "is not a date between the years 1000 and 9999");

    private static string PatternOf(ConverterBinding binding)
    {
        var (pattern, sample) = (binding.Parameter("pattern"), new DateOnly(2021, 11, 30));
        return DateOnly.TryParseExact(sample.ToString(pattern, CultureInfo.InvariantCulture), pattern, CultureInfo.InvariantCulture, DateTimeStyles.None, out var back)
            && back == sample ? pattern : throw new ArgumentException($"The pattern '{pattern}' does not tell a day; such as yyyy-MM-dd or dd-MM-yyyy do.", nameof(binding));
    }
}
