using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>Each kind of harm, planted at each place, is found with its class and field, and nothing else is.</summary>
[TestFixture]
[Category("Case57")]
public sealed class VerdictTests
{
    private const int Notes = 20;

    private static readonly long[] Existing = [10, 100, 200];

    private static readonly long[] Absent = [5, 15, 105, 205, 1_000_000];

    [Test]
    public void Sides_that_agree_are_clean_and_counted_once()
    {
        var report = World.Filled().Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(Notes));
            Assert.That((report.LegacyRows, report.NewRows, report.Entities, report.Deleted), Is.EqualTo((20L, 20L, 20L, 0L)));
            Assert.That(report.Samples, Is.Empty);
        });
    }

    [Test]
    public void A_change_of_the_new_side_is_drift_in_its_field(
        [ValueSource(nameof(Existing))] long id, [Values("name", "amount", "cancelled", "paid")] string field, [Values] bool newLeads)
    {
        var world = World.Filled();
        world.Sides.PlantLegacy(id, "plain", 1);
        world.New.Rows[world.NewKey(id)] = TestLens.NewRow("plain", 1, false, false);
        var record = TestLens.Of("plain", 1);
        world.New.Entities[World.Key(id)] = world.New.Entities[World.Key(id)] with { FieldHashes = world.Runtime.Hasher.Hash(record) };
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean), "before");
        var column = TestLens.New.Layout.Root.IndexOf(field);
        world.TamperNew(id, column, field switch { "name" => "Plain", "amount" => 2L, _ => 1L });
        if (newLeads)
        {
            world.LetNewLead();
        }

        var found = Only(world.Reconcile(), Verdict.Drift, id);

        // Legacy's letter says both: a cancelled note shows no payment, so 'cancelled' alone differs; 'paid' alone likewise.
        Assert.That(found.Fields.Select(difference => difference.Field), Is.EqualTo(new[] { field }));
    }

    [Test]
    public void A_change_of_legacy_past_capture_is_uncaptured_in_its_field(
        [ValueSource(nameof(Existing))] long id, [Values("name", "amount")] string field, [Values] bool newLeads)
    {
        var world = World.Filled();
        var row = world.Legacy.Rows[World.Key(id)].Clone();
        row.Root[field == "name" ? 0 : 1] = field == "name" ? "changed" : 77L;
        world.Sides.WriteForeign(World.Key(id), row, captured: false);
        if (newLeads)
        {
            world.LetNewLead();
        }

        var found = Only(world.Reconcile(), Verdict.Uncaptured, id);

        Assert.That(found.Fields.Select(difference => difference.Field), Is.EqualTo(new[] { field }));
    }

    [Test]
    [Category("Case45")]
    public void A_row_removed_from_legacy_past_capture_is_uncaptured([ValueSource(nameof(Existing))] long id)
    {
        var world = World.Filled();
        world.Sides.WriteForeign(World.Key(id), null, captured: false);

        Only(world.Reconcile(), Verdict.Uncaptured, id, legacy: -1);
    }

    [Test]
    [Category("Case45")]
    public void A_row_put_into_legacy_past_capture_is_uncaptured([ValueSource(nameof(Absent))] long id)
    {
        var world = World.Filled();
        world.Sides.PlantLegacy(id, "loaded in bulk", 1);

        Only(world.Reconcile(), Verdict.Uncaptured, id, legacy: 1);
    }

    [Test]
    public void Before_the_backfill_is_complete_a_legacy_row_is_merely_missing_in_new()
    {
        var world = new World();
        world.Sides.PlantLegacy(1, "one", 1);

        var report = world.Reconcile();

        Assert.That(report.Counts[Verdict.MissingInNew], Is.EqualTo(1));
        Assert.That(report.Notes, Has.One.Contains("The backfill of this dual-write period is not complete"));
        world.Run(() => world.RunBackfillAsync());
        Assert.That(world.Reconcile().Notes, Has.None.Contains("is not complete"));
    }

    [Test]
    public void A_row_lost_by_the_new_side_is_missing_there([ValueSource(nameof(Existing))] long id, [Values] bool withEntity)
    {
        var world = World.Filled();
        world.New.Rows.Remove(world.NewKey(id));
        if (withEntity)
        {
            world.New.Entities.Remove(World.Key(id));
        }

        Only(world.Reconcile(), Verdict.MissingInNew, id, @new: -1);
    }

    [Test]
    public void A_row_that_only_the_new_side_has_is_missing_in_legacy([ValueSource(nameof(Absent))] long id)
    {
        var world = World.Filled();
        world.PlantNew(id, TestLens.NewRow("only here", 1, false, false));

        Only(world.Reconcile(), Verdict.MissingInLegacy, id, @new: 1);
    }

    [Test]
    [Category("Case67")]
    public void A_map_row_that_points_nowhere_is_unmapped([ValueSource(nameof(Absent))] long id)
    {
        var world = World.Filled();
        world.PlantNew(id, null);

        Only(world.Reconcile(), Verdict.Unmapped, id, matched: Notes);
    }

    [Test]
    [Category("Case67")]
    public void An_accepted_entity_whose_map_row_is_gone_is_unmapped_as_is_its_row([ValueSource(nameof(Existing))] long id)
    {
        var world = World.Filled();
        var row = world.NewKey(id);
        world.New.NewIds.Remove(World.Key(id));
        world.New.PublicIds.Remove(row);

        var report = world.Reconcile();

        Assert.That(report.Samples.Select(sample => (sample.Id, sample.NewId, sample.Verdict)), Is.EquivalentTo(new (long, long?, Verdict)[]
        {
            (id, null, Verdict.Unmapped), (0, row.Id, Verdict.Unmapped),
        }));
        Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(Notes - 1));
    }

    [Test]
    [Category("Case67")]
    public void A_row_without_a_map_row_is_unmapped()
    {
        var world = World.Filled();
        world.New.Rows[World.Key(42)] = TestLens.NewRow("stray", 1, false, false);

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Counts[Verdict.Unmapped], Is.EqualTo(1));
            Assert.That(report.Samples.Single().NewId, Is.EqualTo(42));
            Assert.That((report.LegacyRows, report.NewRows, report.Entities), Is.EqualTo((20L, 21L, 21L)));
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        });
    }

    [Test]
    public void Every_difference_is_told_once_however_few_are_listed_and_however_often_a_chunk_is_put_off()
    {
        var world = World.Filled();
        for (var id = 10; id <= 200; id += 10)
        {
            // Some are final at the first look: their chunk is put off all the same.
            var isRicher = id % 30 == 0;
            if (isRicher)
            {
                world.EnrichNew(id, 3, 1L);
            }
            else
            {
                world.TamperNew(id, 1, 5L);
            }
        }

        (world.Options.SamplesPerVerdict, world.Options.MaxDifferingIds, world.Options.MaxSuspects) = (1, 2, 3);
        List<(long Run, long Id, string Field)> told = [];
        world.Options.Found = (run, found, _) =>
        {
            told.AddRange(found.Select(finding => (run, finding.Id, finding.Fields.SingleOrDefault()?.Field ?? "")));
            return Task.CompletedTask;
        };

        var report = world.Reconcile();

        Assert.That((report.Samples.Count, report.Differing.Count, report.Truncated), Is.EqualTo((2, 2, true)));
        Assert.That(report.DeferredChunks, Is.Positive);
        Assert.That((report.Counts[Verdict.Drift], report.Counts[Verdict.NotComparable]), Is.EqualTo((14, 6)));
        Assert.That(told.Order(), Is.EqualTo(Enumerable.Range(1, 20).Select(at => (report.RunId, at * 10L, at % 3 == 0 ? "" : "amount"))));
    }

    [Test]
    [Category("Case67")]
    public void Rows_without_a_map_row_are_counted_exactly_however_many_there_are()
    {
        var world = World.Filled();
        for (var newId = 5001; newId <= 10_000; newId++)
        {
            world.New.Rows[World.Key(newId)] = TestLens.NewRow("stray", 1, false, false);
        }

        Assert.That(world.Reconcile().Counts[Verdict.Unmapped], Is.EqualTo(5000));
    }

    [Test]
    [Category("Case67")]
    public void Two_public_ids_on_one_row_are_found_however_far_apart_and_no_repair_touches_either([Values(11, 205)] long id)
    {
        var world = World.Filled();
        world.Sides.PlantLegacy(id, "Note 10", 1000);
        world.New.NewIds[World.Key(id)] = world.New.NewIds[World.Key(10)];
        world.New.Entities[World.Key(id)] = world.New.Entities[World.Key(10)];

        var report = world.Reconcile();

        Assert.That(Only(report, Verdict.Unmapped, id, legacy: 1, matched: Notes).Note, Does.Contain("public id 10"));
        Assert.That(Accounting.Of(report, SideName.New).AddsUp, Is.True, "the row counts once");
        world.Sides.PlantLegacy(id, "other", 5);
        var repaired = world.Run(() => new RepairJob(world.Runtime).RunAsync(
            TestLens.Kind, [10, id], dryRun: false, "ops", "test", null, CancellationToken.None));
        Assert.That(repaired.Counts[RepairOutcome.Refused], Is.EqualTo(2));
        Assert.That(world.NewRoot(10)[0], Is.EqualTo("Note 10"));
    }

    [Test]
    public void A_newer_lead_with_a_journal_row_is_in_flight_and_inconclusive([ValueSource(nameof(Existing))] long id)
    {
        var world = World.Filled();
        world.Raise(SideName.Legacy, id, 3);
        world.Journal(SideName.Legacy, id, 3);

        var report = world.Reconcile();

        Only(report, Verdict.InFlight, id);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Inconclusive));
    }

    [Test]
    public void Beyond_the_limit_or_parked_it_lags([Values] bool parked)
    {
        var world = World.Filled();
        world.Raise(SideName.Legacy, 100, 3);
        world.Journal(SideName.Legacy, 100, 3, parked ? TimeSpan.Zero : TimeSpan.FromMinutes(10), parked);
        world.Options.PauseForLag = TimeSpan.Zero;

        var report = world.Reconcile();

        Only(report, Verdict.Lagging, 100);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Inconclusive));
    }

    [Test]
    [Category("Case27")]
    public void Lag_is_measured_by_the_clock_that_stamps_the_journal()
    {
        var world = World.Filled();
        world.Legacy.Skew = TimeSpan.FromMinutes(-10);
        world.Raise(SideName.Legacy, 100, 3);
        world.Journal(SideName.Legacy, 100, 3);

        Only(world.Reconcile(), Verdict.InFlight, 100);
    }

    [Test]
    public void A_newer_lead_without_a_journal_row_is_a_lost_obligation([ValueSource(nameof(Existing))] long id, [Values] bool newLeads)
    {
        var world = World.Filled();
        world.Raise(newLeads ? SideName.New : SideName.Legacy, id, 3);
        if (newLeads)
        {
            world.LetNewLead();
        }

        var report = world.Reconcile();

        Only(report, Verdict.LostObligation, id);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
    }

    [Test]
    public void Another_programs_write_is_in_flight_while_journalled_and_lost_without([Values] bool journalled, [Values] bool newLeads)
    {
        var world = World.Filled();
        world.Sides.WriteForeign(World.Key(100), TestLens.LegacyRow("theirs", 5, "O"));
        if (!journalled)
        {
            world.Legacy.Journal.Clear();
        }

        if (newLeads)
        {
            world.LetNewLead();
        }

        Only(world.Reconcile(), journalled ? Verdict.InFlight : Verdict.LostObligation, 100);
    }

    [Test]
    public void A_follower_ahead_of_its_lead_is_a_regression([ValueSource(nameof(Existing))] long id)
    {
        var world = World.Filled();
        world.Raise(SideName.New, id, 9);

        Only(world.Reconcile(), Verdict.Regression, id);
    }

    [Test]
    [Category("Case55")]
    public void An_unreadable_row_spoils_clean_until_it_is_signed_off([ValueSource(nameof(Existing))] long id)
    {
        var world = World.Filled();
        world.Sides.PlantLegacy(id, "Müller", 1, "?");

        var before = world.Reconcile();
        world.New.Quarantine[World.Key(id)] = new(id, "notizen.status", "unknown letter", default, "anna", "known, will be purged");
        var after = world.Reconcile();

        Only(before, Verdict.Unreadable, id);
        Only(after, Verdict.Unreadable, id);
        Assert.Multiple(() =>
        {
            Assert.That(before.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
            Assert.That(after.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            Assert.That(after.SignedOff, Is.EqualTo(1));
            Assert.That(after.DifferingIds, Is.Empty);
        });
    }

    [Test]
    [Category("Case29")]
    public void What_legacy_cannot_express_is_counted_and_clean()
    {
        var world = World.Filled();
        world.EnrichNew(30, 3, 1L);

        var report = world.Reconcile();

        Only(report, Verdict.NotComparable, 30);
        Assert.Multiple(() =>
        {
            Assert.That(report.RicherInNew, Is.EqualTo(1));
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        });
    }

    [Test]
    public void What_legacy_cannot_express_and_somebody_changed_on_the_new_side_is_drift(
        [Values] bool richerBefore, [Values] bool written, [Values] bool newLeads)
    {
        var world = World.Filled();
        var @new = (long)world.NewRoot(30)[3]!;
        if (written)
        {
            world.Run(() => world.WriteAsync(30, TestLens.LegacyRow("Note 30", 5, "C")));
            world.Run(() => world.Applier().ApplyAsync(World.Key(30), CancellationToken.None));
        }

        if (richerBefore)
        {
            world.EnrichNew(30, 3, 1L);
        }

        if (newLeads)
        {
            world.LetNewLead();
        }

        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean), "before");
        world.TamperNew(30, 3, richerBefore ? @new : 1L - @new);

        var found = Only(world.Reconcile(), Verdict.Drift, 30);

        Assert.That(found.Fields.Select(difference => difference.Field), Is.EqualTo(new[] { "paid" }));
    }

    [Test]
    public void Of_a_state_that_the_new_side_wrote_as_lead_the_same_is_seen()
    {
        var world = World.Filled();
        world.LetNewLead();
        world.Run(() => world.WriteAsync(30, TestLens.Of("Note 30", 5, cancelled: true, paid: true)));
        world.Run(() => world.Applier().ApplyAsync(World.Key(30), CancellationToken.None));
        Only(world.Reconcile(), Verdict.NotComparable, 30);
        var signed = EntityState.Sign(world.Runtime.Hasher.Hash(TestLens.New.Get(world.New.Rows[world.NewKey(30)])), new Random(1));
        world.New.Entities[World.Key(30)] = world.New.Entities[World.Key(30)] with { FieldHashes = signed };
        Only(world.Reconcile(), Verdict.NotComparable, 30);

        world.TamperNew(30, 3, 0L);

        Assert.That(Only(world.Reconcile(), Verdict.Drift, 30).Fields.Single().Field, Is.EqualTo("paid"));
    }

    [Test]
    [Category("Case69")]
    public void Hashes_of_another_mapping_version_say_nothing_of_what_legacy_cannot_express()
    {
        var world = World.Filled();
        world.EnrichNew(30, 3, 1L);
        var (legacy, @new) = (TestLens.Legacy.Get(world.Legacy.Rows[World.Key(30)]), TestLens.New.Get(world.New.Rows[world.NewKey(30)]));
        var others = AcceptedHashes.Of(new FieldHasher(new byte[32], 2), legacy, @new);
        world.New.Entities[World.Key(30)] = world.New.Entities[World.Key(30)] with { FieldHashes = others };

        Only(world.Reconcile(), Verdict.NotComparable, 30);
    }

    [Test]
    public void A_declared_difference_explains_until_its_last_day([Values] bool expired)
    {
        var world = World.Filled();
        var today = DateOnly.FromDateTime(world.New.UtcNow);
        world.Options.Declared = [new DeclaredDifference("amount", "finance", "rounded in 2019", expired ? today.AddDays(-1) : today)];
        world.TamperNew(100, 1, 1L);

        var report = world.Reconcile();

        Only(report, expired ? Verdict.Drift : Verdict.Explained, 100);
        Assert.Multiple(() =>
        {
            Assert.That(report.Declared.Single().Hits, Is.EqualTo(1));
            Assert.That(report.Declared.Single().Expired, Is.EqualTo(expired));
            Assert.That(report.Outcome, Is.EqualTo(expired ? ReconciliationOutcome.Drift : ReconciliationOutcome.Clean));
        });
    }

    [Test]
    public void A_declared_difference_does_not_hide_another_beside_it()
    {
        var world = World.Filled();
        world.Options.Declared = [new DeclaredDifference("amount", "finance", "rounded in 2019", DateOnly.MaxValue)];
        world.TamperNew(100, 1, 1L);
        world.TamperNew(100, 0, "other");

        var report = world.Reconcile();

        Only(report, Verdict.Drift, 100);
        Assert.That(report.FieldCounts.Keys, Is.EqualTo(new[] { "name" }));
    }

    [Test]
    [Category("Case15")]
    public void Tombstones_of_both_sides_are_no_entity_and_a_row_beneath_one_is_found()
    {
        var world = World.Filled();
        world.Legacy.Rows.Remove(World.Key(50));
        world.Raise(SideName.Legacy, 50, 4, tombstone: true);
        world.Raise(SideName.New, 50, 4, tombstone: true);
        var row = world.New.Rows[world.NewKey(50)];

        Only(world.Reconcile(), Verdict.MissingInLegacy, 50, legacy: -1);

        world.New.Rows.Remove(world.NewKey(50));
        var clean = world.Reconcile();
        Assert.Multiple(() =>
        {
            Assert.That(clean.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            Assert.That((clean.Entities, clean.Deleted), Is.EqualTo((19L, 1L)));
            Assert.That(row, Is.Not.Null);
        });
    }

    [Test]
    [Category("Case51")]
    public void Text_is_compared_by_code_unit([Values("Strasse|Straße", "Muller|Müller", "a|a ", "e\u0301|é", "Note|note")] string pair)
    {
        var (left, right) = (pair.Split('|')[0], pair.Split('|')[1]);
        var world = new World();
        world.Sides.PlantLegacy(1, left, 1);
        world.Run(() => world.RunBackfillAsync());
        world.TamperNew(1, 0, right);

        Assert.That(world.Reconcile().Counts[Verdict.Drift], Is.EqualTo(1));
    }

    [Test]
    public void Every_place_at_once_adds_up()
    {
        var world = World.Filled();
        world.TamperNew(10, 1, 1L);
        world.PlantNew(5, TestLens.NewRow("only here", 1, false, false));
        world.PlantNew(205, null);
        world.New.Rows.Remove(world.NewKey(200));
        world.Raise(SideName.Legacy, 60, 2);
        world.Sides.PlantLegacy(70, "bad", 1, "?");
        world.EnrichNew(30, 3, 1L);

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities).And.EqualTo(22));
            Assert.That(report.DifferingIds, Is.EqualTo(new long[] { 5, 10, 60, 70, 200, 205 }));
            Assert.That((report.LegacyRows, report.NewRows), Is.EqualTo((20L, 20L)));
        });
    }

    private static EntityFinding Only(
        ReconciliationReport report, Verdict verdict, long id, long legacy = 0, long @new = 0, long? matched = null)
    {
        var expected = matched ?? (legacy > 0 || @new > 0 ? Notes : Notes - 1);
        Assert.Multiple(() =>
        {
            Assert.That(report.Counts[verdict], Is.EqualTo(1), string.Join('\n', ReportText.Render(report)));
            Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(expected));
            Assert.That(report.Entities, Is.EqualTo(expected + 1));
            Assert.That(report.LegacyRows, Is.EqualTo(Notes + legacy));
            Assert.That(report.NewRows, Is.EqualTo(Notes + @new));
            Assert.That(report.Samples.Select(sample => (sample.Id, sample.Verdict)), Is.EqualTo(new[] { (id, verdict) }));
        });
        return report.Samples[0];
    }
}
