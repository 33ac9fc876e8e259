using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping.Php;

[TestFixture]
public sealed class PhpSerializerTests
{
    private static readonly string[] _valid =
    [
        "N;", "b:0;", "b:1;", "i:0;", "i:-7;", "i:9223372036854775807;", "i:-9223372036854775808;",
        "d:0.1;", "d:0.10000000000000001;", "d:1.0E+25;", "d:-0;", "d:INF;", "d:-INF;", "d:NAN;", "d:1.0E-10;", "d:100;",
        "s:0:\"\";", "s:3:\"\";}\";", "a:0:{}", "a:2:{i:0;s:1:\"a\";s:1:\"b\";a:1:{i:5;N;}}",
        "a:1:{s:2:\"12\";i:1;}", "a:2:{s:1:\"a\";i:1;s:1:\"a\";i:2;}", "a:2:{s:1:\"5\";i:1;i:5;i:2;}", "a:1:{s:2:\"-0\";i:1;}",
    ];

    private static readonly string[] _invalid =
    [
        "", ";", "n;", "N", "N;N;", "b:2;", "b:;", "b:true;", "i:;", "i:+5;", "i:007;", "i:-0;", "i:5", "i:5.0;", "i: 5;",
        "i:9223372036854775808;", "i:99999999999999999999999;", "d:;", "d:x;", "d:1.;", "d:.5;", "d:1,5;", "d:+1;", "d:-NAN;", "d:0x1;",
        "d:1E;",
        "s:1:\"\";", "s:2:\"a\";", "s:01:\"a\";", "s:-1:\"\";", "s:+1:\"a\";", "s:1:'a';", "s:1:\"a\"", "s:99999999999:\"a\";",
        "s:1:\"ab\";",
        "a:1:{}", "a:0:{", "a:0:{};", "a:-1:{}", "a:01:{i:0;N;}", "a:1:{i:0;}", "a:1:{N;N;}", "a:1:{b:1;N;}", "a:1:{d:1;N;}",
        "a:1:{i:08;N;}",
        "a:1:{a:0:{}N;}", "a:99999999999:{", "a:99999999999999999999:{}", "a:2:{i:0;N;}", "a:1:{i:0;N;i:1;N;}", "x:1;",
    ];

    [TestCaseSource(nameof(_valid))]
    public void What_php_writes_is_written_back_byte_for_byte(string text) =>
        Assert.That(Write(Read(text)), Is.EqualTo(text));

    [TestCaseSource(nameof(_invalid))]
    public void What_php_never_writes_is_refused(string text)
    {
        var error = Assert.Throws<PhpFormatException>(() => Read(text))!;
        Assert.That(error.Offset, Is.InRange(0, text.Length));
    }

    [TestCase("a:1:{i:0;O:8:\"stdClass\":0:{}}", 9, "object (O:)")]
    [TestCase("C:3:\"Foo\":0:{}", 0, "own serialization (C:)")]
    [TestCase("a:1:{i:0;E:5:\"A:One\";}", 9, "enum case (E:)")]
    [TestCase("a:1:{i:0;r:1;}", 9, "object (r:)")]
    [TestCase("a:2:{i:0;i:1;i:1;R:2;}", 17, "reference (R:)")]
    [TestCase("S:1:\"\\41\";", 0, "escaped string (S:)")]
    public void Objects_and_references_are_refused_by_name_and_place(string text, int offset, string met)
    {
        var error = Assert.Throws<PhpFormatException>(() => Read(text))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Offset, Is.EqualTo(offset));
            Assert.That(error.Reason, Does.Contain(met));
        });
    }

    [Test]
    public void Nesting_stops_at_the_limit()
    {
        Assert.That(Write(Read(Nested(64))), Is.EqualTo(Nested(64)));
        var error = Assert.Throws<PhpFormatException>(() => Read(Nested(65)))!;
        Assert.That(error.Offset, Is.EqualTo(64 * 9));
        Assert.Throws<PhpFormatException>(() => Read(Nested(1_000_000)));
        Assert.That(() => PhpSerializer.Parse(Encoding.ASCII.GetBytes(Nested(512)), new PhpLimits { MaxDepth = 512 }), Throws.Nothing);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new PhpLimits { MaxDepth = 513 });
    }

    [Test]
    public void An_array_that_contains_itself_is_refused_when_written()
    {
        var array = new PhpArray();
        array.Set("self", array);
        Assert.Throws<ArgumentException>(() => PhpSerializer.Serialize(array));
    }

    [Test]
    public void Size_stops_at_the_limit()
    {
        var limits = new PhpLimits { MaxBytes = 10 };
        Assert.That(PhpSerializer.TryParse("s:3:\"abc\";"u8, limits, out _, out _), Is.True);
        Assert.That(PhpSerializer.TryParse("s:4:\"abcd\";"u8, limits, out _, out var error), Is.False);
        Assert.That(error!.Offset, Is.EqualTo(10));
    }

    [Test]
    public void Claims_of_nested_arrays_do_not_add_up_to_memory()
    {
        var text = new StringBuilder();
        for (var depth = 0; depth < 60; depth++)
        {
            text.Append("a:2000000:{i:0;");
        }

        var data = Encoding.ASCII.GetBytes(text.Append('x', 13_000_000).ToString());
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(PhpSerializer.TryParse(data, out _, out _), Is.False);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(data.Length + 1_000_000));
    }

    [Test]
    public void Errors_never_quote_the_data()
    {
        var error = Assert.Throws<PhpFormatException>(() => Read("a:1:{s:4:\"name\";s:6:\"Muster;}"))!;
        Assert.That(error.ToString(), Does.Not.Contain("Muster").And.Not.Contain("name\""));
    }

    [Test]
    public void Strings_count_bytes_and_may_be_no_text()
    {
        var umlaut = (PhpString)Read("s:2:\"ä\";");
        Assert.That(umlaut.Text, Is.EqualTo("ä"));
        var latin1 = (PhpString)PhpSerializer.Parse([.. "s:2:\"a"u8, 0xE4, .. "\";"u8]);
        Assert.That(latin1.TryGetText(out _), Is.False);
        Assert.That(Assert.Throws<PhpFormatException>(() => _ = latin1.Text)!.Offset, Is.EqualTo(1));
        Assert.Throws<EncoderFallbackException>(() => PhpString.Of("\ud800"));
    }

    [Test]
    public void Every_tree_that_is_written_is_read_back_the_same() =>
        Check.QuickThrowOnFailure(Prop.ForAll<int>(seed =>
        {
            var tree = new RandomPhp(seed).Array();
            return PhpTree.Describe(PhpSerializer.Parse(PhpSerializer.Serialize(tree))) == PhpTree.Describe(tree);
        }));

    [Test]
    public void Every_valid_input_is_written_back_byte_for_byte() =>
        Check.QuickThrowOnFailure(Prop.ForAll<int>(seed =>
        {
            var text = PhpSerializer.Serialize(new RandomPhp(seed).Array());
            return PhpSerializer.Serialize(PhpSerializer.Parse(text)).AsSpan().SequenceEqual(text);
        }));

    [Test]
    public void Every_prefix_of_a_valid_input_is_refused()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var text = PhpSerializer.Serialize(new RandomPhp(seed).Array(2));
            for (var length = 0; length < text.Length; length++)
            {
                Assert.That(PhpSerializer.TryParse(text.AsSpan(0, length), out _, out var error), Is.False);
                Assert.That(error!.Offset, Is.InRange(0, length));
            }
        }
    }

    [Test]
    public void Mutated_input_gives_a_value_that_keeps_its_bytes_or_a_format_error()
    {
        var random = new Random(20260101);
        for (var round = 0; round < 60_000; round++)
        {
            var text = Mutate(PhpSerializer.Serialize(new RandomPhp(round % 300).Array(3)), random);
            if (PhpSerializer.TryParse(text, out var value, out var error))
            {
                Assert.That(PhpSerializer.Serialize(value).AsSpan().SequenceEqual(text), Is.True);
            }
            else
            {
                Assert.That(error.Offset, Is.InRange(0, text.Length));
            }
        }
    }

    private static byte[] Mutate(byte[] text, Random random)
    {
        const string Likely = "0123456789:;{}\"sidabNORr+-.E";
        var bytes = text.ToList();
        for (var edits = random.Next(1, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            var letter = random.Next(4) == 0 ? (byte)random.Next(256) : (byte)Likely[random.Next(Likely.Length)];
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = letter;
                    break;
                case 1:
                    bytes.Insert(at, letter);
                    break;
                case 2:
                    bytes.RemoveAt(at);
                    break;
                default:
                    bytes.RemoveRange(at, Math.Min(random.Next(10), bytes.Count - at));
                    break;
            }
        }

        return [.. bytes];
    }

    private static string Nested(int depth) =>
        string.Concat(Enumerable.Repeat("a:1:{i:0;", depth)) + "N;" + new string('}', depth);

    private static PhpValue Read(string text) => PhpSerializer.Parse(Encoding.UTF8.GetBytes(text));

    private static string Write(PhpValue value) => Encoding.UTF8.GetString(PhpSerializer.Serialize(value));
}
