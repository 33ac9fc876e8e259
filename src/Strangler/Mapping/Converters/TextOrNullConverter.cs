using Strangler.Mapping.Lenses;

namespace Strangler.Mapping.Converters;

/// <summary>A column in which NULL says something else than "": the value, and whether it is given.</summary>
internal sealed class TextOrNullConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Text, FieldType.Boolean], [new ConverterPlace("value", Written: true)], []);

    private readonly LegacyPlace _place = binding.Place("value");

    public override string Description =>
        $"NULL in {_place} is \"\" in {binding.Fields[0]} and no {binding.Fields[1]}; anything else, \"\" included, is what it is.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        values[0] = _place.Text(row);
        values[1] = Values.Of(_place.IsPresent(row));
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        if (values[1] is true)
        {
            _place.FillText(row, binding.Fields[0], (string)values[0]!);
        }
        else if ((string)values[0]! is { Length: > 0 })
        {
            throw new CannotHoldException(binding.Fields[1], $"legacy holds no {binding.Fields[0]} that is not given");
        }
        else if (_place.IsPresent(row))
        {
            _place.Clear(row, binding.Fields[1]);
        }
    }
}
