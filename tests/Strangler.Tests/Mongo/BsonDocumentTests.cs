using System.Globalization;
using NUnit.Framework;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

public sealed class BsonDocumentTests
{
    private static readonly BsonDocument Template = BsonDocument.Of(
        ("_id", ObjectId.Parse("5b92f794844d0700016ea217")), ("name", "Send"),
        ("revisions", BsonArray.Of(BsonDocument.Of(("version", 1)),
            BsonDocument.Of(("version", 2), ("config", BsonArray.Of(BsonDocument.Of(("key", "url"))))))));

    [TestCase("name", BsonType.String)]
    [TestCase("revisions.1.config.0.key", BsonType.String)]
    [TestCase("revisions.1.version", BsonType.Int32)]
    [TestCase("revisions.2.version", BsonType.Missing)]
    [TestCase("revisions.x", BsonType.Missing)]
    [TestCase("name.x", BsonType.Missing)]
    [TestCase("", BsonType.Missing)]
    public void A_path_leads_through_documents_and_arrays(string path, BsonType type) =>
        Assert.That(Template.At(path).Type, Is.EqualTo(type));

    [Test]
    public void A_change_makes_another_document()
    {
        var changed = Template.With("name", "Other").With("status", "active").Without("_id");
        Assert.Multiple(() =>
        {
            Assert.That(Template["name"].AsString, Is.EqualTo("Send"));
            Assert.That(changed.Select(element => element.Name), Is.EqualTo(new[] { "name", "revisions", "status" }));
            Assert.That(changed["name"].AsString, Is.EqualTo("Other"));
            Assert.That(changed["_id"].IsMissing, Is.True);
        });
    }

    [Test]
    public void Nothing_that_may_end_in_a_log_shows_a_value()
    {
        var secret = BsonDocument.Of(("mail", "jane@example.org"));
        Assert.Multiple(() =>
        {
            Assert.That(secret.ToString(), Does.Not.Contain("jane"));
            Assert.That(secret[0].ToString(), Does.Not.Contain("jane"));
            Assert.That(secret["mail"].ToString(), Does.Not.Contain("jane"));
            Assert.That(Assert.Throws<InvalidOperationException>(() => _ = secret["mail"].AsInt32)!.Message, Does.Not.Contain("jane"));
        });
    }

    private static IEnumerable<TestCaseData> SameNumbers()
    {
        yield return new(BsonValue.FromInt32(5), BsonValue.FromInt64(5), true);
        yield return new(BsonValue.FromInt32(5), BsonValue.FromDouble(5), true);
        yield return new(BsonValue.FromInt32(5), BsonValue.FromDecimal128(Decimal128.Parse("5.00")), true);
        yield return new(BsonValue.FromInt32(5), BsonValue.FromInt32(6), false);
        yield return new(BsonValue.FromInt32(5), BsonValue.FromDouble(5.5), false);
        yield return new(BsonValue.FromInt64(9007199254740993), BsonValue.FromDouble(9007199254740992), false);
        yield return new(BsonValue.FromInt64(long.MaxValue), BsonValue.FromDouble(9223372036854775807), false);
        yield return new(BsonValue.FromInt64(long.MinValue), BsonValue.FromDouble(-9223372036854775808), true);
        yield return new(BsonValue.FromInt64(long.MaxValue), BsonValue.FromDecimal128(Decimal128.Parse("9223372036854775807")), true);
        yield return new(BsonValue.FromDouble(0.5), BsonValue.FromDecimal128(Decimal128.Parse("0.50")), true);
        yield return new(BsonValue.FromDouble(0.1), BsonValue.FromDecimal128(Decimal128.Parse("0.1")), false);
        yield return new(BsonValue.FromDouble(1e22), BsonValue.FromDecimal128(Decimal128.Parse("1E+22")), true);
        yield return new(BsonValue.FromDouble(1e300), BsonValue.FromDecimal128(Decimal128.Parse("1E+300")), false);
        yield return new(BsonValue.FromDouble(double.MaxValue), BsonValue.FromDecimal128(Decimal128.Parse("1E+6111")), false);
        yield return new(BsonValue.FromDouble(0), BsonValue.FromDouble(-0.0), true);
        yield return new(BsonValue.FromDouble(-0.0), BsonValue.FromDecimal128(Decimal128.Parse("0E+100")), true);
        yield return new(BsonValue.FromDouble(double.NaN), BsonValue.FromDouble(BitConverter.Int64BitsToDouble(0x7ff4000000000001)), true);
        yield return new(BsonValue.FromDouble(double.NaN), BsonValue.FromDecimal128(Decimal128.Parse("NaN")), true);
        yield return new(BsonValue.FromDouble(double.PositiveInfinity), BsonValue.FromDecimal128(Decimal128.Parse("Infinity")), true);
        yield return new(BsonValue.FromDouble(double.PositiveInfinity), BsonValue.FromDecimal128(Decimal128.Parse("-Infinity")), false);
        yield return new(BsonValue.FromDecimal128(Decimal128.Parse("1.0")), BsonValue.FromDecimal128(Decimal128.Parse("1.00")), true);
        yield return new(BsonValue.FromDecimal128(Decimal128.Parse("Infinity")), BsonValue.FromDecimal128(Decimal128.Parse("NaN")), false);
        yield return new(BsonValue.FromInt32(1), BsonValue.FromBoolean(true), false);
        yield return new(BsonValue.FromInt32(1), BsonValue.FromString("1"), false);
    }

    [TestCaseSource(nameof(SameNumbers))]
    public void Numbers_of_different_types_are_compared_by_what_they_are(BsonValue left, BsonValue right, bool same)
    {
        Assert.Multiple(() =>
        {
            Assert.That(left.Equals(right, BsonComparison.NumericType), Is.EqualTo(same));
            Assert.That(right.Equals(left, BsonComparison.NumericType), Is.EqualTo(same));
            Assert.That(left == right, Is.False, "exactly they differ");
            if (same)
                Assert.That(left.GetHashCode(BsonComparison.NumericType), Is.EqualTo(right.GetHashCode(BsonComparison.NumericType)));
        });
    }

    [TestCase("{'a':1,'b':2}", "{'b':2,'a':1}", BsonComparison.FieldOrder, true)]
    [TestCase("{'a':1,'b':2}", "{'b':2,'a':1}", BsonComparison.NumericType, false)]
    [TestCase("{'a':1}", "{'a':{'$numberLong':'1'}}", BsonComparison.NumericType, true)]
    [TestCase("{'a':1}", "{'a':1.0}", BsonComparison.FieldOrder, false)]
    [TestCase("{'a':1,'b':null}", "{'a':1}", BsonComparison.NullIsMissing, true)]
    [TestCase("{'a':1,'b':null}", "{'a':1}", BsonComparison.FieldOrder, false)]
    [TestCase("{'d':{'x':null,'y':1}}", "{'d':{'y':1.0}}", BsonComparison.Values, true)]
    [TestCase("{'d':[null,1]}", "{'d':[1]}", BsonComparison.Values, false)]
    [TestCase("{'d':[1,2]}", "{'d':[2,1]}", BsonComparison.Values, false)]
    [TestCase("{'a':1,'a':2}", "{'a':2,'a':1}", BsonComparison.Values, false)]
    [TestCase("{'d':[{'a':1,'b':2}]}", "{'d':[{'b':2,'a':1}]}", BsonComparison.Values, true)]
    public void A_comparison_says_what_may_differ(string left, string right, BsonComparison comparison, bool same)
    {
        var (one, other) = (Read(left), Read(right));
        Assert.Multiple(() =>
        {
            Assert.That(one.Equals(other, comparison), Is.EqualTo(same));
            Assert.That(one.Equals(other), Is.False);
            if (same)
                Assert.That(one.GetHashCode(comparison), Is.EqualTo(other.GetHashCode(comparison)));
        });
    }

    [Test]
    public void Whole_numbers_of_any_type_become_a_long()
    {
        BsonValue[] whole = [7, 7L, 7.0, Decimal128.Parse("70E-1")];
        BsonValue[] none = ["7", 7.5, 1e300, double.NaN, Decimal128.Parse("7.1"), Decimal128.Parse("1E+30"), true, default];
        Assert.Multiple(() =>
        {
            Assert.That(whole.Select(value => value.TryGetInt64(out var number) ? number : -1), Is.All.EqualTo(7));
            Assert.That(none.Any(value => value.TryGetInt64(out _)), Is.False);
        });
    }

    [Test]
    public void Ids_are_ordered_as_bytes_and_never_the_same()
    {
        var time = TimeProvider.System;
        var ids = Enumerable.Range(0, 1000).Select(_ => ObjectId.NewId(time)).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(ids.Distinct().Count(), Is.EqualTo(ids.Count));
            Assert.That(ids.Order().Select(id => id.ToString()), Is.EqualTo(ids.Select(id => id.ToString()).Order(StringComparer.Ordinal)));
            Assert.That(ObjectId.Parse("5b92f794844d0700016ea217").Created,
                Is.EqualTo(new DateTimeOffset(2018, 9, 7, 22, 11, 32, TimeSpan.Zero)));
            Assert.That(ObjectId.TryParse("5b92f794844d0700016ea21", out _), Is.False);
            Assert.That(ObjectId.TryParse("5b92f794844d0700016ea21g", out _), Is.False);
        });
    }

    [Test]
    public void A_uuid_is_in_the_order_in_which_it_is_read_aloud()
    {
        var uuid = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff", CultureInfo.InvariantCulture);
        var value = BsonValue.FromUuid(uuid);
        Assert.Multiple(() =>
        {
            Assert.That(Convert.ToHexStringLower(value.AsBinary.Bytes), Is.EqualTo("00112233445566778899aabbccddeeff"));
            Assert.That(value.TryGetUuid(out var read) ? read : default, Is.EqualTo(uuid));
            Assert.That(BsonValue.FromBinary(new(value.AsBinary.Bytes, BsonBinary.OldUuid)).TryGetUuid(out _), Is.False);
        });
    }

    private static BsonDocument Read(string json) => ExtendedJson.Read(json.Replace('\'', '"'));
}
