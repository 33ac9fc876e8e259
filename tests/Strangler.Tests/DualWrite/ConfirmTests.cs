using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

/// <summary>What a store has read may be taken back by its failover until it is confirmed: nothing is concluded from it before.</summary>
public sealed class ConfirmTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case2")]
    public void A_stored_request_is_no_answer_before_it_is_confirmed() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var note = await process.AddAsync("a", 1, "r");
        var retry = process.Another(2);
        retry.Memory.Fault = WriteTests.Down("new.confirm");
        await Assert.ThatAsync(() => retry.AddAsync("a", 1, "r"), Throws.InstanceOf<SideUnavailableException>());
        retry.Memory.Fault = null;
        Assert.That((await retry.AddAsync("a", 1, "r")).Id, Is.EqualTo(note.Id));
    });

    [Test]
    public void That_there_is_nothing_to_delete_is_confirmed_before_it_is_said() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        process.Memory.Fault = WriteTests.Down("new.confirm");
        await Assert.ThatAsync(() => process.Notes.DeleteAsync(77, default), Throws.InstanceOf<SideUnavailableException>());
        process.Memory.Fault = null;
        await process.Notes.DeleteAsync(77, default);
    });

    [Test]
    [Category("Case5")]
    public void Whether_a_lost_commit_happened_is_not_said_before_it_is_confirmed([Values] bool happened) => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var lost = false;
        process.Memory.Fault = step =>
        {
            if (step == (happened ? "new.commit.after" : "new.commit.before"))
            {
                lost = true;
                throw new CommitOutcomeUnknownException(SideName.New, new InvalidOperationException("connection lost"));
            }

            return lost ? WriteTests.Down("new.confirm")(step) : Task.CompletedTask;
        };
        await Assert.ThatAsync(() => process.AddAsync("a", 1, "r"), Throws.InstanceOf<CommitOutcomeUnknownException>());
        process.Memory.Fault = null;
        Assert.That((await process.AddAsync("a", 1, "r")).Id, Is.Positive);
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    [Category("Case4")]
    public void A_journal_row_stays_until_it_is_confirmed_that_the_follower_has_it() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        process.Memory.Fault = step => step.StartsWith("new.settle", StringComparison.Ordinal) ? WriteTests.Down("new.")(step) : Task.CompletedTask;
        var note = await process.AddAsync("a");
        process.Memory.Fault = WriteTests.Down("legacy.confirm");
        await Assert.ThatAsync(() => process.Applier.ApplyAsync(TestProcess.Key(note.Id), default), Throws.InstanceOf<SideUnavailableException>());
        Assert.That(process.Memory.NewDatabase.Journal, Is.Not.Empty);
        process.Memory.Fault = null;
        Assert.That(await process.Applier.ApplyAsync(TestProcess.Key(note.Id), default), Is.EqualTo(ApplyResult.Superseded));
        Assert.That(process.Memory.NewDatabase.Journal, Is.Empty);
    });

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
