using NUnit.Framework;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

public sealed class ExtendedJsonTests
{
    [Test]
    public void The_canonical_form_keeps_every_type()
    {
        // A signalling NaN and the names within an odd array are what JSON has no words for.
        for (var seed = 0; seed < 500; seed++)
        {
            var document = BsonSamples.Random(new Random(seed));
            var read = ExtendedJson.Read(ExtendedJson.Write(document, indented: seed % 2 == 0));
            Assert.That(read.Equals(document, BsonComparison.NumericType), Is.True, $"seed {seed}");
        }
        Assert.That(ExtendedJson.Read(BsonSamples.AllTypes.Without("").ToJson()).ToBytes(),
            Is.EqualTo(BsonSamples.AllTypes.Without("").ToBytes()));
    }

    [TestCase("""{"a":{"$numberInt":"1"}}""", """{"a":1}""")]
    [TestCase("""{"a":{"$numberLong":"9007199254740993"}}""", """{"a":9007199254740993}""")]
    [TestCase("""{"a":{"$numberDouble":"1.0"}}""", """{"a":1.0}""")]
    [TestCase("""{"a":{"$numberDouble":"-0.0"}}""", """{"a":-0.0}""")]
    [TestCase("""{"a":{"$numberDouble":"1.5E+300"}}""", """{"a":1.5E+300}""")]
    [TestCase("""{"a":{"$numberDouble":"NaN"}}""", """{"a":{"$numberDouble":"NaN"}}""")]
    [TestCase("""{"a":{"$date":{"$numberLong":"0"}}}""", """{"a":{"$date":"1970-01-01T00:00:00Z"}}""")]
    [TestCase("""{"a":{"$date":{"$numberLong":"1356351330501"}}}""", """{"a":{"$date":"2012-12-24T12:15:30.501Z"}}""")]
    [TestCase("""{"a":{"$date":{"$numberLong":"-1"}}}""", """{"a":{"$date":{"$numberLong":"-1"}}}""")]
    [TestCase("""{"a":{"$date":{"$numberLong":"253402300800000"}}}""", """{"a":{"$date":{"$numberLong":"253402300800000"}}}""")]
    [TestCase("""{"a":{"$oid":"56e1fc72e0c917e9c4714161"}}""", """{"a":{"$oid":"56e1fc72e0c917e9c4714161"}}""")]
    [TestCase("""{"a":{"$binary":{"base64":"//8=","subType":"00"}}}""", """{"a":{"$binary":{"base64":"//8=","subType":"00"}}}""")]
    [TestCase("""{"a":{"$timestamp":{"t":4294967295,"i":1}}}""", """{"a":{"$timestamp":{"t":4294967295,"i":1}}}""")]
    [TestCase("""{"a":{"$numberDecimal":"1.50"},"b":{"$undefined":true},"c":{"$minKey":1}}""", """{"a":{"$numberDecimal":"1.50"},"b":{"$undefined":true},"c":{"$minKey":1}}""")]
    [TestCase("""{"ü":"ä\"\\\n"}""", """{"ü":"ä\"\\\n"}""")]
    public void Both_forms(string canonical, string relaxed)
    {
        var document = ExtendedJson.Read(canonical);
        Assert.Multiple(() =>
        {
            Assert.That(ExtendedJson.Write(document), Is.EqualTo(canonical));
            Assert.That(ExtendedJson.Write(document, relaxed: true), Is.EqualTo(relaxed));
            Assert.That(ExtendedJson.Read(relaxed), Is.EqualTo(document));
        });
    }

    [TestCase("""{"a":2147483648}""", BsonType.Int64)]
    [TestCase("""{"a":-2147483648}""", BsonType.Int32)]
    [TestCase("""{"a":9223372036854775808}""", BsonType.Double)]
    [TestCase("""{"a":1e3}""", BsonType.Double)]
    [TestCase("""{"a":-0}""", BsonType.Double)]
    [TestCase("""{"a":{"$date":"2020-01-01T00:00:00+01:00"}}""", BsonType.DateTime)]
    [TestCase("""{"a":{"$date":"2020-01-01T00:00:00.123456Z"}}""", BsonType.DateTime)]
    [TestCase("""{"a":{"$date":1616196860884}}""", BsonType.DateTime)]
    [TestCase("""{"a":{"$binary":"AQID","$type":"04"}}""", BsonType.Binary)]
    [TestCase("""{"a":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}}""", BsonType.Binary)]
    [TestCase("""{"a":{"$scope":{},"$code":"x"}}""", BsonType.CodeWithScope)]
    [TestCase("""{"a":{"$ref":"c","$id":{"$oid":"56e1fc72e0c917e9c4714161"}}}""", BsonType.Document)]
    [TestCase("""{"a":{"$regex":"^a","$options":"i"}}""", BsonType.Document)]
    [TestCase("""{"a":{"$gt":1}}""", BsonType.Document)]
    public void Other_writers_forms_are_read(string json, BsonType type) =>
        Assert.That(ExtendedJson.Read(json)["a"].Type, Is.EqualTo(type));

    [TestCase("", "")]
    [TestCase("[1]", "0")]
    [TestCase("1", "")]
    [TestCase("{", "")]
    [TestCase("""{"a":tru}""", "a")]
    [TestCase("""{"a":{"$oid":"xyz"}}""", "a")]
    [TestCase("""{"a":{"$oid":"56e1fc72e0c917e9c4714161","x":1}}""", "a")]
    [TestCase("""{"a":{"$numberInt":"2147483648"}}""", "a")]
    [TestCase("""{"a":{"$numberInt":1}}""", "a")]
    [TestCase("""{"a":{"$numberDouble":"x"}}""", "a")]
    [TestCase("""{"a":{"$date":"2020-01-01T00:00:00"}}""", "a")]
    [TestCase("""{"a":{"$date":true}}""", "a")]
    [TestCase("""{"a":{"$binary":{"base64":"!","subType":"00"}}}""", "a")]
    [TestCase("""{"a":{"$binary":{"base64":"","subType":"00","x":1}}}""", "a")]
    [TestCase("""{"b":[{"$timestamp":{"t":-1,"i":1}}]}""", "b.0")]
    [TestCase("""{"a":"\uD800"}""", "a")]
    [TestCase("""{"a":1}{"b":2}""", "")]
    public void An_error_names_the_place(string json, string path)
    {
        var e = Assert.Throws<BsonFormatException>(() => ExtendedJson.Read(json))!;
        Assert.That(e.Path, Is.EqualTo(path), e.Message);
    }

    [Test]
    public void No_error_shows_a_value() =>
        Assert.That(Assert.Throws<BsonFormatException>(() => ExtendedJson.Read("""{"mail":{"$oid":"jane@example.org"}}"""))!.Message, Does.Not.Contain("jane"));

    [Test]
    public void Documents_one_behind_the_other_and_in_an_array()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ExtendedJson.ReadAll("""[{"a":1},{"a":2}]"""), Has.Count.EqualTo(2));
            Assert.That(ExtendedJson.ReadAll("{\"a\":1}\n{\"a\":2}\n"), Has.Count.EqualTo(2));
            Assert.That(ExtendedJson.ReadAll("[]"), Is.Empty);
            Assert.That(ExtendedJson.ReadAll(" \n"), Is.Empty);
        });
    }

    [Test]
    public void Every_cut_or_changed_text_is_an_error_or_a_document()
    {
        var json = ExtendedJson.Write(BsonSamples.AllTypes);
        for (var at = 0; at < json.Length; at++)
        {
            var place = at;
            Assert.That(() => ExtendedJson.ReadAll(json[..place]), place == 0 ? Throws.Nothing : Throws.TypeOf<BsonFormatException>());
            foreach (var c in "\"{}[]:,\\0x$")
            {
                try
                {
                    ExtendedJson.ReadAll(json[..place] + c + json[(place + 1)..]);
                }
                catch (BsonFormatException)
                {
                    // As it should be.
                }
            }
        }
    }

    [Test]
    public void Deep_text_is_an_error_not_a_crash() =>
        Assert.Throws<BsonFormatException>(() => ExtendedJson.Read(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))));
}
