using System.Buffers.Binary;
using System.Text;

namespace Strangler.Mongo.Bson;

/// <summary>
/// Finds out which fields enclose a byte. Asked only when a reader has failed there: what lies before is in order, and so the way to it
/// can be walked again,
/// instead of being kept by everybody who reads.
/// </summary>
internal static class BsonPath
{
    private const int MostNames = 30;

    public static string To(ReadOnlySpan<byte> root, int offset)
    {
        var path = new StringBuilder();
        var (start, end) = (0, root.Length - 1);
        for (var names = 0; names < MostNames && Find(root, start, end, offset, out var name, out var value, out var next); names++)
        {
            path.Append(path.Length == 0 ? "" : ".").Append(Encoding.UTF8.GetString(root[name]));
            if ((BsonType)root[name.Start.Value - 1] is not (BsonType.Document or BsonType.Array))
                break;
            (start, end) = (value, next);
        }
        return path.ToString();
    }

    /// <summary>The field of the document at <paramref name="start"/> within which the offset lies.</summary>
    private static bool Find(ReadOnlySpan<byte> root, int start, int end, int offset, out Range name, out int value, out int next)
    {
        (name, value, next) = (default, 0, 0);
        for (var at = start + sizeof(int); at < end && at <= offset && root[at] != 0; at = next)
        {
            var length = root[(at + 1)..].IndexOf((byte)0);
            if (length < 0)
                return false;
            name = new(at + 1, at + 1 + length);
            value = at + length + 2;
            next = Math.Min(value + Length(root[Math.Min(value, root.Length)..], (BsonType)root[at]), root.Length);
            if (offset < next || next >= end)
                return true;
        }
        return false;
    }

    /// <summary>What a value says of its own length; as far as the end where it says nothing sensible.</summary>
    private static int Length(ReadOnlySpan<byte> rest, BsonType type) => type switch
    {
        BsonType.Undefined or BsonType.Null or BsonType.MinKey or BsonType.MaxKey => 0,
        BsonType.Boolean => 1,
        BsonType.Int32 => sizeof(int),
        BsonType.Double or BsonType.DateTime or BsonType.Timestamp or BsonType.Int64 => sizeof(long),
        BsonType.ObjectId => ObjectId.Size,
        BsonType.Decimal128 => 2 * sizeof(ulong),
        BsonType.String or BsonType.Code or BsonType.Symbol => Said(rest, sizeof(int)),
        BsonType.Document or BsonType.Array or BsonType.CodeWithScope => Said(rest, 0),
        BsonType.Binary => Said(rest, sizeof(int) + 1),
        BsonType.DbPointer => Said(rest, sizeof(int) + ObjectId.Size),
        BsonType.Regex when rest.IndexOf((byte)0) is var pattern and >= 0 && rest[(pattern + 1)..].IndexOf((byte)0) is var options and >= 0
            => pattern + options + 2,
        _ => rest.Length,
    };

    private static int Said(ReadOnlySpan<byte> rest, int more)
    {
        var said = rest.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(rest) : -1;
        return said < 0 || said > rest.Length - more ? rest.Length : said + more;
    }
}
