using NUnit.Framework;
using Strangler.Contexts.HealthRegions;

namespace Strangler.Tests.Contexts.HealthRegions;

/// <summary>Postcodes and their parts, and the published list that tells them.</summary>
public sealed class PostcodeTests
{
    private static readonly HashSet<long> _regions = [9001, 9002, 9003, 9101];

    [Test]
    public void A_crosswalk_is_read_as_what_it_says_and_no_further()
    {
        var crosswalk = PostcodeCrosswalk.Read(
            [
                new("Z0A", "9001", "8631"), new("Z0B", "9001", "0"), new("Z0B", "9002", ""), new("Z0B", "9003", "12"), new("Z0C", "9003", "100"),
                new("Z0C", "9003", "100"), new("Z0D", "9554", "5"), new(" z0e ", "9101", "373.0"), new("Z0C", "9003", "101"), new("22", "9001", "1"), new("Z0F", "9001", "many"),
            ],
            _regions);
        Assert.That(crosswalk.Parts.Keys, Is.EqualTo(new[] { "Z0A", "Z0B", "Z0C", "Z0E" }));
        Assert.That(crosswalk.Parts["Z0B"], Is.EqualTo(new[] { new PostcodePart(9001, 0), new PostcodePart(9002, null), new PostcodePart(9003, 12) }), "none is not 0");
        Assert.That(crosswalk.Parts["Z0C"], Is.EqualTo(new[] { new PostcodePart(9003, 100) }), "a pair that is there twice is one");
        Assert.That(crosswalk.Parts["Z0E"], Is.EqualTo(new[] { new PostcodePart(9101, 373) }));
        Assert.That(
            crosswalk.Refused,
            Is.EqualTo(new[]
            {
                new CrosswalkRefusal(7, "no such region is known"), new CrosswalkRefusal(9, "row 5 says another population of the same pair"),
                new CrosswalkRefusal(10, "the postcode is not a letter, a digit and a letter"), new CrosswalkRefusal(11, "the population is no whole number of 0 or more"),
            }));
    }

    [Test]
    public void The_first_region_stays_the_first_and_each_counts_once()
    {
        var postcode = new Postcode("Z0B", 9002, 90);
        postcode.DivideInto([new PostcodePart(9001, 0), new PostcodePart(9002, 7), new PostcodePart(9003, 12), new PostcodePart(9001, 0)]);
        Assert.That((postcode.RegionId, postcode.Population), Is.EqualTo((9002L, 7L)));
        Assert.That(postcode.FurtherParts, Is.EqualTo(new[] { new PostcodePart(9001, 0), new PostcodePart(9003, 12) }));
        Assert.That(() => postcode.DivideInto([new PostcodePart(9001, 0), new PostcodePart(9001, 1)]), Throws.ArgumentException);
        Assert.That(() => new Postcode("", 0, 0), Throws.ArgumentException);
    }

    [Test]
    public void What_was_measured_is_finite_and_has_a_name()
    {
        var week = new MobilityWeek(0, 1, GivenDay.None);
        week.Measure("mobility", null);
        Assert.That(() => week.Measure("mobility", double.NaN), Throws.ArgumentException);
        Assert.That(() => week.Measure("nothing", 1), Throws.ArgumentException);
        Assert.That(MobilityWeek.MetricNames, Has.Count.EqualTo(24).And.Unique);
    }
}
