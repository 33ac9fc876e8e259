using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>Memory for one reply after another.</summary>
internal sealed class ReplyBuffer
{
    private const int Kept = 1024 * 1024;

    private byte[] _bytes = [];

    public ReadOnlyMemory<byte> Reply { get; private set; }

    /// <summary>Where a reply of that length is to be written.</summary>
    public Span<byte> Take(int length)
    {
        if (_bytes.Length < length)
            _bytes = GC.AllocateUninitializedArray<byte>(Math.Max(length, Math.Min(2 * _bytes.Length, Array.MaxLength)));
        Reply = _bytes.AsMemory(0, length);
        return _bytes.AsSpan(0, length);
    }

    public BsonDocument Parse() => BsonDocument.Parse(Reply.Span);

    /// <summary>Lets go of what only a large reply needed.</summary>
    public void Shrink()
    {
        if (_bytes.Length > Kept)
            (_bytes, Reply) = ([], default);
    }
}
