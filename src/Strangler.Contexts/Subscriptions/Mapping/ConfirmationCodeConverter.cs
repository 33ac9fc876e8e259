using System.Text;
using System.Text.Unicode;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Subscriptions.Mapping;

/// <summary>A secret of 16 bytes that one generation of the program stored as they are, and the next as 32 hexadecimal digits.</summary>
internal sealed class ConfirmationCodeConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Text, FieldType.Code], [new ConverterPlace("code", Written: true)], []);

    private const int Size = 16;
    private const string LegacyText = "text";
    private const string LegacyBytes = "bytes";

    private readonly LegacyPlace _place = binding.Place("code");
    private readonly string _text = binding.Codes(1).First(code => code.Legacy == LegacyText).English;
    private readonly string _binary = binding.Codes(1).First(code => code.Legacy == LegacyBytes).English;

    public override string Description =>
        $"{Size} bytes in {_place} are the secret itself: {binding.Fields[0]} is then their hexadecimal form, in small letters, and {binding.Fields[1]} "
        + $"is {_binary}. Anything else is text as it stands: {_text}. Both are written back in the form that {binding.Fields[1]} says; a text of "
        + $"{Size} bytes is refused, since it would read as {_binary}.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var bytes = _place.Bytes(row) ?? [];
        if (bytes.Length == Size)
        {
            values[0] = Convert.ToHexStringLower(bytes);
            values[1] = _binary;
            return;
        }

        values[0] = Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new UnreadableException(_place.Name, $"is neither {Size} bytes nor UTF-8");
        values[1] = _text;
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var code = (string)values[0]!;
        _place.SetBytes(row, binding.Fields[0], (string)values[1]! == _binary ? FromDigits(code) : FromText(code));
    }

    private byte[] FromDigits(string code)
    {
        var isDigits = code.Length == 2 * Size && code.All(digit => digit is (>= '0' and <= '9') or (>= 'a' and <= 'f'));
        return isDigits
            ? Convert.FromHexString(code)
            : throw new CannotHoldException(binding.Fields[0], $"in the form {_binary} it has {2 * Size} hexadecimal digits, in small letters");
    }

    private byte[] FromText(string code)
    {
        byte[] bytes;
        try
        {
            bytes = new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(code);
        }
        catch (EncoderFallbackException)
        {
            throw new CannotHoldException(binding.Fields[0], "half a surrogate pair is no character");
        }

        return bytes.Length != Size
            ? bytes
            : throw new CannotHoldException(binding.Fields[0], $"legacy takes {Size} bytes for the form {_binary}");
    }
}
