using System.Text;
using NUnit.Framework;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping.Php;

[TestFixture]
public sealed class PhpBlobTests
{
    private const string Membership =
        "YTo2OntzOjEyOiJtZW1iZXJfYWdyZWUiO3M6MToiMSI7czoyMToibWVtYmVyc2hpcF9mZWVfY3VzdG9tIjtzOjA6IiI7czoxNjoiY29uZmlybWF0aW9uUGFnZSI7" +
        "czoyMjoiMTBoMTYgQmVzdMOkdGlndW5nLUJFWiI7czoyNDoiY29uZmlybWF0aW9uUGFnZUNhbXBhaWduIjtzOjEyOiJNVDE1X1dNREVfMDIiO3M6NToidG9rZW4i" +
        "O3M6NDg6Ijc5OTg0NjYkMjI1YzRlMTgyZDViMGYzZDBlODAyNjI0ODI2MjAwZDIxYzkwMDI2NyI7czo2OiJ1dG9rZW4iO3M6NDA6ImM3M2Q4ZDFiM2U2MWE3M2Y1" +
        "MGJkMzdkMGJmMzlmMzkzMGQ3N2YwMmIiO30=";

    private const string Anonymous =
        "YTo4OntzOjk6ImFkcmVzc3R5cCI7czo2OiJhbm9ueW0iO3M6NjoibGF5b3V0IjtzOjA6IiI7czo4OiJpbXBDb3VudCI7aTozO3M6OToiYkltcENvdW50IjtpOjE7" +
        "czo4OiJ0cmFja2luZyI7czo5OiJ0ZXN0L2dlbGIiO3M6NDoic2tpbiI7czowOiIiO3M6NToiY29sb3IiO3M6MDoiIjtzOjY6InNvdXJjZSI7czowOiIiO30=";

    private const string Nested =
        "YTozOntzOjE0OiJ0cmFuc2FjdGlvbklkcyI7YToyOntzOjE3OiIxNlIxMjEzNlBVODc4Mzk2MSI7aToyO2k6MTIzNDU2Nzg5O2k6Mzt9czozOiJsb2ciO2E6MTp7" +
        "czoxOToiMjAxNi0wNS0xNiAxOToyMzoxNiI7czoyMjoicGF5cGFsX2hhbmRsZXI6IGJvb2tlZCI7fXM6OToia29tbWVudGFyIjtOO30=";

    [TestCase(Membership, 6)]
    [TestCase(Anonymous, 8)]
    [TestCase(Nested, 3)]
    public void Real_blobs_come_back_letter_for_letter(string blob, int keys)
    {
        var content = PhpBlob.Decode(blob);
        Assert.That(content.IsReadable && content.IsCanonical, Is.True);
        Assert.That(content.Array, Has.Count.EqualTo(keys));
        Assert.That(PhpBlob.Encode(content.Array!), Is.EqualTo(blob));
    }

    [Test]
    public void Real_blobs_hold_what_the_legacy_reader_sees()
    {
        var membership = PhpBlob.Decode(Membership).Array!;
        Assert.That(Text(membership, "confirmationPage"), Is.EqualTo("10h16 Bestätigung-BEZ"));
        var nested = PhpBlob.Decode(Nested).Array!;
        Assert.That(nested.TryGet("kommentar", out var comment) ? comment : null, Is.SameAs(PhpNull.Instance));
        var children = (PhpArray)nested[0].Value;
        Assert.That(children.TryGet("123456789", out var child) ? ((PhpInt)child).Value : 0, Is.EqualTo(3));
    }

    [Test]
    public void Base64_that_php_would_not_have_written_is_read_and_marked()
    {
        Assert.Multiple(() =>
        {
            AssertMarked("YTow\nOnt9");
            AssertMarked("YTowOnt9\n");
            AssertMarked(" YTowOnt9");
            AssertMarked("YTowOnt9=");
            AssertMarked("YTowOnt9====");
        });
    }

    [TestCase("a:1:{i:0;i:1;}")]
    [TestCase("a:1:{i:0;i:10;}")]
    [TestCase("a:1:{i:0;i:100;}")]
    public void Padding_and_spare_bits_count(string serialized)
    {
        var text = PhpBlob.Encode(PhpSerializer.Parse(Encoding.ASCII.GetBytes(serialized)));
        Assert.That(PhpBlob.Decode(text).IsCanonical, Is.True);
        var bare = text.TrimEnd('=');
        if (bare.Length == text.Length)
        {
            return;
        }

        AssertMarked(bare);
        AssertMarked(bare + "===");
        var withSpareBit = bare[..^1] + (char)(bare[^1] + 1) + text[bare.Length..];
        AssertMarked(withSpareBit);
        AssertMarked(withSpareBit.TrimEnd('='));
    }

    [TestCase("", PhpBlobError.Empty)]
    [TestCase("Array", PhpBlobError.NotBase64)]
    [TestCase("YTow*nt9", PhpBlobError.NotBase64)]
    [TestCase("YTow=Ont9", PhpBlobError.NotBase64)]
    [TestCase("YTow-nt9", PhpBlobError.NotBase64)]
    [TestCase("YTowä", PhpBlobError.NotBase64)]
    [TestCase("YTow", PhpBlobError.NotPhp)]
    [TestCase("====", PhpBlobError.NotPhp)]
    [TestCase("aTo1Ow==", PhpBlobError.NotAnArray)]
    [TestCase("Yjox\n", PhpBlobError.NotPhp)]
    public void What_is_no_array_says_why(string text, PhpBlobError error)
    {
        var content = PhpBlob.Decode(text);
        Assert.Multiple(() =>
        {
            Assert.That(content.Error, Is.EqualTo(error));
            Assert.That(content.Array, Is.Null);
            Assert.That(content.Detail, Is.Not.Null);
            Assert.That(content.IsCanonical, Is.False);
        });
    }

    [Test]
    public void A_blob_over_the_limit_is_refused_before_it_is_decoded()
    {
        var text = PhpBlob.Encode(PhpString.Of(new byte[1000]));
        Assert.That(PhpBlob.Decode(text, new PhpLimits { MaxBytes = 500 }).Error, Is.EqualTo(PhpBlobError.NotPhp));
    }

    [Test]
    public void Cut_or_changed_blobs_never_throw_and_canonical_means_identical()
    {
        var random = new Random(4711);
        for (var round = 0; round < 20_000; round++)
        {
            var text = new StringBuilder(PhpBlob.Encode(new RandomPhp(round % 100).Array(2)));
            text.Length = random.Next(2) == 0 ? random.Next(text.Length + 1) : text.Length;
            if (text.Length > 0 && random.Next(2) == 0)
            {
                text[random.Next(text.Length)] = "\n =+/A9zä-"[random.Next(10)];
            }

            var content = PhpBlob.Decode(text.ToString());
            if (content.IsReadable)
            {
                Assert.That(PhpBlob.Encode(content.Array) == text.ToString(), Is.EqualTo(content.IsCanonical));
            }
        }
    }

    private static void AssertMarked(string text)
    {
        var content = PhpBlob.Decode(text);
        Assert.That(content.IsReadable, Is.True);
        Assert.That(content.IsCanonical, Is.False);
        Assert.That(PhpBlob.Encode(content.Array!), Is.Not.EqualTo(text));
    }

    private static string Text(PhpArray array, string key) =>
        array.TryGet(key, out var value) ? ((PhpString)value).Text : throw new KeyNotFoundException();
}
