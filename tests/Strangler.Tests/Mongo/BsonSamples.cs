using System.Globalization;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

/// <summary>Documents with every type and every oddity that bytes allow.</summary>
internal static class BsonSamples
{
    public static BsonDocument AllTypes { get; } = BsonDocument.Of(
        ("double", 1.5), ("negative zero", -0.0), ("infinity", double.NegativeInfinity), ("string", "Grüße\0 𝄞"), ("empty", ""),
        ("document", BsonDocument.Of(("a", 1), ("b", BsonDocument.Empty))),
        ("array", BsonArray.Of(1, "two", BsonArray.Empty, BsonValue.Null)),
        ("binary", new BsonBinary([1, 2, 3])), ("old binary", new BsonBinary([1, 2, 3], BsonBinary.OldGeneric)),
        ("uuid", BsonValue.FromUuid(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"))), ("own", new BsonBinary([], 0x80)),
        ("undefined", BsonValue.Undefined), ("oid", ObjectId.Parse("5b92f794844d0700016ea217")), ("true", true), ("false", false),
        ("date", BsonValue.FromMilliseconds(1616196860884)), ("first date", BsonValue.FromMilliseconds(long.MinValue)),
            ("null", BsonValue.Null),
        ("regex", BsonValue.FromRegex(new("^a.*", "mix"))),
            ("pointer", BsonValue.FromDbPointer(new("db.c", ObjectId.Parse("0123456789abcdef01234567")))),
        ("code", BsonValue.FromCode("return 1")), ("symbol", BsonValue.FromSymbol("s")),
        ("scoped", BsonValue.FromScopedCode(new("x", BsonDocument.Of(("x", 1))))), ("int32", int.MinValue),
        ("timestamp", new BsonTimestamp(uint.MaxValue, 7)), ("int64", long.MaxValue), ("decimal", Decimal128.Parse("-1.50E-20")),
        ("min", BsonValue.MinKey), ("max", BsonValue.MaxKey), ("", "no name"), ("a.b", "a dot"), ("$x", "a dollar"));

    /// <summary>Named by what is odd about them.</summary>
    public static IReadOnlyDictionary<string, byte[]> Odd { get; } = new Dictionary<string, byte[]>
    {
        ["empty"] = Hex("05000000 00"),
        ["duplicate names"] = Hex("13000000 10 6100 01000000 10 6100 02000000 00"),
        ["signalling NaN"] = Hex("10000000 01 6100 010000000000f47f 00"),
        ["negative NaN with payload"] = Hex("10000000 01 6100 efbeadde0000f8ff 00"),
        ["array with names out of order"] = Hex("1b000000 04 6100 13000000 10 3100 01000000 10 3000 02000000 00 00"),
        ["array with empty names"] = Hex("19000000 04 6100 11000000 10 00 01000000 10 00 02000000 00 00"),
        ["array with leading zeros"] = Hex("15000000 04 6100 0d000000 10 303000 05000000 00 00"),
        ["regex with options out of order"] = Hex("0e000000 0b 6100 6100 7a696100 00"),
        ["decimal128 that is not canonical"] = Hex("18000000 13 6400 ffffffffffffffffffffffffffff0b6c 00"),
        ["UUID of subtype 3 with 2 bytes"] = Hex("0f000000 05 6100 02000000 03 0102 00"),
        ["_id last"] = Hex("15000000 10 6100 01000000 10 5f696400 02000000 00"),
    };

    /// <summary>Hexadecimal digits with blanks.</summary>
    public static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    /// <summary>A document of random shape, never deeper than a few levels.</summary>
    public static BsonDocument Random(Random random, int depth = 0) =>
        BsonDocument.FromElements(Enumerable.Range(0, random.Next(depth == 0 ? 12 : 5))
        .Select(i => new BsonElement(random.Next(4) switch { 0 => "same", 1 => "", 2 => "naïve.$" + i, _ =>
            i.ToString(CultureInfo.InvariantCulture) },
            RandomValue(random, depth))));

    private static BsonValue RandomValue(Random random, int depth)
    {
        var bytes = new byte[random.Next(20)];
        random.NextBytes(bytes);
        var id = new byte[ObjectId.Size];
        random.NextBytes(id);
        return random.Next(depth > 3 ? 18 : 21) switch
        {
            0 => BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue)),
            1 => random.NextDouble() * 1000,
            2 => Text(random),
            3 => new BsonBinary(bytes, (byte)random.Next(256)),
            4 => BsonValue.Undefined,
            5 => new ObjectId(id),
            6 => random.Next(2) == 0,
            7 => BsonValue.FromMilliseconds(random.NextInt64(long.MinValue, long.MaxValue)),
            8 => BsonValue.Null,
            9 => BsonValue.FromRegex(new("a|b" + random.Next(9), "im")),
            10 => BsonValue.FromDbPointer(new(Text(random), new(id))),
            11 => BsonValue.FromCode(Text(random)),
            12 => BsonValue.FromSymbol(Text(random)),
            13 => random.Next(int.MinValue, int.MaxValue),
            14 => new BsonTimestamp((uint)random.Next(), (uint)random.Next()),
            15 => random.NextInt64(long.MinValue, long.MaxValue),
            16 => new Decimal128((ulong)random.NextInt64(long.MinValue, long.MaxValue),
                (ulong)random.NextInt64(long.MinValue, long.MaxValue)),
            17 => random.Next(2) == 0 ? BsonValue.MinKey : BsonValue.MaxKey,
            18 => Random(random, depth + 1),
            19 => BsonArray.FromValues(Enumerable.Range(0, random.Next(5)).Select(_ => RandomValue(random, depth + 1))),
            _ => BsonValue.FromScopedCode(new(Text(random), Random(random, depth + 1))),
        };
    }

    private static string Text(Random random) => string.Concat(Enumerable.Range(0, random.Next(10)).Select(_ => random.Next(5) switch
    {
        0 => "ß", 1 => "𝄞", 2 => "\0", 3 => "\"\\\n", _ => "x",
    }));
}
