using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// Keyed hashes of a record's fields: they tell which field changed without being a second copy of personal data. Keyed, since a short
/// field (a status, a first name) could be guessed from a plain hash; the field's name goes in, so that equal values of two fields do not
/// look equal; the mapping's version goes in, so that hashes of different versions never agree by accident.
/// </summary>
public sealed class FieldHasher
{
    /// <summary>Bytes a field.</summary>
    public const int Size = 8;

    private readonly byte[] _key;
    private readonly int _mappingVersion;

    /// <param name="key">At least 16 bytes, the same on all replicas, kept out of the databases.</param>
    /// <param name="mappingVersion">The version of the mapping file.</param>
    public FieldHasher(byte[] key, int mappingVersion)
    {
        if (key.Length < 16)
        {
            throw new ArgumentException($"The hash key has {key.Length} bytes; it must have at least 16.", nameof(key));
        }

        _key = (byte[])key.Clone();
        _mappingVersion = mappingVersion;
    }

    /// <summary>8 bytes a field in the order of the schema.</summary>
    public byte[] Hash(Record record)
    {
        var hashes = new byte[record.Values.Length * Size];
        var buffer = new ArrayBufferWriter<byte>(256);
        Span<byte> full = stackalloc byte[HMACSHA256.HashSizeInBytes];
        for (var i = 0; i < record.Values.Length; i++)
        {
            buffer.ResetWrittenCount();
            RecordEncoding.Write(buffer, (long)_mappingVersion);
            RecordEncoding.Write(buffer, record.Schema.Fields[i].Name);
            RecordEncoding.Write(buffer, record.Values[i]);
            HMACSHA256.HashData(_key, buffer.WrittenSpan, full);
            full[..Size].CopyTo(hashes.AsSpan(i * Size));
        }

        return hashes;
    }

    /// <summary>A keyed hash of any one value, for masking it in reports: equal values look equal, nothing else can be told.</summary>
    public byte[] HashValue(object? value)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        RecordEncoding.Write(buffer, value);
        return HMACSHA256.HashData(_key, buffer.WrittenSpan)[..Size];
    }
}
