namespace Strangler.Mapping.Php;

/// <summary>What a piece of serialized data may cost before it is refused.</summary>
public sealed record PhpLimits
{
    /// <summary>The deepest nesting that any limit may allow: reading is recursive, and a stack is finite.</summary>
    public const int HighestDepth = 512;

    public static PhpLimits Default { get; } = new();

    /// <summary>How many arrays may be nested in each other. 0 (scalars only) to <see cref="HighestDepth"/>, default 64.</summary>
    public int MaxDepth
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, HighestDepth);
            field = value;
        }
    } = 64;

    /// <summary>How long the serialized data may be, in bytes (after base64). Default 16 MiB.</summary>
    public int MaxBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = 16 * 1024 * 1024;
}
