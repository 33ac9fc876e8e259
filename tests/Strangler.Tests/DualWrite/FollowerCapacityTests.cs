using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class FollowerCapacityTests
{
    private static readonly string TooLong = new('x', 21);

    [Test]
    public void A_new_value_that_only_the_lead_can_hold_is_refused_by_its_fields_name() =>
        Assert.That(Assert.Throws<CannotHoldException>(() => Check(TestLens.Of("short", 1), TestLens.Of(TooLong, 1)))!.Field, Is.EqualTo("name"));

    [Test]
    public void So_is_a_create() => Assert.Throws<CannotHoldException>(() => Check(null, TestLens.Of(TooLong, 1)));

    [Test]
    public void What_the_lead_held_before_does_not_stand_in_the_way_of_other_changes() =>
        Assert.DoesNotThrow(() => Check(TestLens.Of(TooLong, 1), TestLens.Of(TooLong, 2)));

    [Test]
    public void It_may_not_be_made_worse() => Assert.Throws<CannotHoldException>(() => Check(TestLens.Of(TooLong, 1), TestLens.Of(TooLong + "y", 1)));

    [Test]
    public void What_both_can_hold_passes() => Assert.DoesNotThrow(() => Check(TestLens.Of("a", 1), TestLens.Of("b", 2, cancelled: true, paid: true)));

    [Test]
    public void Hidden_values_of_the_lead_ask_for_nothing() => Assert.DoesNotThrow(() => FollowerCapacity.Check(
        TestLens.Legacy, TestLens.New, TestLens.Of("a", 1, paid: true), TestLens.Of("a", 1, cancelled: true, paid: new Hidden(false))));

    private static void Check(Record? before, Record after) => FollowerCapacity.Check(TestLens.New, TestLens.Legacy, before, after);
}
