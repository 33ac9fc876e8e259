namespace Strangler.Mongo.Bson;

/// <summary>What a document may be at most before it is refused.</summary>
/// <param name="MaxDepth">Levels of documents and arrays, the outermost included. 1 to 1,000; default 200, as servers have it.</param>
/// <param name="MaxSize">Bytes of the outermost document; default 48 MiB, more than a server sends in one message.</param>
public sealed record BsonLimits(int MaxDepth = 200, int MaxSize = 48 * 1024 * 1024)
{
    /// <summary>The defaults.</summary>
    public static BsonLimits Default { get; } = new();

    /// <summary>Bytes of a document that a server stores: 16 MiB.</summary>
    public const int MaxStoredSize = 16 * 1024 * 1024;

    internal BsonLimits Validated()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDepth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxDepth, 1000);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxSize, 5);
        return this;
    }
}
