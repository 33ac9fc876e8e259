using System.Globalization;
using Strangler.Mapping.Lenses;

namespace Strangler.Mapping.Converters;

/// <summary>A column in which NULL says something else than 0 or "": it is a code of its own, the one whose legacy form is "".</summary>
internal sealed class CodeOrNullConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new([FieldType.Code], [new ConverterPlace("code", Written: true)], []);

    private readonly LegacyPlace _place = binding.Place("code");
    private readonly (string Legacy, string English)[] _codes = [.. binding.Codes(0)];

    public override string Description =>
        $"NULL in {_place} is {EnglishOf("") ?? "unreadable"}, anything else goes by the list of codes; each is written back as what it is.";

    public override void Read(LegacyCursor row, Span<object?> values) =>
        values[0] = EnglishOf(_place.IsPresent(row) ? _place.Text(row) : "") ?? throw _place.UnknownCode(row);

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var english = (string)values[0]!;
        var code = Array.Find(_codes, known => known.English == english).Legacy;
        if (code.Length == 0)
        {
            _place.Clear(row, binding.Fields[0]);
        }
        else if (Numbers.TryInteger(code, out var number) && number.ToString(CultureInfo.InvariantCulture) == code)
        {
            _place.FillInteger(row, binding.Fields[0], number);
        }
        else
        {
            _place.SetText(row, binding.Fields[0], code);
        }
    }

    private string? EnglishOf(string code) => Array.Find(_codes, known => known.Legacy == code).English;
}
