using NUnit.Framework;
using Strangler.Contexts.Impressions;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.Impressions;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class ImpressionTests
{
    private static readonly DateTime Now = new(2016, 11, 1, 12, 30, 0);

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back()
    {
        ImpressionLawTests.Banners.AssertGivesBack(ImpressionLawTests.BannerRows(500, 5), new BannerRecords(ImpressionLawTests.Banners.Mapping));
        ImpressionLawTests.Impressions.AssertGivesBack(ImpressionLawTests.ImpressionRows(500, 5), new ImpressionRecords(ImpressionLawTests.Impressions.Mapping));
    }

    [Test]
    public void What_cannot_be_is_refused()
    {
        Assert.That(() => new Banner(0, ""), Throws.ArgumentException);
        Assert.That(() => new Impression(0, -1, Now, 1), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new Impression(0, 0, Now, -1), Throws.InstanceOf<ArgumentException>());
        var impression = new Impression(0, 0, Now.AddMilliseconds(7), 1);
        Assert.That(() => impression.Correct(-1), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => impression.BelongTo(-1), Throws.InstanceOf<ArgumentException>());
        Assert.That(impression.CountedAt, Is.EqualTo(Now), "whole seconds");
    }

    [Test]
    public void An_id_is_given_once()
    {
        var banner = new Banner(0, "B17");
        banner.AssignId(7);
        Assert.That(() => banner.AssignId(8), Throws.InvalidOperationException);
    }
}
