using System.Text;
using NUnit.Framework;
using Strangler.Capture;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Tests.Mapping;

/// <summary>
/// Lists that are the rows of legacy tables, shared rows, and columns of one value: their laws, and the mistakes a file can make with them.
/// </summary>
public sealed class ChildRowsTests
{
    private static readonly string _path = Path.Combine(AppContext.BaseDirectory, "things.xml");
    private static readonly string _sound = File.ReadAllText(_path);
    private static readonly CompiledMapping _mapping = MappingFile.Load(_path, "thing", new ConverterRegistry());

    private static AggregateLayout Layout => _mapping.Legacy.Layout;

    [Test]
    public async Task Rows_of_every_shape_keep_the_laws()
    {
        var result = await new MappingVerifier(_mapping, seed: 3, trials: 6).RunAsync(Stream(), null, CancellationToken.None);
        await TestContext.Out.WriteLineAsync($"{result.Rows} rows, {result.Unreadable} unreadable, refused trials: {string.Join(", ", result.TrialsRefused)}");
        Assert.That(result.Samples, Is.Empty);
        Assert.That((result.Unreadable, result.RefusedByNew.Count), Is.EqualTo((0L, 0)));
        Assert.That(result.TrialsRefused.Keys, Has.Some.EqualTo("tags").And.Some.EqualTo("steps[].price").And.Some.EqualTo("steps[].message"));

        static async IAsyncEnumerable<(long, AggregateRow)> Stream()
        {
            await Task.CompletedTask;
            var random = new Random(11);
            for (var id = 1; id <= 3_000; id++)
            {
                yield return (id, Draw(random));
            }
        }
    }

    [Test]
    public void A_change_of_one_entry_touches_no_other_row()
    {
        var row = Row(steps: [Step(7, "plan", "a"), Step(9, "tat", null), Step(12, "plan", "c")]);
        var record = _mapping.Legacy.Get(row);
        var steps = record.List("steps").Rows;
        var changed = Put(row, ("steps", new RecordList([steps[0], ["deed", "other", null, 300L], steps[2], ["plan", "new", null, 0L]])));
        var table = Table(changed, "ding_schritt");
        Assert.That(table.Select(one => one[0]), Is.EqualTo(new object?[] { 7L, 9L, 12L, null }), "keys stay, and the database allots new ones");
        Assert.That(table[0], Is.EqualTo(row.Tables[1][0]).AsCollection);
        Assert.That(table[1], Is.EqualTo(new object?[] { 9L, "tat", "other", null, 3L }).AsCollection);
        Assert.That(table[2], Is.EqualTo(row.Tables[1][2]).AsCollection);
    }

    [Test]
    public void What_shows_the_same_stays_as_it_is_to_the_byte()
    {
        var row = Row(steps: [Step(7, "plan", null), Step(8, "plan", "")], words: [[null, 1L], ["", 1L], ["", 1L]]);
        var record = _mapping.Legacy.Get(row);
        Assert.That(record.List("steps").Rows[0], Is.EqualTo(record.List("steps").Rows[1]).AsCollection, "NULL and '' read alike");
        var changed = Put(row, ("title", "other"), ("words", new RecordList([["x", 2L], .. record.List("words").Rows.Skip(1)])));
        Assert.That(Table(changed, "ding_schritt"), Is.EqualTo(row.Tables[1]).AsCollection);
        Assert.That(Table(changed, "ding_wort"), Is.EquivalentTo(new object?[][] { [null, 1L], ["", 1L], ["x", 2L] }));
    }

    [Test]
    public void A_list_without_an_order_is_the_same_however_it_is_written()
    {
        var one = new RecordList([["b", ""], ["a", "x"], ["a", ""]]);
        var other = new RecordList([["a", ""], ["b", ""], ["a", "x"]]);
        var (first, second) = (Put(Row(), ("tags", one)), Put(Row(), ("tags", other)));
        Assert.That(_mapping.Legacy.Get(first).AgreesWith(_mapping.Legacy.Get(second)));
        Assert.That(_mapping.Legacy.Put(_mapping.Legacy.Get(first), second).SameAs(second), "nothing to write");
        var (left, right) = (_mapping.New.Put(_mapping.Schema.Blank().With(("tags", one)), null), _mapping.New.Put(_mapping.Schema.Blank().With(("tags", other)), null));
        Assert.That(left.SameAs(right));
        Assert.That(_mapping.Change(_mapping.Schema.Blank(), "tags", one)["tags"], Is.EqualTo(other.Sorted()));
    }

    [Test]
    public void A_shared_row_is_referred_to_and_never_changed()
    {
        var row = Row(tags: [[3L, "Weiß", "street"], [5L, "other", ""]], origin: [8L, "Köln"]);
        var changed = Put(row, ("tags", new RecordList([["Weiß", "street"], ["new", "city"]])), ("origin", "Bonn"));
        Assert.That(
            Table(changed, "ding_marke"), Is.EqualTo(new object?[][] { [3L, "Weiß", "street"], [null, "new", "city"] }).AsCollection,
            "null: to be found, or inserted");
        Assert.That(changed.Root, Is.EqualTo(new object?[] { "title", null, "Bonn" }).AsCollection);
        Assert.That(Put(row, ("origin", "")).Root, Is.EqualTo(new object?[] { "title", null, "" }).AsCollection);
    }

    [TestCase("tags", TestName = "Twice the same: tags")]
    [TestCase("words", TestName = "Twice the same: words")]
    public void Of_rows_that_are_nothing_but_their_content_no_second_one_is_written(string list)
    {
        object?[] row = list == "tags" ? ["a", "b"] : ["a", 1L];
        Assert.That(
            () => Put(Row(), (list, new RecordList([row, row]))), Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo(list));
    }

    [Test]
    public void Two_shared_rows_that_say_the_same_are_two_entries_and_stay()
    {
        var row = Row(tags: [[3L, "a", ""], [4L, "a", ""]]);
        Assert.That(_mapping.Legacy.Get(row).List("tags").Count, Is.EqualTo(2));
        Assert.That(Table(Put(row, ("title", "other")), "ding_marke"), Is.EqualTo(row.Tables[2]).AsCollection);
        Assert.That(Table(Put(row, ("tags", new RecordList([["a", ""]]))), "ding_marke"), Is.EqualTo(new object?[][] { [3L, "a", ""] }).AsCollection);
    }

    [TestCase("ding_marke", "ding_marke.marke_id")]
    [TestCase("ding", "ding.herkunft_id")]
    public void A_reference_to_a_row_that_is_not_there_is_unreadable(string table, string place)
    {
        var row = table == "ding" ? Row(origin: [8L, null]) : Row(tags: [[3L, null, null]]);
        Assert.That(() => _mapping.Legacy.Get(row), Throws.TypeOf<UnreadableException>().With.Property(nameof(UnreadableException.Place)).EqualTo(place));
    }

    [Test]
    public void A_value_without_meaning_makes_the_entity_unreadable_and_is_named()
    {
        var row = Row(steps: [Step(1, "plan", "a"), Step(2, "unheard of", "b")]);
        var unreadable = Assert.Throws<UnreadableException>(() => _mapping.Legacy.Get(row))!;
        Assert.That((unreadable.Place, unreadable.Message), Is.EqualTo(("ding_schritt.art", "ding_schritt.art: unknown code")));
    }

    [TestCase("steps", "price", 150L, "steps[].price", "whole euros")]
    [TestCase("steps", "message", "\U0001F600", "steps[].message", "beyond U+FFFF")]
    [TestCase("tags", "name", "a name of more than twenty", "tags[].name", "longer than the 20")]
    public void What_a_row_cannot_hold_is_refused_by_name(string list, string item, object value, string field, string reason)
    {
        object?[] row = (list, item) switch
        {
            ("steps", "price") => ["plan", "", null, value],
            ("steps", _) => ["plan", value, null, 0L],
            _ => [value, ""],
        };
        var refused = Assert.Throws<CannotHoldException>(() => Put(Row(), (list, new RecordList([row]))))!;
        Assert.That((refused.Field, refused.Reason), Is.EqualTo((field, refused.Reason)));
        Assert.That(refused.Reason, Does.Contain(reason));
    }

    [Test]
    public void Every_table_is_captured_shared_rows_by_way_of_those_that_refer_to_them()
    {
        var tables = CaptureRules.Of(new Dictionary<string, AggregateLayout> { ["thing"] = Layout });
        Assert.That(
            tables.Select(table => (table.Table, table.Owner, table.Root, table.RootKey, table.ReferencedBy, string.Join(' ', table.Columns.Select(column => column.Name)))),
            Is.EqualTo(new[]
            {
                ("ding", CaptureOwner.ByKey, "ding", "id", null, "titel herkunft_id"),
                ("herkunft", CaptureOwner.ByReference, "ding", "id", "herkunft_id", "ort"),
                ("ding_schritt", CaptureOwner.ByKey, "ding", "id", null, "id art text am euro"),
                ("ding_marke", CaptureOwner.ByKey, "ding", "id", null, "marke_id"),
                ("marke", CaptureOwner.ByReference, "ding_marke", "ding_id", "marke_id", "name quelle"),
                ("ding_wort", CaptureOwner.ByKey, "ding", "id", null, "wort zahl"),
                ("schluessel", CaptureOwner.ByKey, "ding", "id", (string?)null, "wert"),
            }));
        Assert.That(tables[^1].Fixed, Is.EqualTo(new[] { new FixedColumn("art", "D") }));
    }

    [Test]
    public void The_explanation_tells_rows_and_shared_rows()
    {
        var fields = _mapping.Explain().Fields;
        Assert.That(fields.Single(field => field.Field == "tags").Legacy, Is.EqualTo("(rows of ding_marke)"));
        Assert.That(fields.Single(field => field.Field == "tags").Notes, Has.Some.EqualTo("in no order"));
        Assert.That(fields.Single(field => field.Field == "tags[].name").Notes, Has.One.Contains("shared rows of marke: found by name, quelle"));
        Assert.That(fields.Single(field => field.Field == "steps[].kind").Codes, Has.Count.EqualTo(2));
    }

    // Name of the case, what is replaced, by what, the field named, a part of the message.
    private static readonly object[][] _mistakes =
    [
        ["no list for the rows", "legacy=\"ding_wort\"", "legacy=\"none\"", "ding_wort", "no list holds the rows", "<table name=\"ding_wort\""],
        ["two lists for the rows", "legacy=\"ding_wort\"", "legacy=\"ding_schritt\"", "ding_schritt", "two lists hold the rows", "<table name=\"ding_schritt\""],
        ["list of a table of one row", "legacy=\"ding_wort\"", "legacy=\"schluessel\"", "words", "unknown table 'schluessel' of many rows"],
        ["rows without order in a list with one", "legacy=\"ding_wort\" order=\"none\"", "legacy=\"ding_wort\"", "words", "nothing tells the order"],
        ["own key without an index", " index=\"schritt_von\"", "", "ding_schritt", "needs index"],
        ["own key that is a column", "own-key=\"id\"", "own-key=\"art\"", "ding_schritt", "'art' is one of them"],
        ["own key on the new side", "<table name=\"thing_step\" role=\"many\"", "<table name=\"thing_step\" own-key=\"id\" role=\"many\"", "thing_step", "for legacy tables of many rows"],
        ["forgotten column of a row", "<column name=\"zahl\" type=\"int\"/>", "<column name=\"zahl\" type=\"int\"/><column name=\"neu\" type=\"int\"/>", "neu", "neither mapped nor preserved"],
        ["forgotten column of a shared row", "<column name=\"quelle\"", "<column name=\"neu\" type=\"int\"/><column name=\"quelle\"", "neu", "neither mapped nor preserved"],
        ["item of another table", "legacy=\"ding_wort.zahl\"", "legacy=\"ding_schritt.euro\"", "words[].number", "is no column of ding_wort"],
        ["item that is a reference", "legacy=\"marke.quelle\"", "legacy=\"ding_marke.marke_id\"", "tags[].source", "name what is looked up there"],
        ["item without a column", "legacy=\"ding_wort.zahl\"", "legacy=\"value\"", "words[].number", "needs its legacy column"],
        ["item of the wrong type", "type=\"integer\" legacy=\"ding_wort.zahl\"", "type=\"timestamp\" legacy=\"ding_wort.zahl\"", "words[].number", "does not fit the column ding_wort.zahl"],
        ["item whose money has no format", "format=\"whole-euros\" ", "", "steps[].price", "needs its format"],
        ["item with an unknown code list", "codes=\"step\"", "codes=\"steps\"", "steps[].kind", "unknown code list 'steps'"],
        ["item that hides something personal", "name=\"message\" type=\"text\" personal=\"yes\"", "name=\"message\" type=\"text\"", "steps[].message", "is personal"],
        ["field in a table of many rows", "legacy=\"ding.titel\"", "legacy=\"ding_wort.wort\"", "title", "belongs to a table of many rows"],
        ["lookup in no such table", "lookup=\"herkunft\"", "lookup=\"ding_wort\"", "herkunft_id", "'ding_wort' is none"],
        ["shared rows that nothing refers to", " lookup=\"herkunft\"", "", "herkunft", "no column refers to this table", "<table name=\"herkunft\""],
        ["shared rows that two refer to", "<column name=\"zahl\" type=\"int\"/>", "<column name=\"zahl\" type=\"int\" lookup=\"marke\"/>", "marke", "two columns refer", "<table name=\"marke\""],
        ["reference that is no number", "name=\"marke_id\" type=\"int\"", "name=\"marke_id\" type=\"text\"", "marke_id", "a whole number"],
        ["fixed value in the root", "<column name=\"titel\" type=\"varchar\" length=\"50\" personal=\"yes\"/>", "<column name=\"titel\" fixed=\"x\" type=\"varchar\" length=\"50\" personal=\"yes\"/>", "titel", "fixed is for columns"],
        ["fixed value that is no word", "fixed=\"D\"", "fixed=\"D'; --\"", "art", "fixed"],
        ["LOB in a table of many rows", "<column name=\"zahl\" type=\"int\"/>", "<column name=\"zahl\" type=\"int\"/><lob column=\"wort\" encoding=\"php-serialize+base64\"/>", "wort", "can have no LOB"],
    ];

    private static IEnumerable<TestCaseData> Mistakes => _mistakes.Select(
        mistake => new TestCaseData(mistake[1], mistake[2], mistake[3], mistake[4], mistake.Length > 5 ? mistake[5] : null)
        {
            TestName = $"A_mistake_is_found_at_its_line: {mistake[0]}",
        });

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_found_at_its_line(string sound, string broken, string field, string message, string? where)
    {
        var at = _sound.IndexOf(sound, StringComparison.Ordinal);
        Assert.That(at, Is.Not.Negative);
        var text = string.Concat(_sound.AsSpan(0, at), broken, _sound.AsSpan(at + sound.Length));
        var line = text.AsSpan(0, where is null ? at : text.IndexOf(where, StringComparison.Ordinal)).Count('\n') + 1;
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        var problems = Assert.Throws<MappingException>(() => MappingCompiler.Compile(stream, "things.xml", new ConverterRegistry()))!.Problems;
        Assert.That(
            problems,
            Has.Some.Matches<MappingProblem>(problem => problem.Line == line && problem.Field == field && problem.Message.Contains(message, StringComparison.Ordinal)),
            () => $"line {line}, field '{field}', '{message}' not among:\n{string.Join('\n', problems)}");
    }

    private static AggregateRow Put(AggregateRow row, params ReadOnlySpan<(string Field, object? Value)> changes) =>
        _mapping.Legacy.Put(_mapping.Legacy.Get(row).With(changes), row);

    private static IReadOnlyList<object?[]> Table(AggregateRow row, string name) => row.Tables[Layout.IndexOf(name)];

    private static object?[] Step(long id, string kind, string? text) => [id, kind, text, null, 0L];

    private static AggregateRow Row(
        object?[][]? steps = null, object?[][]? tags = null, object?[][]? words = null, object?[]? origin = null, object?[][]? keys = null) =>
        new(Layout, [[["title", .. origin ?? [null, null]]], steps ?? [], tags ?? [], words ?? [], keys ?? []]);

    private static AggregateRow Draw(Random random)
    {
        var id = random.Next(1_000);
        string[] texts = ["", "a", "b", "Straße", "über"];
        return Row(
            steps: Many(() => [(long)(id += random.Next(1, 5)), random.Next(2) == 0 ? "plan" : "tat", random.Next(3) == 0 ? null : Text(),
                random.Next(2) == 0 ? null : "2020-01-02 03:04:05", (long)random.Next(4)]),
            tags: Many(() => [(long)++id, Text(), Text()]),
            words: Many(() => [random.Next(3) == 0 ? null : Text(), (long)random.Next(3)]),
            origin: random.Next(2) == 0 ? [null, null] : [(long)id, Text()],
            keys: random.Next(2) == 0 ? [] : [[Text()]]);

        string Text() => texts[random.Next(texts.Length)];

        object?[][] Many(Func<object?[]> make) => [.. Enumerable.Range(0, random.Next(5)).Select(_ => make())];
    }
}
