using NUnit.Framework;
using Strangler.Contexts.ChangeLog;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.ChangeLog;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class LoggedActionTests
{
    private static readonly DateTime Now = new(2018, 8, 16, 12, 30, 0);

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back() =>
        ChangeLogLawTests.Rows.AssertGivesBack(ChangeLogLawTests.Generator(500, 5), new LoggedActionRecords(ChangeLogLawTests.Rows.Mapping));

    [Test]
    public void What_cannot_be_is_refused()
    {
        Assert.That(() => new LoggedAction(-1, Now, "login", "erika"), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new LoggedAction(0, Now, " ", "erika"), Throws.InstanceOf<ArgumentException>());
        var action = new LoggedAction(0, Now.AddMilliseconds(7), "login", "");
        Assert.That(action.LoggedAt, Is.EqualTo(Now), "whole seconds");
        action.AssignId(7);
        Assert.That(() => action.AssignId(8), Throws.InvalidOperationException);
    }
}
