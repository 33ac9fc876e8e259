using System.Text;
using NUnit.Framework;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping.Php;

[TestFixture]
public sealed class PhpArrayTests
{
    [TestCase("0", true)]
    [TestCase("123456789", true)]
    [TestCase("-5", true)]
    [TestCase("9223372036854775807", true)]
    [TestCase("-9223372036854775808", true)]
    [TestCase("9223372036854775808", false)]
    [TestCase("18446744073709551617", false)]
    [TestCase("-0", false)]
    [TestCase("08", false)]
    [TestCase("-08", false)]
    [TestCase("+8", false)]
    [TestCase("1.0", false)]
    [TestCase(" 1", false)]
    [TestCase("1 ", false)]
    [TestCase("", false)]
    [TestCase("-", false)]
    [TestCase("1e3", false)]
    public void A_key_becomes_an_integer_exactly_when_php_makes_it_one(string name, bool isInt) =>
        Assert.That(PhpKey.Of(name).IsInt, Is.EqualTo(isInt));

    [Test]
    public void A_key_that_we_set_is_written_as_php_writes_it()
    {
        var array = new PhpArray();
        array.Set("123456789", PhpInt.Of(2));
        array.Set("08", PhpInt.Of(3));
        Assert.That(Write(array), Is.EqualTo("a:2:{i:123456789;i:2;s:2:\"08\";i:3;}"));
    }

    [Test]
    public void An_integer_like_key_of_the_data_is_found_by_both_spellings_and_stays_as_written()
    {
        var array = Read("a:1:{s:2:\"12\";i:1;}");
        Assert.That(array.ContainsKey("12") && array.ContainsKey(PhpKey.Of(12)), Is.True);
        array.Set("12", PhpBool.True);
        Assert.That(Write(array), Is.EqualTo("a:1:{s:2:\"12\";b:1;}"));
    }

    [Test]
    public void A_value_is_replaced_in_its_place_and_a_new_one_appended()
    {
        var array = Read("a:2:{s:1:\"a\";i:1;s:1:\"b\";i:2;}");
        array.Set("a", PhpNull.Instance);
        array.Set("c", PhpString.Of("ä"));
        Assert.That(Write(array), Is.EqualTo("a:3:{s:1:\"a\";N;s:1:\"b\";i:2;s:1:\"c\";s:2:\"ä\";}"));
        Assert.That(array.Remove("a") && !array.Remove("a"), Is.True);
        Assert.That(Write(array), Is.EqualTo("a:2:{s:1:\"b\";i:2;s:1:\"c\";s:2:\"ä\";}"));
    }

    [Test]
    public void Of_a_duplicate_key_the_last_one_counts_as_in_php()
    {
        var array = Read("a:3:{s:1:\"a\";i:1;s:1:\"b\";i:2;s:1:\"a\";i:3;}");
        Assert.That(array.HasDuplicateKeys, Is.True);
        Assert.That(array.TryGet("a", out var value) ? ((PhpInt)value).Value : 0, Is.EqualTo(3));
        array.Set("a", PhpInt.Of(4));
        Assert.That(Write(array), Is.EqualTo("a:3:{s:1:\"a\";i:1;s:1:\"b\";i:2;s:1:\"a\";i:4;}"));
        array.Remove("a");
        Assert.That(Write(array), Is.EqualTo("a:1:{s:1:\"b\";i:2;}"));
    }

    [Test]
    public void A_large_array_behaves_as_a_small_one([Values(10, 48, 49, 500)] int count)
    {
        var array = new PhpArray();
        for (var i = 0; i < count; i++)
        {
            array.Set(i % 2 == 0 ? "k" + i : i.ToString(System.Globalization.CultureInfo.InvariantCulture), PhpInt.Of(i));
        }

        Assert.That(Enumerable.Range(0, count).All(i => array.ContainsKey((i % 2 == 0 ? "k" : "") + i)), Is.True);
        Assert.That(array.ContainsKey("k1") || array.ContainsKey(PhpKey.Of(0)), Is.False);
        array.Remove("k2");
        Assert.That(array.ContainsKey("k2"), Is.False);
        Assert.That(array.TryGet("k4", out var value) && ((PhpInt)value).Value == 4, Is.True);
    }

    [Test]
    public void A_copy_is_independent_also_inside()
    {
        var array = Read("a:1:{s:3:\"log\";a:1:{i:0;i:1;}}");
        var copy = array.Copy();
        ((PhpArray)copy[0].Value).Set("x", PhpNull.Instance);
        Assert.That(Write(array), Is.EqualTo("a:1:{s:3:\"log\";a:1:{i:0;i:1;}}"));
    }

    private static PhpArray Read(string text) => (PhpArray)PhpSerializer.Parse(Encoding.UTF8.GetBytes(text));

    private static string Write(PhpValue value) => Encoding.UTF8.GetString(PhpSerializer.Serialize(value));
}
