namespace Strangler.Mapping.Converters;

/// <summary>A flag that may be NULL where that says something: nobody has answered yet. Any number but 0 is yes.</summary>
internal sealed class OptionalFlagConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new([FieldType.Code], [new ConverterPlace("flag", Written: true)], []);

    private readonly LegacyPlace _flag = binding.Place("flag");
    private readonly string _nothing = EnglishOf(binding, "");
    private readonly string _no = EnglishOf(binding, "0");
    private readonly string _yes = EnglishOf(binding, "1");

    public override string Description =>
        $"{binding.Fields[0]} is {_nothing} where {_flag} is NULL, {_no} for 0, {_yes} for any other number; written as NULL, 0 and 1.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        if (!_flag.TryInteger(row, out var number, out var reason))
        {
            throw new UnreadableException(_flag.Name, reason);
        }

        values[0] = !_flag.IsPresent(row) ? _nothing : number == 0 ? _no : _yes;
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var answer = (string)values[0]!;
        if (answer == _nothing)
        {
            _flag.Clear(row, binding.Fields[0]);
        }
        else
        {
            _flag.FillInteger(row, binding.Fields[0], answer == _yes ? 1 : 0);
        }
    }

    private static string EnglishOf(ConverterBinding binding, string legacy) => binding.Codes(0).FirstOrDefault(code => code.Legacy == legacy).English
        ?? throw new ArgumentException($"The codes of {binding.Fields[0]} must be \"\", 0 and 1; '{legacy}' is missing.", nameof(binding));
}
