using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.Mapping;

/// <summary>
/// Whether the personal data was erased. What tells is that nothing personal is left; where the table has a mark of its own, both together.
/// </summary>
internal sealed class NothingPersonalConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Boolean],
        [new ConverterPlace("personal", Written: false, Many: true), new ConverterPlace("mark", Written: true) { Optional = true }],
        []);

    private static readonly object _true = true;
    private static readonly object _false = false;

    private readonly LegacyPlace[] _personal = [.. binding.Places("personal")];
    private readonly LegacyPlace? _mark = binding.Places("mark") is [var mark, ..] ? mark : null;

    public override string Description =>
        $"{binding.Fields[0]} is true when none of {string.Join(", ", _personal.Select(place => place.Name))} holds anything"
        + (_mark is null ? "" : $", and {_mark} is not 0")
        + $". It blanks nothing: a record that says otherwise than its personal values is refused{(_mark is null ? "" : $"; {_mark} is written along")}.";

    public override void Read(LegacyCursor row, Span<object?> values) => values[0] = FindPersonal(row) is null && IsMarked(row) ? _true : _false;

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        if (FindPersonal(row) is { } place)
        {
            throw new CannotHoldException(binding.Fields[0], $"{place} still holds personal data");
        }

        if (_mark is null)
        {
            throw new CannotHoldException(binding.Fields[0], "legacy takes a row without any personal data for anonymized");
        }

        _mark.SetInteger(row, binding.Fields[0], (bool)values[0]! ? 1 : 0);
    }

    private LegacyPlace? FindPersonal(LegacyCursor row) => Array.Find(_personal, place => Personal.IsHeldBy(place, row));

    private bool IsMarked(LegacyCursor row) =>
        _mark is null || (_mark.TryInteger(row, out var number, out var reason) ? number != 0 : throw new UnreadableException(_mark.Name, reason));
}

/// <summary>What counts as personal data in a place that may hold some.</summary>
internal static class Personal
{
    // A birthday that is a zero date is none.
    private const string NoDate = "0000-00-00";

    public static bool IsHeldBy(LegacyPlace place, LegacyCursor row) =>
        !place.IsEmpty(row) && !(place.TryText(row, out var text, out _) && text == NoDate);
}

/// <summary>The converters that several contexts name.</summary>
public static class CommonConverters
{
    /// <summary>Adds it to a registry and returns it.</summary>
    public static ConverterRegistry AddNothingPersonal(this ConverterRegistry registry) =>
        registry.Add("nothing-personal", NothingPersonalConverter.Shape, static binding => new NothingPersonalConverter(binding));
}
