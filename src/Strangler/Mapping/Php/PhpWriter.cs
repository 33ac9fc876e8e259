using System.Globalization;

namespace Strangler.Mapping.Php;

/// <summary>Writes a value into memory of exactly the right size: measured first, then filled.</summary>
internal ref struct PhpWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;
    private int _at;

    public static int Measure(PhpValue value)
    {
        var size = Measure(value, 0);
        return size <= Array.MaxLength ? (int)size : throw new ArgumentException("The value is too large to serialize.", nameof(value));
    }

    public void Write(PhpValue value)
    {
        switch (value)
        {
            case PhpString text:
                WriteString(text.Bytes.Span);
                break;
            case PhpInt number:
                WriteInteger(number.Value);
                break;
            case PhpArray array:
                WriteArray(array);
                break;
            case PhpBool flag:
                Put(flag.Value ? "b:1;"u8 : "b:0;"u8);
                break;
            case PhpFloat number:
                Put("d:"u8);
                Put(number.Raw.Span);
                Put(";"u8);
                break;
            default:
                Put("N;"u8);
                break;
        }
    }

    private static long Measure(PhpValue value, int depth) => value switch
    {
        PhpString text => MeasureString(text.Bytes.Length),
        PhpInt number => 3 + Digits(number.Value),
        PhpArray array => MeasureArray(array, depth + 1),
        PhpBool => 4,
        PhpFloat number => 3 + number.Raw.Length,
        _ => 2,
    };

    private static long MeasureArray(PhpArray array, int depth)
    {
        if (depth > PhpLimits.HighestDepth)
        {
            throw new ArgumentException("The arrays are nested too deep to serialize; perhaps one contains itself.", nameof(array));
        }

        long size = 5 + Digits(array.Count);
        foreach (var (key, value) in array)
        {
            size += MeasureKey(key) + Measure(value, depth);
        }

        return size;
    }

    private static long MeasureKey(PhpKey key) =>
        !key.IsInt ? MeasureString(key.Bytes.Length)
        : key.IsWrittenAsText ? MeasureString(Digits(key.Number))
        : 3 + Digits(key.Number);

    private static long MeasureString(int length) => 6 + Digits(length) + (long)length;

    private static int Digits(long number)
    {
        var digits = number < 0 ? 2 : 1;
        for (var rest = number / 10; rest != 0; rest /= 10)
        {
            digits++;
        }

        return digits;
    }

    private void WriteArray(PhpArray array)
    {
        Put("a:"u8);
        PutNumber(array.Count);
        Put(":{"u8);
        foreach (var (key, value) in array)
        {
            WriteKey(key);
            Write(value);
        }

        Put("}"u8);
    }

    private void WriteKey(PhpKey key)
    {
        if (!key.IsInt)
        {
            WriteString(key.Bytes.Span);
        }
        else if (key.IsWrittenAsText)
        {
            Put("s:"u8);
            PutNumber(Digits(key.Number));
            Put(":\""u8);
            PutNumber(key.Number);
            Put("\";"u8);
        }
        else
        {
            WriteInteger(key.Number);
        }
    }

    private void WriteString(ReadOnlySpan<byte> text)
    {
        Put("s:"u8);
        PutNumber(text.Length);
        Put(":\""u8);
        Put(text);
        Put("\";"u8);
    }

    private void WriteInteger(long number)
    {
        Put("i:"u8);
        PutNumber(number);
        Put(";"u8);
    }

    private void PutNumber(long number)
    {
        number.TryFormat(_target[_at..], out var written, default, CultureInfo.InvariantCulture);
        _at += written;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_target[_at..]);
        _at += bytes.Length;
    }
}
