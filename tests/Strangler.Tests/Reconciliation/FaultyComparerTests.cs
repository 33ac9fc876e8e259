using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;
using Strangler.Tests.Exploration;

namespace Strangler.Tests.Reconciliation;

/// <summary>
/// One harm of every class, at the edges and in gaps, is found with its class and field and nothing else is; and that check can fail: a
/// comparer that is wrong in one way, whichever, does not pass it.
/// </summary>
[TestFixture]
[Category("Case57")]
public sealed class FaultyComparerTests
{
    /// <summary>A comparer with one fault: its name, and what its stores and lenses do wrong.</summary>
    private static readonly (string Name, Func<World, ISideStore, ISideStore> Store, Func<IRecordLens, IRecordLens> Lens)[] Faults =
    [
        .. TestLens.TestSchema.Fields.Select(field => Lens($"ignores field {field.Name}", lens => new Blind(lens, field.Ordinal))),
        Lens("compares texts as a collation would", lens => new CaseBlind(lens)),
        Store("skips the last key of a chunk", (_, item, _, to) => item.Id == to ? null : item),
        Store("skips the first key of a chunk", (_, item, from, _) => item.Id == from ? null : item),
        Store("skips keys beyond legacy's last", (world, item, _, _) => item.Id > world.Legacy.Rows.Keys.Max(key => key.Id) ? null : item),
        Store("skips keys before legacy's first", (world, item, _, _) => item.Id < world.Legacy.Rows.Keys.Min(key => key.Id) ? null : item),
        Store("skips what only the new side has", (world, item, _, _) => world.Legacy.Ids(TestLens.Kind).Contains(item.Id) ? item : null),
        Store("skips what only legacy has", (world, item, _, _) => world.New.Ids(TestLens.Kind).Contains(item.Id) ? item : null),
        Store("ignores tombstones", (_, item, _, _) => item.Entity is { Tombstone: true } ? item with { Entity = null } : item),
        Store("ignores versions", (_, item, _, _) => item with { Entity = null }),
        Store("ignores other programs' sequence", (_, item, _, _) => item.Entity is { } entity
            ? item with { Entity = entity with { ForeignSeq = 0 } } : item),
        Store("ignores stored hashes", (_, item, _, _) => item.Entity is { } entity
            ? item with { Entity = entity with { FieldHashes = [] } } : item),
        Store("trusts the map: what has a map row has a row", Trusting),
        Store("ignores map rows without rows", (_, item, _, _) => item is { Row: null, Entity: null } ? null : item),
        ("looks for no rows without a map row", (_, inner) => new NoUnmapped(inner), lens => lens),
        ("takes everything for journalled", (_, inner) => new AllJournalled(inner), lens => lens),
        ("takes nothing for journalled", (_, inner) => new NoneJournalled(inner), lens => lens),
    ];

    private static IEnumerable<string> Names => Faults.Select(fault => fault.Name);

    [Test]
    public void Every_harm_is_found_with_its_class_and_field([Range(1, 20)] int seed)
    {
        var world = new World();
        var expected = Plant(world, new Random(seed));

        Assert.That(Found(world.Reconcile(seed: seed)), Is.EqualTo(expected));
    }

    [TestCaseSource(nameof(Names))]
    public void A_comparer_with_a_fault_is_found_out(string name)
    {
        var fault = Faults.Single(fault => fault.Name == name);
        var world = new World();
        var expected = Plant(world, new Random(1));
        var runtime = world.Seen(inner => fault.Store(world, inner), fault.Lens);

        var report = world.Run(() =>
            new Reconciler(runtime, world.Options).RunAsync(new ReconciliationScope { Kind = TestLens.Kind }, null, default));

        Assert.That(Found(report), Is.Not.EqualTo(expected));
    }

    /// <summary>Fills, copies, and plants; returns what must be found, one line an entity, and the number of those that agree.</summary>
    private static List<string> Plant(World world, Random random)
    {
        world.Options.SamplesPerVerdict = 100;
        world.Options.PauseForLag = TimeSpan.Zero;
        for (var id = 100; id <= 400; id += 10)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id, "O");
        }

        world.Run(() => world.RunBackfillAsync());
        var free = new Queue<long>(Enumerable.Range(11, 29).Select(ten => ten * 10L).OrderBy(_ => random.Next()));
        List<string> expected = [];

        // Each field at the first, the last and some key between.
        New(100, 0, "note 100", "name");
        New(400, 1, 1L, "amount");
        New(free.Dequeue(), 2, 1L, "cancelled");
        New(free.Dequeue(), 3, 1L, "paid");
        world.Sides.WriteForeign(World.Key(free.Peek()), TestLens.LegacyRow("changed", free.Peek(), "O"), captured: false);
        Expect(free.Dequeue(), Verdict.Uncaptured, "name");
        Remove(free.Dequeue());
        Removed(free.Dequeue());

        // Before the first key, in a gap, beyond the last; on each side alone.
        foreach (var id in new[] { 3L, 205L, 9_700L })
        {
            world.PlantNew(id, TestLens.NewRow("only new", 1, false, false));
            Expect(id, Verdict.MissingInLegacy);
        }

        foreach (var id in new[] { 5L, 207L, 9_500L })
        {
            world.Sides.PlantLegacy(id, "only legacy", 1);
            Expect(id, Verdict.Uncaptured);
        }

        world.PlantNew(209, null);
        Expect(209, Verdict.Unmapped);
        world.New.Rows[World.Key(42)] = TestLens.NewRow("stray", 1, false, false);
        expected.Add("0 42 Unmapped ");
        Versions();
        expected.Sort(StringComparer.Ordinal);
        expected.Add($"matched {free.Count}");
        return expected;

        void Versions()
        {
            world.Raise(SideName.Legacy, free.Peek(), 3);
            Expect(free.Dequeue(), Verdict.LostObligation);
            world.Raise(SideName.New, free.Peek(), 3);
            Expect(free.Dequeue(), Verdict.Regression);
            world.Raise(SideName.Legacy, free.Peek(), 3);
            world.Journal(SideName.Legacy, free.Peek(), 3);
            Expect(free.Dequeue(), Verdict.InFlight);
            world.Raise(SideName.Legacy, free.Peek(), 3);
            world.Journal(SideName.Legacy, free.Peek(), 3, parked: true);
            Expect(free.Dequeue(), Verdict.Lagging);
            world.Sides.WriteForeign(World.Key(free.Peek()), TestLens.LegacyRow("theirs", 5, "O"));
            world.Legacy.Journal.RemoveAll(row => row.Key.Id == free.Peek());
            Expect(free.Dequeue(), Verdict.LostObligation);

            // Deleted through the wrapper on both sides: nothing to find. Then another, that came back past capture.
            Delete(free.Dequeue());
            var back = free.Dequeue();
            Delete(back);
            world.Sides.PlantLegacy(back, "back", 1);
            Expect(back, Verdict.Uncaptured);
        }

        void New(long id, int column, object value, string field)
        {
            world.TamperNew(id, column, value);
            Expect(id, Verdict.Drift, field);
        }

        void Remove(long id)
        {
            world.New.Rows.Remove(world.NewKey(id));
            Expect(id, Verdict.MissingInNew);
        }

        void Removed(long id)
        {
            world.Sides.WriteForeign(World.Key(id), null, captured: false);
            Expect(id, Verdict.Uncaptured);
        }

        void Delete(long id)
        {
            world.Run(() => world.WriteAsync(id, (AggregateRow?)null));
            world.Run(() => world.ApplyAsync(id));
        }

        void Expect(long id, Verdict verdict, string fields = "") =>
            expected.Add($"{id} {world.New.LocalKey(World.Key(id))?.Id} {verdict} {fields}");
    }

    private static List<string> Found(ReconciliationReport report)
    {
        Assert.That(report.Entities, Is.EqualTo(report.Counts.Values.Sum()));
        return
        [
            .. report.Samples.Select(sample =>
                $"{sample.Id} {sample.NewId} {sample.Verdict} {string.Join(',', sample.Fields.Select(field => field.Field))}")
                .Order(StringComparer.Ordinal),
            $"matched {report.Counts[Verdict.Matched]}",
        ];
    }

    private static ISideStore Same(World world, ISideStore inner) => inner;

    private static (string, Func<World, ISideStore, ISideStore>, Func<IRecordLens, IRecordLens>) Lens(string name, Func<IRecordLens,
        IRecordLens> lens) =>
        (name, Same, lens);

    private static (string, Func<World, ISideStore, ISideStore>, Func<IRecordLens, IRecordLens>) Store(
        string name, Func<World, RangeItem, long, long, RangeItem?> item) =>
        (name, (world, inner) => new OtherItems(inner, (found, from, to) => item(world, found, from, to)), lens => lens);

    private static RangeItem Trusting(World world, RangeItem item, long from, long to) =>
        item is { NewId: not null, Row: null } && world.Legacy.Rows.TryGetValue(World.Key(item.Id), out var row)
            ? item with { Row = TestLens.New.Put(TestLens.Legacy.Get(row), null) }
            : item;

    private sealed class OtherItems(ISideStore inner, Func<RangeItem, long, long, RangeItem?> item) : StoreDecorator(inner)
    {
        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken)
        {
            var range = await base.ReadRangeAsync(kind, from, to, cancellationToken);
            return range with { Items = [.. range.Items.Select(found => item(found, from, to)).OfType<RangeItem>()] };
        }

        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids,
            CancellationToken cancellationToken)
        {
            var range = await base.ReadRangeAsync(kind, ids, cancellationToken);
            return range with { Items = [.. range.Items.Select(found => item(found, long.MinValue, long.MaxValue)).OfType<RangeItem>()] };
        }
    }

    private sealed class NoUnmapped(ISideStore inner) : StoreDecorator(inner)
    {
        public override Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<long>>([]);
    }

    private sealed class AllJournalled(ISideStore inner) : StoreDecorator(inner)
    {
        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
            All(await base.ReadRangeAsync(kind, from, to, cancellationToken));

        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids,
            CancellationToken cancellationToken) =>
            All(await base.ReadRangeAsync(kind, ids, cancellationToken));

        private static RangeSnapshot All(RangeSnapshot range) =>
            range with { Journal = range.Items.ToDictionary(item => item.Id, _ =>
                new JournalMark(DateTime.UnixEpoch.AddYears(1000), false)) };
    }

    private sealed class NoneJournalled(ISideStore inner) : StoreDecorator(inner)
    {
        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
            None(await base.ReadRangeAsync(kind, from, to, cancellationToken));

        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids,
            CancellationToken cancellationToken) =>
            None(await base.ReadRangeAsync(kind, ids, cancellationToken));

        private static RangeSnapshot None(RangeSnapshot range) => range with { Journal = new Dictionary<long, JournalMark>() };
    }

    private abstract class OtherLens(IRecordLens inner) : IRecordLens
    {
        public RecordSchema Schema => inner.Schema;

        public AggregateLayout Layout => inner.Layout;

        public Record Get(AggregateRow row)
        {
            var record = inner.Get(row);
            return new Record(record.Schema, [.. record.Values.Select((value, ordinal) => Change(ordinal, value))]);
        }

        public AggregateRow Put(Record record, AggregateRow? was) => inner.Put(record, was);

        protected abstract object? Change(int ordinal, object? value);
    }

    private sealed class Blind(IRecordLens inner, int blind) : OtherLens(inner)
    {
        protected override object? Change(int ordinal, object? value) => ordinal == blind ? TestLens.TestSchema.Fields[ordinal].Default
            : value;
    }

    private sealed class CaseBlind(IRecordLens inner) : OtherLens(inner)
    {
        protected override object? Change(int ordinal, object? value) => value is string text ? text.ToUpperInvariant() : value;
    }
}
