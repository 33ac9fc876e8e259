using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

/// <summary>Case 2 and 5: a request is carried out once, however late, wherever and how often it comes again.</summary>
[Category("Case2")]
public sealed class RequestTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_retry_after_a_flip_finds_the_request_whose_state_a_backfill_had_brought_over() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        process.Memory.Fault = WriteTests.Down("new.");
        var note = await process.AddAsync("a", 1, "r");
        process.Memory.Fault = null;
        await BackfillAsync(process);
        await process.Relay.DrainAsync(default);
        await LetNewLeadAsync(process);
        var again = await process.Another(2).AddAsync("a", 1, "r");
        Assert.That(again.Id, Is.EqualTo(note.Id));
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    [Category("Case6")]
    public void A_retry_finds_its_result_also_when_the_ids_are_used_up() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var note = await process.AddAsync("a", 1, "r");
        process.Memory.NewDatabase.IdBlocks[TestLens.Kind].Clear();
        var retry = process.Another(2);
        Assert.That((await retry.AddAsync("a", 1, "r")).Id, Is.EqualTo(note.Id));
        await Assert.ThatAsync(() => retry.AddAsync("b", 1, "s"), Throws.TypeOf<IdsExhaustedException>());
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    public void A_retry_after_a_flip_finds_what_LegacyOnly_carried_out_also_when_it_was_deleted_since() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var note = await process.AddAsync("a", 1, "r");
        var gone = await process.AddAsync("b", 1, "gone");
        await process.Notes.DeleteAsync(gone.Id, default);
        await process.AdvanceAsync();
        await BackfillAsync(process);
        await LetNewLeadAsync(process);
        var retry = process.Another(2);
        Assert.That((await retry.AddAsync("a", 1, "r")).Id, Is.EqualTo(note.Id));
        Assert.That((await retry.AddAsync("b", 1, "gone")).Id, Is.EqualTo(gone.Id));
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    public void A_backfill_killed_anywhere_while_it_carries_requests_goes_on([Values(1, 2, 3, 4, 5, 6)] int step) => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var note = await process.AddAsync("a", 1, "r");
        await process.AdvanceAsync();
        var dying = process.Another(2);
        var (steps, carries) = (0, false);
        dying.Memory.Fault = now =>
        {
            carries |= now == "legacy.requests.before";
            if (carries && ++steps == step)
            {
                dying.Memory.Kill();
            }

            return Task.CompletedTask;
        };
        await Assert.ThatAsync(() => BackfillAsync(dying), Throws.InstanceOf<Exception>());
        await BackfillAsync(process);
        await LetNewLeadAsync(process);
        Assert.That((await process.Another(3).AddAsync("a", 1, "r")).Id, Is.EqualTo(note.Id));
    });

    [Test]
    [Category("Case5")]
    public void A_lost_commit_is_not_taken_for_happened_because_a_retry_of_the_request_was_carried_out() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var retry = process.Another(2);
        TestEntity? second = null;
        var lost = false;
        process.Memory.Fault = async step =>
        {
            if (step == "legacy.commit.before" && !lost)
            {
                lost = true;
                second = await retry.AddAsync("a", 1, "r");
                throw new CommitOutcomeUnknownException(SideName.Legacy, new InvalidOperationException("connection lost"));
            }
        };
        var first = await process.AddAsync("a", 1, "r");
        Assert.That(first.Id, Is.EqualTo(second!.Id), "one request, one entity");
        Assert.That((await process.FindAsync(first.Id)).Name, Is.EqualTo("a"));
        Assert.That(process.Memory.LegacyDatabase.Rows, Has.Count.EqualTo(1));
        process.AssertBothSidesAgree();
    });

    /// <summary>A key that is used for another entity was not meant: answering with the other entity's result would lose this write in silence.</summary>
    [Test]
    public void A_request_key_that_belongs_to_another_entity_is_refused_and_nothing_is_written() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        await process.AddAsync("a", 1, "r");
        var other = await process.AddAsync("b", 1);
        other.Amount = 2;
        await Assert.ThatAsync(
            () => process.Notes.StoreAsync(other, default, "r"), Throws.InstanceOf<RequestKeyException>().With.Message.Contains("Nothing was written"));
        Assert.That((await process.FindAsync(other.Id)).Amount, Is.EqualTo(1));
        await process.Notes.StoreAsync(other, default, "r2");
        await process.Notes.StoreAsync(other, default, "r2");
        Assert.That((await process.FindAsync(other.Id)).Amount, Is.EqualTo(2));
    });

    /// <summary>The key names the request, not its content: times and defaults differ between a request and its retry.</summary>
    [Test]
    public void The_same_key_with_other_content_is_the_first_request_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var first = await process.AddAsync("a", 1, "r");
        var second = await process.AddAsync("other", 7, "r");
        Assert.That(second.Id, Is.EqualTo(first.Id));
        Assert.That((await process.FindAsync(first.Id)).Name, Is.EqualTo("a"));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void Keys_past_their_retention_are_forgotten_and_younger_ones_stay([Values] Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time, options => options.RequestRetention = TimeSpan.FromDays(2));
        for (var i = 0; i < 1_200; i++)
        {
            foreach (var database in new[] { process.Memory.LegacyDatabase, process.Memory.NewDatabase })
            {
                database.Requests[$"old {i}"] = (TestProcess.Key(1), default);
                database.RequestTimes[$"old {i}"] = database.UtcNow;
            }
        }

        await Task.Delay(TimeSpan.FromDays(2) - TimeSpan.FromHours(2), _time);
        var note = await process.AddAsync("young", 1, "young");
        using var stop = new CancellationTokenSource();
        var run = process.Relay.RunAsync(stop.Token);
        await Task.Delay(TimeSpan.FromHours(1), _time);
        Assert.That(process.Memory.LegacyDatabase.Requests, Has.Count.GreaterThanOrEqualTo(1_200), "not old enough");
        await Task.Delay(TimeSpan.FromHours(2), _time);
        Simulation.Cancel(stop);
        await run;

        var (legacy, @new) = (process.Memory.LegacyDatabase.Requests.Keys, process.Memory.NewDatabase.Requests.Keys);
        Assert.That(legacy.Count(key => key.StartsWith("old", StringComparison.Ordinal)), Is.EqualTo(stage == Stage.NewOnly ? 1_200 : 0));
        Assert.That(@new.Count(key => key.StartsWith("old", StringComparison.Ordinal)), Is.EqualTo(stage == Stage.LegacyOnly ? 1_200 : 0));
        Assert.That((await process.Another(2).AddAsync("again", 1, "young")).Id, Is.EqualTo(note.Id));
    }, TimeSpan.FromDays(4));

    [TestCase(23, false)]
    [TestCase(24, true)]
    public void A_retention_below_a_day_is_refused(int hours, bool allowed)
    {
        var options = new ContextOptions { RequestRetention = TimeSpan.FromHours(hours) };
        Assert.That(options.Validate, allowed ? Throws.Nothing : Throws.ArgumentException.With.Message.Contains("RequestRetention"));
    }

    private static Task<BackfillResult> BackfillAsync(TestProcess process) =>
        new BackfillJob(process.Runtime, new BackfillOptions { FirstChunk = 7, MaxChunk = 7 }).RunAsync(TestLens.Kind, null, default);

    private static async Task LetNewLeadAsync(TestProcess process)
    {
        while ((await process.Cutover.StatusAsync(default)).Stage != Stage.NewLeads)
        {
            await process.ReconcileAsync("clean");
            await process.AdvanceAsync();
        }
    }

    private void Run(Func<Task> scenario, TimeSpan? atMost = null) => Simulation.Run(1, _time, scenario, atMost);
}
