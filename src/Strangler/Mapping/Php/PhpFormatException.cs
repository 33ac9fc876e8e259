namespace Strangler.Mapping.Php;

/// <summary>
/// Data that isn't what PHP's <c>serialize()</c> writes, or holds what this codec refuses. Neither the message nor
/// the reason ever holds a piece of the data: it may be personal.
/// </summary>
public sealed class PhpFormatException(long offset, string reason) : FormatException($"Not readable at byte {offset}: {reason}.")
{
    /// <summary>Where the trouble begins, in bytes from the start of the serialized data.</summary>
    public long Offset { get; } = offset;

    /// <summary>What is wrong there: a phrase without full stop and without any content of the data.</summary>
    public string Reason { get; } = reason;
}
