using NUnit.Framework;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

public sealed class Decimal128Tests
{
    [TestCase("0", "3040000000000000", "0000000000000000")]
    [TestCase("-0", "b040000000000000", "0000000000000000")]
    [TestCase("1", "3040000000000000", "0000000000000001")]
    [TestCase("0.1", "303e000000000000", "0000000000000001")]
    [TestCase("-1.50", "b03c000000000000", "0000000000000096")]
    [TestCase("1E+3", "3046000000000000", "0000000000000001")]
    [TestCase("9999999999999999999999999999999999", "3041ed09bead87c0", "378d8e63ffffffff")]
    [TestCase("9.999999999999999999999999999999999E+6144", "5fffed09bead87c0", "378d8e63ffffffff")]
    [TestCase("1E-6176", "0000000000000000", "0000000000000001")]
    [TestCase("0E-6176", "0000000000000000", "0000000000000000")]
    [TestCase("0E+6111", "5ffe000000000000", "0000000000000000")]
    [TestCase("NaN", "7c00000000000000", "0000000000000000")]
    [TestCase("Infinity", "7800000000000000", "0000000000000000")]
    [TestCase("-Infinity", "f800000000000000", "0000000000000000")]
    [TestCase("0.000001", "3034000000000000", "0000000000000001")]
    [TestCase("1E-7", "3032000000000000", "0000000000000001")]
    [TestCase("12345.67", "303c000000000000", "000000000012d687")]
    public void Text_and_bits(string text, string high, string low)
    {
        var value = Decimal128.Parse(text);
        Assert.Multiple(() =>
        {
            Assert.That(value.High.ToString("x16"), Is.EqualTo(high));
            Assert.That(value.Low.ToString("x16"), Is.EqualTo(low));
            Assert.That(value.ToString(), Is.EqualTo(text));
        });
    }

    [TestCase("+1.0", "1.0")]
    [TestCase(".5", "0.5")]
    [TestCase("5.", "5")]
    [TestCase("007", "7")]
    [TestCase("1e3", "1E+3")]
    [TestCase("inf", "Infinity")]
    [TestCase("-INFINITY", "-Infinity")]
    [TestCase("nan", "NaN")]
    [TestCase("1000000000000000000000000000000000000000", "1.000000000000000000000000000000000E+39")]
    [TestCase("1E+6144", "1.000000000000000000000000000000000E+6144")]
    [TestCase("10E-6177", "1E-6176")]
    [TestCase("0E+9999", "0E+6111")]
    [TestCase("0E-99999999999999999999", "0E-6176")]
    public void What_people_write_is_read(string text, string canonical) =>
        Assert.That(Decimal128.Parse(text).ToString(), Is.EqualTo(canonical));

    [TestCase("")]
    [TestCase(".")]
    [TestCase("E5")]
    [TestCase("1E")]
    [TestCase("1E+")]
    [TestCase("1 ")]
    [TestCase("--1")]
    [TestCase("1,5")]
    [TestCase("0x10")]
    [TestCase("12345678901234567890123456789012345")]
    [TestCase("1E+6145")]
    [TestCase("1E-6177")]
    [TestCase("15E-6177")]
    [TestCase("1E+99999999999999999999")]
    [TestCase("١")]
    public void What_is_none_or_would_be_rounded_is_refused(string text) => Assert.That(Decimal128.TryParse(text, out _), Is.False);

    [Test]
    public void Coefficients_beyond_the_standard_are_zeros()
    {
        Assert.Multiple(() =>
        {
            Assert.That(new Decimal128(0x6C0BFFFFFFFFFFFF, ulong.MaxValue).ToString(), Does.StartWith("0E"));
            Assert.That(new Decimal128(0x3041ED09BEAD87C0, 0x378D8E6400000000).ToString(), Is.EqualTo("0"));
        });
    }

    [TestCase("79228162514264337593543950335", true)]
    [TestCase("79228162514264337593543950336", false)]
    [TestCase("0.0000000000000000000000000001", true)]
    [TestCase("0.00000000000000000000000000001", false)]
    [TestCase("10E-29", true)]
    [TestCase("1E+28", true)]
    [TestCase("1E+29", false)]
    [TestCase("-1.50", true)]
    [TestCase("NaN", false)]
    public void A_decimal_is_exact_or_refused(string text, bool fits)
    {
        var value = Decimal128.Parse(text);
        Assert.That(value.TryToDecimal(out var number), Is.EqualTo(fits));
        if (fits)
            Assert.That(BsonValue.FromDecimal128(Decimal128.FromDecimal(number)).Equals(value, BsonComparison.NumericType), Is.True);
    }
}
