using NUnit.Framework;
using Strangler.Contexts.Subscriptions;
using Strangler.Mapping;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.Subscriptions;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class SubscriptionTests
{
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back()
    {
        var records = new SubscriptionRecords(SubscriptionRows.Mapping);
        foreach (var row in SubscriptionRows.Generate(1_500, 5).Where(row => !row.IsUnreadable))
        {
            var record = SubscriptionRows.Get(SubscriptionRows.Of(row));
            var back = records.Apply(records.ToEntity(row.Id, record), record);
            foreach (var field in record.Schema.Fields)
            {
                Assert.That(Record.ValuesEqual(back.Values[field.Ordinal], record.Values[field.Ordinal]), $"{string.Join(' ', row.Kinds)}: {field.Name}");
            }
        }
    }

    [Test]
    public void States_are_changed_one_by_one()
    {
        var subscription = New();
        Assert.That(subscription.IsUnconfirmed);
        subscription.Confirm();
        subscription.Moderate();
        Assert.That(subscription.Confirm, Throws.InvalidOperationException, "held back");
        subscription.MarkExported(Now);
        subscription.Approve();
        Assert.That(
            (subscription.Confirmation, subscription.IsModerated, subscription.IsExported, subscription.ExportedAt),
            Is.EqualTo((Confirmation.Confirmed, false, true, (DateTime?)Now)));
    }

    [Test]
    public void Anonymizing_leaves_nothing_personal_and_nothing_personal_comes_back()
    {
        var subscription = New();
        subscription.Rename("Erika Muster");
        subscription.Track(new Tracking("test", "blue"));
        subscription.Anonymize();
        subscription.Anonymize();
        Assert.That((subscription.Email, subscription.FullName, subscription.ConfirmationCode), Is.EqualTo(("", "", "")));
        Assert.That(subscription.Tracking, Is.EqualTo(new Tracking("test", "blue")));
        Assert.That(subscription.Confirm, Throws.InvalidOperationException);
        Assert.That(() => subscription.ChangeEmail("nyan@awesomecats.example"), Throws.InvalidOperationException);
        Assert.That(() => subscription.Rename("Erika"), Throws.InvalidOperationException);
        Assert.That(() => subscription.IssueConfirmationCode(new string('a', 32)), Throws.InvalidOperationException);
    }

    [Test]
    public void Bad_input_is_refused()
    {
        Assert.That(() => new Subscription(-1, Now, "a@example.org", ""), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Subscription(0, Now, "", ""), Throws.ArgumentException);
        Assert.That(() => new Subscription(0, Now, "  ", ""), Throws.ArgumentException);
        Assert.That(() => new Subscription(0, Now, null!, ""), Throws.ArgumentNullException);
        Assert.That(() => new Subscription(0, Now, "a@example.org", null!), Throws.ArgumentNullException);
        var subscription = New();
        Assert.That(() => subscription.ChangeEmail(" "), Throws.ArgumentException);
        Assert.That(() => subscription.IssueConfirmationCode("short"), Throws.ArgumentException);
        Assert.That(() => subscription.IssueConfirmationCode(""), Throws.ArgumentException);
        Assert.That(() => subscription.AssignId(0), Throws.TypeOf<ArgumentOutOfRangeException>());
        subscription.AssignId(7);
        Assert.That(() => subscription.AssignId(8), Throws.InvalidOperationException);
    }

    [Test]
    public void Times_are_whole_seconds_and_empty_tracking_is_none()
    {
        var subscription = new Subscription(0, Now.AddTicks(1234567), "a@example.org", "");
        subscription.Track(new Tracking("", ""));
        Assert.That((subscription.CreatedAt, subscription.Tracking), Is.EqualTo(((DateTime?)Now, (Tracking?)null)));
    }

    private static Subscription New() => new(0, Now, "nyan@awesomecats.example", "3d0f3cff008000202020202020202020");
}
