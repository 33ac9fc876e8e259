using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Subscriptions.Mapping;

/// <summary>Legacy has no mark for "anonymized": what tells is that nothing personal is left.</summary>
internal sealed class NothingPersonalConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Boolean], [new ConverterPlace("personal", Written: false, Many: true)], []);

    private static readonly object _true = true;
    private static readonly object _false = false;

    private readonly LegacyPlace[] _personal = [.. binding.Places("personal")];

    public override string Description =>
        $"{binding.Fields[0]} is true when none of {string.Join(", ", _personal.Select(place => place.Name))} holds anything. It writes nothing: "
        + "a record that says otherwise than its personal values is refused, and nothing is blanked.";

    public override void Read(LegacyCursor row, Span<object?> values) => values[0] = FindPersonal(row) is null ? _true : _false;

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values) => throw new CannotHoldException(
        binding.Fields[0],
        FindPersonal(row) is { } place ? $"{place} still holds personal data" : "legacy takes a row without any personal data for anonymized");

    private LegacyPlace? FindPersonal(LegacyCursor row) => Array.Find(_personal, place => !place.IsEmpty(row));
}
