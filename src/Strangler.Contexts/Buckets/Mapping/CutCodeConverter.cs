using System.Globalization;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Buckets.Mapping;

/// <summary>A name out of a list, in a column that once was too short for the longer ones: there they were cut off, and are still what they were.</summary>
internal sealed class CutCodeConverter : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Code, FieldType.Boolean], [new ConverterPlace("name", Written: true)], ["cut-at"]);

    private static readonly object _true = true;
    private static readonly object _false = false;

    private readonly ConverterBinding _binding;
    private readonly LegacyPlace _name;
    private readonly int _cutAt;
    private readonly (string Legacy, string English)[] _codes;

    public CutCodeConverter(ConverterBinding binding)
    {
        (_binding, _name, _codes) = (binding, binding.Place("name"), [.. binding.Codes(0)]);
        _cutAt = int.Parse(binding.Parameter("cut-at"), NumberStyles.None, CultureInfo.InvariantCulture);
        if (_codes.Select(code => Cut(code.Legacy)).Distinct().Count() != _codes.Length)
        {
            throw new ArgumentException($"Cut off at {_cutAt} characters, two names of {binding.Fields[0]} are the same.");
        }
    }

    public override string Description =>
        $"{_name} is {_binding.Fields[0]} by the list of codes. A name that is longer than {_cutAt} characters may also stand there cut off after "
        + $"{_cutAt}: {_binding.Fields[1]} is then true, and it is written cut off again.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var stored = _name.Text(row);
        foreach (var (legacy, english) in _codes)
        {
            if (stored == legacy || (legacy.Length > _cutAt && stored == Cut(legacy)))
            {
                (values[0], values[1]) = (english, stored == legacy ? _false : _true);
                return;
            }
        }

        throw _name.UnknownCode(row);
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var english = (string)values[0]!;
        var legacy = Array.Find(_codes, code => code.English == english).Legacy;
        var isCut = (bool)values[1]!;
        if (isCut && legacy.Length <= _cutAt)
        {
            throw new CannotHoldException(_binding.Fields[1], $"the name of {english} is not longer than {_cutAt} characters");
        }

        _name.SetText(row, _binding.Fields[0], isCut ? Cut(legacy) : legacy);
    }

    private string Cut(string name) => name.Length > _cutAt ? name[.._cutAt] : name;
}

/// <summary>The converters that <c>legacy-mappings/buckets.xml</c> names.</summary>
public static class BucketConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddBuckets(this ConverterRegistry registry) =>
        registry.Add("cut-code", CutCodeConverter.Shape, static binding => new CutCodeConverter(binding));
}
