namespace Strangler.Mapping.Php;

/// <summary>
/// One value as PHP's <c>serialize()</c> knows it. Scalars are immutable; <see cref="PhpArray"/> can be changed.
/// There are exactly six kinds: null, bool, int, float, string (bytes), array.
/// </summary>
public abstract class PhpValue
{
    private protected PhpValue()
    {
    }
}

/// <summary><c>N;</c></summary>
public sealed class PhpNull : PhpValue
{
    private PhpNull()
    {
    }

    public static PhpNull Instance { get; } = new();
}

/// <summary><c>b:0;</c> or <c>b:1;</c></summary>
public sealed class PhpBool : PhpValue
{
    private PhpBool(bool value) => Value = value;

    public static PhpBool True { get; } = new(true);

    public static PhpBool False { get; } = new(false);

    public bool Value { get; }

    public static PhpBool Of(bool value) => value ? True : False;
}

/// <summary><c>i:42;</c>, 64 bits as in every PHP that wrote our data.</summary>
public sealed class PhpInt : PhpValue
{
    private static readonly PhpInt[] _small = [.. Enumerable.Range(-1, 130).Select(static value => new PhpInt(value))];

    private PhpInt(long value) => Value = value;

    public long Value { get; }

    public static PhpInt Of(long value) => value is >= -1 and < 129 ? _small[value + 1] : new PhpInt(value);
}
