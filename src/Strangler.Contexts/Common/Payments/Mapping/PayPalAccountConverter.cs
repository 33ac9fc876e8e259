using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.Payments.Mapping;

/// <summary>The provider's account, which of a PayPal payment is the payer's id once more.</summary>
internal sealed class PayPalAccountConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Text, FieldType.Text],
        [
            new ConverterPlace("payment-type", Written: false),
            new ConverterPlace("payer", Written: true),
            new ConverterPlace("account", Written: true),
        ],
        []);

    private readonly LegacyPlace _paymentType = binding.Place("payment-type");
    private readonly LegacyPlace _payer = binding.Place("payer");
    private readonly LegacyPlace _account = binding.Place("account");

    public override string Description =>
        $"{_account} is {binding.Fields[1]}; of a PayPal payment only where it says something else than {_payer}. While both say the same, "
        + $"a new {binding.Fields[0]} is written to both.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var payer = _payer.Text(row);
        var account = _account.Text(row);
        values[0] = payer;
        values[1] = IsPayPal(row) && string.Equals(account, payer, StringComparison.Ordinal) ? "" : account;
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var (payer, account) = ((string)values[0]!, (string)values[1]!);
        if (!IsPayPal(row))
        {
            _payer.SetText(row, binding.Fields[0], payer);
            _account.SetText(row, binding.Fields[1], account);
            return;
        }

        if (account.Length > 0 && account == payer)
        {
            throw new CannotHoldException(
                binding.Fields[1], $"of a PayPal payment it stands only where it differs from {binding.Fields[0]}");
        }

        var isMissing = _account.IsEmpty(row) && !_payer.IsEmpty(row);
        _payer.SetText(row, binding.Fields[0], payer);
        _account.SetText(
            row, account.Length > 0 ? binding.Fields[1] : binding.Fields[0], account.Length > 0 ? account : isMissing ? "" : payer);
    }

    private bool IsPayPal(LegacyCursor row) => string.Equals(_paymentType.Text(row), "PPL", StringComparison.Ordinal);
}
