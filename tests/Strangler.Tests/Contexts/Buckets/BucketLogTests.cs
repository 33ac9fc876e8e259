using NUnit.Framework;
using Strangler.Contexts.Buckets;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.Buckets;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class BucketLogTests
{
    private static readonly DateTime Now = new(2022, 11, 18, 12, 30, 0);

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back() =>
        BucketLawTests.Rows.AssertGivesBack(BucketLawTests.Generator(500, 5), new BucketLogRecords(BucketLawTests.Rows.Mapping));

    [Test]
    public void What_cannot_be_is_refused()
    {
        Assert.That(() => new BucketLog(-1, LoggedEvent.DonationCreated, 1, Now, []), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new BucketLog(0, LoggedEvent.DonationCreated, 0, Now, []), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new BucketLog(0, LoggedEvent.DonationCreated, 1, Now, [new Bucket("", "campaign")]), Throws.ArgumentException);
        Assert.That(() => new BucketLog(0, LoggedEvent.DonationCreated, 1, Now, [new Bucket("name", "")]), Throws.ArgumentException);
        Assert.That(new BucketLog(0, LoggedEvent.DonationCreated, 1, Now.AddMilliseconds(7), []).LoggedAt, Is.EqualTo(Now), "whole seconds");
    }

    [Test]
    public void What_was_given_can_be_changed_by_its_giver_no_more()
    {
        List<Bucket> given = [new("a", "x")];
        var log = new BucketLog(0, LoggedEvent.DonationCreated, 1, Now, given);
        given.Clear();
        Assert.That(log.Buckets, Has.Count.EqualTo(1));
        log.AssignId(7);
        Assert.That(() => log.AssignId(8), Throws.InvalidOperationException);
    }
}
