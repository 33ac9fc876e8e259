using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.Tokens.Mapping;

/// <summary>
/// Tokens that one generation of the programs keeps in the LOB and the next in a table of their own, which it asks first. They are written
/// where they stand, new
/// ones to the table.
/// </summary>
internal sealed class TokensConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Text, FieldType.Text, FieldType.Timestamp],
        [
            new ConverterPlace("access", Written: true),
            new ConverterPlace("update", Written: true),
            new ConverterPlace("expires", Written: true),
            new ConverterPlace("older-access", Written: true),
            new ConverterPlace("older-update", Written: true),
            new ConverterPlace("older-expires", Written: true) { Optional = true },
        ],
        []);

    private readonly LegacyPlace _access = binding.Place("access");
    private readonly LegacyPlace _update = binding.Place("update");
    private readonly LegacyPlace _expires = binding.Place("expires");
    private readonly LegacyPlace _olderAccess = binding.Place("older-access");
    private readonly LegacyPlace _olderUpdate = binding.Place("older-update");
    private readonly LegacyPlace? _olderExpires = binding.Places("older-expires") is [var expires, ..] ? expires : null;

    public override string Description =>
        $"{_access}, {_update} and {_expires} where one of the first two holds anything; else {_olderAccess}, {_olderUpdate}"
        + (_olderExpires is null ? ", which never expire. " : $" and {_olderExpires}. ")
        + "Written where they stand, new ones to the first; then no older ones are left beside them.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var isOlder = IsOlder(row);
        values[0] = (isOlder ? _olderAccess : _access).Text(row);
        values[1] = (isOlder ? _olderUpdate : _update).Text(row);
        values[2] = isOlder ? _olderExpires?.Timestamp(row) : _expires.Timestamp(row);
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var (access, update, expires) = ((string)values[0]!, (string)values[1]!, (DateTime?)values[2]);
        if (IsOlder(row) && (_olderExpires is not null || expires is null))
        {
            _olderAccess.SetText(row, binding.Fields[0], access);
            _olderUpdate.SetText(row, binding.Fields[1], update);
            _olderExpires?.SetTimestamp(row, binding.Fields[2], expires);
            return;
        }

        _access.SetText(row, binding.Fields[0], access);
        _update.SetText(row, binding.Fields[1], update);
        _expires.SetTimestamp(row, binding.Fields[2], expires);
        _olderAccess.Clear(row, binding.Fields[0]);
        _olderUpdate.Clear(row, binding.Fields[1]);
        _olderExpires?.Clear(row, binding.Fields[2]);
    }

    private bool IsOlder(LegacyCursor row) =>
        _access.IsEmpty(row) && _update.IsEmpty(row)
        && (!_olderAccess.IsEmpty(row) || !_olderUpdate.IsEmpty(row) || (_olderExpires is not null && !_olderExpires.IsEmpty(row) && !_expires.IsPresent(row)));
}

/// <summary>The converters of tokens that a context's mapping file may name.</summary>
public static class TokenConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddTokens(this ConverterRegistry registry) =>
        registry.Add("tokens", TokensConverter.Shape, static binding => new TokensConverter(binding));
}
