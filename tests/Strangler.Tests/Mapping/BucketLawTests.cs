using NUnit.Framework;
using Strangler.Contexts.Buckets.Mapping;
using Strangler.LegacyData;
using Strangler.LegacyData.Buckets;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over logs of buckets with every oddity; and each rule of their mapping.</summary>
public sealed class BucketLawTests
{
    internal static readonly PlainRows Rows = new(
        "buckets", "bucket-log", new ConverterRegistry().AddBuckets(),
        row => [.. LegacyBuckets.BucketsOf(row).Select(bucket => new object?[] { bucket.Id, bucket.Name, bucket.Campaign })]);

    [TestCase(1, 3_000, 3)]
    [TestCase(2, 1_500, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        var result = await Rows.CheckLawsAsync(Generator(rows, seed), seed, trials);
        Assert.That(
            result.UnreadableBy.Keys.Select(entry => entry.Place).Distinct(),
            Is.EquivalentTo(new[] { "bucket_log.event_name", "bucket_log.external_id", "bucket_log.date" }));
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte()
    {
        foreach (var generated in Generator(1_000, 4).Generate().Where(row => !row.IsUnreadable))
        {
            // The keys of the rows of buckets are legacy's own: they stay where the row is there, and are allotted anew where it is not.
            var row = Rows.Of(generated);
            var there = Rows.Mapping.New.Get(Rows.Mapping.New.Put(Rows.Get(row), null));
            Assert.That(Rows.Mapping.Legacy.Put(there, row).SameAs(row), string.Join(' ', generated.Kinds));
            if (there["logged_at"] is not null)
            {
                Assert.That(Rows.Get(Rows.Mapping.Legacy.Put(there, null)).AgreesWith(there), string.Join(' ', generated.Kinds));
            }
        }
    }

    [TestCase("donationCreated", "donation_created", false)]
    [TestCase("membershipApplicationCreated", "membership_created", false)]
    [TestCase("membershipApplicationCre", "membership_created", true)]
    public void Both_forms_of_a_name_are_read_and_each_row_keeps_its_own(string stored, string @event, bool isCut)
    {
        var row = Rows.First(Generator(300, 1), "donation", ("event_name", stored));
        Assert.That((Rows.Get(row)["event"], Rows.Get(row)["is_name_cut"]), Is.EqualTo((@event, isCut)));
        Assert.That(Rows.ColumnOf(Rows.Put(row, ("external_id", 5L)), "event_name"), Is.EqualTo(stored));
    }

    [TestCase("membershipApplicationCrea")]
    [TestCase("membershipApplicationCr")]
    [TestCase("donationCreate")]
    [TestCase("")]
    public void A_name_that_is_neither_is_unreadable(string stored) =>
        Assert.That(() => Rows.Get(Rows.First(Generator(300, 1), "donation", ("event_name", stored))), Throws.TypeOf<UnreadableException>());

    [Test]
    public void A_name_that_was_never_too_long_cannot_be_cut_off()
    {
        var row = Rows.First(Generator(300, 1), "donation");
        Assert.That(
            () => Rows.Put(row, ("is_name_cut", true)),
            Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo("is_name_cut"));
    }

    internal static LegacyTableGenerator Generator(int rows, int seed) => LegacyBuckets.Generator(new LegacyRowOptions { Rows = rows, Seed = seed });
}
