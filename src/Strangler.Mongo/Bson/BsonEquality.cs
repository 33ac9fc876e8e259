namespace Strangler.Mongo.Bson;

/// <summary>Equality and hashes of values under a <see cref="BsonComparison"/>.</summary>
internal static class BsonEquality
{
    public static bool AreEqual(BsonValue left, BsonValue right, BsonComparison comparison)
    {
        if (left.Type != right.Type)
            return comparison.HasFlag(BsonComparison.NumericType) && left.IsNumber && right.IsNumber && BsonNumbers.AreEqual(left, right);
        return left.Type switch
        {
            BsonType.Document => AreEqual(left.AsDocument, right.AsDocument, comparison),
            BsonType.Array => AreEqual(left.AsArray, right.AsArray, comparison),
            BsonType.CodeWithScope => left.AsScopedCode.Code == right.AsScopedCode.Code
                && AreEqual(left.AsScopedCode.Scope, right.AsScopedCode.Scope, comparison),
            BsonType.Double or BsonType.Decimal128 when comparison.HasFlag(BsonComparison.NumericType) => BsonNumbers.AreEqual(left, right),
            _ => left.SameBits(right) && Equals(left.Held, right.Held),
        };
    }

    public static bool AreEqual(BsonArray left, BsonArray right, BsonComparison comparison)
    {
        if (ReferenceEquals(left, right))
            return true;
        if (left.Count != right.Count)
            return false;
        for (var i = 0; i < left.Count; i++)
        {
            if (!AreEqual(left[i], right[i], comparison))
                return false;
        }
        return true;
    }

    public static bool AreEqual(BsonDocument left, BsonDocument right, BsonComparison comparison)
    {
        if (ReferenceEquals(left, right))
            return true;
        var (mine, other) = (Looked(left, comparison), Looked(right, comparison));
        if (mine.Count != other.Count)
            return false;
        for (var i = 0; i < mine.Count; i++)
        {
            if (mine[i].Name != other[i].Name || !AreEqual(mine[i].Value, other[i].Value, comparison))
                return false;
        }
        return true;
    }

    public static int Hash(BsonValue value, BsonComparison comparison) => value.Type switch
    {
        BsonType.Document => Hash(value.AsDocument, comparison),
        BsonType.Array => Hash(value.AsArray, comparison),
        BsonType.CodeWithScope => HashCode.Combine(value.AsScopedCode.Code, Hash(value.AsScopedCode.Scope, comparison)),
        _ when value.IsNumber && comparison.HasFlag(BsonComparison.NumericType) => BsonNumbers.Hash(value),
        _ => HashCode.Combine(value.BitsHash, value.Held),
    };

    public static int Hash(BsonArray array, BsonComparison comparison)
    {
        var hash = new HashCode();
        foreach (var value in array)
            hash.Add(Hash(value, comparison));
        return hash.ToHashCode();
    }

    private static int Hash(BsonDocument document, BsonComparison comparison)
    {
        var hash = new HashCode();
        var looked = Looked(document, comparison);
        for (var i = 0; i < looked.Count; i++)
        {
            hash.Add(looked[i].Name, StringComparer.Ordinal);
            hash.Add(Hash(looked[i].Value, comparison));
        }
        return hash.ToHashCode();
    }

    /// <summary>The fields as the comparison sees them.</summary>
    private static IReadOnlyList<BsonElement> Looked(BsonDocument document, BsonComparison comparison)
    {
        if ((comparison & (BsonComparison.FieldOrder | BsonComparison.NullIsMissing)) == 0)
            return document;
        IEnumerable<BsonElement> fields = document;
        if (comparison.HasFlag(BsonComparison.NullIsMissing))
            fields = fields.Where(element => !element.Value.IsNull);
        // Stable: fields of one name stay in their order.
        if (comparison.HasFlag(BsonComparison.FieldOrder))
            fields = fields.OrderBy(element => element.Name, StringComparer.Ordinal);
        return [.. fields];
    }
}
