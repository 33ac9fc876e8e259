using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class WriteTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void In_LegacyOnly_the_new_side_is_never_contacted() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var note = await process.AddAsync("a", requestKey: "r");
        note.Amount = 3;
        await process.Notes.StoreAsync(note, default);
        await process.FindAsync(note.Id);
        await process.Notes.FindAsync(99, default);
        await process.Notes.DeleteAsync(note.Id, default);
        Assert.That(process.Memory.Steps.Where(step => step.StartsWith("new.", StringComparison.Ordinal)), Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.Journal, Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.Entities, Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.Requests, Contains.Key("r"));
    });

    [Test]
    public void In_LegacyOnly_a_legacy_side_that_is_down_is_no_reason_to_ask_the_new_one() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var note = await process.AddAsync("a");
        process.Memory.Fault = Down("legacy.");
        await Assert.ThatAsync(() => process.FindAsync(note.Id), Throws.TypeOf<SideUnavailableException>());
        await Assert.ThatAsync(() => process.AddAsync("b"), Throws.TypeOf<SideUnavailableException>());
        Assert.That(process.Memory.Steps.Where(step => step.StartsWith("new.", StringComparison.Ordinal)), Is.Empty);
    });

    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.ShadowRead)]
    [TestCase(Stage.NewLeads)]
    public void In_a_dual_stage_a_write_reaches_both_sides_before_the_caller_is_answered(Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.Legacy(note.Id)!.Integer("amount"), Is.EqualTo(2));
        Assert.That(process.New(note.Id)!.Integer("amount"), Is.EqualTo(2));
        process.AssertBothSidesAgree();
        var versions = Enum.GetValues<SideName>().Select(side => process.Memory.Of(side).Entities[TestProcess.Key(note.Id)].Version);
        Assert.That(versions, Is.All.EqualTo(new EntityVersion(2, 2)));
    });

    [Test]
    public void In_NewOnly_versions_go_on_and_legacy_is_left_alone() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewOnly, _time);
        var note = await process.AddAsync("a", 1);
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.Memory.NewDatabase.Entities[TestProcess.Key(note.Id)].Version.Counter, Is.EqualTo(2));
        Assert.That(process.Memory.NewDatabase.Journal, Is.Empty);
        Assert.That(process.Legacy(note.Id), Is.Null);
    });

    [Test]
    [Category("Case34")]
    [TestCase(Stage.DualWrite, "new.")]
    [TestCase(Stage.NewLeads, "legacy.")]
    public void A_follower_that_is_down_does_not_fail_the_write(Stage stage, string follower) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        process.Memory.Fault = Down(follower);
        var note = await process.AddAsync("a", 1);
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(2));
        process.Memory.Fault = null;
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case35")]
    public void A_slow_follower_no_longer_slows_the_lead_once_the_breaker_is_open() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        process.Memory.Fault = step => step == "new.begin.before" ? Task.Delay(TimeSpan.FromMinutes(10), _time) : Task.CompletedTask;
        for (var i = 0; i < 4; i++)
        {
            await process.AddAsync($"slow {i}");
        }

        Assert.That(process.Runtime.BreakerIsOpen, Is.True);
        var began = _time.GetTimestamp();
        for (var i = 0; i < 50; i++)
        {
            await process.AddAsync($"fast {i}");
        }

        Assert.That(_time.GetElapsedTime(began), Is.EqualTo(TimeSpan.Zero));
        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(54));
        process.Memory.Fault = null;
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
        await Task.Delay(TimeSpan.FromSeconds(6), _time);
        await process.AddAsync("closes it");
        Assert.That(process.Runtime.BreakerIsOpen, Is.False);
    });

    [Test]
    public void A_record_that_the_follower_cannot_hold_does_not_open_the_breaker() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        for (var i = 0; i < 10; i++)
        {
            await process.AddTooRichForLegacyAsync();
        }

        Assert.That(process.Runtime.BreakerIsOpen, Is.False);
    });

    [Test]
    public void A_record_that_either_side_cannot_hold_is_refused_and_neither_is_touched(
        [Values(Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads)] Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        await Assert.ThatAsync(() => process.AddAsync(new string('x', 30)), Throws.TypeOf<CannotHoldException>());
        Assert.That(process.Memory.LegacyDatabase.Rows, Is.Empty);
        Assert.That(process.Memory.NewDatabase.Rows, Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.Journal, Is.Empty);
        Assert.That(process.Memory.NewDatabase.Journal, Is.Empty);
    });

    [Test]
    [Category("Case41")]
    public void A_deadlock_is_retried_as_a_whole_transaction() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var failures = 0;
        process.Memory.Fault = step => step == "legacy.commit.before" && failures++ < 3
            ? throw new SideUnavailableException(SideName.Legacy, "deadlock", isTransient: true, new InvalidOperationException())
            : Task.CompletedTask;
        await process.AddAsync("a");
        Assert.That(process.Memory.LegacyDatabase.Rows, Has.Count.EqualTo(1));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_failure_that_does_not_pass_is_not_retried() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        process.Memory.Fault = step => step == "legacy.commit.before"
            ? throw new SideUnavailableException(SideName.Legacy, "read-only", isTransient: false, new InvalidOperationException())
            : Task.CompletedTask;
        await Assert.ThatAsync(() => process.AddAsync("a"), Throws.TypeOf<SideUnavailableException>());
        Assert.That(process.Memory.Steps.Count(step => step == "legacy.commit.before"), Is.EqualTo(1));
    });

    [Test]
    [Category("Case5")]
    [TestCase(Stage.LegacyOnly, true, null)]
    [TestCase(Stage.LegacyOnly, false, null)]
    [TestCase(Stage.LegacyOnly, true, "r")]
    [TestCase(Stage.DualWrite, true, null)]
    [TestCase(Stage.DualWrite, false, null)]
    [TestCase(Stage.DualWrite, true, "r")]
    [TestCase(Stage.DualWrite, false, "r")]
    [TestCase(Stage.NewLeads, true, null)]
    [TestCase(Stage.NewLeads, false, "r")]
    public void A_connection_lost_during_COMMIT_never_makes_two_entities(Stage stage, bool happened, string? requestKey) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        process.Memory.Fault = LoseCommitOnce(Stages.LeadOf(stage), happened);
        var note = await process.AddAsync("a", 1, requestKey);
        Assert.That(process.Memory.Of(Stages.LeadOf(stage)).Rows, Has.Count.EqualTo(1));

        process.Memory.Fault = LoseCommitOnce(Stages.LeadOf(stage), happened);
        note.Amount = 2;
        var isKnown = stage != Stage.LegacyOnly || requestKey is not null;
        if (!isKnown)
        {
            // Nothing is counted there, and another may have made the same of it, or taken ours back: nobody can tell.
            await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<CommitOutcomeUnknownException>());
        }
        else
        {
            await process.Notes.StoreAsync(note, default, requestKey is null ? null : "r2");
        }

        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(isKnown || happened ? 2 : 1));
        if (Stages.IsDual(stage))
        {
            process.AssertBothSidesAgree();
            Assert.That(process.Memory.NewDatabase.Entities[TestProcess.Key(note.Id)].Version.Counter, Is.EqualTo(2));
        }
    });

    /// <summary>Found by schedules: born again, deleted by another while the reply was lost, and then born once more by the repetition.</summary>
    [Test]
    [Category("Case5")]
    public void A_lost_COMMIT_that_another_has_undone_since_is_not_repeated() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var other = process.Another(2);
        var lost = false;
        process.Memory.Fault = async step =>
        {
            if (step == "legacy.commit.after" && !lost)
            {
                lost = true;
                await other.Notes.DeleteAsync(7, default);
                throw new CommitOutcomeUnknownException(SideName.Legacy, new IOException("lost"));
            }
        };
        await Assert.ThatAsync(
            () => process.Notes.StoreAsync(new TestEntity { Id = 7, Name = "a" }, default), Throws.TypeOf<CommitOutcomeUnknownException>());
        Assert.That(process.Memory.LegacyDatabase.Rows, Is.Empty);
    });

    [Test]
    [Category("Case5")]
    public void A_lost_COMMIT_is_not_taken_for_another_s_write_that_made_the_same([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        var other = process.Another(2);
        var lost = false;
        process.Memory.Fault = async step =>
        {
            if (step == (stage == Stage.DualWrite ? "legacy.begin.before" : "new.begin.before") && lost)
            {
                // Between the loss and the look-up.
                lost = false;
                process.Memory.Fault = null;
                await Hammer.IncrementAsync(other, note.Id);
            }

            if (step == (stage == Stage.DualWrite ? "legacy.commit.before" : "new.commit.before"))
            {
                lost = true;
                throw new CommitOutcomeUnknownException(Stages.LeadOf(stage), new InvalidOperationException("lost"));
            }
        };
        note.Amount = 2;
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<ConflictException>());
        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(2));
    });

    [Test]
    [Category("Case5")]
    public void When_nobody_can_tell_whether_a_write_happened_the_caller_is_told_so() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var note = await process.AddAsync("a");
        var other = process.Another(2);
        var lost = false;
        process.Memory.Fault = async step =>
        {
            if (step == "legacy.commit.after" && !lost)
            {
                lost = true;
                var theirs = await other.FindAsync(note.Id);
                theirs.Amount = 7;
                await other.Notes.StoreAsync(theirs, default);
                throw new CommitOutcomeUnknownException(SideName.Legacy, new InvalidOperationException());
            }
        };
        note.Name = "b";
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<CommitOutcomeUnknownException>());
        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(7));
    });

    [Test]
    [Category("Case2")]
    public void A_request_key_seen_before_gives_the_stored_result_and_writes_nothing() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var first = await process.AddAsync("a", 1, "r");
        var other = process.Another(2);
        var again = await other.AddAsync("a", 1, "r");
        Assert.That(again.Id, Is.EqualTo(first.Id));
        Assert.That(process.Memory.LegacyDatabase.Rows, Has.Count.EqualTo(1));
        again.Amount = 5;
        await other.Notes.StoreAsync(again, default, "another");
        Assert.That((await process.FindAsync(first.Id)).Amount, Is.EqualTo(5));
    });

    [Test]
    [Category("Case2")]
    public void Two_requests_with_one_key_at_the_same_time_make_one_entity([Range(1, 20)] int seed) =>
        Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var other = process.Another(2);
        var both = await Task.WhenAll(process.AddAsync("a", 1, "r"), other.AddAsync("a", 1, "r"));
        Assert.That(both[0].Id, Is.EqualTo(both[1].Id));
        Assert.That(process.Memory.LegacyDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    [Category("Case2")]
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    public void A_retry_after_a_flip_finds_the_request_that_was_carried_out_before_it(int notInline) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.Fault = notInline > 0 ? Down("new.") : null;
        var note = await process.AddAsync("a", 1, "r1");
        process.Memory.Fault = notInline > 1 ? process.Memory.Fault : null;
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default, "r2");
        note.Amount = 3;
        await process.Notes.StoreAsync(note, default, "r3");
        process.Memory.Fault = null;
        await process.Cutover.AdvanceAsync(process.Request(force: true), null, default);
        var retry = process.Another(3);
        Assert.That((await retry.AddAsync("a", 1, "r1")).Id, Is.EqualTo(note.Id));
        Assert.That((await retry.AddAsync("a", 1, "r2")).Id, Is.EqualTo(note.Id));
        Assert.That((await retry.AddAsync("a", 1, "r3")).Id, Is.EqualTo(note.Id));
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    public void Cancelled_before_the_commit_nothing_is_written_and_after_it_began_everything_is() => Run(async () =>
    {
        foreach (var (step, written) in new[] { ("legacy.save.after", 0), ("legacy.commit.before", 1), ("new.begin.before", 1) })
        {
            var process = TestProcess.In(Stage.DualWrite, _time);
            using var cancellation = new CancellationTokenSource();
            process.Memory.Fault = now =>
            {
                if (now == step)
                {
                    cancellation.Cancel();
                }

                return Task.CompletedTask;
            };
            var store = process.Notes.StoreAsync(new TestEntity { Name = "a" }, cancellation.Token);
            if (written == 0)
            {
                await Assert.ThatAsync(() => store, Throws.InstanceOf<OperationCanceledException>());
            }
            else
            {
                await store;
            }

            Assert.That(process.Memory.LegacyDatabase.Rows, Has.Count.EqualTo(written), step);
        }
    });

    [Test]
    public void A_delete_leaves_a_tombstone_and_the_id_can_be_born_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var note = await process.AddAsync("a");
        await process.Notes.DeleteAsync(note.Id, default);
        Assert.That(await process.Notes.FindAsync(note.Id, default), Is.Null);
        var key = TestProcess.Key(note.Id);
        Assert.That(process.Memory.NewDatabase.Entities[key].Tombstone, Is.True);
        var newId = process.Memory.NewDatabase.NewIds[key];

        await process.Notes.StoreAsync(new TestEntity { Id = note.Id, Name = "again" }, default);
        Assert.That(process.New(note.Id)!.Text("name"), Is.EqualTo("again"));
        Assert.That(process.Memory.NewDatabase.NewIds[key], Is.EqualTo(newId));
        Assert.That(process.Memory.NewDatabase.Entities[key].Version.Counter, Is.EqualTo(3));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void Deleting_what_is_not_there_writes_nothing() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        await process.Notes.DeleteAsync(99, default);
        Assert.That(process.Memory.LegacyDatabase.Entities, Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.Journal, Is.Empty);
    });

    [Test]
    [Category("Case6")]
    public void While_new_leads_a_create_takes_a_reserved_id_also_while_legacy_is_down_and_fails_clearly_when_none_is_left() =>
        Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        process.Memory.NewDatabase.IdBlocks[TestLens.Kind] = new Queue<long>([500]);
        process.Memory.Fault = Down("legacy.");
        Assert.That((await process.AddAsync("a")).Id, Is.EqualTo(500));
        await Assert.ThatAsync(() => process.AddAsync("b"), Throws.TypeOf<IdsExhaustedException>());
        Assert.That(process.Memory.NewDatabase.Rows, Has.Count.EqualTo(1));
    });

    [Test]
    public void A_load_and_save_changes_no_row() => Run(async () =>
    {
        foreach (var status in new[] { "O", "P", "C" })
        {
            var process = TestProcess.In(Stage.DualWrite, _time);
            process.Memory.WriteForeign(TestProcess.Key(7), TestLens.LegacyRow(null, 5, status), captured: false);
            var note = await process.FindAsync(7);
            await process.Notes.StoreAsync(note, default);
            Assert.That(process.Memory.LegacyDatabase.RowOf(TestProcess.Key(7))!.SameAs(TestLens.LegacyRow(null, 5, status)), Is.True);
        }
    });

    [Test]
    [Category("Case10")]
    public void A_create_that_finds_no_ids_where_it_believes_the_lead_asks_who_leads() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        await process.AddAsync("a", 1);
        await process.BackfillOnPaperAsync();
        var stale = process.Another(2);
        await stale.FindAsync(500);
        await process.BackAsync();
        process.Memory.NewDatabase.IdBlocks.Clear();
        Assert.That((await stale.AddAsync("b")).Id, Is.EqualTo(501));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case6")]
    public void A_create_whose_id_cannot_be_taken_for_a_moment_tries_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var failures = 2;
        process.Memory.Fault = step => step == "new.take.before" && failures-- > 0
            ? throw new SideUnavailableException(SideName.New, "a deadlock", isTransient: true, new IOException("deadlock"))
            : Task.CompletedTask;
        await process.AddAsync("a", 1);
        process.AssertBothSidesAgree();
    });

    internal static Func<string, Task> Down(string prefix) => step => step.StartsWith(prefix, StringComparison.Ordinal)
        ? throw new SideUnavailableException(
            prefix == "new." ? SideName.New : SideName.Legacy, "down", isTransient: true, new InvalidOperationException("down"))
        : Task.CompletedTask;

    private static Func<string, Task> LoseCommitOnce(SideName side, bool happened)
    {
        var lost = false;
        var at = $"{side.ToString().ToLowerInvariant()}.commit.{(happened ? "after" : "before")}";
        return step =>
        {
            if (step == at && !lost)
            {
                lost = true;
                throw new CommitOutcomeUnknownException(side, new InvalidOperationException("connection lost"));
            }

            return Task.CompletedTask;
        };
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
