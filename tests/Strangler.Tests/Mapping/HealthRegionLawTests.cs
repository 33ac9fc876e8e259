using NUnit.Framework;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.LegacyData.HealthRegions;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of the five tables of health regions with every oddity; and each rule of their mapping.</summary>
public sealed class HealthRegionLawTests
{
    private static readonly Dictionary<string, PlainRows> _rows =
        new[] { "province", "health-region", "postcode", "mobility-week", "case-report" }.ToDictionary(kind => kind, kind => new PlainRows("health-regions", kind));

    private static CompiledMapping MappingOf(string kind) => _rows[kind].Mapping;

    private static LegacyHealthTable TableOf(string kind, int seed, bool unreadable = true)
    {
        var options = new LegacyRowOptions { Rows = 900, Seed = seed, IncludeUnreadable = unreadable };
        return kind switch
        {
            "province" => LegacyHealthRegions.Provinces(),
            "health-region" => LegacyHealthRegions.Regions(unreadable),
            "postcode" => LegacyHealthRegions.Locations(options),
            "mobility-week" => LegacyHealthRegions.Mobility(options),
            _ => LegacyHealthRegions.Cases(options),
        };
    }

    [Test]
    public async Task Every_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(
        [Values("province", "health-region", "postcode", "mobility-week", "case-report")] string kind, [Values(1, 2)] int seed)
    {
        var table = TableOf(kind, seed);
        var result = await LawCheck.RunAsync(
            MappingOf(kind), table.Rows.Select(row => (row.Id, row.IsUnreadable, row.Kinds, _rows[kind].Of(row))), table.Kinds, seed, kind == "province" ? 60 : 6);
        Assert.That(result.UnreadableBy.Keys.Select(one => one.Reason).Distinct(), Is.SubsetOf(new[] { "is below 0, and ids begin at 1" }));
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte(
        [Values("province", "health-region", "postcode", "mobility-week", "case-report")] string kind) => LawCheck.AssertRebuilds(
        MappingOf(kind), TableOf(kind, 4, unreadable: false).Rows.Select(row => (row.Kinds, _rows[kind].Of(row))));

    [Test]
    public void An_entity_that_nobody_changed_gives_back_its_record()
    {
        GivesBack("province", new ProvinceRecords(MappingOf("province")));
        GivesBack("health-region", new HealthRegionRecords(MappingOf("health-region")));
        GivesBack("postcode", new PostcodeRecords(MappingOf("postcode")));
        GivesBack("mobility-week", new MobilityWeekRecords(MappingOf("mobility-week")));
        GivesBack("case-report", new CaseReportRecords(MappingOf("case-report")));
    }

    [TestCase("postcode", "code", "X0X")]
    [TestCase("health-region", "hr_uid", 4711L)]
    [TestCase("province", "geo_code", 4711L)]
    public void A_natural_key_never_changes_and_is_given_by_whoever_makes_the_row(string kind, string field, object other)
    {
        var mapping = MappingOf(kind);
        var row = _rows[kind].Of(TableOf(kind, 1, unreadable: false).Rows[0]);
        Assert.That(
            () => mapping.Legacy.Put(mapping.Legacy.Get(row).With((field, other)), row),
            Throws.TypeOf<CannotHoldException>().With.Message.Contains(field).And.Message.Contains("does not change"));
        Assert.That(() => mapping.Legacy.Put(mapping.Schema.Blank(), null), Throws.TypeOf<CannotHoldException>().With.Message.Contains("is no key"));
        var made = mapping.Legacy.Put(mapping.Legacy.Get(row).With((field, other)), null);
        Assert.That(mapping.Legacy.Layout.Root.NaturalKey!.IdOf(made.Root), Is.EqualTo(other is string text ? TextKey.IdOf(text) : other));
    }

    [TestCase("K1A", 4927809)]
    [TestCase("k1a", 7024993)]
    [TestCase("A", 65)]
    [TestCase("\u00e91A", 0xc3a93141)]
    [TestCase("\u00ff\u00ff\u00ffx", 0x00c3bfc3bfc3bf78)]
    public void A_short_text_and_its_number_are_one(string text, long id)
    {
        Assert.That(TextKey.IdOf(text), Is.EqualTo(id));
        Assert.That(TextKey.TextOf(id), Is.EqualTo(text));
    }

    [TestCase("")]
    [TestCase("\u65e5\u672c\u8a9e")]
    [TestCase("12345678")]
    [TestCase("\0A")]
    public void What_is_too_long_or_nothing_is_no_key(string text) => Assert.That(TextKey.IdOf(text), Is.Zero);

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(long.MaxValue)]
    [TestCase(0xff)]
    public void A_number_that_no_text_makes_has_none(long id) => Assert.That(TextKey.TextOf(id), Is.Null);

    [TestCase("2021-11-27", "2021-11-27", "")]
    [TestCase("27-11-2021", null, "27-11-2021")]
    [TestCase("2021-02-30", null, "2021-02-30")]
    [TestCase("2021-1-2", null, "2021-1-2")]
    [TestCase("", null, "")]
    public void A_text_is_a_day_if_it_is_written_as_declared_and_else_stays_a_text(string stored, string? day, string text)
    {
        var rows = _rows["mobility-week"];
        var record = rows.Get(rows.Of(TableOf("mobility-week", 1).Rows[30], ("date", stored)));
        Assert.That(record["measured_on"], Is.EqualTo(day is null ? null : DateOnly.ParseExact(day, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture)));
        Assert.That((record["date.text"], record["date.is_given"]), Is.EqualTo((text, true)));
    }

    [Test]
    public void Null_and_nothing_and_zero_are_three_answers()
    {
        var regions = _rows["health-region"];
        var (nothing, empty) = (regions.Get(RowOf("health-region", "without-websites")), regions.Get(RowOf("health-region", "empty-websites")));
        Assert.That((nothing["website_en.is_given"], empty["website_en.is_given"]), Is.EqualTo((false, true)));
        var cases = _rows["case-report"];
        Assert.That(cases.Get(RowOf("case-report", "nothing-counted"))["cases"], Is.Null);
        Assert.That(
            () => cases.Put(RowOf("case-report", "usual"), ("average_cases_last_7_days", 0.1)),
            Throws.TypeOf<CannotHoldException>().With.Message.Contains("single precision"));
    }

    [TestCase("<column name=\"forward_sortation_area\" type=\"varchar\" length=\"3\"/>", "", "also declared as a column")]
    [TestCase("\"forward_sortation_area\" type=\"varchar\" length=\"3\"", "\"forward_sortation_area\" type=\"varchar\" length=\"8\"", "at most 7 bytes")]
    [TestCase("\"hr_uid\" type=\"int\"/>", "\"hr_uid\" type=\"int\" null=\"yes\"/>", "also declared as a column")]
    [TestCase("<ids from=\"natural-key\"/>", "<ids from=\"auto-increment\"/>", "ids from=\"natural-key\"")]
    [TestCase("other=\"province\"", "other=\"nothing\"", "has a field 'nothing'")]
    [TestCase("\"geo_code\" type=\"integer\"", "\"geo_code\" type=\"real\"", "does not fit")]
    [TestCase("type=\"count\" legacy=\"mobility.year\"", "type=\"integer\" legacy=\"mobility.year\"", "counted and measured values")]
    public void A_mistake_in_what_is_new_is_told(string sound, string broken, string message)
    {
        var text = File.ReadAllText(PlainRows.PathOf("health-regions"));
        Assert.That(text, Does.Contain(sound));
        using var stream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text.Replace(sound, broken, StringComparison.Ordinal)));
        var problems = Assert.Throws<MappingException>(() => MappingCompiler.Compile(stream, "health-regions.xml", new()))!.Problems;
        Assert.That(problems.Select(problem => problem.Message), Has.Some.Contains(message), string.Join('\n', problems));
    }

    private static AggregateRow RowOf(string kind, string kindOfRow) =>
        _rows[kind].Of(TableOf(kind, 1, unreadable: false).Rows.First(row => row.Kinds.Contains(kindOfRow)));

    private static void GivesBack<TEntity>(string kind, IEntityConverter<TEntity> records)
        where TEntity : class
    {
        foreach (var row in TableOf(kind, 1, unreadable: false).Rows)
        {
            var record = _rows[kind].Get(_rows[kind].Of(row));
            var entity = records.ToEntity(row.Id, record);
            Assert.That(records.IdOf(entity), Is.EqualTo(row.Id));
            var back = records.Apply(entity, record);
            Assert.That(record.AgreesWith(back), $"{kind}: {string.Join(' ', row.Kinds)}");
        }
    }
}
