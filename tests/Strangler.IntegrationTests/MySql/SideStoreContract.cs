using Strangler.Answers;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.IntegrationTests.MySql;

/// <summary>One side under test, with an empty database, its fence as migrated and then set by <see cref="SetFenceAsync"/>.</summary>
public sealed record StoreUnderTest(SideSeams Seams, Func<FenceRow, Task> SetFenceAsync, Func<ValueTask> DisposeAsync);

/// <summary>What every store must do on either side. A store adds a subclass that makes a side with <see cref="Layout"/> as kind
/// <c>thing</c>.</summary>
public abstract class SideStoreContract(SideName side)
{
    protected const string Kind = "thing";
    protected const string Context = "tests";

    private static readonly FenceRow Dual = new(FenceRole.Lead, Stage.DualWrite, 5, 4);
    private StoreUnderTest _test = null!;

    /// <summary>A root with every column type, one optional table, one table of many rows.</summary>
    public static AggregateLayout Layout { get; } = new(
    [
        new TableLayout("thing", TableRole.Root, "id",
        [
            new ColumnLayout("name", ColumnType.Text, false, 50),
            new ColumnLayout("amount", ColumnType.Text, true, 250),
            new ColumnLayout("flag", ColumnType.Integer, false),
            new ColumnLayout("size", ColumnType.Integer, true, MinValue: 0, MaxValue: uint.MaxValue),
            new ColumnLayout("big", ColumnType.Integer, true),
            new ColumnLayout("born", ColumnType.DateTime, true),
            new ColumnLayout("made", ColumnType.DateTime, true),
            new ColumnLayout("blob", ColumnType.Binary, true),
        ]),
        new TableLayout("thing_extra", TableRole.One, "thing_id", [new ColumnLayout("remark", ColumnType.Text, false, 100)]),
        new TableLayout("thing_note", TableRole.Many, "thing_id",
            [new ColumnLayout("text", ColumnType.Text, false, 100), new ColumnLayout("at", ColumnType.DateTime, true)]),
    ]);

    protected SideSeams Seams => _test.Seams;

    private ISideStore Store => _test.Seams.Store;

    [SetUp]
    public async Task MakeStore()
    {
        _test = await CreateAsync(side);
        await _test.SetFenceAsync(Dual);
    }

    [TearDown]
    public async Task DropStore() => await _test.DisposeAsync();

    /// <summary>A build that slept through a release: it refuses, rather than to take the unknown for something that it knows.</summary>
    [TestCase("role", "observer")]
    [TestCase("stage", "Frozen")]
    [TestCase("stage", "9")]
    [Category("Case25")]
    public async Task A_fence_that_a_newer_build_has_set_is_refused_and_nothing_is_written(string field, string value)
    {
        await SetFenceFieldAsync(field, value);
        var key = new EntityKey(Kind, 7);
        foreach (var act in new Func<Task>[]
        {
            () => Seams.Fence.ReadAsync(default),
            () => Store.ReadAsync(key, default),
            () => Seams.Queries is { } queries ? queries.ListAsync($"SELECT t.id FROM thing t", (_, _) => 0, default) : Store.ReadAsync(key, default),
            async () => await (await Store.BeginAsync(new WriteIntent(key), default)).DisposeAsync(),
        })
        {
            var refused = Assert.ThrowsAsync<SideUnavailableException>(() => act())!;
            Assert.That(refused.Message, Does.Contain("newer build"));
            Assert.That(refused.IsTransient, Is.False);
        }
    }

    [Test]
    public async Task A_requests_answer_is_kept_and_a_claim_whose_time_is_up_is_anothers()
    {
        var log = Seams.Answers!;
        byte[] key = [.. Enumerable.Range(0, 32).Select(at => (byte)(at * 8))], print = [.. Enumerable.Repeat((byte)255, 32)], other = new byte[32];
        var (first, second) = (new KeyedRequest(key, print, "first"), new KeyedRequest(key, print, "second"));
        Assert.That(await log.FindAsync(key, default), Is.Null);
        var claims = await Task.WhenAll(Enumerable.Range(0, 6).Select(at => log.ClaimAsync(first with { Owner = $"{at}" }, TimeSpan.FromHours(1), default)));
        var owner = claims.Select(claim => claim.Owner).Distinct().Single();
        await log.ReleaseAsync(second, default);
        Assert.That((await log.FindAsync(key, default))!.IsClaimed, Is.True, "another's is not released");
        await log.ReleaseAsync(first with { Owner = owner }, default);

        Assert.That((await log.ClaimAsync(first, TimeSpan.Zero, default)).Owner, Is.EqualTo("first"));
        Assert.That((await log.ClaimAsync(second with { Fingerprint = other }, TimeSpan.FromHours(1), default)), Has.Property("Owner").EqualTo("first").And.Property("Fingerprint").EqualTo(print));
        Assert.That((await log.ClaimAsync(second, TimeSpan.FromHours(1), default)).Owner, Is.EqualTo("second"), "the first one's time is up");
        Assert.That((await log.RenewAsync(first, TimeSpan.FromDays(1), default), await log.RenewAsync(second, TimeSpan.FromDays(1), default)), Is.EqualTo((false, true)));
        Assert.That(await log.AnswerAsync(first, "too late", default), Is.False);
        Assert.That(await log.AnswerAsync(second, "{ \"an\": \"änswer 🦊\" }", default), Is.True);
        await log.ReleaseAsync(second, default);
        var known = await log.ClaimAsync(first, TimeSpan.FromHours(1), default);
        Assert.That((known.Owner, known.Answer, known.Fingerprint), Is.EqualTo(("second", "{ \"an\": \"änswer 🦊\" }", print)));
        Assert.That(await log.PruneAsync(TimeSpan.FromHours(1), 10, default), Is.Zero);
        Assert.That(await log.PruneAsync(TimeSpan.Zero, 10, default), Is.EqualTo(1));
    }

    [Test]
    public async Task The_trail_of_one_epoch_is_told_newest_first_and_no_older_than_asked()
    {
        foreach (var (epoch, action) in new[] { (5L, "ask"), (6L, "ask"), (5L, "withdraw") })
        {
            await Seams.Audit.AppendAsync(new AuditEntry(default, "anna", action, "DualWrite", "ShadowRead", epoch, false, "why", "id"), default);
        }

        Assert.That((await Seams.Audit.OfEpochAsync(5, TimeSpan.FromHours(1), default)).Select(entry => entry.Action), Is.EqualTo(new[] { "withdraw", "ask" }));
        Assert.That(await Seams.Audit.OfEpochAsync(5, TimeSpan.Zero, default), Is.Empty);
    }

    [Test]
    public async Task Of_one_action_the_last_are_told_however_long_ago_that_was()
    {
        foreach (var detail in new[] { "job a: all", "job ab: all", "job b: all", "no job" })
        {
            await Seams.Audit.AppendAsync(new AuditEntry(default, "anna", "reconcile", "", "", 1, false, "", detail), default);
        }

        for (var at = 0; at < 20; at++)
        {
            await Seams.Audit.AppendAsync(new AuditEntry(default, "anna", "other", "", "", 1, false, "", "job a: all"), default);
        }

        Assert.That((await Seams.Audit.OfActionAsync("reconcile", "job ", 2, default)).Select(entry => entry.Detail), Is.EqualTo(new[] { "job b: all", "job ab: all" }));
        Assert.That((await Seams.Audit.OfActionAsync("reconcile", "job a:", 10, default)).Select(entry => entry.Detail), Is.EqualTo(new[] { "job a: all" }));
        Assert.That(await Seams.Audit.OfActionAsync("reconcile", "job A", 10, default), Is.Empty, "as it is written");
        Assert.That((await Seams.Audit.OfActionAsync("reconcile", "", 10, default)).Count, Is.EqualTo(4));
    }

    [Test]
    public async Task An_entitys_timeline_has_the_acts_about_it_and_no_other()
    {
        if (Seams.Traces is not { } traces)
        {
            Assert.That(Seams.Queries, Is.Null, "every SQL store tells what has happened to an entity");
            return;
        }

        foreach (var (action, detail) in new[]
        {
            ("remove", $"{Kind} 7: asked for"), ("remove", $"{Kind} 7: {new string('x', 5000)}"), ("remove", $"{Kind} 77: done"), ("remove", $"{Kind} 7"), ("sign-off", "id 7"), ("sign-off", "id 77"),
        })
        {
            await Seams.Audit.AppendAsync(new AuditEntry(default, "anna", action, "", "", 1, false, "", detail), default);
        }

        var told = (await traces.ReadAsync(new EntityKey(Kind, 7), default)).Select(trace => trace.What[..Math.Min(40, trace.What.Length)]);
        Assert.That(told, Is.EquivalentTo(new[] { $"remove: {Kind} 7: asked for", $"remove: {Kind} 7: {new string('x', 23)}", "sign-off: id 7" }));
    }

    [Test]
    public async Task What_is_saved_is_read_back_exactly([Values] bool withParts)
    {
        var row = withParts
            ? Row("trailing ", "", 127, uint.MaxValue, long.MinValue, NoDate, "2016-05-17 11:42:02", [0, 255, 39, 92], "extra 🦊",
                ["b'\\", "a"])
            : Row("🦊 \"'\\;--", null, 0, null, null, null, $"{NoDate} 00:00:00", null, null, []);

        await SaveAsync(7, null, row);

        var state = await Store.ReadAsync(new EntityKey(Kind, 7), default);
        Assert.That(state.Row!.SameAs(row), Is.True);
        Assert.That(state.Fence, Is.EqualTo(Dual));
        Assert.That(state.Entity!.Version, Is.EqualTo(new EntityVersion(4, 1)));
    }

    [Test]
    public async Task A_change_and_a_removal_of_parts_leave_exactly_what_was_asked_for()
    {
        var was = Row("a", null, 0, 1, null, null, null, null, "x", ["1", "2", "3"]);
        var now = Row("a", "5", 0, null, null, null, null, null, null, ["1", "two"]);
        await SaveAsync(7, null, was);

        await SaveAsync(7, was, now);
        Assert.That((await ReadAsync(7)).Row!.SameAs(now), Is.True);

        await SaveAsync(7, now, was);
        Assert.That((await ReadAsync(7)).Row!.SameAs(was), Is.True);

        await SaveAsync(7, was, null, tombstone: true);
        Assert.That((await ReadAsync(7)).Row, Is.Null);
        Assert.That((await ReadAsync(7)).Entity!.Tombstone, Is.True);

        await SaveAsync(7, null, now);
        Assert.That((await ReadAsync(7)).Row!.SameAs(now), Is.True);
    }

    [Test]
    public async Task What_is_not_there_is_null_and_not_an_error()
    {
        var state = await ReadAsync(4711);

        Assert.That(state.Row, Is.Null);
        Assert.That(state.Entity, Is.Null);
    }

    /// <summary>Of a store that speaks SQL.</summary>
    [Test]
    public async Task The_rows_of_a_statement_come_with_the_fence_also_where_there_are_none()
    {
        if (Seams.Queries is not { } queries)
        {
            return;
        }

        const string Name = "a' OR 'x";
        await SaveAsync(7, null, Simple(Name));
        await SaveAsync(8, null, Simple(Name));
        await SaveAsync(9, null, Simple("b"));
        var (fence, rows) = await queries.ListAsync(
            $"SELECT t.id, t.name, t.amount FROM thing t WHERE t.name = {Name} AND t.name = {Name}",
            (row, at) => (row.GetString(at + 1), row.IsDBNull(at + 2)), default);
        Assert.That(fence, Is.EqualTo(Dual));
        Assert.That(rows, Is.EqualTo(new[] { (Name, true), (Name, true) }));
        Assert.That((await queries.ListAsync($"SELECT t.id FROM thing t WHERE t.name = {"'"}", (_, _) => 0, default)).Rows, Is.Empty);
        var (same, two) = await queries.ReadAsync(
            [$"SELECT COUNT(*) FROM thing t WHERE t.name = {Name}", $"SELECT t.name FROM thing t WHERE t.name <> {Name}"],
            async (reader, token) =>
            {
                await reader.ReadAsync(token);
                var count = Convert.ToInt32(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture);
                await reader.NextResultAsync(token);
                await reader.ReadAsync(token);
                return (count, reader.GetString(0));
            },
            default);
        Assert.That((same, two), Is.EqualTo((Dual, (2, "b"))));

        var switching = Dual with { Role = FenceRole.Switching, Epoch = 6, Deadline = new DateTime(2026, 5, 17, 11, 42, 2, DateTimeKind.Utc).AddTicks(1_234_560) };
        await _test.SetFenceAsync(switching);
        Assert.That((await queries.ListAsync($"SELECT t.id FROM thing t", (_, _) => 0, default)).Fence, Is.EqualTo(switching));
    }

    [Test]
    public async Task A_transaction_that_is_not_committed_leaves_nothing()
    {
        await using (var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "request"), default))
        {
            await WriteAsync(transaction, 7, null, Simple("a"));
            await transaction.SaveRequestAsync("request", 7, new EntityVersion(4, 1), default);
        }

        await AssertNothingAsync(7);
    }

    [Test]
    public async Task A_transaction_that_wrote_nothing_leaves_no_entity_row()
    {
        await using (var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default))
        {
            await transaction.CommitAsync(default);
        }

        await using (var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8)), default))
        {
            await transaction.SaveRequestAsync("only a request", 8, default, default);
            await transaction.CommitAsync(default);
        }

        await AssertNothingAsync(7);
        Assert.That((await Store.ReadRangeAsync(Kind, 1, 100, default)).Items, Is.Empty);
    }

    [Test]
    public async Task A_request_key_is_found_again_and_cannot_be_used_twice_at_once()
    {
        await using (var first = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7), "r1"), default))
        {
            Assert.That(first.Request, Is.Null);
            await WriteAsync(first, 7, null, Simple("a"));
            await first.SaveRequestAsync("r1", 7, new EntityVersion(4, 1), default);
            await using var second = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8), "r1"), default);
            await WriteAsync(second, 8, null, Simple("b"));
            await second.SaveRequestAsync("r1", 8, new EntityVersion(4, 1), default);
            await first.CommitAsync(default);

            var refused = Assert.ThrowsAsync<SideUnavailableException>(() => second.CommitAsync(default))!;
            Assert.That(refused.IsTransient, Is.True);
        }

        await using var again = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 8), "r1"), default);
        Assert.That(again.Request, Is.EqualTo(new RequestResult(7, new EntityVersion(4, 1))));
        Assert.That(again.State.Row, Is.Null);
        Assert.That(await Store.RequestsAsync(new EntityKey(Kind, 7), null, default),
            Is.EqualTo(new[] { new StoredRequest("r1", new EntityVersion(4, 1)) }));
        Assert.That(await Store.RequestsAsync(new EntityKey(Kind, 7), new EntityVersion(4, 1), default), Is.Empty);
    }

    [Test]
    public async Task Concurrent_writers_of_one_key_take_turns([Values] bool exists)
    {
        const int Writers = 8;
        if (exists)
        {
            await SaveAsync(7, null, Simple("0"));
        }

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => RetryAsync(async () =>
        {
            await using var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
            var was = transaction.State.Row;
            var count = was is null ? 0 : int.Parse((string)was.Root[0]!, null);
            await WriteAsync(transaction, 7, was, Simple($"{count + 1}"), transaction.State.Version(4).Next());
            await transaction.CommitAsync(default);
        })));

        var state = await ReadAsync(7);
        Assert.That(state.Row!.Root[0], Is.EqualTo($"{Writers}"));
        Assert.That(state.Entity!.Version.Counter, Is.EqualTo(Writers + (exists ? 1 : 0)));
        Assert.That(await Store.UnmappedAsync(Kind, long.MinValue, 10, default), Is.Empty);
    }

    [Test]
    public async Task A_fence_that_a_writer_holds_is_busy_and_unchanged()
    {
        await using var writer = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
        var next = Dual with { Role = FenceRole.Switching, Epoch = 6 };

        Assert.ThrowsAsync<FenceBusyException>(() => Seams.Fence.CompareAndSetAsync(Dual, next, TimeSpan.FromMilliseconds(50), default));
        Assert.That(await Seams.Fence.ReadAsync(default), Is.EqualTo(Dual));

        await writer.DisposeAsync();
        Assert.That(await Seams.Fence.CompareAndSetAsync(Dual, next, TimeSpan.FromSeconds(1), default), Is.True);
        Assert.That(await Seams.Fence.CompareAndSetAsync(Dual, next, TimeSpan.FromSeconds(1), default), Is.False);
        Assert.That(await Seams.Fence.ReadAsync(default), Is.EqualTo(next));
    }

    [Test]
    public async Task A_range_shows_rows_tombstones_gaps_and_journal_marks()
    {
        await SaveAsync(3, null, Simple("three"));
        await SaveAsync(5, null, Row("five", null, 0, null, null, null, null, null, "x", ["b", "a"]), journal: true);
        await SaveAsync(6, null, Simple("six"));
        await SaveAsync(6, Simple("six"), null, tombstone: true);
        await using (var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 9)), default))
        {
            await transaction.SetEntityAsync(new EntityKey(Kind, 9), new EntityState(new EntityVersion(4, 3), 2, true, []), default);
            await transaction.CommitAsync(default);
        }

        var range = await Store.ReadRangeAsync(Kind, 4, 100, default);

        Assert.That(range.Items.Select(item => item.Id), Is.EqualTo(new long[] { 5, 6, 9 }));
        Assert.That(range.Items[0].Row!.Tables[2].Select(note => note[0]), Is.EqualTo(new[] { "b", "a" }));
        Assert.That(range.Items[0].NewId, side == SideName.New ? Is.GreaterThan(0L) : Is.Null);
        Assert.That(range.Items[1].Row, Is.Null);
        Assert.That(range.Items[1].Entity!.Tombstone, Is.True);
        Assert.That(range.Items[2].Entity!.ForeignSeq, Is.EqualTo(2));
        Assert.That(range.Journal.Keys, Is.EqualTo(new long[] { 5 }));
        Assert.That(range.Journal[5].Parked, Is.False);
        Assert.That(await Store.ChunkEndAsync(Kind, 1, 2, default), Is.EqualTo(5));
        Assert.That(await Store.ChunkEndAsync(Kind, 6, 2, default), Is.EqualTo(9));
        Assert.That(await Store.ChunkEndAsync(Kind, 10, 2, default), Is.Null);
        var bounds = await Store.BoundsAsync(Kind, default);
        Assert.That((bounds.From, bounds.To, bounds.Rows), Is.EqualTo((3L, 9L, 2L)));
    }

    [Test]
    public async Task An_empty_side_has_no_bounds_and_no_chunks()
    {
        var bounds = await Store.BoundsAsync(Kind, default);

        Assert.That(bounds.From, Is.GreaterThan(bounds.To));
        Assert.That(await Store.ChunkEndAsync(Kind, 1, 10, default), Is.Null);
    }

    [Test]
    public async Task Two_relays_at_once_never_get_the_same_key()
    {
        for (var i = 0; i < 300; i++)
        {
            await JournalAsync(1 + (i % 60), 1 + (i / 60));
        }

        List<JournalClaim> claims = [];
        while (await Seams.Journal.DepthAsync(default) is { Open: > 0 } && claims.Count < 60)
        {
            var passes =
                await Task
                .WhenAll(Enumerable.Range(0, 4).Select(i => Seams.Journal.ClaimAsync($"relay {i}", 20, TimeSpan.FromMinutes(5), default)));
            claims.AddRange(passes.SelectMany(pass => pass));
        }

        Assert.That(claims.Select(claim => claim.Key.Id).Order(), Is.EqualTo(Enumerable.Range(1, 60)));
        Assert.That(claims.Select(claim => claim.Version.Counter), Is.All.EqualTo(5));
        await Task.WhenAll(claims.Select(claim => Seams.Journal.SettleAsync(claim.Key, claim.Version, 0, default)));
        Assert.That((await Seams.Journal.DepthAsync(default)).Open, Is.Zero);
    }

    [Test]
    public async Task All_request_keys_of_a_kind_are_read_page_by_page()
    {
        await using (var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 0)), default))
        {
            foreach (var (id, number) in new[] { (9L, 1), (7L, 2), (9L, 3), (7L, 4), (8L, 5), (9L, 6) })
            {
                await transaction.SaveRequestAsync($"r{number}", id, new EntityVersion(4, number), default);
            }

            await transaction.CommitAsync(default);
        }

        List<EntityRequest> all = [];
        while (await Store.RequestsAsync(Kind, all.LastOrDefault(), 2, default) is { Count: > 0 and <= 2 } page)
        {
            all.AddRange(page);
        }

        Assert.That(all.Select(request => (request.Id, request.Request.RequestKey, request.Request.Version.Counter)), Is.EqualTo(new[]
        {
            (7L, "r2", 2L), (7L, "r4", 4L), (8L, "r5", 5L), (9L, "r1", 1L), (9L, "r3", 3L), (9L, "r6", 6L),
        }));
        Assert.That(await Store.RequestsAsync("other", null, 2, default), Is.Empty);
    }

    [Test]
    public async Task Parked_rows_of_one_key_can_be_dropped_and_its_open_ones_stay()
    {
        await JournalAsync(7, 1);
        var claim = (await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Single();
        await Seams.Journal.FailAsync(claim, "why", null, default);
        await JournalAsync(7, 2);
        await JournalAsync(8, 1);
        Assert.That(await Seams.Journal.OwedAsync(Kind, [6, 7, 8], default), Is.EquivalentTo(new long[] { 7, 8 }));
        Assert.That((await Seams.Journal.FindParkedAsync(claim.Key, default))!.LastError, Is.EqualTo("why"));
        Assert.That(await Seams.Journal.FindParkedAsync(new EntityKey(Kind, 8), default), Is.Null);

        Assert.That(await Seams.Journal.DropAsync(new EntityKey(Kind, 8), default), Is.Zero);
        Assert.That(await Seams.Journal.DropAsync(claim.Key, default), Is.EqualTo(1));

        Assert.That(await Seams.Journal.ParkedAsync(10, default), Is.Empty);
        var claims = await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default);
        Assert.That(claims.Select(each => (each.Key.Id, each.Version.Counter)), Is.EquivalentTo(new[] { (7L, 2L), (8L, 1L) }));
        Assert.That(await Seams.Journal.OwedAsync(Kind, [], default), Is.Empty);
    }

    [Test]
    public async Task Versions_are_read_page_by_page_and_by_id_without_rows()
    {
        foreach (var id in new long[] { 3, 5, 9 })
        {
            await SaveAsync(id, null, Simple($"{id}"));
        }

        await SaveAsync(5, Simple("5"), null, tombstone: true);
        var first = await Store.VersionsAsync(Kind, 0, 2, default);
        Assert.That(first.Fence, Is.EqualTo(Dual));
        Assert.That(first.Keys, Is.EqualTo(new[] { new KeyVersion(3, new EntityVersion(4, 1), 0), new KeyVersion(5, new EntityVersion(4, 2), 0) }));
        Assert.That((await Store.VersionsAsync(Kind, 5, 2, default)).Keys.Select(key => key.Id), Is.EqualTo(new long[] { 9 }));
        Assert.That((await Store.VersionsAsync(Kind, [9, 4, 3], default)).Keys.Select(key => key.Id), Is.EqualTo(new long[] { 3, 9 }));
        Assert.That((await Store.VersionsAsync("other", 0, 10, default)).Keys, Is.Empty);
    }

    [Test]
    public async Task Request_keys_are_forgotten_by_age_the_oldest_first()
    {
        foreach (var number in Enumerable.Range(1, 5))
        {
            await using var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 0)), default);
            await transaction.SaveRequestAsync($"r{number}", number, new EntityVersion(4, number), default);
            await transaction.CommitAsync(default);
        }

        Assert.That(await Store.PruneRequestsAsync(TimeSpan.FromMinutes(1), 3, default), Is.Zero);
        Assert.That(await Store.PruneRequestsAsync(TimeSpan.Zero, 3, default), Is.EqualTo(3));
        Assert.That((await Store.RequestsAsync(Kind, null, 10, default)).Select(one => one.Request.RequestKey), Is.EqualTo(new[] { "r4", "r5" }));
        Assert.That(await Store.PruneRequestsAsync(TimeSpan.Zero, 3, default), Is.EqualTo(2));
    }

    /// <summary>Case 7.</summary>
    [Test]
    [Category("Case34")]
    public async Task A_deep_journal_is_thinned_out_to_the_oldest_and_the_newest_row_of_a_key()
    {
        foreach (var (id, rows) in new[] { (7, 40), (8, 2), (9, 1), (10, 3) })
        {
            for (var counter = 1; counter <= rows; counter++)
            {
                await JournalAsync(id, counter);
            }
        }

        var parked = (await Seams.Journal.ClaimAsync("relay", 1, TimeSpan.FromMinutes(5), default)).Single(claim => claim.Key.Id == 7);
        await Seams.Journal.FailAsync(parked, "why", null, default);
        await JournalAsync(7, 41);

        var first = await Seams.Journal.ThinAsync(Kind, null, 2, default);
        Assert.That(first, Is.EqualTo(new ThinnedRows(38, 8)), "40 parked rows are 2, and the one that came later stays");
        Assert.That(await Seams.Journal.ThinAsync(Kind, first.Upto, 2, default), Is.EqualTo(new ThinnedRows(1, 10)));
        Assert.That(await Seams.Journal.ThinAsync(Kind, 10, 2, default), Is.EqualTo(new ThinnedRows(0, null)));
        Assert.That(await Seams.Journal.ThinAsync("another", null, 2, default), Is.EqualTo(new ThinnedRows(0, null)));
        Assert.That(await Seams.Journal.ThinAsync(Kind, null, 100, default), Is.EqualTo(new ThinnedRows(0, 10)));
        var depth = await Seams.Journal.DepthAsync(default);
        Assert.That((depth.Open, depth.Parked), Is.EqualTo((1L + 2 + 1 + 2, 2L)));

        await Seams.Journal.RetryAsync(null, default);
        var claims = await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default);
        Assert.That(
            claims.Select(claim => (claim.Key.Id, claim.Version.Counter)), Is.EquivalentTo(new[] { (7L, 41L), (8, 2), (9, 1), (10, 3) }),
            "the newest of each is owed");
        await Seams.Journal.SettleAsync(new EntityKey(Kind, 7), new EntityVersion(4, 40), 0, default);
        Assert.That((await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Single().Version.Counter, Is.EqualTo(41));
    }

    [Test]
    public async Task An_expired_lease_is_claimed_again_and_the_first_owner_has_no_say_any_more()
    {
        await JournalAsync(7, 1);
        var first = (await Seams.Journal.ClaimAsync("first", 10, TimeSpan.Zero, default)).Single();
        var second = (await Seams.Journal.ClaimAsync("second", 10, TimeSpan.FromMinutes(5), default)).Single();
        Assert.That(second.Generation, Is.GreaterThan(first.Generation));

        await Seams.Journal.FailAsync(first, "late", null, default);
        Assert.That((await Seams.Journal.DepthAsync(default)).Parked, Is.Zero);
        Assert.That(await Seams.Journal.ClaimAsync("third", 10, TimeSpan.FromMinutes(5), default), Is.Empty);

        await Seams.Journal.FailAsync(second, "for good", null, default);
        var parked = (await Seams.Journal.ParkedAsync(10, default)).Single();
        Assert.That((parked.Key.Id, parked.Attempts, parked.LastError), Is.EqualTo((7L, 1, "for good")));
        Assert.That(await Seams.Journal.RetryAsync(new EntityKey(Kind, 7), default), Is.EqualTo(1));
        Assert.That(await Seams.Journal.ClaimAsync("third", 10, TimeSpan.FromMinutes(5), default), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_row_that_comes_while_its_key_is_claimed_waits_until_the_claim_is_settled()
    {
        await JournalAsync(7, 1);
        var claim = (await Seams.Journal.ClaimAsync("first", 10, TimeSpan.FromMinutes(5), default)).Single();
        await JournalAsync(7, 2);

        Assert.That(await Seams.Journal.ClaimAsync("second", 10, TimeSpan.FromMinutes(5), default), Is.Empty);
        await Seams.Journal.SettleAsync(claim.Key, claim.Version, 0, default);

        Assert.That((await Seams.Journal.ClaimAsync("second", 10, TimeSpan.FromMinutes(5), default)).Single().Version.Counter,
            Is.EqualTo(2));
    }

    /// <summary>Case 13: ids are allotted before the commit.</summary>
    [Test]
    public async Task A_row_with_a_lower_id_that_is_committed_later_is_still_claimed()
    {
        await using var slow = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 1)), default);
        await WriteAsync(slow, 1, null, Simple("slow"), journal: true);
        await BeginWritingAsync(slow);
        await JournalAsync(2, 1);
        var claims = await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default);
        Assert.That(claims.Select(claim => claim.Key.Id), Is.EqualTo(new long[] { 2 }));
        await Seams.Journal.SettleAsync(claims[0].Key, claims[0].Version, 0, default);

        await slow.CommitAsync(default);

        Assert.That((await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Select(claim => claim.Key.Id),
            Is.EqualTo(new long[] { 1 }));
    }

    /// <summary>The oddest date that the store can hold.</summary>
    protected virtual string NoDate => "0000-00-00";

    protected abstract Task<StoreUnderTest> CreateAsync(SideName side);

    /// <summary>Writes a text into a field of the fence, past the store.</summary>
    protected abstract Task SetFenceFieldAsync(string field, string value);

    protected Task SetFenceAsync(FenceRow fence) => _test.SetFenceAsync(fence);

    /// <summary>Makes a store that buffers its writes send them now, so that the database allots what it allots.</summary>
    protected abstract Task BeginWritingAsync(ISideTransaction transaction);

    protected static AggregateRow Simple(string name) => Row(name, null, 0, null, null, null, null, null, null, []);

    protected static AggregateRow Row(
        string name, string? amount, long flag, long? size, long? big, string? born, string? made, byte[]? blob, string? extra,
            string[] notes) =>
        new(Layout,
        [
            [[name, amount, flag, size, big, born, made, blob]],
            extra is null ? [] : [[extra]],
            notes.Select(note => new object?[] { note, null }).ToList(),
        ]);

    protected async Task SaveAsync(long id, AggregateRow? was, AggregateRow? now, bool tombstone = false, bool journal = false)
    {
        await using var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, id)), default);
        await WriteAsync(transaction, id, was, now, transaction.State.Version(4).Next(), tombstone, journal);
        await transaction.CommitAsync(default);
    }

    protected static async Task WriteAsync(
        ISideTransaction transaction, long id, AggregateRow? was, AggregateRow? now, EntityVersion? version = null,
            bool tombstone = false, bool journal = false)
    {
        var key = new EntityKey(Kind, id);
        await transaction.SaveAsync(key, was, now, default);
        var next = version ?? new EntityVersion(4, 1);
        await transaction.SetEntityAsync(key, new EntityState(next, 0, tombstone, tombstone ? [] : [1, 2, 3]), default);
        if (journal)
        {
            await transaction.AppendJournalAsync(key, next, "test", default);
        }
    }

    protected static async Task RetryAsync(Func<Task> work)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await work();
                return;
            }
            catch (Exception e) when (attempt < 20 && e is SideUnavailableException { IsTransient: true } or DuplicateKeyException)
            {
            }
        }
    }

    private Task<SideState> ReadAsync(long id) => Store.ReadAsync(new EntityKey(Kind, id), default);

    protected async Task JournalAsync(long id, long counter)
    {
        await using var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 0)), default);
        await transaction.AppendJournalAsync(new EntityKey(Kind, id), new EntityVersion(4, counter), "test", default);
        await transaction.CommitAsync(default);
    }

    private async Task AssertNothingAsync(long id)
    {
        var state = await ReadAsync(id);
        Assert.That((state.Row, state.Entity), Is.EqualTo(((AggregateRow?)null, (EntityState?)null)));
        Assert.That((await Seams.Journal.DepthAsync(default)).Open, Is.Zero);
        Assert.That((await Store.ReadRangeAsync(Kind, 1, 1000, default)).Items, Is.Empty);
        await using var transaction = await Store.BeginAsync(new WriteIntent(new EntityKey(Kind, id), "request"), default);
        Assert.That(transaction.Request, Is.Null);
    }
}
