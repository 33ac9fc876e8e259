using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// An injective encoding of canonical values: type-tagged and length-prefixed, null distinct from "", text by code unit (UTF-8 would fold
/// lone surrogates into one another). Only ever hashed, never stored.
/// </summary>
internal static class RecordEncoding
{
    public static void Write(ArrayBufferWriter<byte> target, object? value)
    {
        switch (value)
        {
            case null:
                Tag(target, 0);
                break;
            case bool flag:
                Tag(target, flag ? (byte)2 : (byte)1);
                break;
            case long number:
                Tag(target, 3);
                Number(target, number);
                break;
            case string text:
                Tag(target, 4);
                Number(target, text.Length);
                target.Write(MemoryMarshal.AsBytes(text.AsSpan()));
                break;
            case DateTime moment:
                Tag(target, 5);
                Number(target, moment.Ticks);
                break;
            case DateOnly date:
                Tag(target, 6);
                Number(target, date.DayNumber);
                break;
            case byte[] bytes:
                Tag(target, 7);
                Number(target, bytes.Length);
                target.Write(bytes);
                break;
            case RecordList list:
                Tag(target, 8);
                WriteList(target, list);
                break;
            case Hidden hidden:
                Tag(target, 9);
                Write(target, hidden.Derived);
                break;
            case double number:
                Tag(target, 10);
                Number(target, BitConverter.DoubleToInt64Bits(number + 0d));
                break;
            default:
                throw new ArgumentException($"{value.GetType()} is no canonical type.", nameof(value));
        }
    }

    /// <summary>
    /// The unkeyed 16-byte hash of a record as loaded; empty for none. Kept in memory and in ETags only: it says whether a row has changed,
    /// nothing else.
    /// </summary>
    public static byte[] ContentHash(Record? record)
    {
        if (record is null)
        {
            return [];
        }

        var buffer = new ArrayBufferWriter<byte>(1024);
        foreach (var value in record.Values)
        {
            Write(buffer, value);
        }

        return SHA256.HashData(buffer.WrittenSpan)[..16];
    }

    private static void WriteList(ArrayBufferWriter<byte> target, RecordList list)
    {
        Number(target, list.Count);
        foreach (var row in list.Rows)
        {
            Number(target, row.Length);
            foreach (var value in row)
            {
                Write(target, value);
            }
        }
    }

    private static void Tag(ArrayBufferWriter<byte> target, byte tag)
    {
        target.GetSpan(1)[0] = tag;
        target.Advance(1);
    }

    private static void Number(ArrayBufferWriter<byte> target, long number)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target.GetSpan(8), number);
        target.Advance(8);
    }
}
