using System.Text;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.LegacyData.Drift;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Exploration;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Reconciliation;

/// <summary>
/// What the planter plants is found: with the contexts' own mappings, every class, each field on either side, first, last, before, between
/// and beyond. And that check can fail: a comparer with one fault, whichever, does not pass it.
/// </summary>
[TestFixture("donations")]
[TestFixture("subscriptions")]
[Category("Case57")]
public sealed class PlantedDriftTests(string context)
{
    private const int Rows = 320;

    // As many as there are classes to come to the first and the last key.
    private const int Seeds = 13;

    private CompiledMapping Mapping => context == "donations" ? DonationRows.Mapping : SubscriptionRows.Mapping;

    [Test]
    public void Everything_planted_is_found_with_its_class_and_fields([Range(1, Seeds)] int seed, [Values] bool newLeads)
    {
        var world = Create();
        if (newLeads)
        {
            world.LetNewLead();
        }

        var before = world.Reconcile();
        Assert.That(before.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        var plantation = Plant(world, seed);

        var report = world.Reconcile();

        var check = PlantCheck.Of(plantation.Planted, report, before);
        Assert.Multiple(() =>
        {
            Assert.That(check.Missed, Is.Empty, "missed");
            Assert.That(check.Extra, Is.Empty, "not planted");
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities), "each entity in one class");
            Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
            Assert.That(Accounting.Of(report, SideName.New).AddsUp, Is.True);
        });
    }

    [Test]
    public void Every_field_of_every_side_is_planted_but_what_the_side_cannot_express()
    {
        HashSet<string>? never = null;
        for (var seed = 1; seed <= 4; seed++)
        {
            var plantation = Plant(Create(seed), seed);
            (never ??= [.. plantation.NotPlanted]).IntersectWith(plantation.NotPlanted);
            var drifts = plantation.Planted.Where(drift => drift.Fields.Count > 0).ToList();
            foreach (var field in Mapping.Schema.Fields)
            {
                Assert.That(drifts.Count(drift => drift.Fields.Contains(field.Name)), Is.AtLeast(1), field.Name);
            }
        }

        // A flag that many fields together make may want an entity that not every seed generates.
        Assert.That(never!.Where(each => !each.EndsWith("cannot express it", StringComparison.Ordinal)), Is.Empty);
        Assert.That(never, context == "donations" ? Is.EqualTo(new[] { "legacy moderation_reasons: the side cannot express it" }) : Is.Empty);
    }

    [Test]
    public void Over_the_seeds_every_class_comes_to_the_first_and_to_the_last_key_and_added_rows_to_every_place()
    {
        var seen = Enumerable.Range(1, Seeds)
            .SelectMany(seed => Plant(Create(), seed).Planted).Select(drift => (drift.Verdict, drift.Place)).ToHashSet();

        Assert.That(Wanted().Except(seen), Is.Empty);
    }

    [Test]
    public void A_declared_difference_is_explained_and_one_beside_it_is_not()
    {
        var field = Mapping.Schema.Fields[1].Name;
        var world = Create();
        var plantation = Plant(world, 1, field);

        var report = world.Reconcile(null, field);

        Assert.That(plantation.Planted.Select(drift => drift.Verdict), Does.Contain(Verdict.Explained));
        Assert.That(PlantCheck.Of(plantation.Planted, report).Missed, Is.Empty);
    }

    [Test]
    public void The_same_seed_plants_the_same_and_another_something_else()
    {
        var (once, twice, other) = (Plant(Create(), 1), Plant(Create(), 1), Plant(Create(), 2));

        Assert.That(twice.Planted.Select(drift => drift.ToString()), Is.EqualTo(once.Planted.Select(drift => drift.ToString())));
        Assert.That(other.Planted.Select(drift => drift.ToString()), Is.Not.EqualTo(once.Planted.Select(drift => drift.ToString())));
    }

    [Test]
    public void Several_of_each_are_planted_where_there_is_room()
    {
        var world = Create();
        var plantation = world.Run(() => new DriftPlanter(
            world.Runtime, Mapping.Kind, new PlantOptions { Seed = 3, Each = 2 }, (key, _) => world.UnmapAsync(key)).PlantAsync(CancellationToken.None));

        Assert.That(plantation.Planted.GroupBy(drift => drift.Verdict).Select(group => group.Count()), Is.All.AtLeast(2));
        Assert.That(PlantCheck.Of(plantation.Planted, world.Reconcile()).Missed, Is.Empty);
    }

    [Test]
    public void A_comparer_that_ignores_a_field_is_found_out()
    {
        var (world, plantation) = Planted(2);
        Assert.Multiple(() =>
        {
            foreach (var field in Mapping.Schema.Fields)
            {
                AssertFoundOut(world, plantation, $"ignores {field.Name}", lens => new Changed(lens, (ordinal, value) =>
                    ordinal == field.Ordinal ? field.Default : value));
            }
        });
    }

    [Test]
    public void A_comparer_that_takes_different_values_for_equal_is_found_out()
    {
        var (world, plantation) = Planted(2);
        var types = Mapping.Schema.Fields.SelectMany(field => field.Items.Prepend(field)).Select(field => field.Type).ToHashSet();
        Assert.Multiple(() =>
        {
            foreach (var (type, name, loose) in Loose.Where(loose => types.Contains(loose.Type)))
            {
                AssertFoundOut(world, plantation, $"{type}: {name}", lens => new Changed(lens, (ordinal, value) =>
                    lens.Schema.Fields[ordinal] is var field && field.Type == FieldType.List && value is RecordList list && type != FieldType.List
                        ? new RecordList([.. list.Rows.Select(row => row.Select((item, at) => Applied(field.Items[at], item)).ToArray())])
                        : Applied(field, value)));

                object? Applied(RecordField field, object? value) => field.Type == type && value is not Hidden ? loose(value) : value;
            }
        });
    }

    [Test]
    public void A_comparer_that_does_not_know_what_legacy_hides_is_found_out()
    {
        var (world, plantation) = Planted(2);
        var fields = Mapping.Schema.Fields.Count;
        var blind = world.Seen(
            store => new Items(store, item => item.Entity is { FieldHashes.Length: > 0 } entity && store.Side == SideName.New
                ? item with { Entity = entity with { FieldHashes = entity.FieldHashes[..(fields * FieldHasher.Size)] } }
                : item),
            lens => lens);

        var hides = world.Legacy.Rows.Values.Any(row => Try(row)?.Values.Any(value => value is Hidden) == true);

        Assert.That(PlantCheck.Of(plantation.Planted, world.Reconcile(blind)).Missed, hides ? Is.Not.Empty : Is.Empty);
    }

    private static IEnumerable<(FieldType Type, string Name, Func<object?, object?> Equate)> Loose =>
    [
        (FieldType.Text, "blanks behind", value => ((string)value!).TrimEnd()),
        (FieldType.Text, "upper and lower case", value => ((string)value!).ToUpperInvariant()),
        (FieldType.Text, "composed and decomposed", value => ((string)value!).Any(char.IsSurrogate) ? value : ((string)value!).Normalize(NormalizationForm.FormC)),
        (FieldType.Text, "its length alone", value => new string('x', ((string)value!).Length)),
        (FieldType.Text, "whether there is any", value => ((string)value!).Length > 0 ? "x" : ""),
        (FieldType.Code, "whether it is the first", value => "same"),
        (FieldType.Boolean, "always false", _ => false),
        (FieldType.Money, "whole hundreds", value => ((long?)value ?? 0) / 1000),
        (FieldType.Integer, "its sign", value => value is long number ? Math.Sign(number) * 1L : null),
        (FieldType.Timestamp, "its day", value => ((DateTime?)value)?.Date),
        (FieldType.Timestamp, "whether there is one", value => value is null ? null : DateTime.UnixEpoch),
        (FieldType.Date, "whether there is one", value => value is null ? null : DateOnly.MinValue),
        (FieldType.List, "without order", value => new RecordList([.. ((RecordList)value!).Rows.OrderBy(row => string.Join('|', row), StringComparer.Ordinal)])),
        (FieldType.List, "how many there are", value => new RecordList([.. Enumerable.Range(0, ((RecordList)value!).Count).Select(at => new object?[] { $"{at}", new byte[] { 1 } })])),
        (FieldType.Bytes, "how many there are", value => new byte[((byte[])value!).Length]),
    ];

    private void AssertFoundOut(MappedWorld world, Plantation plantation, string fault, Func<IRecordLens, IRecordLens> lens)
    {
        var check = PlantCheck.Of(plantation.Planted, world.Reconcile(world.Seen(store => store, lens)));
        Assert.That(check.Missed, Is.Not.Empty, fault);
    }

    private IEnumerable<(Verdict, string)> Wanted()
    {
        foreach (var edge in new[] { "first", "last" })
        {
            foreach (var verdict in Existing())
            {
                yield return (verdict, edge);
            }
        }

        foreach (var place in new[] { "before the first", "in a gap", "beyond the last" })
        {
            foreach (var verdict in new[] { Verdict.MissingInLegacy, Verdict.Uncaptured, Verdict.Unmapped })
            {
                yield return (verdict, place);
            }
        }
    }

    private IEnumerable<Verdict> Existing() =>
    [
        Verdict.Drift, Verdict.Uncaptured, Verdict.MissingInNew, Verdict.LostObligation, Verdict.Regression, Verdict.InFlight, Verdict.Lagging,
    ];

    private (MappedWorld World, Plantation Plantation) Planted(int seed)
    {
        var world = Create();
        var plantation = Plant(world, seed);
        Assert.That(PlantCheck.Of(plantation.Planted, world.Reconcile()).Missed, Is.Empty, "without a fault");
        return (world, plantation);
    }

    private Plantation Plant(MappedWorld world, int seed, params string[] declared) => world.Run(() => new DriftPlanter(
        world.Runtime, Mapping.Kind, new PlantOptions { Seed = seed, Declared = declared.ToHashSet() },
        (key, _) => world.UnmapAsync(key)).PlantAsync(CancellationToken.None));

    private MappedWorld Create(int seed = 1) => new(Mapping, context == "donations"
        ? DonationRows.Generate(Rows, seed).Where(row => !row.IsUnreadable).Select(DonationRows.Of)
        : SubscriptionRows.Generate(Rows, seed).Where(row => !row.IsUnreadable).Select(SubscriptionRows.Of));

    private Record? Try(AggregateRow row)
    {
        try
        {
            return Mapping.Legacy.Get(row);
        }
        catch (UnreadableException)
        {
            return null;
        }
    }

    private sealed class Changed(IRecordLens inner, Func<int, object?, object?> change) : IRecordLens
    {
        public RecordSchema Schema => inner.Schema;

        public AggregateLayout Layout => inner.Layout;

        public Record Get(AggregateRow row)
        {
            var record = inner.Get(row);
            return new Record(record.Schema, [.. record.Values.Select((value, ordinal) => change(ordinal, value))]);
        }

        public AggregateRow Put(Record record, AggregateRow? was) => inner.Put(record, was);
    }

    private sealed class Items(ISideStore inner, Func<RangeItem, RangeItem> change) : StoreDecorator(inner)
    {
        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
            Change(await base.ReadRangeAsync(kind, from, to, cancellationToken));

        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids,
            CancellationToken cancellationToken) =>
            Change(await base.ReadRangeAsync(kind, ids, cancellationToken));

        private RangeSnapshot Change(RangeSnapshot range) => range with { Items = [.. range.Items.Select(change)] };
    }
}
