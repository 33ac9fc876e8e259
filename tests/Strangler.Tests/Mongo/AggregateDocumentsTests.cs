using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

public sealed class AggregateDocumentsTests
{
    private static readonly AggregateLayout Layout = new(
    [
        new TableLayout("image", TableRole.Root, "id",
        [
            new ColumnLayout("name", ColumnType.Text, false),
            new ColumnLayout("width", ColumnType.Integer, true, MinValue: 0, MaxValue: int.MaxValue),
            new ColumnLayout("bytes", ColumnType.Integer, true),
            new ColumnLayout("deleted", ColumnType.Integer, false) { IsFlag = true },
            new ColumnLayout("taken_at", ColumnType.DateTime, true),
            new ColumnLayout("day", ColumnType.DateTime, true),
            new ColumnLayout("thumbnail", ColumnType.Binary, true),
            new ColumnLayout("ratio", ColumnType.Real, true),
            new ColumnLayout("parent_id", ColumnType.Integer, true) { References = "image" },
        ]),
        new TableLayout("owner", TableRole.One, "image_id", [new ColumnLayout("remark", ColumnType.Text, true)]),
        new TableLayout("crop", TableRole.Many, "image_id", [new ColumnLayout("x", ColumnType.Integer, false), new ColumnLayout("label", ColumnType.Text, true)]),
    ]);

    private static readonly AggregateDocuments Documents = new("image", new Dictionary<string, AggregateLayout> { ["image"] = Layout });

    [Test]
    public void What_is_written_is_read_back_and_what_is_not_there_is_left_out()
    {
        var (full, bare) = (Full(), Row(["", null, null, 0L, null, null, null, null, null], null, []));

        var document = Documents.Insert(7, bare);

        Assert.That(document.Select(field => field.Name), Is.EqualTo(new[] { "_id", "name", "deleted" }));
        Assert.That(Documents.Read(document).SameAs(bare), Is.True);
        Assert.That(Read(Documents.Insert(7, full)).SameAs(full), Is.True);
    }

    [Test]
    public void Each_type_has_one_encoding()
    {
        var document = Documents.Insert(7, Full());

        Assert.That(document["_id"].Type, Is.EqualTo(BsonType.Int64));
        Assert.That(document["width"].Type, Is.EqualTo(BsonType.Int32));
        Assert.That(document["bytes"].Type, Is.EqualTo(BsonType.Int64));
        Assert.That(document["deleted"].AsBoolean, Is.True);
        Assert.That(document["taken_at"].AsMilliseconds, Is.EqualTo(1463485322000), "read as UTC");
        Assert.That(document["day"].AsString, Is.EqualTo("2016-05-17"));
        Assert.That(document["ratio"].Type, Is.EqualTo(BsonType.Double));
        Assert.That(document.At("crop.1.x").AsInt64, Is.EqualTo(2));
        Assert.That(document.At("owner.remark").AsString, Is.EqualTo("mine"));
    }

    [Test]
    public void Another_encoding_of_the_same_value_is_the_same_value()
    {
        var row = Row(["a", 5L, 5L, 1L, null, null, null, 2.0, null], null, []);
        var document = BsonDocument.Of(
            ("ratio", 2), ("bytes", Decimal128.Parse("5.0")), ("width", 5.0), ("taken_at", BsonValue.Null), ("crop", BsonArray.Empty), ("owner", BsonValue.Null),
            ("deleted", true), ("name", "a"), ("_id", 7));

        Assert.That(Documents.Read(document).SameAs(row), Is.True);
    }

    [TestCase("width", "a text")]
    [TestCase("deleted", "a number")]
    [TestCase("owner", "a text")]
    [TestCase("crop", "a text")]
    [TestCase("taken_at", "a number")]
    public void What_is_of_another_type_is_said_and_nothing_is_taken_for_it(string field, string what)
    {
        var document = Documents.Insert(7, Full()).With(field, what == "a text" ? "secret" : 1);

        var values = Read(document).Tables.SelectMany(rows => rows).SelectMany(row => row).OfType<MistypedValue>().ToList();

        Assert.That(values, Is.Not.Empty);
        Assert.That(values.Select(value => value.Reason), Has.None.Contains("secret"));
    }

    [Test]
    public void A_time_with_milliseconds_is_not_taken_for_a_whole_second()
    {
        var document = Documents.Insert(7, Full()).With("taken_at", BsonValue.FromMilliseconds(1463485322001));

        Assert.That(Read(document).Root[4], Is.EqualTo("2016-05-17 11:42:02.001"));
    }

    [Test]
    public void A_change_touches_only_what_changed_and_keeps_what_the_mapping_does_not_know()
    {
        var was = Full();
        var stored = Documents.Insert(7, was).With("exif", "unknown")
            .With("crop", BsonArray.Of(BsonDocument.Of(("y", 9), ("x", 1)), BsonDocument.Of(("x", 2L), ("label", "b"))));
        var now = was.Clone();
        (now.Root[0], now.Root[1]) = ("b", null);
        now.Tables[1] = [];
        now.Tables[2] = [[10L, "first"], [2L, "b"]];

        var change = Documents.Update(stored, Read(stored), now)!;

        Assert.That(change, Is.EqualTo(BsonDocument.Of(
            ("$set", BsonDocument.Of(("name", "b"), ("crop", BsonArray.Of(
                BsonDocument.Of(("y", 9), ("x", 10L), ("label", "first")), BsonDocument.Of(("x", 2L), ("label", "b")))))),
            ("$unset", BsonDocument.Of(("width", ""), ("owner", ""))))));
        Assert.That(Documents.Update(stored, was, was.Clone()), Is.Null);
    }

    [TestCase("ab>b", "b.q")]
    [TestCase("ab>ba", "b.q a")]
    [TestCase("ab>xab", "x a b.q")]
    [TestCase("ab>xb", "x b.q")]
    [TestCase("ab>ax", "a x.q")]
    [TestCase("ab>axy", "a x.q y")]
    [TestCase("ab>xa", null)]
    [TestCase("ab>a", null)]
    [TestCase("ab>x", null)]
    [TestCase("ab>", null)]
    [TestCase("bab>ab", "a b.q")]
    [TestCase("bab>x", null)]
    public void What_another_program_has_put_into_an_element_stays_in_it_or_the_change_is_refused(string change, string? expected)
    {
        // The last b is the one with a field q.
        var (before, after) = (change.Split('>')[0], change.Split('>')[1]);
        var was = Row(["a", null, null, 0L, null, null, null, null, null], null, [.. before.Select(name => new object?[] { 1L, name.ToString() })]);
        var now = was.Clone();
        now.Tables[2] = [.. after.Select(name => new object?[] { 1L, name.ToString() })];
        var stored = Documents.Insert(7, was);
        var marked = stored["crop"].AsArray.Select((element, i) => i == before.LastIndexOf('b') ? element.AsDocument.With("q", 1) : element.AsDocument);
        stored = stored.With("crop", BsonArray.FromDocuments(marked));

        if (expected is null)
        {
            Assert.That(Assert.Throws<CannotHoldException>(() => Documents.Update(stored, was, now))!.Field, Is.EqualTo("crop"));
            return;
        }

        var crops = Documents.Update(stored, was, now)!.At("$set.crop").AsArray.Select(element => element.AsDocument);
        Assert.That(string.Join(' ', crops.Select(crop => crop["label"].AsString + (crop.Contains("q") ? ".q" : ""))), Is.EqualTo(expected));
    }

    [Test]
    public void A_change_beside_a_field_of_another_type_leaves_that_as_it_is_and_a_change_of_it_mends_it()
    {
        var stored = Documents.Insert(7, Full()).With("width", "broken");
        var was = Read(stored);
        var beside = was.Clone();
        beside.Root[0] = "b";
        var mended = was.Clone();
        mended.Root[1] = 6L;

        Assert.That(Documents.Update(stored, was, beside), Is.EqualTo(BsonDocument.Of(("$set", BsonDocument.Of(("name", "b"))))));
        Assert.That(Documents.Update(stored, was, mended), Is.EqualTo(BsonDocument.Of(("$set", BsonDocument.Of(("width", 6))))));
    }

    [Test]
    public void A_new_id_that_no_map_row_leads_back_from_reads_as_no_id()
    {
        var document = Documents.Insert(7, Full());

        Assert.That(Documents.NewIdsOf(document), Is.EqualTo(new[] { ("image", 3L) }));
        Assert.That(Documents.Read(document).Root[8], Is.EqualTo(-1L));
        Assert.That(Documents.Read(document, (kind, id) => kind == "image" && id == 3 ? 300 : null).Root[8], Is.EqualTo(300L));
    }

    [TestCase("2016-02-30 00:00:00")]
    [TestCase("0000-00-00 00:00:00")]
    [TestCase("yesterday")]
    public void A_time_that_is_none_is_refused(string time)
    {
        var row = Full();
        row.Root[4] = time;

        var refused = Assert.Throws<ArgumentException>(() => Documents.Insert(7, row))!;

        Assert.That(refused.Message, Does.Contain("taken_at").And.Not.Contain(time));
    }

    [TestCase("a.b", "x")]
    [TestCase("$a", "x")]
    [TestCase("_id", "x")]
    [TestCase("crop", "x")]
    [TestCase("name", "strangler_fence")]
    [TestCase("name", "system.users")]
    public void Names_that_no_field_or_collection_can_have_are_refused(string column, string table)
    {
        var layout = new AggregateLayout(
        [
            new TableLayout(table, TableRole.Root, "id", [new ColumnLayout(column, ColumnType.Text, false)]),
            new TableLayout("crop", TableRole.Many, "x_id", [new ColumnLayout("x", ColumnType.Integer, false)]),
        ]);

        Assert.Throws<ArgumentException>(() => _ = new AggregateDocuments("x", new Dictionary<string, AggregateLayout> { ["x"] = layout }));
    }

    private static AggregateRow Read(BsonDocument document) => Documents.Read(document, (_, id) => id);

    private static AggregateRow Full() =>
        Row(["Fuchs 🦊", 640L, long.MinValue, 1L, "2016-05-17 11:42:02", "2016-05-17", new byte[] { 0, 255 }, 1.5, 3L], "mine", [[1L, null], [2L, "b"]]);

    private static AggregateRow Row(object?[] root, string? remark, object?[][] crops) =>
        new(Layout, [[root], remark is null ? [] : [[remark]], crops]);
}
