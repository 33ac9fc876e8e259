using System.Diagnostics;
using System.Text;
using Strangler.LocalServers;
using Strangler.Mongo.Bson;
using Strangler.Tests.Mongo;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>The codec against Debian's python3-bson, byte for byte.</summary>
[CancelAfter(120_000)]
public sealed class BsonCrossCheckTests
{
    /// <summary>
    /// Line by line: <c>again HEX</c> reads a document and writes it anew, <c>json HEX</c> and <c>relaxed HEX</c> write it as Extended
    /// JSON, <c>decimal TEXT</c>
    /// gives the bits and the text of a decimal128, <c>make N</c> invents a document.
    /// </summary>
    private const string Script = """
        import datetime, decimal, random, sys, types
        # json_util wants one name of a package that is not there.
        sys.modules['pymongo'] = types.ModuleType('pymongo')
        sys.modules['pymongo.errors'] = types.ModuleType('pymongo.errors')
        sys.modules['pymongo.errors'].ConfigurationError = ValueError
        import bson
        from bson import Binary, Code, DBRef, Int64, MaxKey, MinKey, ObjectId, Regex, SON, Timestamp, json_util
        from bson.binary import UuidRepresentation
        from bson.codec_options import CodecOptions
        from bson.decimal128 import Decimal128

        options = CodecOptions(document_class=SON, uuid_representation=UuidRepresentation.UNSPECIFIED, tz_aware=True)

        def text(r):
            return r.choice(['', 'a', 'ß𝄞', '\0', '"\\']) * r.randrange(4)

        def moment(r):
            first = datetime.datetime(1970, 1, 1, tzinfo=bson.tz_util.utc)
            return first + datetime.timedelta(milliseconds=r.randrange(-6 * 10**13, 25 * 10**13))

        def some(r, count):
            return bytes(r.randrange(256) for _ in range(count))

        def invent(r, depth=0):
            def value():
                return r.choice([
                    lambda: r.uniform(-1e9, 1e9), lambda: float(r.randrange(10)), lambda: float('inf'), lambda: text(r),
                    lambda: invent(r, depth + 1) if depth < 4 else SON(),
                        lambda: [value() for _ in range(r.randrange(4))] if depth < 4 else [],
                    lambda: Binary(some(r, r.randrange(30)), r.choice([0, 2, 5, 128])), lambda: Binary(some(r, 16), r.choice([3, 4])),
                        lambda: ObjectId(some(r, 12)),
                    lambda: r.random() < 0.5, lambda: moment(r), lambda: None,
                        lambda: Regex('a' * r.randrange(4), r.choice(['', 'im', 'x'])),
                    lambda: Code('x' * r.randrange(4)), lambda: Code('x', SON([('y', 1)])), lambda: r.randrange(-2**31, 2**31),
                    lambda: Int64(r.randrange(-2**63, 2**63)), lambda: Timestamp(r.randrange(2**32), r.randrange(2**32)),
                    lambda: Decimal128(decimal.Decimal(r.randrange(-10**20, 10**20)).scaleb(r.randrange(-40, 40))), MinKey, MaxKey])()
            return SON((r.choice(['', 'a', '$x', 'ü.b']) + str(i), value()) for i in range(r.randrange(12)))

        def answer(verb, rest):
            if verb == 'again':
                return bson.encode(bson.decode(bytes.fromhex(rest), options), codec_options=options).hex()
            if verb == 'json':
                return json_util.dumps(bson.decode(bytes.fromhex(rest), options), json_options=json_util.CANONICAL_JSON_OPTIONS)
            if verb == 'relaxed':
                return json_util.dumps(bson.decode(bytes.fromhex(rest), options), json_options=json_util.RELAXED_JSON_OPTIONS)
            if verb == 'decimal':
                value = Decimal128(rest)
                return value.bid.hex() + ' ' + str(value)
            return bson.encode(invent(random.Random(int(rest))), codec_options=options).hex()

        for line in sys.stdin:
            verb, _, rest = line.rstrip('\n').partition(' ')
            try:
                print(answer(verb, rest).replace('\n', ' '), flush=True)
            except Exception as e:
                print('error ' + type(e).__name__, flush=True)
        """;

    private Process _python = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        // Brings the packages, too.
        await MongoServers.SharedAsync();
        var start = new ProcessStartInfo(ServerPackages.Python) { RedirectStandardInput = true, RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8 };
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        foreach (var argument in (string[])["-B", "-c", Script])
            start.ArgumentList.Add(argument);
        _python = Process.Start(start)!;
    }

    [OneTimeTearDown]
    public async Task End()
    {
        _python.StandardInput.Close();
        await _python.WaitForExitAsync();
        _python.Dispose();
    }

    [Test]
    public async Task What_python_invents_is_read_and_written_alike()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var bytes = Convert.FromHexString(await AskAsync($"make {seed}"));
            var document = BsonDocument.Parse(bytes);
            Assert.That(document.ToBytes(), Is.EqualTo(bytes), $"seed {seed}");
            Assert.That(ExtendedJson.Read(document.ToJson()).ToBytes(), Is.EqualTo(bytes), $"seed {seed}");
        }
    }

    [Test]
    public async Task What_we_write_python_reads_and_writes_alike()
    {
        // Python makes another type of a deprecated one, has no dates outside of the years 1 to 9999, and puts _id first.
        var ours = BsonSamples.AllTypes.Without("undefined").Without("symbol").Without("pointer").Without("first date").Without("regex").ToBytes();
        Assert.That(await AskAsync($"again {Convert.ToHexStringLower(ours)}"), Is.EqualTo(Convert.ToHexStringLower(ours)));
        foreach (var (name, bytes) in BsonSamples.Odd.Where(odd => 
            !odd.Key.Contains("duplicate") && !odd.Key.Contains("array") && !odd.Key.Contains("regex") && !odd.Key.Contains("UUID")
            && odd.Key != "_id last"))
            Assert.That(await AskAsync($"again {Convert.ToHexStringLower(bytes)}"), Is.EqualTo(Convert.ToHexStringLower(bytes)), name);
    }

    [TestCase("json")]
    [TestCase("relaxed")]
    public async Task Extended_JSON_of_either_means_the_same(string form)
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var bytes = Convert.FromHexString(await AskAsync($"make {seed}"));
            var theirs = ExtendedJson.Read(await AskAsync($"{form} {Convert.ToHexStringLower(bytes)}"));
            var ours = ExtendedJson.Read(ExtendedJson.Write(BsonDocument.Parse(bytes), relaxed: form == "relaxed"));
            // The relaxed form may make an int32 of an int64, in either.
            Assert.That(ours.Equals(theirs, form == "json" ? BsonComparison.Exact : BsonComparison.NumericType), Is.True, $"seed {seed}");
        }
    }

    [TestCase("0")]
    [TestCase("-0")]
    [TestCase("0.00")]
    [TestCase("-1.50E-20")]
    [TestCase("1E+6111")]
    [TestCase("1E+6144")]
    [TestCase("1E-6176")]
    [TestCase("9.999999999999999999999999999999999E+6144")]
    [TestCase("1234567890123456789012345678901234")]
    [TestCase("0.000001234")]
    [TestCase("0.0000001234")]
    [TestCase("123400000E-5")]
    [TestCase("100E-6178")]
    [TestCase("0E+7000")]
    [TestCase("Infinity")]
    [TestCase("-inf")]
    [TestCase("NaN")]
    [TestCase("1E+6145")]
    [TestCase("1E-6177")]
    [TestCase("12345678901234567890123456789012345")]
    [TestCase("abc")]
    public async Task Decimal128_texts_have_the_same_bits(string text)
    {
        var theirs = await AskAsync($"decimal {text}");
        var ours = Decimal128.TryParse(text, out var value)
            ? $"{Convert.ToHexStringLower(BitConverter.GetBytes(value.Low))}{Convert.ToHexStringLower(BitConverter.GetBytes(value.High))} {value}"
            : "error";
        Assert.That(ours, theirs.StartsWith("error", StringComparison.Ordinal) ? Is.EqualTo("error") : Is.EqualTo(theirs));
    }

    private async Task<string> AskAsync(string question)
    {
        await _python.StandardInput.WriteLineAsync(question);
        await _python.StandardInput.FlushAsync();
        return await _python.StandardOutput.ReadLineAsync() ?? throw new AssertionException("python ended");
    }
}
