using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.IntegrationTests.MySql;
using Strangler.Mapping;
using Strangler.Mongo;
using Strangler.Mongo.Bson;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Mongo;

internal sealed class MongoSideStoreTests : NewSideStoreContract
{
    private MongoTestSide? _side;

    protected override NewSide New => _side!.New;

    protected override string NoDate => "1000-01-01";

    [Test]
    public async Task A_database_without_side_collections_says_that_it_is_not_migrated()
    {
        await using var database = await MongoServers.CreateDatabaseAsync("bare");
        var options = new MongoSideOptions { ConnectionString = database.ConnectionString };
        var seams = MongoTestSide.Open(options).Seams;
        var key = new EntityKey(Kind, 7);

        Assert.ThrowsAsync<NotMigratedException>(() => seams.Fence.ReadAsync(default));
        Assert.ThrowsAsync<NotMigratedException>(() => seams.Store.ReadAsync(key, default));
        Assert.ThrowsAsync<NotMigratedException>(() => seams.Store.BeginAsync(new WriteIntent(key), default));
        Assert.ThrowsAsync<NotMigratedException>(() => seams.Store.ReadRangeAsync(Kind, 1, 10, default));
        Assert.ThrowsAsync<NotMigratedException>(() => seams.Fence.CompareAndSetAsync(Following, Following, TimeSpan.FromSeconds(1), default));
        await MongoSides.CloseAsync(options);
    }

    /// <summary>
    /// Case 32. What was committed under an epoch was so before the fence was moved on from it; and the fence can be moved while writers never stop.
    /// </summary>
    [Test]
    [Category("Case32")]
    [CancelAfter(60_000)]
    public async Task A_fence_is_set_among_writers_that_never_stop_and_none_commits_under_the_old_one(CancellationToken cancellationToken)
    {
        const int Flips = 8;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var written = 0L;
        var writers = Enumerable.Range(1, 6).Select(id => Task.Run(() => WriteUntilAsync(id, () => Interlocked.Increment(ref written), stop.Token), cancellationToken)).ToList();
        for (var epoch = 5L; epoch < 5 + Flips; epoch++)
        {
            var seen = Interlocked.Read(ref written);
            while (Interlocked.Read(ref written) < seen + 5)
            {
                await Task.Delay(1, cancellationToken);
            }

            var (from, to) = (new FenceRow(FenceRole.Lead, Stage.DualWrite, epoch, 4), new FenceRow(FenceRole.Lead, Stage.DualWrite, epoch + 1, 4));
            await RetryFenceAsync(from, to, cancellationToken);
            var before = await CountAsync(epoch);
            await Task.Delay(10, cancellationToken);
            Assert.That(await CountAsync(epoch), Is.EqualTo(before), $"written under epoch {epoch} after it was over");
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Assert.That((await Seams.Journal.DepthAsync(default)).Open, Is.EqualTo(written));
    }

    [Test]
    [Category("Case11")]
    public async Task A_transaction_that_began_before_the_fence_is_set_is_waited_for_and_committed()
    {
        await using var holder = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
        var flip = Seams.Fence.CompareAndSetAsync(holder.State.Fence, holder.State.Fence with { Epoch = 6 }, TimeSpan.FromSeconds(10), default);
        await WriteAsync(holder, 7, null, Simple("in time"));
        Assert.That(flip.IsCompleted, Is.False);
        await holder.CommitAsync(default);

        Assert.That(await flip, Is.True);
        var state = await Seams.Store.ReadAsync(new EntityKey(Kind, 7), default);
        Assert.That((state.Row!.Root[0], state.Fence.Epoch), Is.EqualTo(("in time", 6L)));
        await using var next = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
        Assert.That(next.State.Fence.Epoch, Is.EqualTo(6));
    }

    [Test]
    public async Task Slots_of_processes_that_are_gone_are_removed_and_who_misses_one_takes_another()
    {
        await SaveAsync(7, null, Simple("a"));
        await _side!.UpdateAsync(
            "strangler_fence_slot", BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of(("used_at", BsonValue.FromMilliseconds(0))))));
        var fence = await Seams.Fence.ReadAsync(default);

        Assert.That(await Seams.Fence.CompareAndSetAsync(fence, fence with { Epoch = 6 }, TimeSpan.FromSeconds(1), default), Is.True);
        Assert.That(await _side.FindAsync("strangler_fence_slot"), Is.Empty);

        await SaveAsync(8, null, Simple("b"));
        Assert.That((await _side.FindAsync("strangler_fence_slot")).Single().Number("epoch"), Is.EqualTo(6));
    }

    [Test]
    public async Task What_the_mapping_does_not_know_stays_and_what_is_of_another_type_is_said()
    {
        var was = Row("a", "1", 1, 2, 3, null, null, null, "x", ["1", "2"]);
        await SaveAsync(7, null, was);
        await _side!.UpdateAsync("thing", BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of(
            ("untouched", "as it was"), ("thing_extra.seen", true), ("thing_note.0.by", "somebody"), ("size", "broken")))));

        var read = (await Seams.Store.ReadAsync(new EntityKey(Kind, 7), default)).Row!;
        Assert.That(read.Root[3], Is.InstanceOf<MistypedValue>());
        Assert.That((await Seams.Store.ReadRangeAsync(Kind, 1, 100, default)).Items.Single().Row!.SameAs(read), Is.True, "a run goes on");
        var now = read.Clone();
        (now.Root[0], now.Tables[2]) = ("b", [["one", null]]);
        Assert.ThrowsAsync<CannotHoldException>(() => SaveAsync(7, read, now), "whose the fields of the first are is not to be told");
        now.Tables[2] = [["one", null], ["2", null]];
        await SaveAsync(7, read, now);
        (read, now) = (now, now.Clone());
        now.Tables[2] = [["one", null]];
        await SaveAsync(7, read, now);

        var stored = (await _side.FindAsync("thing")).Single();
        Assert.That(stored["name"].AsString, Is.EqualTo("b"));
        Assert.That(stored["size"].AsString, Is.EqualTo("broken"));
        Assert.That(stored["untouched"].AsString, Is.EqualTo("as it was"));
        Assert.That(stored.At("thing_extra.seen").AsBoolean, Is.True);
        Assert.That(stored.At("thing_note.0").AsDocument, Is.EqualTo(BsonDocument.Of(("text", "one"), ("by", "somebody"))));
        Assert.That(stored["thing_note"].AsArray, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_validator_s_refusal_is_told_without_what_was_refused_and_is_not_tried_again()
    {
        await using (var session = await _side!.OpenAsync())
        {
            var shorter = BsonDocument.Of(("$jsonSchema", BsonDocument.Of(("properties", BsonDocument.Of(("name", BsonDocument.Of(("maxLength", 5))))))));
            await session.RunAsync(BsonDocument.Of(("create", "thing"), ("validator", shorter)), default);
        }

        var refused = Assert.ThrowsAsync<SideUnavailableException>(() => SaveAsync(7, null, Simple("Erika Musterfrau")))!;

        Assert.That(refused.IsTransient, Is.False);
        Assert.That(refused.ToString(), Does.Not.Contain("Erika"));
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 7), default)).Entity, Is.Null);
        await SaveAsync(8, null, Simple("Erika"));
    }

    [Test]
    public async Task A_number_that_somebody_has_used_by_hand_is_not_given_out()
    {
        await using (var session = await _side!.OpenAsync())
        {
            await session.InsertAsync("thing", [BsonDocument.Of(("_id", 5_000_000L), ("name", "by hand"), ("flag", 0L))], true, default);
        }

        await SaveAsync(7, null, Simple("a"));

        Assert.That(await _side.New.IdMap.FindNewIdAsync(Kind, 7, default), Is.GreaterThan(5_000_000));
        Assert.That(await _side.New.IdMap.FindPublicIdAsync(Kind, (await _side.New.IdMap.FindNewIdAsync(Kind, 7, default))!.Value, default), Is.EqualTo(7));
        Assert.That(await Seams.Store.UnmappedAsync(Kind, 0, 10, default), Is.EqualTo(new[] { 5_000_000L }));
        Assert.That(await Seams.Store.CountAsync(Kind, default), Is.EqualTo(2));
    }

    /// <summary>Case 5: the answer to a COMMIT that never comes is told as that, and the request key says afterwards what happened.</summary>
    [Test]
    [Category("Case5")]
    public async Task A_commit_whose_answer_is_lost_is_told_as_unknown([Values] bool isCarriedOut)
    {
        await using var server = await MongoServers.StartPrivateAsync();
        await using var side = await MongoTestSide.CreateAsync(server.ConnectionString("lost"), TimeSpan.FromSeconds(2));
        var transaction = await side.New.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r"), default);
        await WriteAsync(transaction, 7, null, Simple("a"));
        await transaction.SaveRequestAsync("r", 7, new EntityVersion(4, 1), default);
        var data = isCarriedOut
            ? BsonDocument.Of(("writeConcernError", BsonDocument.Of(("code", 64), ("errmsg", "waiting for replication timed out"))))
            : BsonDocument.Of(("errorCode", 91), ("errorLabels", BsonArray.Of("RetryableWriteError")));
        await FailCommitsAsync(side, data);

        Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(default));

        await side.RunAsync(BsonDocument.Of(("configureFailPoint", "failCommand"), ("mode", "off")));
        await using var again = await side.New.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8), "r"), default);
        Assert.That(again.Request is not null, Is.EqualTo(isCarriedOut));
    }

    /// <summary>Until a transaction is committed with the majority's consent, what it has read may be taken back.</summary>
    [Test]
    public async Task What_is_only_read_is_confirmed_by_a_commit_and_leaves_nothing_behind()
    {
        var slots = await UsesAsync();
        await using (var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r"), default))
        {
            await transaction.ConfirmAsync(default);
        }

        Assert.That(await UsesAsync(), Is.EqualTo(slots + 1), "it was committed");
        Assert.That(await _side!.FindAsync("strangler_entity"), Is.Empty);

        await using (await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r"), default))
        {
        }

        Assert.That(await UsesAsync(), Is.EqualTo(slots + 1), "what is not confirmed is aborted");

        async Task<long> UsesAsync() => (await _side!.FindAsync("strangler_fence_slot")).Sum(slot => slot.Number("uses"));
    }

    [Test]
    public async Task What_the_majority_does_not_confirm_is_not_concluded_from()
    {
        await using var server = await MongoServers.StartPrivateAsync();
        await using var side = await MongoTestSide.CreateAsync(server.ConnectionString("unconfirmed"), TimeSpan.FromSeconds(2));
        await using var transaction = await side.New.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r"), default);
        await FailCommitsAsync(side, BsonDocument.Of(("errorCode", 91), ("errorLabels", BsonArray.Of("RetryableWriteError"))));

        var refused = Assert.ThrowsAsync<SideUnavailableException>(() => transaction.ConfirmAsync(default))!;
        Assert.That((refused.IsTransient, refused.IsOutage), Is.EqualTo((true, true)));
        var unread = Assert.ThrowsAsync<SideUnavailableException>(() => side.New.Seams.Store.VersionsAsync(Kind, 0, 10, default))!;
        Assert.That(unread.IsTransient, Is.True);
    }

    /// <summary>Nothing of the caller's was to be written yet.</summary>
    [Test]
    public async Task A_slot_that_the_majority_does_not_confirm_is_an_outage_and_no_unknown_outcome()
    {
        await using var server = await MongoServers.StartPrivateAsync();
        await using var side = await MongoTestSide.CreateAsync(server.ConnectionString("slot"), TimeSpan.FromSeconds(2));
        await FailCommitsAsync(side, BsonDocument.Of(("errorCode", 91), ("errorLabels", BsonArray.Of("RetryableWriteError"))));

        var refused = Assert.ThrowsAsync<SideUnavailableException>(() => side.New.Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r"), default))!;

        Assert.That((refused.IsTransient, refused.IsOutage), Is.EqualTo((true, true)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task The_depth_of_the_journal_is_that_of_one_moment(CancellationToken cancellationToken)
    {
        for (var id = 1; id <= 4; id++)
        {
            await JournalAsync(id, 1);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var states = new[] { "open", "parked", "unread" };
        var moving = Task.Run(
            async () =>
            {
                for (var turn = 0; !stop.IsCancellationRequested; turn++)
                {
                    await _side!.UpdateAsync(
                        "strangler_journal", BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of(("state", states[turn % states.Length])))));
                }
            },
            cancellationToken);
        for (var look = 0; look < 60; look++)
        {
            var depth = await Seams.Journal.DepthAsync(cancellationToken);
            Assert.That(depth.Open + depth.Parked + depth.Quarantined, Is.EqualTo(4));
            Assert.That(depth.OldestUtc is null, Is.EqualTo(depth.Open == 0));
        }

        await stop.CancelAsync();
        await moving;
    }

    [Test]
    public async Task Slots_that_nobody_has_used_for_long_go_when_another_one_is_made()
    {
        await SaveAsync(7, null, Simple("a"));
        await using (var session = await _side!.OpenAsync())
        {
            var fence = (await _side.FindAsync("strangler_fence")).Single();
            BsonDocument Slot(string name) => BsonDocument.FromElements([
                new("_id", BsonDocument.Of(("context", Context), ("slot", name))), new("uses", 3L), .. FenceDocuments.Copy(fence)]);
            (await session.InsertAsync(
                "strangler_fence_slot", [Slot("gone.1").With("used_at", BsonValue.FromMilliseconds(0)), Slot("gone.2")], true, default)).ThrowIfFailed();
        }

        await using var one = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8)), default);
        await using var another = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 9)), default);

        Assert.That(
            (await _side.FindAsync("strangler_fence_slot")).ConvertAll(slot => slot.At("_id.slot").AsString), Has.Count.EqualTo(2).And.None.StartsWith("gone"));
    }

    /// <summary>Case 32. Who waits for a fence that is being set stays out of the way of whoever sets it.</summary>
    [Test]
    [Category("Case32")]
    public async Task A_closed_slot_is_not_written_to_and_opens_by_itself_when_its_time_is_over()
    {
        await SaveAsync(7, null, Simple("a"));
        await CloseUntilAsync(TimeProvider.System.GetUtcNow().AddHours(1));
        var waiting = Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8)), default);
        await using (var session = await _side!.OpenAsync())
        {
            // As whoever sets the fence does; had the writer written to the slot at that moment, this one would be refused.
            for (var turn = 0; turn < 200; turn++)
            {
                session.BeginTransaction(TimeSpan.FromSeconds(10));
                await session.UpdateAsync(
                    "strangler_fence_slot", [new(BsonDocument.Empty, BsonDocument.Of(("$inc", BsonDocument.Of(("uses", 1L)))), Many: true)], true, default);
                await session.CommitAsync();
            }
        }

        Assert.That(waiting.IsCompleted, Is.False);
        await CloseUntilAsync(TimeProvider.System.GetUtcNow().AddMilliseconds(50));
        await using var transaction = await waiting;
        Assert.That(transaction.State.Fence.Epoch, Is.EqualTo(5));

        Task CloseUntilAsync(DateTimeOffset until) => _side!.UpdateAsync(
            "strangler_fence_slot", BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of(("closed_until", BsonValue.FromDate(until.UtcDateTime))))));
    }

    /// <summary>A document holds 16 MB.</summary>
    [Test]
    public async Task Reports_and_checkpoints_longer_than_a_document_are_kept_whole()
    {
        var text = $$"""{ "counts": { "Matched": 3 }, "signed_off": 2, "long": "{{string.Concat(Enumerable.Repeat("Straße \ud83d\ude00 𝄞", 1_000_000))}}" }""";
        Assert.That(System.Text.Encoding.UTF8.GetByteCount(text), Is.GreaterThan(16 * 1024 * 1024));
        var (history, lease) = (_side!.New.Reconciliations, _side.New.ReconciliationLease);
        var id = await history.BeginAsync(true, "all", default);
        var process = new ProcessIdentity("host", "id", 1, "now");
        await lease.AcquireAsync(new LeaseHolder("t", "all", "test", process), null, TimeSpan.FromMinutes(1), default);
        Assert.That(await lease.SaveAsync("t", new RunCheckpoint(id, Kind, default, default, text), default), Is.True);
        Assert.That((await lease.LatestAsync(Kind, default))!.State == text, Is.True);
        Assert.That(await lease.SaveAsync("t", new RunCheckpoint(id, Kind, default, default, "short"), default), Is.True);
        Assert.That((await lease.LatestAsync(Kind, default))!.State, Is.EqualTo("short"));
        Assert.That(await _side.FindAsync("strangler_text_part"), Is.Empty, "parts of what is no more");

        await history.EndAsync(id, "clean", text, default);
        Assert.That((await history.FindAsync(id, default))!.Report == text, Is.True);
        var summary = (await history.SummariesAsync(10, default)).Single();
        Assert.That((summary.SignedOff, summary.Outcome), Is.EqualTo((2L, "clean")));
    }

    [Test]
    public async Task A_child_that_comes_before_its_parent_has_the_id_that_the_parent_will_have()
    {
        var layout = new AggregateLayout([new TableLayout("node", TableRole.Root, "id", [new ColumnLayout("parent_id", ColumnType.Integer, true) { References = "node" }])]);
        var seams = MongoSides.CreateNew(_side!.Options, Context, new Dictionary<string, AggregateLayout> { ["node"] = layout });
        await SaveNodeAsync(1, 2);
        Assert.That((await seams.Seams.Store.ReadAsync(new EntityKey("node", 1), default)).Row!.Root[0], Is.EqualTo(2L));
        var parent = (await seams.IdMap.FindNewIdAsync("node", 2, default))!.Value;
        Assert.That((await _side.FindAsync("node")).Single().Number("parent_id"), Is.EqualTo(parent));
        Assert.That((await seams.Seams.Store.ReadAsync(new EntityKey("node", 2), default)).Entity!.Tombstone, Is.True, "older than whatever it will be");

        await SaveNodeAsync(2, 0);

        Assert.That(await seams.IdMap.FindNewIdAsync("node", 2, default), Is.EqualTo(parent));
        Assert.That((await seams.Seams.Store.ReadRangeAsync("node", 1, 10, default)).Items.Select(item => item.Row!.Root[0]), Is.EqualTo(new object[] { 2L, 0L }));

        async Task SaveNodeAsync(long id, long refersTo)
        {
            var key = new EntityKey("node", id);
            await using var transaction = await seams.Seams.Store.BeginAsync(new WriteIntent(key), default);
            await transaction.SaveAsync(key, null, new AggregateRow(layout, [[[refersTo]]]), default);
            await transaction.SetEntityAsync(key, new EntityState(new EntityVersion(4, 1), 0, false, [1, 2, 3]), default);
            await transaction.CommitAsync(default);
        }
    }

    [Test]
    public async Task An_own_write_over_an_accepted_state_keeps_what_both_sides_agreed_on()
    {
        var key = new EntityKey(Kind, 7);
        await SetAsync(new EntityState(new EntityVersion(4, 1), 0, false, [1, 2, 3, 4, 5, 6, 7, 8]));
        Assert.That(await _side!.New.Merges.BaseAsync(key, default), Is.Null);

        await SetAsync(new EntityState(new EntityVersion(4, 2), 0, false, [.. Enumerable.Repeat((byte)9, 15)]));
        await SetAsync(new EntityState(new EntityVersion(4, 3), 0, false, [.. Enumerable.Repeat((byte)8, 15)]));

        var agreed = (await _side.New.Merges.BaseAsync(key, default))!;
        Assert.That(agreed.Version, Is.EqualTo(new EntityVersion(4, 1)));
        Assert.That(agreed.Hashes, Is.EqualTo(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }));

        async Task SetAsync(EntityState state)
        {
            await using var transaction = await Seams.Store.BeginAsync(new WriteIntent(key), default);
            await transaction.SetEntityAsync(key, state, default);
            await transaction.CommitAsync(default);
        }
    }

    private static Task FailCommitsAsync(MongoTestSide side, BsonDocument how) => side.RunAsync(BsonDocument.Of(
        ("configureFailPoint", "failCommand"), ("mode", "alwaysOn"), ("data", how.With("failCommands", BsonArray.Of("commitTransaction")))));

    protected override NewSide OpenAnother() => MongoTestSide.Open(_side!.Options);

    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var made = _side = await MongoTestSide.CreateAsync();
        return new StoreUnderTest(made.New.Seams, made.SetFenceAsync, made.DisposeAsync);
    }

    protected override async Task SetFenceFieldAsync(string field, string value)
    {
        foreach (var collection in new[] { "strangler_fence", "strangler_fence_slot" })
        {
            await _side!.UpdateAsync(collection, BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of((field, value)))));
        }
    }

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((MongoSideTransaction)transaction).FlushAsync(default);

    // One journal entry a write, with the epoch of the fence that was read.
    private async Task WriteUntilAsync(long id, Action wrote, CancellationToken stop)
    {
        for (var counter = 1; !stop.IsCancellationRequested; counter++)
        {
            try
            {
                await using var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, id)), default);
                await transaction.AppendJournalAsync(new EntityKey(Kind, id), new EntityVersion(transaction.State.Fence.Epoch, counter), "test", default);
                await transaction.CommitAsync(default);
                wrote();
            }
            catch (SideUnavailableException e) when (e.IsTransient)
            {
            }
        }
    }

    private async Task RetryFenceAsync(FenceRow from, FenceRow to, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                Assert.That(await Seams.Fence.CompareAndSetAsync(from, to, TimeSpan.FromSeconds(2), cancellationToken), Is.True);
                return;
            }
            catch (FenceBusyException)
            {
            }
        }
    }

    private async Task<int> CountAsync(long epoch) =>
        (await _side!.FindAsync("strangler_journal", BsonDocument.Of(("epoch", epoch)))).Count;
}
