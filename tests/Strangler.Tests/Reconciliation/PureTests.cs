using System.Text.Json;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

[TestFixture]
public sealed class PureTests
{
    private static readonly ValueMask Mask = new(new FieldHasher(new byte[32], 1));

    [Test]
    [Category("Case66")]
    public void Each_verdict_has_its_outcome_and_exit_code([Values] Verdict verdict)
    {
        var expected = verdict switch
        {
            Verdict.Matched or Verdict.Explained or Verdict.NotComparable => ReconciliationOutcome.Clean,
            Verdict.InFlight or Verdict.Lagging => ReconciliationOutcome.Inconclusive,
            _ => ReconciliationOutcome.Drift,
        };

        var outcome = OutcomeRules.Of(new Dictionary<Verdict, long> { [verdict] = 1 }, 0);

        Assert.That(outcome, Is.EqualTo(expected));
        Assert.That(OutcomeRules.ExitCode(outcome), Is.EqualTo(expected switch
        {
            ReconciliationOutcome.Clean => 0,
            ReconciliationOutcome.Drift => 1,
            _ => 3,
        }));
    }

    [Test]
    public void Of_a_clean_run_a_list_shows_no_drift_whatever_is_signed_off()
    {
        var run = new RunSummary(
            1, default, default(DateTime), true, "clean", "donation: all",
            new Dictionary<Verdict, long> { [Verdict.Matched] = 5, [Verdict.Unreadable] = 10 }) { SignedOff = 10 };

        Assert.That((run.Drift, run.Entities), Is.EqualTo((0L, 15L)));
        Assert.That((run with { SignedOff = 9 }).Drift, Is.EqualTo(1));
    }

    [Test]
    public void Drift_outweighs_what_is_open_and_a_sign_off_covers_no_more_than_itself()
    {
        Assert.That(
            OutcomeRules.Of(new Dictionary<Verdict, long> { [Verdict.InFlight] = 9, [Verdict.Drift] = 1 }, 0),
            Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(OutcomeRules.Of(new Dictionary<Verdict, long> { [Verdict.Unreadable] = 2 }, 1),
            Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(OutcomeRules.Of(new Dictionary<Verdict, long> { [Verdict.Unreadable] = 2 }, 2),
            Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [TestCase(1, 1000, 16)]
    [TestCase(5, 5, 16)]
    [TestCase(-7, 3, 4)]
    [TestCase(long.MinValue, long.MaxValue, 16)]
    [TestCase(1, 3, 16)]
    public void Ranges_cover_every_id_once(long from, long to, int slices)
    {
        var ranges = KeyRanges.Of(new ReconciliationScope { Kind = "note" }, new KeyBounds(from, to, 1), new KeyBounds(1, 0, 0), slices);

        Assert.That(ranges[0].From, Is.EqualTo(Math.Min(1, from)));
        Assert.That(ranges[^1].To, Is.EqualTo(long.MaxValue));
        Assert.That(ranges.Zip(ranges.Skip(1), (left, right) => left.To + 1 == right.From), Is.All.True);
        Assert.That(ranges, Has.Count.LessThanOrEqualTo(slices));
    }

    [Test]
    public void Personal_values_show_a_hash_and_a_shape_and_others_themselves()
    {
        var (name, amount) = (TestLens.TestSchema.Fields[0], TestLens.TestSchema.Fields[1]);

        var shown = Mask.Show(name, "Jörg Müller-17");

        Assert.Multiple(() =>
        {
            Assert.That(shown, Does.Match("^#[0-9a-f]{8} \\(14 characters: letters, other letters, digits, blanks, signs\\)$"));
            Assert.That(Mask.Show(name, "Jörg Müller-17"), Is.EqualTo(shown));
            Assert.That(Mask.Show(name, "Jörg Müller-18"), Is.Not.EqualTo(shown));
            Assert.That(Mask.Show(amount, 1234L), Is.EqualTo("12.34"));
            Assert.That(Mask.Show(name with { Personal = false }, "\u001b[2Jx"), Is.EqualTo("'\\u001b[2Jx'"));
            Assert.That(Mask.Show(name with { Personal = false }, new string('x', 50)), Does.EndWith("…' (50 characters)"));
            Assert.That(Mask.Show(name, null), Is.EqualTo("null"));
        });
    }

    [Test]
    [Category("Case64")]
    public void No_personal_value_is_in_any_form_of_the_report()
    {
        var world = World.Filled();
        world.Sides.PlantLegacy(100, "Erika Mustermann", 1);
        world.TamperNew(110, 0, "Max Mustermann");
        world.PlantNew(5, TestLens.NewRow("Mustermann", 1, false, false));
        world.Sides.PlantLegacy(120, "Mustermann", 1, "?");

        var report = world.Reconcile();
        var all = report.ToJson() + string.Join('\n', ReportText.Render(report));

        Assert.That(report.Samples, Has.Count.EqualTo(4));
        Assert.That(all, Does.Not.Contain("Mustermann").And.Not.Contain("Note 1"));
    }

    [Test]
    [Category("Case66")]
    public void The_reports_json_keeps_its_names()
    {
        var world = World.Filled();
        world.TamperNew(110, 1, 7L);
        world.Options.Declared = [new DeclaredDifference("name", "o", "r", new DateOnly(2020, 1, 31))];

        using var json = JsonDocument.Parse(world.Reconcile().ToJson());

        var root = json.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[]
            {
                "run_id", "context", "kind", "scope", "full", "outcome", "exit_code", "began_utc", "ended_utc",
                "stage", "lead", "legacy_rows",
                "new_rows", "entities", "deleted", "counts", "legacy_counts", "new_counts", "table_rows", "fields", "declared", "speed",
                    "signed_off", "richer_in_new", "rechecks", "hot_keys",
                "deferred_chunks", "sums", "samples", "differing_ids", "differing", "differing_fields", "truncated", "not_read", "notes",
            }));
            Assert.That(root.GetProperty("stage").GetString(), Is.EqualTo("dual_write"));
            Assert.That(root.GetProperty("counts").EnumerateObject().Count(), Is.EqualTo(Enum.GetValues<Verdict>().Length));
            Assert.That(root.GetProperty("counts").GetProperty("not_comparable").GetInt64(), Is.Zero);
            Assert.That(root.GetProperty("declared")[0].GetProperty("until").GetString(), Is.EqualTo("2020-01-31"));
            Assert.That(root.GetProperty("samples")[0].GetProperty("fields")[0].GetRawText(), Does.Contain("\"new\": \"0.07\""));
            Assert.That(root.GetProperty("began_utc").GetString(), Does.Match("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$"));
        });
    }

    [Test]
    public void Samples_are_the_lowest_ids_whichever_range_was_quicker([Range(1, 5)] int seed)
    {
        var world = World.Filled();
        world.Options.SamplesPerVerdict = 3;
        world.Options.MaxDifferingIds = 5;
        for (var id = 10; id <= 200; id += 10)
        {
            world.TamperNew(id, 1, -1L);
        }

        var report = world.Reconcile(seed: seed);

        Assert.That(report.Samples.Select(sample => sample.Id), Is.EqualTo(new long[] { 10, 20, 30 }));
        Assert.That(report.DifferingIds, Is.EqualTo(new long[] { 10, 20, 30, 40, 50 }));
        Assert.That(report.Truncated, Is.True);
    }

    /// <summary>
    /// First look: the journal row is there, the follower is behind. Second look: the relay applies and settles after the new side was
    /// read and before legacy
    /// is. Versions have not moved between the looks, and yet nothing is lost.
    /// </summary>
    [Test]
    public void A_verdict_that_has_only_now_appeared_is_looked_at_again()
    {
        var before = Behind(new JournalMark(default, Parked: false));
        var now = Behind(null);
        var classifier = new Classifier(TestLens.Legacy, new FieldHasher(new byte[32], 1), [], TimeSpan.FromMinutes(1), backfilled: true);
        Assert.That(classifier.Classify(now).Verdict, Is.EqualTo(Verdict.LostObligation));

        Assert.That(RecheckRules.Decide(before, now, classifier.Classify, last: false), Is.Null);
        Assert.That(RecheckRules.Decide(now, now, classifier.Classify, last: false)?.Verdict, Is.EqualTo(Verdict.LostObligation));
        Assert.That(RecheckRules.Decide(before, now, classifier.Classify, last: true)?.Verdict, Is.EqualTo(Verdict.InFlight));
    }

    [Test]
    [Category("Case53")]
    public void A_hidden_field_differs_when_it_rests_on_other_evidence_and_is_richer_when_on_the_same()
    {
        var @new = TestLens.Of("a", 1, cancelled: true, paid: true);
        var legacy = TestLens.Of("a", 1, cancelled: true, paid: new Hidden(false));

        Assert.That(Classifier.Differing(legacy, @new, new Deriving(false), out var richer), Is.Empty);
        Assert.That(richer, Is.True);
        Assert.That(Classifier.Differing(legacy, @new, new Deriving(true), out richer), Is.EqualTo(new[] { 3 }));
        Assert.That(richer, Is.False);
    }

    [Test]
    public void A_chunk_ends_where_the_denser_side_ends_it()
    {
        var world = new World();
        world.Sides.PlantLegacy(1, "one", 1);
        world.Sides.PlantLegacy(1000, "thousand", 1);
        for (var id = 2; id <= 500; id++)
        {
            world.PlantNew(id, null);
        }

        var reader = new PairReader(world.Runtime, world.Runtime.Kinds[TestLens.Kind]);

        Assert.That(world.Run(() => reader.ChunkEndAsync(1, 10, default)), Is.EqualTo(11));
        Assert.That(world.Run(() => reader.ChunkEndAsync(501, 10, default)), Is.EqualTo(1000));
        Assert.That(world.Run(() => reader.ChunkEndAsync(1001, 10, default)), Is.Null);
    }

    private static PairView Behind(JournalMark? mark)
    {
        var legacy = new SideView
        {
            Side = SideName.Legacy,
            Present = true,
            Record = TestLens.Of("now", 2),
            Entity = new EntityState(new EntityVersion(2, 2), 0, false, []),
            Journal = mark,
        };
        var @new = new SideView
        {
            Side = SideName.New,
            Present = true,
            Record = TestLens.Of("before", 1),
            Entity = new EntityState(new EntityVersion(2, 1), 0, false, []),
        };
        return new PairView(1, legacy, @new, 1_000_001, SideName.Legacy, new FenceRow(FenceRole.Lead, Stage.DualWrite, 2, 2));
    }

    /// <summary>Legacy as it would show any record: hiding 'paid', with a derivation that rests on what no field shows.</summary>
    private sealed class Deriving(bool derived) : IRecordLens
    {
        public RecordSchema Schema => TestLens.TestSchema;

        public AggregateLayout Layout => TestLens.Legacy.Layout;

        public Record Get(AggregateRow row) => TestLens.Legacy.Get(row).With(("paid", new Hidden(derived)));

        public AggregateRow Put(Record record, AggregateRow? was) => TestLens.Legacy.Put(record, was);
    }

    [Test]
    public void Settings_out_of_range_are_all_named()
    {
        var error = Assert.Throws<ArgumentException>(() => new ReconciliationOptions { Parallelism = 0, MaxChunk = -1 }.Validate());

        Assert.That(error!.Message, Does.Contain("Parallelism is 0").And.Contain("MaxChunk is -1"));
    }
}
