using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// Every state, oddity and raw shape of a context's legacy rows: loaded, stored unchanged, changed in each way that it may be changed, in DualWrite and while new leads.
/// Nothing is lost, and nothing optional comes into being (Case52, Case53, Case54, Case56). One subclass a context.
/// </summary>
[Category("Case53")]
[Category("Case54")]
public abstract class ContextStatesContract<TEntity>
    where TEntity : class
{
    private ContextWorld _world = null!;
    private Dictionary<string, LegacyExample> _examples = null!;
    private List<LegacyExample> _rows = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await CreateWorldAsync();
        _rows = [.. await _world.FillExamplesAsync(Rows)];
        _examples = new Dictionary<string, LegacyExample>(StringComparer.Ordinal);
        foreach (var row in _rows)
        {
            foreach (var kind in row.Kinds)
            {
                _examples.TryAdd(kind, row);
            }
        }
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    [Order(0)]
    public void Every_kind_that_can_be_read_has_an_example() => Assert.That(ReadableKinds.Except(_examples.Keys), Is.Empty);

    [Test]
    [Order(1)]
    public async Task Stored_unchanged_in_dual_write_every_legacy_row_stays_as_it_is_to_the_byte()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        await StoreUnchangedAsync();
    }

    [Test]
    [Order(2)]
    public Task Changed_in_dual_write_each_state_loses_nothing_and_gains_nothing() => ChangeEachAsync(half: 0);

    [Test]
    [Order(3)]
    public async Task Stored_unchanged_while_new_leads_every_legacy_row_stays_as_it_is_to_the_byte()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        await StoreUnchangedAsync();
    }

    [Test]
    [Order(4)]
    public Task Changed_while_new_leads_each_state_loses_nothing_and_gains_nothing() => ChangeEachAsync(half: 1);

    [Test]
    [Order(5)]
    public async Task At_the_end_both_sides_are_identical()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    /// <summary>How many rows it takes until every kind occurs.</summary>
    private protected abstract int Rows { get; }

    /// <summary>The kinds of rows that must be among them.</summary>
    private protected abstract IEnumerable<string> ReadableKinds { get; }

    /// <summary>
    /// Everything that the domain allows: when, how, and which fields it may touch (their beginnings; <c>*</c> for all). One with <c>*</c>
    /// ends the row's life in this test, so only every third row goes through it.
    /// </summary>
    private protected abstract IReadOnlyList<(string Name, Func<TEntity, bool> May, Action<TEntity> Act, string[] Fields)> AllChanges { get; }

    /// <summary>By change: what else may change while legacy leads, since legacy hides it. While new leads it must not happen.</summary>
    private protected abstract IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; }

    private protected abstract Task<ContextWorld> CreateWorldAsync();

    private protected abstract RepositoryWrapper<TEntity> WrapperOf(ContextWorld world);

    // Raw legacy leftovers may go with the field that they stood for; the status hides fields, so hidden ones do not count.
    internal static void AssertOnly(Record before, Record after, string[] fields, string what)
    {
        var changed = DifferingFields(before, after).Where(field => field != "legacy_extras");
        Assert.That(
            changed.Where(field => !fields.Any(allowed => allowed == "*" || field.StartsWith(allowed, StringComparison.Ordinal))), Is.Empty, what);
    }

    internal static IEnumerable<string> DifferingFields(Record before, Record after) => before.Schema.Fields
        .Where(field => before.Values[field.Ordinal] is not Hidden && after.Values[field.Ordinal] is not Hidden
            && !Record.ValuesEqual(before.Values[field.Ordinal], after.Values[field.Ordinal]))
        .Select(field => field.Name);

    private async Task StoreUnchangedAsync()
    {
        foreach (var (kind, row) in Distinct())
        {
            var before = await _world.LegacyBytesAsync(row.Id);
            var recordBefore = await _world.RecordAsync(SideName.New, row.Id);
            var entity = await WrapperOf(_world).FindAsync(row.Id, CancellationToken.None);
            Assert.That(entity, Is.Not.Null, kind);
            await WrapperOf(_world).StoreAsync(entity!, CancellationToken.None);
            await SettleAsync();
            Assert.That(await _world.LegacyBytesAsync(row.Id), Is.EqualTo(before), kind);
            await AssertSidesAgreeAsync(row.Id, kind);
            if (recordBefore is not null)
            {
                Assert.That(DifferingFields(recordBefore, (await _world.RecordAsync(SideName.New, row.Id))!), Is.Empty, kind);
            }
        }
    }

    // Each kind of row meets each change, every other one in either stage, with rows of its own.
    private async Task ChangeEachAsync(int half)
    {
        var number = 0;
        foreach (var (at, (kind, _)) in Distinct().Index())
        {
            var rows = _rows.Where(row => row.Kinds.Contains(kind)).Skip(half).Take(1).ToList();
            var row = rows.Count > 0 ? rows[0] : _examples[kind];
            foreach (var (turn, (name, may, act, fields)) in AllChanges.Index())
            {
                if ((at + turn) % 2 != half || (fields.Contains("*") && number++ % 3 != 0))
                {
                    continue;
                }

                var lost = half == 0 ? LostWhileLegacyLeads.GetValueOrDefault(name, []) : [];
                await ChangeAsync(row.Id, $"{kind}, {name}", may, act, [.. fields, .. lost]);
            }
        }
    }

    private async Task ChangeAsync(long id, string what, Func<TEntity, bool> may, Action<TEntity> act, string[] fields)
    {
        var entity = await WrapperOf(_world).FindAsync(id, CancellationToken.None);
        if (entity is null || !may(entity))
        {
            return;
        }

        var (legacyBefore, newBefore) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        act(entity);
        try
        {
            await WrapperOf(_world).StoreAsync(entity, CancellationToken.None);
        }
        catch (CannotHoldException refused)
        {
            // Refused by name, and then by both sides: nothing has changed.
            Assert.That(fields, Has.Some.Matches<string>(field => field == "*" || refused.Field.StartsWith(field, StringComparison.Ordinal)), $"{what}: {refused.Message}");
            Assert.That(DifferingFields(newBefore!, (await _world.RecordAsync(SideName.New, id))!), Is.Empty, what);
            return;
        }

        await SettleAsync();
        var (legacyAfter, newAfter) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        AssertOnly(newBefore!, newAfter!, fields, $"{what}, new side");
        AssertOnly(legacyBefore!, legacyAfter!, fields, $"{what}, legacy side");
        await AssertSidesAgreeAsync(id, what);
    }

    // On a busy machine the follower may not have answered within the deadline of the caller's own attempt; then the relay brings it along.
    private async Task SettleAsync()
    {
        var lead = (await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead;
        if ((await _world.Host.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None)).Open > 0)
        {
            await _world.Host.Relay.DrainAsync(CancellationToken.None);
        }
    }

    private async Task AssertSidesAgreeAsync(long id, string what)
    {
        var (legacy, @new) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        Assert.That(legacy, Is.Not.Null, what);
        Assert.That(@new, Is.Not.Null, what);
        Assert.That(legacy!.AgreesWith(@new!), Is.True, () => $"{what}: {string.Join(", ", DifferingFields(legacy, @new!))}");
    }

    private IEnumerable<KeyValuePair<string, LegacyExample>> Distinct() =>
        _examples.Where(example => !example.Value.IsUnreadable).OrderBy(example => example.Key, StringComparer.Ordinal).DistinctBy(example => example.Value.Id);
}
