using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Strangler.Mongo.Bson;

/// <summary>Writes documents one behind the other into memory of its own, which grows. Not thread-safe.</summary>
public sealed class BsonWriter
{
    private const int MaxDepth = 200;
    private const int Kept = 64 * 1024;

    [ThreadStatic]
    private static BsonWriter? _mine;

    private byte[] _buffer = new byte[512];
    private int _length;
    private int _depth;

    /// <summary>What was written; valid until something more is written.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    /// <summary>Bytes written.</summary>
    public int Length => _length;

    /// <summary>The thread's own, for a document that is written at one go; to be cleared after use.</summary>
    internal static BsonWriter Mine => _mine is { _buffer.Length: <= Kept } mine ? mine : _mine = new();

    /// <summary>Begins anew with the same memory.</summary>
    public void Clear() => (_length, _depth) = (0, 0);

    /// <summary>Takes back what was written since; between two values only.</summary>
    internal void CutTo(int length) => _length = length;

    /// <summary>Begins an outermost document.</summary>
    /// <returns>To be given to <see cref="End"/>.</returns>
    public int Begin()
    {
        if (_depth++ == MaxDepth)
            throw new InvalidOperationException($"More than {MaxDepth} levels of documents and arrays cannot be written.");
        var start = _length;
        Take(sizeof(int));
        return start;
    }

    /// <summary>Begins a document in a field.</summary>
    /// <returns>To be given to <see cref="End"/>.</returns>
    public int BeginDocument(string name)
    {
        Head(BsonType.Document, name);
        return Begin();
    }

    /// <summary>Begins an array in a field. Its values get their places as names: see <see cref="WriteValue"/> and
    /// <see cref="WriteRaw(int, ReadOnlySpan{byte})"/>.</summary>
    /// <returns>To be given to <see cref="End"/>.</returns>
    public int BeginArray(string name)
    {
        Head(BsonType.Array, name);
        return Begin();
    }

    /// <summary>Ends what began at <paramref name="start"/>.</summary>
    public void End(int start)
    {
        Take(1)[0] = 0;
        _depth--;
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(start), _length - start);
    }

    /// <summary>Writes a field.</summary>
    public void Write(string name, BsonValue value)
    {
        Head(value.Type, name);
        Body(value);
    }

    public void Write(string name, int value)
    {
        Head(BsonType.Int32, name);
        BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value);
    }

    public void Write(string name, long value)
    {
        Head(BsonType.Int64, name);
        BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);
    }

    public void Write(string name, string value)
    {
        Head(BsonType.String, name);
        Text(value);
    }

    /// <summary>Writes a field whose value is a document that is bytes already. They are not looked at.</summary>
    public void WriteRaw(string name, ReadOnlySpan<byte> document)
    {
        Head(BsonType.Document, name);
        document.CopyTo(Take(document.Length));
    }

    /// <summary>Writes an array's value that is a document's bytes already. They are not looked at.</summary>
    public void WriteRaw(int index, ReadOnlySpan<byte> document)
    {
        Head(BsonType.Document, index);
        document.CopyTo(Take(document.Length));
    }

    /// <summary>Writes an array's value.</summary>
    public void WriteValue(int index, BsonValue value)
    {
        Head(value.Type, index);
        Body(value);
    }

    /// <summary>Writes a whole document: an outermost one, or the next behind the last.</summary>
    public void WriteDocument(BsonDocument document)
    {
        var start = Begin();
        for (var i = 0; i < document.Count; i++)
            Write(document[i].Name, document[i].Value);
        End(start);
    }

    private void WriteArray(BsonArray array)
    {
        var start = Begin();
        for (var i = 0; i < array.Count; i++)
        {
            if (array.OddNames is { } names)
                Write(names[i], array[i]);
            else
                WriteValue(i, array[i]);
        }
        End(start);
    }

    private void Body(BsonValue value)
    {
        switch (value.Type)
        {
            case BsonType.Double:
                BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(double)), BitConverter.DoubleToInt64Bits(value.AsDouble));
                break;
            case BsonType.String:
                Text(value.AsString);
                break;
            case BsonType.Document:
                WriteDocument(value.AsDocument);
                break;
            case BsonType.Array:
                WriteArray(value.AsArray);
                break;
            case BsonType.Binary:
                Binary(value.AsBinary);
                break;
            case BsonType.ObjectId:
                value.AsObjectId.CopyTo(Take(ObjectId.Size));
                break;
            case BsonType.Boolean:
                Take(1)[0] = value.AsBoolean ? (byte)1 : (byte)0;
                break;
            case BsonType.DateTime:
                BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value.AsMilliseconds);
                break;
            case BsonType.Regex:
                CText(value.AsRegex.Pattern);
                CText(value.AsRegex.Options);
                break;
            case BsonType.DbPointer:
                Text(value.AsDbPointer.Collection);
                value.AsDbPointer.Id.CopyTo(Take(ObjectId.Size));
                break;
            case BsonType.Code:
                Text(value.AsCode);
                break;
            case BsonType.Symbol:
                Text(value.AsSymbol);
                break;
            case BsonType.CodeWithScope:
                ScopedCode(value.AsScopedCode);
                break;
            case BsonType.Int32:
                BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value.AsInt32);
                break;
            case BsonType.Timestamp:
                BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value.AsTimestamp.Bits);
                break;
            case BsonType.Int64:
                BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value.AsInt64);
                break;
            case BsonType.Decimal128:
                BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value.AsDecimal128.Low);
                BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value.AsDecimal128.High);
                break;
        }
    }

    private void Head(BsonType type, string name)
    {
        if (type == BsonType.Missing)
            throw new ArgumentException($"The field {name} has no value; leave it out.");
        Take(1)[0] = (byte)type;
        CText(name);
    }

    private void Head(BsonType type, int index)
    {
        if (type == BsonType.Missing)
            throw new ArgumentException("A value of the array is missing.");
        Span<byte> buffer = stackalloc byte[12];
        var name = BsonNames.Index(index, buffer);
        var target = Take(name.Length + 2);
        target[0] = (byte)type;
        name.CopyTo(target[1..]);
        target[^1] = 0;
    }

    private void Binary(BsonBinary binary)
    {
        var old = binary.Subtype == BsonBinary.OldGeneric;
        BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), binary.Bytes.Length + (old ? sizeof(int) : 0));
        Take(1)[0] = binary.Subtype;
        if (old)
            BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), binary.Bytes.Length);
        binary.Bytes.CopyTo(Take(binary.Bytes.Length));
    }

    private void ScopedCode(BsonScopedCode code)
    {
        var start = _length;
        Take(sizeof(int));
        Text(code.Code);
        WriteDocument(code.Scope);
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(start), _length - start);
    }

    private void Text(string text)
    {
        var start = _length;
        Take(sizeof(int));
        var length = Utf8(text);
        Take(1)[0] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(start), length + 1);
    }

    private void CText(string text)
    {
        var start = _length;
        var length = Utf8(text);
        if (_buffer.AsSpan(start, length).Contains((byte)0))
        {
            _length = start;
            throw new ArgumentException("A name or a regular expression cannot hold a NUL character.");
        }
        Take(1)[0] = 0;
    }

    /// <summary>Half of a surrogate pair is refused, not replaced.</summary>
    private int Utf8(string text)
    {
        var target = Take(Encoding.UTF8.GetMaxByteCount(text.Length));
        var status = System.Text.Unicode.Utf8.FromUtf16(text, target, out _, out var written, replaceInvalidSequences: false);
        _length -= target.Length - written;
        return status == OperationStatus.Done ? written
            : throw new ArgumentException("A text holds half of a surrogate pair, which UTF-8 cannot express.");
    }

    private Span<byte> Take(int length)
    {
        var needed = _length + (long)length;
        if (needed > _buffer.Length)
            Array.Resize(ref _buffer, (int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _buffer.Length)));
        var taken = _buffer.AsSpan(_length, length);
        _length += length;
        return taken;
    }
}
