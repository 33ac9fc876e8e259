using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.LegacyData.Impressions;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of <c>backend_banner</c> and <c>backend_impressions</c> with every oddity; and each rule of their mapping.</summary>
public sealed class ImpressionLawTests
{
    internal static readonly PlainRows Banners = new("impressions", "banner");
    internal static readonly PlainRows Impressions = new("impressions", "impression");

    [TestCase(1, 3_000, 3)]
    [TestCase(2, 1_500, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        Assert.That((await Banners.CheckLawsAsync(BannerRows(rows, seed), seed, trials)).Unreadable, Is.Zero);
        var result = await Impressions.CheckLawsAsync(ImpressionRows(rows, seed), seed, trials);
        Assert.That(
            result.UnreadableBy.Keys, Is.EquivalentTo(new[]
            {
                ("backend_impressions.banner_id", "is below 0, and ids begin at 1"),
                ("backend_impressions.datetime", "is not a time between the years 1000 and 9999"),
            }));
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte()
    {
        Banners.AssertRebuilds(BannerRows(1_000, 4));
        Impressions.AssertRebuilds(ImpressionRows(1_000, 4));
    }

    // The store translates; a record and a row hold the public id on both sides.
    [Test]
    public void The_banner_is_a_reference_within_the_context()
    {
        var reference = Impressions.Mapping.References.Single();
        Assert.That(reference.Targets, Is.EqualTo(new[] { new ReferenceTarget(null, "impressions", "banner") }));
        Assert.That(
            Impressions.Mapping.New.Layout.Root.Columns.Where(column => column.References is not null).Select(column => (column.Name, column.References)),
            Is.EqualTo(new[] { ("banner_id", "banner") }));
        Assert.That(Impressions.Mapping.Legacy.Layout.Root.Columns.Where(column => column.References is not null), Is.Empty);
        var row = Impressions.First(ImpressionRows(300, 1), "counted");
        Assert.That(Impressions.Mapping.New.Put(Impressions.Get(row), null).Root[0], Is.EqualTo(Impressions.ColumnOf(row, "banner_id")));
        Assert.That(Impressions.Mapping.Explain().ToText(), Does.Contain("banner_id leads to impressions/banner; the new side holds the new id"));
    }

    [Test]
    public void A_stored_new_id_that_no_map_row_leads_back_from_is_unreadable_and_not_none()
    {
        var row = Impressions.Mapping.New.Put(Impressions.Mapping.Schema.Blank(), null);
        row.Root[0] = -1L;
        Assert.That(() => Impressions.Mapping.New.Get(row), Throws.TypeOf<UnreadableException>().With.Message.Contains("no row of the id map"));
    }

    [TestCase("1970-01-01 00:00:00", false)]
    [TestCase("1970-01-01 01:00:00", false)]
    [TestCase("1970-01-01 01:00:01", true)]
    public void The_epoch_says_that_nobody_knows_when(string stored, bool isKnown)
    {
        var row = Impressions.First(ImpressionRows(300, 1), "counted", ("datetime", stored));
        Assert.That(Impressions.Get(row)["counted_at"], isKnown ? Is.Not.Null : Is.Null);
        Assert.That(Impressions.ColumnOf(Impressions.Put(row, ("counted_at", null)), "datetime"), Is.EqualTo(isKnown ? "1970-01-01 00:00:00" : stored));
    }

    internal static LegacyTableGenerator BannerRows(int rows, int seed) => LegacyImpressions.Banners(new LegacyRowOptions { Rows = rows, Seed = seed });

    internal static LegacyTableGenerator ImpressionRows(int rows, int seed) =>
        LegacyImpressions.Impressions(new LegacyRowOptions { Rows = rows, Seed = seed }, [.. BannerRows(100, seed).Generate().Select(row => row.Id)]);
}
