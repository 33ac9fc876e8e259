using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Donations.Mapping;

/// <summary>One letter for payment state, moderation and cancellation.</summary>
internal sealed class DonationStatusConverter : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Code, FieldType.Boolean, FieldType.Boolean],
        [
            new ConverterPlace("status", Written: true),
            new ConverterPlace("payment-type", Written: false),
            new ConverterPlace("payer", Written: false),
            new ConverterPlace("transaction", Written: false),
            new ConverterPlace("confirmed", Written: false),
        ],
        []);

    private const string Cancelled = "D";
    private const string Moderated = "P";

    private static readonly object _true = true;
    private static readonly object _false = false;
    private static readonly Hidden _notModerated = new(false);

    private readonly string _field;
    private readonly LegacyPlace _status;
    private readonly LegacyPlace _paymentType;
    private readonly LegacyPlace _payer;
    private readonly LegacyPlace _transaction;
    private readonly LegacyPlace _confirmed;
    private readonly (string Letter, string State)[] _states;
    private readonly Dictionary<string, Hidden> _hidden;

    public DonationStatusConverter(ConverterBinding binding)
    {
        _field = binding.Fields[0];
        _status = binding.Place("status");
        _paymentType = binding.Place("payment-type");
        _payer = binding.Place("payer");
        _transaction = binding.Place("transaction");
        _confirmed = binding.Place("confirmed");
        _states = [.. binding.Codes(0)];
        _hidden = _states.ToDictionary(state => state.State, state => new Hidden(state.State));
    }

    public override string Description =>
        $"{Cancelled} is cancelled and hides the other two; {Moderated} is moderated and hides the payment state; "
        + "any other letter is the payment state. A hidden payment state is derived from the payment data: direct debit and cash need "
        + "none (new, booked), a bank transfer is promised, PayPal with a payer or a transaction and a credit card with a transaction "
        + "are booked, Sofort with a confirmation is promised, all others are incomplete. The letter stays while it says nothing that the "
        + $"record denies; else it is written by priority: {Cancelled}, {Moderated}, payment state.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var letter = _status.Text(row);
        values[1] = _false;
        values[2] = _false;
        switch (letter)
        {
            case Cancelled:
                values[0] = _hidden[Derive(row)];
                values[1] = _notModerated;
                values[2] = _true;
                break;
            case Moderated:
                values[0] = _hidden[Derive(row)];
                values[1] = _true;
                break;
            default:
                values[0] = StateOf(letter) ?? throw _status.UnknownCode(row);
                break;
        }
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var letter = (bool)values[2]! ? Cancelled : (bool)values[1]! ? Moderated : LetterOf((string)values[0]!);
        _status.SetText(row, _field, letter);
    }

    private string? StateOf(string letter)
    {
        foreach (var (known, state) in _states)
        {
            if (string.Equals(known, letter, StringComparison.Ordinal))
            {
                return state;
            }
        }

        return null;
    }

    private string LetterOf(string state) => Array.Find(_states, known => known.State == state).Letter;

    private string Derive(LegacyCursor row) => _paymentType.Text(row) switch
    {
        "BEZ" => "new",
        "UEB" => "promised",
        "PPL" => _payer.IsEmpty(row) && _transaction.IsEmpty(row) ? "incomplete" : "booked",
        "MCP" or "MBK" => _transaction.IsEmpty(row) ? "incomplete" : "booked",
        "SUB" => _confirmed.Timestamp(row) is null ? "incomplete" : "promised",
        "CSH" => "booked",
        _ => throw _paymentType.UnknownCode(row),
    };
}
