using System.Text;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping.Php;

/// <summary>Random trees from a seed: the same seed gives the same tree.</summary>
internal sealed class RandomPhp(int seed)
{
    private static readonly double[] _oddFloats =
        [0, -0.0, 0.1, 1e23, 1e25, 1e17, 1e16, 1e-4, 1e-5, 5e-324, double.MaxValue, double.NaN, double.PositiveInfinity,
            double.NegativeInfinity];

    private static readonly string[] _oddKeys =
        ["", "0", "-0", "08", "8", "-8", "+8", "1.5", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "16R1", "ä"];

    private readonly Random _random = new(seed);

    public PhpArray Array(int depth = 4)
    {
        var array = new PhpArray();
        for (var count = _random.Next(_random.Next(10) == 0 ? 80 : 8); count > 0; count--)
        {
            array.Set(Key(), Value(depth - 1));
        }

        return array;
    }

    public PhpValue Value(int depth) => _random.Next(depth > 0 ? 8 : 6) switch
    {
        0 => PhpNull.Instance,
        1 => PhpBool.Of(_random.Next(2) == 0),
        2 => PhpInt.Of(_random.Next(3) == 0 ? _random.NextInt64(long.MinValue, long.MaxValue) : _random.Next(-200, 200)),
        3 => PhpFloat.Of(Double()),
        4 => PhpString.Of(Bytes()),
        5 => PhpString.Of("Müller " + _random.Next(1000)),
        _ => Array(depth),
    };

    public byte[] Bytes()
    {
        var bytes = new byte[_random.Next(20)];
        _random.NextBytes(bytes);
        return bytes;
    }

    public double Double() => _random.Next(3) switch
    {
        0 => _oddFloats[_random.Next(_oddFloats.Length)],
        1 => Math.Round((_random.NextDouble() - 0.5) * 10000, 2),
        _ => BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue)),
    };

    private PhpKey Key() => _random.Next(4) switch
    {
        0 => PhpKey.Of(_random.NextInt64(-50, 50)),
        1 => PhpKey.Of(_oddKeys[_random.Next(_oddKeys.Length)]),
        2 => PhpKey.Of(Bytes()),
        _ => PhpKey.Of("key" + _random.Next(1000)),
    };
}

/// <summary>Trees compared value by value, by other code than the one that is tested.</summary>
internal static class PhpTree
{
    public static string Describe(PhpValue value) => value switch
    {
        PhpNull => "null",
        PhpBool flag => flag.Value ? "true" : "false",
        PhpInt number => "int " + number.Value,
        PhpFloat number => "float " + BitConverter.DoubleToInt64Bits(number.Value) + " " + Encoding.ASCII.GetString(number.Raw.Span),
        PhpString text => "bytes " + Convert.ToHexString(text.Bytes.Span),
        PhpArray array => "{" + string.Join(", ", array.Select(e => DescribeKey(e.Key) + " => " + Describe(e.Value))) + "}",
        _ => throw new NotSupportedException(),
    };

    private static string DescribeKey(PhpKey key) => key.IsInt ? "int " + key.Number : "bytes " + Convert.ToHexString(key.Bytes.Span);
}
