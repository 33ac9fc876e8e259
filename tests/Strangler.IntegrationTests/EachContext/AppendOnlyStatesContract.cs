using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// As <see cref="ContextStatesContract{TEntity}"/>, of a context to which callers only add: every state and oddity of its legacy rows is read on both sides
/// alike and stays to the byte, and what a caller adds with the same content is stored as the same. One subclass a context.
/// </summary>
[Category("Case53")]
[Category("Case54")]
public abstract class AppendOnlyStatesContract<TEntity>
    where TEntity : class
{
    private readonly Dictionary<long, string> _bytes = [];
    private ContextWorld _world = null!;
    private Dictionary<string, LegacyExample> _examples = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await CreateWorldAsync();
        _examples = new Dictionary<string, LegacyExample>(StringComparer.Ordinal);
        foreach (var row in await _world.FillExamplesAsync(Rows))
        {
            foreach (var kind in row.Kinds)
            {
                _examples.TryAdd(kind, row);
            }
        }

        foreach (var (_, row) in Distinct())
        {
            _bytes[row.Id] = await _world.LegacyBytesAsync(row.Id);
        }
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    [Order(0)]
    public void Every_kind_that_can_be_read_has_an_example() => Assert.That(ReadableKinds.Except(_examples.Keys), Is.Empty);

    [Test]
    [Order(1)]
    public async Task In_dual_write_every_state_reads_alike_and_can_be_added_again()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        await ReadAndAddEachAsync();
    }

    [Test]
    [Order(2)]
    public async Task While_new_leads_every_state_reads_alike_and_can_be_added_again()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        await ReadAndAddEachAsync();
    }

    [Test]
    [Order(3)]
    public async Task At_the_end_both_sides_are_identical_and_the_old_rows_are_as_they_were()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        foreach (var (id, bytes) in _bytes)
        {
            Assert.That(await _world.LegacyBytesAsync(id), Is.EqualTo(bytes), $"{id}");
        }
    }

    /// <summary>How many rows it takes until every kind occurs.</summary>
    private protected abstract int Rows { get; }

    /// <summary>The kinds of rows that must be among them.</summary>
    private protected abstract IEnumerable<string> ReadableKinds { get; }

    /// <summary>Fields that are not the entity's: only the store knows them, so that a new one has their default.</summary>
    private protected abstract IReadOnlyList<string> OfTheStore { get; }

    private protected abstract Task<ContextWorld> CreateWorldAsync();

    private protected abstract AppendOnlyWrapper<TEntity> WrapperOf(ContextWorld world);

    /// <summary>A new one that says the same; null where today's rules refuse it.</summary>
    private protected abstract TEntity? Again(TEntity entity);

    private protected abstract long IdOf(TEntity entity);

    private async Task ReadAndAddEachAsync()
    {
        var added = 0;
        foreach (var (kind, row) in Distinct())
        {
            var original = await BothAsync(row.Id, kind);
            var entity = await WrapperOf(_world).FindAsync(row.Id, CancellationToken.None);
            Assert.That(entity, Is.Not.Null, kind);
            if (Again(entity!) is not { } another)
            {
                continue;
            }

            await WrapperOf(_world).AppendAsync(another, CancellationToken.None);
            await _world.Host.Relay.DrainAsync(CancellationToken.None);
            var copy = await BothAsync(IdOf(another), kind);
            var differing = original.Schema.Fields
                .Where(field => !OfTheStore.Contains(field.Name) && !Record.ValuesEqual(original.Values[field.Ordinal], copy.Values[field.Ordinal]));
            Assert.That(differing.Select(field => field.Name), Is.Empty, kind);
            added++;
        }

        Assert.That(added, Is.GreaterThan(_examples.Count / 2), "most states can be added today");
    }

    private async Task<Record> BothAsync(long id, string kind)
    {
        var (legacy, @new) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        Assert.That(legacy is not null && @new is not null && legacy.AgreesWith(@new), $"{kind} {id}");
        return @new!;
    }

    private IEnumerable<KeyValuePair<string, LegacyExample>> Distinct() =>
        _examples.Where(example => !example.Value.IsUnreadable).OrderBy(example => example.Key, StringComparer.Ordinal).DistinctBy(example => example.Value.Id);
}
