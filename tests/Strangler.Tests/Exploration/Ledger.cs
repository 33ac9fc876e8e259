using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>The schedule broke a guarantee.</summary>
internal sealed class BrokenException(string what) : Exception(what);

/// <summary>How a client's write ended, as far as the client knows.</summary>
internal enum Told
{
    Nothing,
    Done,
    Refused,
    Unknown,
}

/// <summary>One write that a client wants, tried once or more often.</summary>
internal sealed class ClientWrite(string name, string kind)
{
    public string Name { get; } = name;

    /// <summary>create, again (a deleted id is used again), update, anonymize, delete.</summary>
    public string Kind { get; } = kind;

    public EntityKey Key { get; set; }

    public Told Told { get; set; }

    public int Commits { get; set; }

    public override string ToString() => $"{Name} ({Kind} {Key.Id})";
}

/// <summary>What a client's write puts on the transaction that carries it out.</summary>
internal sealed record WriteTag(ClientWrite Write, EntityKey Key)
{
    /// <summary>Null: deleted.</summary>
    public Record? Wanted { get; init; }

    /// <summary>What the client had loaded.</summary>
    public Record? Seen { get; init; }
}

/// <summary>
/// What must hold, kept by a witness that sees every commit at its instant. For each entity it knows the one history that there may be: each write of a lead must
/// build on exactly the state that the write before it left, on whichever side that was. So a write that is lost, doubled, reordered or made by a side that should
/// not lead shows at once.
/// </summary>
internal sealed class Ledger : IWitness
{
    private readonly World world;

    public Ledger(World world) => (this.world, Foreign) = (world, new ForeignLedger(world));

    private readonly Dictionary<EntityKey, List<Record?>> _histories = [];
    private readonly Dictionary<(EntityKey Key, EntityVersion Version), (Record? Record, long ForeignSeq)> _made = [];
    private readonly HashSet<EntityKey> _leftBehind = [];
    private readonly HashSet<EntityKey> _disputed = [];
    private readonly HashSet<long> _decided = [];

    // What the new side is to hold where legacy, which leads, hides it: what a caller wanted of it last.
    private readonly Dictionary<EntityKey, object?> _wishes = [];

    /// <summary>The first guarantee that was broken.</summary>
    public string? Broken { get; private set; }

    public IEnumerable<EntityKey> Keys => _histories.Keys;

    public void Plant(EntityKey key, Record? record) => _histories[key] = [record];

    /// <summary>How many states an entity has had; a read that begins now must find the last of them, or a later one.</summary>
    public int StatesOf(EntityKey key) => _histories.TryGetValue(key, out var history) ? history.Count : 0;

    public void LeadCommitted(InMemoryDatabase database, object tag, SideState before)
    {
        var (write, key) = (WriteTag)tag;
        var wanted = ((WriteTag)tag).Wanted;
        world.Trace?.Say($"* {database.Side} committed {write}, version {database.Entities.GetValueOrDefault(key)?.Version}");
        write.Commits++;
        if (write.Commits > 1)
        {
            Break($"I1: {write} was carried out twice");
        }

        var after = RecordOf(database, key);
        var known = _histories.TryGetValue(key, out var history);
        if (write.Kind == "create" && known)
        {
            Break($"I4: {write} got the id {key.Id}, which another entity has or had");
        }

        history ??= _histories[key] = [null];
        if (!_leftBehind.Remove(key))
        {
            CheckBuildsOn(write, history[^1], RecordOf(database, key, before.Row), after);
        }

        // Of what a forced flip left behind, legacy has an older state, and the new side another than that.
        if (wanted is not null && after is not null && !_disputed.Contains(key) && LostWish(key, wanted, history[^1], after) is { } lost)
        {
            Break($"I1: {write} wants {Show(wanted)} of {Show(history[^1])}, is about to be acknowledged, and made {Show(after)}: {lost} is lost");
        }

        Wish(database, key, (WriteTag)tag, after);
        Foreign.OwnChange(database, key, RecordOf(database, key, before.Row), after);
        Make(database, key, after);
        history.Add(after);
    }

    // What the entity was before this write, its caller may give back; and what the new side holds where legacy hides it, stays.
    private string? LostWish(EntityKey key, Record wanted, Record? before, Record after)
    {
        Record?[] known = [after, before ?? TestLens.TestSchema.Blank(), RecordOf(world.Of(SideName.New), key)];
        return TestLens.TestSchema.Fields.Select(field => field.Name).FirstOrDefault(field =>
            !known.Any(record => record is not null && Record.ValuesEqual(wanted.Visible(field), record.Visible(field))));
    }

    // Untouched, it stays as it was; in LegacyOnly nobody carries it anywhere.
    private void Wish(InMemoryDatabase database, EntityKey key, WriteTag tag, Record? after)
    {
        if (after is null || database.FenceRow.Stage == Stage.LegacyOnly)
        {
            _wishes.Remove(key);
        }
        else if (after["paid"] is not Hidden)
        {
            _wishes[key] = after["paid"];
        }
        else if (tag.Wanted is { } wanted)
        {
            var sawAnother = tag.Seen?["paid"] is { } seen and not Hidden && !Record.ValuesEqual(seen, wanted.Visible("paid"));
            if (wanted["paid"] is not Hidden || sawAnother)
            {
                _wishes[key] = wanted.Visible("paid");
            }
        }
    }

    private void Make(InMemoryDatabase database, EntityKey key, Record? record)
    {
        if (database.Side == SideName.New && database.Entities.GetValueOrDefault(key) is { } entity)
        {
            _made[(key, entity.Version)] = (record, entity.ForeignSeq);
        }
    }

    /// <summary>What other programs write, and what has become of it.</summary>
    public ForeignLedger Foreign { get; }

    /// <summary>Another program wrote legacy. Where that leads, or is to be promoted, it is a state as any other.</summary>
    public void ForeignCommitted(InMemoryDatabase legacy, EntityKey key, string field, object? value, bool isBirth)
    {
        world.Trace?.Say($"* another program wrote {field} of {key}: {Show(RecordOf(legacy, key))}, seq {legacy.Entities.GetValueOrDefault(key)?.ForeignSeq}");
        Foreign.Add(key, field, value, legacy.Entities.GetValueOrDefault(key)?.ForeignSeq ?? 0, RecordOf(legacy, key), isBirth);
        var other = world.Of(SideName.New).FenceRow;
        var isDecided = legacy.FenceRow.Role == FenceRole.Prepared && other.Role == FenceRole.Follower && other.Epoch == legacy.FenceRow.Epoch;
        if (legacy.FenceRow.AnswersReads || isDecided)
        {
            HistoryOf(key).Add(RecordOf(legacy, key));
            _leftBehind.Remove(key);
            _wishes.Remove(key);
        }
        else if (!_histories.ContainsKey(key))
        {
            _histories[key] = [null];
        }
    }

    public void Merged(InMemoryDatabase database, EntityKey key, SideState before)
    {
        var (was, now) = (RecordOf(database, key, before.Row), RecordOf(database, key));
        world.Trace?.Say($"* merged {key}, version {database.Entities[key].Version}, seq {database.Entities[key].ForeignSeq}: {Show(was)} -> {Show(now)}");
        var history = HistoryOf(key);
        if (!_leftBehind.Contains(key) && !Same(history[^1], was))
        {
            Break($"I9: a merge of {key} was built on {Show(was)}, but the write before it left {Show(history[^1])}");
        }

        if (Foreign.Judge(key, database.Entities[key].Version, was, now, before.Entity?.ForeignSeq ?? 0, database.Entities[key].ForeignSeq) is { } fault && !_disputed.Contains(key))
        {
            Break($"I9: a merge made {Show(now)} of {Show(was)} of {key}: {fault}");
        }

        _wishes.Remove(key);
        Foreign.Merged(key, database.Entities[key].Version, now, database.Entities[key].ForeignSeq);
        Make(database, key, now);
        history.Add(now);
    }

    // What legacy says it has accepted of the new side, it has: apart from what other programs have written there unseen, around which it
    // may be put.
    private void CheckAccepted(InMemoryDatabase database, EntityKey key, EntityState now)
    {
        if (database.Side == SideName.Legacy && !now.IsSigned && !_disputed.Contains(key) && _made.TryGetValue((key, now.Version), out var made)
            && Foreign.Judge(key, now.Version, made.Record, RecordOf(database, key), made.ForeignSeq, now.ForeignSeq) is { } fault)
        {
            Break($"I2: legacy has accepted version {now.Version} of {key}, which is {Show(made.Record)}, and holds {Show(RecordOf(database, key))}: {fault}");
        }
    }

    // What comes into legacy while nobody may write, or after it was drained: the new lead has, or has not, seen it.
    private void HandOver(InMemoryDatabase oldLead)
    {
        var next = world.Of(Stages.Other(oldLead.Side));
        foreach (var key in _histories.Keys.ToList())
        {
            var (legacy, @new) = (world.Of(SideName.Legacy), world.Of(SideName.New));
            if ((legacy.Entities.GetValueOrDefault(key)?.ForeignSeq ?? 0) > (@new.Entities.GetValueOrDefault(key)?.ForeignSeq ?? 0))
            {
                HistoryOf(key).Add(RecordOf(next, key));
            }
        }
    }

    private List<Record?> HistoryOf(EntityKey key) => _histories.TryGetValue(key, out var history) ? history : _histories[key] = [null];

    public void FenceSet(InMemoryDatabase database, FenceRow was, FenceRow now)
    {
        world.Trace?.Say($"# {database.Side} fence: {was.Role} {was.Stage} {was.Epoch} -> {now.Role} {now.Stage} {now.Epoch}");
        var other = world.Of(Stages.Other(database.Side)).FenceRow;
        if (now.AnswersReads && other.AnswersReads)
        {
            Break($"I6: two leads, {database.Side} {now} and {other}");
        }

        // An apply may have brought the follower up to the epoch of the flip before the flipper prepares it.
        var keepsEpoch = (was.Role, now.Role) is (FenceRole.Prepared, FenceRole.Lead) or (FenceRole.Switching, FenceRole.Follower)
            or (FenceRole.Follower, FenceRole.Prepared);
        if (now.Epoch < was.Epoch || (now.Epoch == was.Epoch && !keepsEpoch))
        {
            Break($"I6: the epoch of {database.Side} does not rise: {was} -> {now}");
        }

        if (now.Role == FenceRole.Lead && !_decided.Add(now.Epoch))
        {
            Break($"I6: epoch {now.Epoch} led twice");
        }

        if (now.Stage == Stage.LegacyOnly)
        {
            _wishes.Clear();
        }

        if (was.Role == FenceRole.Switching && now.Role == FenceRole.Follower)
        {
            LeaveBehind(database);
            HandOver(database);
        }
    }

    public void EntitySet(InMemoryDatabase database, EntityKey key, EntityState? was, EntityState now)
    {
        if (was is not null && now.Version < was.Version)
        {
            Break($"I3: {key} of {database.Side} goes back from version {was.Version} to {now.Version}");
        }

        if (was is not null && now.ForeignSeq < was.ForeignSeq)
        {
            Break($"I9: {key} of {database.Side} goes back from another program's write {was.ForeignSeq} to {now.ForeignSeq}");
        }

        CheckAccepted(database, key, now);
        if (database.Side == SideName.New && !now.IsSigned)
        {
            Foreign.Agree(key, now.Version, RecordOf(database, key));
        }
        else if (!now.IsSigned && _made.TryGetValue((key, now.Version), out var made))
        {
            Foreign.Agree(key, now.Version, made.Record);
        }
    }

    public void ClaimGivenBack(InMemoryDatabase database, JournalClaim claim, string error, long present)
    {
        if (error.StartsWith(nameof(RegressionException), StringComparison.Ordinal) && !_disputed.Contains(claim.Key))
        {
            Break($"I3: the relay found the follower ahead of the lead: {error}");
        }

        if (present != claim.Generation)
        {
            Break($"a claim of generation {claim.Generation} gave back {claim.Key}, whose claim has generation {present}");
        }
    }

    /// <summary>A client was told how its write ended.</summary>
    public void Tell(ClientWrite write, Told told, string detail)
    {
        world.Trace?.Say($"> {write} was told {told}: {detail}");
        write.Told = told;
        if (told == Told.Done && write.Commits == 0 && write.Kind != "delete")
        {
            Break($"I1: {write} was acknowledged and has not happened");
        }
    }

    /// <summary>A delete that found nothing says so truly only if there was a moment without the entity since it began.</summary>
    public void CheckNothing(ClientWrite write, int floor)
    {
        var history = _histories.GetValueOrDefault(write.Key) ?? [null];
        if (write.Commits == 0 && !_leftBehind.Contains(write.Key) && history.Skip(Math.Max(0, floor - 1)).All(state => state is not null))
        {
            Break($"I1: {write} was acknowledged, and the entity was there all the time");
        }
    }

    /// <summary>Something that no guarantee allows to be thrown, or told.</summary>
    public void Report(string what) => Break(what);

    public bool IsLeftBehind(EntityKey key) => _leftBehind.Contains(key);

    /// <summary>I5: one of the states since <paramref name="floor"/>, whole.</summary>
    public void CheckRead(EntityKey key, Record? record, int floor, string who)
    {
        if (_leftBehind.Contains(key))
        {
            return;
        }

        var history = _histories.GetValueOrDefault(key) ?? [null];
        for (var i = Math.Max(0, floor - 1); i < history.Count; i++)
        {
            if (Same(history[i], record))
            {
                return;
            }
        }

        Break($"I5: {who} read {Show(record)} of {key}, older than {Show(history[Math.Max(0, floor - 1)])} or a mixture");
    }

    /// <summary>Everything has been left to drain.</summary>
    public void CheckEnd(IEnumerable<ClientWrite> writes)
    {
        foreach (var write in writes)
        {
            if (write.Told == Told.Refused && write.Commits > 0)
            {
                Break($"I1: {write} was refused and has happened");
            }
        }

        var (legacy, @new) = (world.Of(SideName.Legacy), world.Of(SideName.New));
        var lead = legacy.FenceRow.AnswersReads ? legacy : @new.FenceRow.AnswersReads ? @new : null;
        if (lead is null || lead.FenceRow.Role != FenceRole.Lead)
        {
            Break($"I6: nobody leads: legacy {legacy.Fence}, new {@new.Fence}");
            return;
        }

        foreach (var key in @new.Conflicts.Keys)
        {
            _disputed.Add(key);
        }

        foreach (var key in _histories.Keys)
        {
            CheckEnd(key, lead);
            if (!_disputed.Contains(key) && Stages.IsDual(lead.FenceRow.Stage) && Foreign.Lost(key, _histories[key]) is { } lost)
            {
                Break($"I9: of {key} another program's {lost} is lost; it is {Show(RecordOf(lead, key))}");
            }
        }

        foreach (var row in legacy.Journal.Where(row => lead == @new && Stages.IsDual(lead.FenceRow.Stage) && row.ForeignSeq > 0 && !_disputed.Contains(row.Key)))
        {
            Break($"I9: legacy's journal still has another program's write {row.ForeignSeq} of {row.Key}{(row.Parked ? " (parked: " + row.LastError + ")" : "")}");
        }

        CheckSides(lead, world.Of(Stages.Other(lead.Side)));
        CheckWishes(lead);
        CheckPersonal(legacy, @new);
    }

    private void CheckEnd(EntityKey key, InMemoryDatabase lead)
    {
        var present = RecordOf(lead, key);
        if (!_leftBehind.Contains(key) && !Same(_histories[key][^1], present))
        {
            Break($"I1: {key} is {Show(present)} on {lead.Side}, which leads; the last write left {Show(_histories[key][^1])}");
        }
    }

    private void CheckSides(InMemoryDatabase lead, InMemoryDatabase follower)
    {
        if (!Stages.IsDual(lead.FenceRow.Stage))
        {
            return;
        }

        foreach (var row in lead.Journal.Where(row => !_disputed.Contains(row.Key)))
        {
            Break($"I2: the journal of {lead.Side} still has {row.Key} {row.Version}{(row.Parked ? " (parked: " + row.LastError + ")" : "")}");
        }

        foreach (var id in lead.Ids(TestLens.Kind).Union(follower.Ids(TestLens.Kind)))
        {
            var key = TestProcess.Key(id);
            var (left, right) = (RecordOf(lead, key), RecordOf(follower, key));
            var isListed = _disputed.Contains(key)
                && (lead.Journal.Any(row => row.Key == key) || (_leftBehind.Contains(key) && follower.Journal.Any(row => row.Key == key)));
            if (!Same(left, right) && !isListed)
            {
                Break($"I2: {key} is {Show(left)} on {lead.Side} and {Show(right)} on {follower.Side}");
            }
        }

        CheckRequests(lead, follower);
        var database = world.Of(SideName.New);
        if (database.Rows.Keys.Any(key => !database.PublicIds.ContainsKey(key)))
        {
            Break("I4: a new row without a map row");
        }

        if (database.NewIds.Values.Distinct().Count() != database.NewIds.Count)
        {
            Break("I4: two public ids for one new id");
        }
    }

    // Legacy's row tells nothing of it, and the new side has it all the same: also if it came to it late.
    private void CheckWishes(InMemoryDatabase lead)
    {
        if (lead.Side != SideName.Legacy || !Stages.IsDual(lead.FenceRow.Stage))
        {
            return;
        }

        foreach (var (key, wish) in _wishes.Where(one => !_disputed.Contains(one.Key) && !_leftBehind.Contains(one.Key)))
        {
            if (RecordOf(world.Of(SideName.New), key)?["paid"] is { } held && RecordOf(lead, key)?["paid"] is Hidden && !Record.ValuesEqual(held, wish))
            {
                Break($"I1: of {key} a caller wanted paid to be {wish}; legacy hides it, and the new side holds {held}");
            }
        }
    }

    // A caller's retry after a flip must find its result.
    private void CheckRequests(InMemoryDatabase lead, InMemoryDatabase follower)
    {
        foreach (var (request, (key, version)) in lead.Requests.Where(one => !_disputed.Contains(one.Value.Key)))
        {
            if (!follower.Requests.ContainsKey(request))
            {
                Break($"I4: {follower.Side} does not know {request}, by which {lead.Side} has written {key} {version}");
            }
        }
    }

    // I10: every personal text anywhere must be the present one of a living entity.
    private void CheckPersonal(InMemoryDatabase legacy, InMemoryDatabase @new)
    {
        var allowed = _histories.Values.Where(history => history[^1] is not null).Select(history => history[^1]!.Text("name")).ToHashSet();
        foreach (var database in new[] { legacy, @new })
        {
            var isKept = database.FenceRow.AnswersReads || Stages.IsDual(world.Lead().FenceRow.Stage);
            var rows = isKept ? database.Rows : [];
            IEnumerable<string> texts =
            [
                .. rows.Where(row => !_disputed.Contains(PublicKey(database, row.Key))).Select(row => (string)row.Value.Root[0]!),
                .. database.Journal.SelectMany(row => new[] { row.LastError, row.Actor }).Where(text => text.StartsWith(Client.Personal)),
                .. database.Requests.Keys.Where(text => text.StartsWith(Client.Personal)),
                .. database.Quarantine.Values.SelectMany(entry => new[] { entry.Place, entry.Reason })
                    .Where(text => text.Contains(Client.Personal)),
            ];
            if (texts.FirstOrDefault(text => text.Length > 0 && !allowed.Contains(text)) is { } text)
            {
                Break($"I10: {database.Side} holds '{text}', which no entity has any more");
            }
        }
    }

    private static EntityKey PublicKey(InMemoryDatabase database, EntityKey local) =>
        database.Side == SideName.Legacy ? local : local with { Id = database.PublicIds.GetValueOrDefault(local) };

    private void CheckBuildsOn(ClientWrite write, Record? last, Record? before, Record? after)
    {
        if (!Same(last, before))
        {
            Break($"I6: {write} was built on {Show(before)}, but the write before it left {Show(last)}");
        }

        if (write.Kind is "update" or "anonymize" && after?.Integer("amount") != last?.Integer("amount") + 1)
        {
            Break($"I6: {write} made {Show(after)} of {Show(last)}: an update in between is lost");
        }
    }

    // A flip by force leaves parked keys as they are: whoever forced it answers for what the new lead lacks. From the next write on the new lead's state counts as
    // any other, and where the sides differ the key has to stay listed.
    private void LeaveBehind(InMemoryDatabase database)
    {
        foreach (var row in database.Journal.Where(row => row.Parked))
        {
            _leftBehind.Add(row.Key);
            _disputed.Add(row.Key);
        }
    }

    private static bool Same(Record? left, Record? right) =>
        left is null || right is null ? left is null && right is null : left.AgreesWith(right);

    private static Record? RecordOf(InMemoryDatabase database, EntityKey key) =>
        database.LocalKey(key) is { } local && database.Rows.TryGetValue(local, out var row) ? RecordOf(database, key, row) : null;

    private static Record? RecordOf(InMemoryDatabase database, EntityKey key, AggregateRow? row) =>
        row is null ? null : (database.Side == SideName.Legacy ? TestLens.Legacy : TestLens.New).Get(row);

    private static string Show(Record? record) => record is null
        ? "nothing"
        : string.Create(CultureInfo.InvariantCulture, $"('{record.Text("name")}' {record.Integer("amount")} {record["cancelled"]} {record["paid"]})");

    private void Break(string what)
    {
        world.Trace?.Say($"!!! {what}");
        Broken ??= what;
    }
}
