using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
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
    private readonly ConcurrentBag<Worker> _workers = [];
    private readonly ConditionalWeakTable<RecordSchema, FieldHashes[]> _fields = [];

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
        var worker = _workers.TryTake(out var idle) ? idle : new Worker(_key);
        try
        {
            var fields = FieldsOf(record.Schema, worker);
            for (var i = 0; i < fields.Length; i++)
            {
                fields[i].Hash(record.Values[i], worker, hashes.AsSpan(i * Size, Size));
            }
        }
        finally
        {
            _workers.Add(worker);
        }

        return hashes;
    }

    /// <summary>The hash of one field's value, as in <see cref="Hash(Record)"/>.</summary>
    internal void Hash(RecordSchema schema, int ordinal, object? value, Span<byte> target)
    {
        var worker = _workers.TryTake(out var idle) ? idle : new Worker(_key);
        try
        {
            FieldsOf(schema, worker)[ordinal].Hash(value, worker, target);
        }
        finally
        {
            _workers.Add(worker);
        }
    }

    /// <summary>Whether the field's hash among those of a record (<see cref="Hash(Record)"/>), whatever follows them, is the value's.</summary>
    internal bool IsHashOf(ReadOnlySpan<byte> hashes, RecordSchema schema, int ordinal, object? value)
    {
        Span<byte> hash = stackalloc byte[Size];
        Hash(schema, ordinal, value, hash);
        return hash.SequenceEqual(hashes.Slice(ordinal * Size, Size));
    }

    private FieldHashes[] FieldsOf(RecordSchema schema, Worker worker) =>
        _fields.TryGetValue(schema, out var fields)
            ? fields
            : _fields.GetValue(schema, known => [.. known.Fields.Select(field => new FieldHashes(field, _mappingVersion, worker))]);

    /// <summary>A keyed hash of any one value, for masking it in reports: equal values look equal, nothing else can be told.</summary>
    public byte[] HashValue(object? value)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        RecordEncoding.Write(buffer, value);
        return HMACSHA256.HashData(_key, buffer.WrittenSpan)[..Size];
    }

    /// <summary>
    /// One field: what stands before its value, and the hashes of the values that most records have (nothing, false, true, 0, a code). They are public anyway,
    /// so that keeping them keeps nothing personal.
    /// </summary>
    private sealed class FieldHashes
    {
        private readonly byte[] _prefix;
        private readonly byte[] _null;
        private readonly byte[] _false;
        private readonly byte[] _true;
        private readonly byte[] _zero;
        private readonly byte[] _noRows;
        private readonly Dictionary<string, byte[]> _texts = new(StringComparer.Ordinal);

        public FieldHashes(RecordField field, int mappingVersion, Worker worker)
        {
            var prefix = new ArrayBufferWriter<byte>(64);
            RecordEncoding.Write(prefix, (long)mappingVersion);
            RecordEncoding.Write(prefix, field.Name);
            _prefix = prefix.WrittenSpan.ToArray();
            (_null, _false, _true) = (Known(null), Known(false), Known(true));
            (_zero, _noRows) = (Known(0L), Known(RecordList.Empty));
            _texts.Add("", Known(""));
            foreach (var code in field.Codes)
            {
                _texts.TryAdd(code, Known(code));
            }

            byte[] Known(object? value)
            {
                var hash = new byte[Size];
                worker.Hash(_prefix, value, hash);
                return hash;
            }
        }

        public void Hash(object? value, Worker worker, Span<byte> target)
        {
            var known = value switch
            {
                null => _null,
                bool flag => flag ? _true : _false,
                0L => _zero,
                string text => _texts.GetValueOrDefault(text),
                RecordList { Count: 0 } => _noRows,
                _ => null,
            };
            if (known is null)
            {
                worker.Hash(_prefix, value, target);
            }
            else
            {
                known.CopyTo(target);
            }
        }
    }

    /// <summary>The keyed hash with its buffer, to be used again: setting it up costs more than hashing a field. For one thread at a time.</summary>
    private sealed class Worker(byte[] key)
    {
        private readonly ArrayBufferWriter<byte> _buffer = new(256);
        private readonly IncrementalHash _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);

        public void Hash(ReadOnlySpan<byte> prefix, object? value, Span<byte> target)
        {
            Span<byte> full = stackalloc byte[HMACSHA256.HashSizeInBytes];
            _buffer.ResetWrittenCount();
            _buffer.Write(prefix);
            RecordEncoding.Write(_buffer, value);
            _hash.AppendData(_buffer.WrittenSpan);
            _hash.GetHashAndReset(full);
            full[..Size].CopyTo(target);
        }
    }
}
