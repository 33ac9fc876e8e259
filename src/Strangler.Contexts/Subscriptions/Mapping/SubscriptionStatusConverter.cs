using System.Globalization;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Subscriptions.Mapping;

/// <summary>One number for confirmation and moderation, and NULL for neither.</summary>
internal sealed class SubscriptionStatusConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Code, FieldType.Boolean], [new ConverterPlace("status", Written: true)], []);

    private const long Moderated = 2;

    private static readonly object _true = true;
    private static readonly object _false = false;

    private readonly LegacyPlace _status = binding.Place("status");
    private readonly (string Legacy, string English)[] _codes = [.. binding.Codes(0)];
    private readonly Hidden _hidden = new(binding.Codes(0).First(code => code.Legacy == "0").English);

    public override string Description =>
        $"{Moderated} is moderated, and hides whether it was confirmed: derived as not, as the programs of that time took it. 0 and 1 are "
        + $"{binding.Fields[0]}, NULL says nothing of it. Negative numbers are of a scheme that no row was ever known to have, and are unreadable "
        + $"like all others. Moderation is written first: {Moderated}, else {binding.Fields[0]}.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        if (!_status.TryInteger(row, out var number, out var reason))
        {
            throw new UnreadableException(_status.Name, reason);
        }

        values[1] = _status.IsPresent(row) && number == Moderated ? _true : _false;
        values[0] = values[1] == _true ? _hidden
            : EnglishOf(_status.IsPresent(row) ? number.ToString(CultureInfo.InvariantCulture) : "") ?? throw _status.UnknownCode(row);
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        if ((bool)values[1]!)
        {
            _status.SetInteger(row, binding.Fields[1], Moderated);
            return;
        }

        var confirmation = (string)values[0]!;
        var code = Array.Find(_codes, known => known.English == confirmation).Legacy;
        if (code.Length == 0)
        {
            _status.Clear(row, binding.Fields[0]);
        }
        else
        {
            _status.FillInteger(row, binding.Fields[0], long.Parse(code, CultureInfo.InvariantCulture));
        }
    }

    private string? EnglishOf(string code)
    {
        foreach (var known in _codes)
        {
            if (known.Legacy == code)
            {
                return known.English;
            }
        }

        return null;
    }
}
