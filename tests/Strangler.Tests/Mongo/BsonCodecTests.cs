using System.Diagnostics;
using NUnit.Framework;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

public sealed class BsonCodecTests
{
    private static IEnumerable<TestCaseData> Odd() =>
        BsonSamples.Odd.Select(sample => new TestCaseData(sample.Value).SetArgDisplayNames(sample.Key));

    [Test]
    public void Every_type_comes_back_as_it_was()
    {
        var bytes = BsonSamples.AllTypes.ToBytes();
        var read = BsonDocument.Parse(bytes);
        Assert.Multiple(() =>
        {
            Assert.That(read, Is.EqualTo(BsonSamples.AllTypes));
            Assert.That(read.ToBytes(), Is.EqualTo(bytes));
            Assert.That(read.Select(element => element.Value.Type).Distinct().Count(), Is.EqualTo(Enum.GetValues<BsonType>().Length - 1),
                "all but Missing");
        });
    }

    [TestCaseSource(nameof(Odd))]
    public void What_is_odd_keeps_its_bytes(byte[] bytes) => Assert.That(BsonDocument.Parse(bytes).ToBytes(), Is.EqualTo(bytes));

    [Test]
    public void Random_documents_keep_their_bytes()
    {
        for (var seed = 0; seed < 2000; seed++)
        {
            var document = BsonSamples.Random(new Random(seed));
            var bytes = document.ToBytes();
            var read = BsonDocument.Parse(bytes);
            Assert.That(read, Is.EqualTo(document), $"seed {seed}");
            Assert.That(read.GetHashCode(), Is.EqualTo(document.GetHashCode()), $"seed {seed}");
            Assert.That(read.ToBytes(), Is.EqualTo(bytes), $"seed {seed}");
        }
    }

    [Test]
    public void Every_truncation_is_an_error_with_its_place()
    {
        var bytes = BsonSamples.AllTypes.ToBytes();
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Throws<BsonFormatException>(() => BsonDocument.Parse(cut), $"{length} bytes");
            // Also where the length says that it is all.
            if (length >= 5)
            {
                BitConverter.TryWriteBytes(cut, length);
                var e = Assert.Catch(() => BsonDocument.Parse(cut), $"{length} bytes, with that length");
                Assert.That(e, Is.InstanceOf<BsonFormatException>());
                Assert.That(((BsonFormatException)e!).Offset, Is.InRange(0, length));
            }
        }
    }

    [Test]
    public void Every_changed_byte_is_an_error_or_a_document()
    {
        var watch = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var (errors, documents) = (0, 0);
        byte[][] corpus = [BsonSamples.AllTypes.ToBytes(), .. BsonSamples.Odd.Values,
            .. Enumerable.Range(0, 5).Select(i => BsonSamples.Random(new Random(i)).ToBytes())];
        foreach (var bytes in corpus)
        {
            for (var at = 0; at < bytes.Length; at++)
            {
                foreach (var value in (byte[])[0, 1, 3, 4, 5, 0x0F, 0x7F, 0x80, 0xFF, (byte)(bytes[at] + 1), (byte)(bytes[at] - 1),
                    (byte)(bytes[at] ^ 0x20)])
                {
                    var changed = (byte[])bytes.Clone();
                    changed[at] = value;
                    try
                    {
                        // What is taken for a document is one: it has those bytes.
                        Assert.That(BsonDocument.Parse(changed).ToBytes().AsSpan().SequenceEqual(changed), Is.True);
                        documents++;
                    }
                    catch (BsonFormatException)
                    {
                        errors++;
                    }
                }
            }
        }
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / (errors + documents);
        Assert.Multiple(() =>
        {
            Assert.That(errors, Is.GreaterThan(1000));
            Assert.That(documents, Is.GreaterThan(1000));
            Assert.That(each, Is.LessThan(100_000), "no length is believed before it is checked");
        });
    }

    [TestCase("04000000", 0, "")]
    [TestCase("06000000 00", 0, "")]
    [TestCase("05000000 01", 4, "")]
    [TestCase("08000000 42 6100 00", 4, "a")]
    [TestCase("0c000000 10 6100 01000000", 0, "")]
    [TestCase("09000000 08 6100 02 00", 7, "a")]
    [TestCase("0e000000 02 6100 03000000 6161 00", 7, "a")]
    [TestCase("0f000000 02 6100 03000000 616161 00", 7, "a")]
    [TestCase("0e000000 02 6100 02000000 ff00 00", 7, "a")]
    [TestCase("11000000 03 6100 09000000 08 6200 02 00 00", 14, "a.b")]
    [TestCase("11000000 03 6100 ffffff7f 08 6200 01 00 00", 7, "a")]
    [TestCase("11000000 03 6100 00000080 08 6200 01 00 00", 7, "a")]
    [TestCase("0f000000 05 6100 ffffffff 00 0102 00", 7, "a")]
    [TestCase("12000000 05 6100 05000000 02 02000000 01 00", 7, "a")]
    [TestCase("09000000 10 ff00 00 00", 7, "\uFFFD")]
    public void An_error_names_the_place(string hex, int offset, string path)
    {
        var e = Assert.Throws<BsonFormatException>(() => BsonDocument.Parse(BsonSamples.Hex(hex)))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Offset, Is.EqualTo(offset), e.Message);
            Assert.That(e.Path, Is.EqualTo(path), e.Message);
        });
    }

    [Test]
    public void Bytes_behind_the_document_are_an_error() =>
        Assert.Throws<BsonFormatException>(() => BsonDocument.Parse([.. BsonDocument.Empty.ToBytes(), 0]));

    [Test]
    public void Depth_and_size_have_limits()
    {
        var deep = Enumerable.Range(0, 199).Aggregate(BsonDocument.Empty, (inner, _) => BsonDocument.Of(("d", inner)));
        Assert.That(BsonDocument.Parse(deep.ToBytes()), Is.EqualTo(deep));
        Assert.That(() => BsonDocument.Parse(deep.ToBytes(), new BsonLimits(MaxDepth: 199)),
            Throws.TypeOf<BsonFormatException>().With.Message.Contains("199 levels"));
        Assert.That(() => BsonDocument.Parse(deep.ToBytes(), new BsonLimits(MaxSize: 100)),
            Throws.TypeOf<BsonFormatException>().With.Message.Contains("100"));
        Assert.That(() => BsonDocument.Of(("d", deep)).ToBytes(), Throws.InvalidOperationException);
    }

    [Test]
    public void Hostile_nesting_ends_as_an_error_not_as_a_crash()
    {
        var levels = Enumerable.Range(0, 100_000).ToArray();
        var bytes = new byte[8 * levels.Length];
        foreach (var level in levels)
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(7 * level), bytes.Length - (8 * level));
            bytes[(7 * level) + 4] = 3;
            bytes[(7 * level) + 5] = (byte)'a';
        }
        Assert.Throws<BsonFormatException>(() => BsonDocument.Parse(bytes));
    }

    [Test]
    public void What_cannot_be_written_is_refused()
    {
        Assert.Multiple(() =>
        {
            Assert.Throws<ArgumentException>(() => BsonDocument.Of(("a\0b", 1)));
            Assert.Throws<ArgumentException>(() => BsonDocument.Of(("a", default)));
            Assert.Throws<ArgumentException>(() => BsonArray.Of(default(BsonValue)));
            Assert.Throws<ArgumentException>(() => BsonDocument.Of(("a", "\uD800")).ToBytes());
            Assert.Throws<ArgumentException>(() => BsonDocument.Of(("a", BsonValue.FromRegex(new("\0", "")))).ToBytes());
            Assert.Throws<ArgumentNullException>(() => BsonValue.FromString(null!));
        });
    }

    [Test]
    public void A_reader_finds_fields_without_making_documents()
    {
        var bytes = BsonDocument.Of(("skipped", BsonArray.Of(1, 2)), ("cursor", BsonDocument.Of(("id", 7L)))).ToBytes();
        var reader = new BsonReader(bytes);
        Assert.That(reader.Read() && reader.Read(), Is.True);
        Assert.That(reader.Name, Is.EqualTo("cursor"));
        var inner = reader.GetDocument();
        Assert.That(inner.Read(), Is.True);
        Assert.That(inner.GetInt64(), Is.EqualTo(7));
        Assert.That(inner.Read() || reader.Read(), Is.False);
    }
}
