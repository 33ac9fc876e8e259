using System.Globalization;
using System.Text.Json;
using Strangler.Backfill;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Reconciliation;

namespace Strangler.Cutover;

/// <summary>Looks at everything that a move depends on (ARCHITECTURE §2). Reads only.</summary>
internal sealed class GateKeeper(ContextRuntime runtime)
{
    private readonly string _context = runtime.Context;

    private ContextSides Sides => runtime.Sides;

    public async Task<IReadOnlyList<Gate>> LookAsync(StageMove move, SideName lead, FenceRow fence, CancellationToken cancellationToken)
    {
        if (move is { IsForward: false, Kind: not MoveKind.Flip })
        {
            // The lead stays and less is asked of the other side, which may be the very reason: it is down, or wrong.
            return [];
        }

        List<Gate> gates = [await MigrationsAsync(cancellationToken)];
        if (!gates[0].Passed)
        {
            return gates;
        }

        if (move.To != Stage.NewOnly && runtime.Schema.CanTell)
        {
            gates.Add(await SchemaAsync(cancellationToken));
        }

        if (Stages.IsDual(move.From))
        {
            gates.AddRange(await JournalAsync(lead, cancellationToken));
            gates.AddRange(await ConflictsAsync(lead, cancellationToken));
            gates.Add(await ObligationsAsync(lead, cancellationToken));
        }

        if (move.IsForward && Stages.IsDual(move.From))
        {
            gates.Add(await CaptureAsync(cancellationToken));
            foreach (var kind in runtime.Kinds.Keys.Order(StringComparer.Ordinal))
            {
                gates.AddRange(await DataAsync(kind, fence, cancellationToken));
            }

            gates.AddRange(await ReconciliationAsync(cancellationToken));
        }

        if (!move.IsForward)
        {
            gates.AddRange(await KnownDifferencesAsync(cancellationToken));
        }

        if (move.IsForward && move.To >= Stage.NewLeads && !runtime.Options.ForeignWritersNone && Sides.Capture is { } capture)
        {
            gates.Add(await OtherProgramsAsync(move.To, capture, cancellationToken));
        }

        if (move is { To: Stage.NewOnly, IsForward: true } && !runtime.Options.ForeignWritersNone && Sides.Census is { } census)
        {
            gates.Add(await WritersAsync(census, cancellationToken));
        }

        if (move is { To: Stage.NewLeads, IsForward: true })
        {
            gates.AddRange(await NewLeadsAsync(fence, cancellationToken));
        }

        if (move.IsForward && move.To >= Stage.NewLeads)
        {
            gates.AddRange(await new NeighbourGates(runtime).LookAsync(move.To, cancellationToken));
        }

        if (move.IsForward)
        {
            gates.Add(await ReplicasAsync(move.To, cancellationToken));
        }

        return gates;
    }

    /// <summary>
    /// What a purge depends on: what it removes, neither side can bring back, so both must be known to agree. In NewOnly there is no other side.
    /// </summary>
    public async Task<IReadOnlyList<Gate>> OfPurgeAsync(string kind, StageView view, CancellationToken cancellationToken)
    {
        List<Gate> gates = [Check("no flip", !view.Switching, view.Switching ? "one is on" : "none is on", "none is on", $"strangler cutover status {_context}")];
        if (view.Stage == Stage.NewOnly || view.Switching)
        {
            return gates;
        }

        gates.Add(await MigrationsAsync(cancellationToken));
        if (!gates[^1].Passed)
        {
            return gates;
        }

        if (runtime.Schema.CanTell)
        {
            gates.Add(await SchemaAsync(cancellationToken));
        }

        gates.AddRange(await JournalAsync(view.Lead, cancellationToken));
        gates.AddRange(await ConflictsAsync(view.Lead, cancellationToken));
        gates.Add(await ObligationsAsync(view.Lead, cancellationToken));
        gates.Add(await CaptureAsync(cancellationToken));
        gates.AddRange(await DataAsync(kind, view.Of(view.Lead)!, cancellationToken));
        gates.AddRange((await ReconciliationAsync(cancellationToken)).Where(gate => gate.Name == ReconciliationOf(kind)));
        return gates;
    }

    public static Gate Confirmation(string context, string? typed) => Check(
        "confirmation", typed == context, typed is null ? "none" : $"'{typed}'", $"'{context}' typed by hand",
        $"strangler cutover advance {context} --confirm {context}")
        with { Unforceable = true };

    private async Task<Gate> MigrationsAsync(CancellationToken cancellationToken)
    {
        List<string> missing = [];
        foreach (var side in Enum.GetValues<SideName>())
        {
            try
            {
                await Sides.Of(side).Fence.ReadAsync(cancellationToken);
            }
            catch (NotMigratedException)
            {
                missing.Add($"missing on {side.ToString().ToLowerInvariant()}");
            }
            catch (SideUnavailableException)
            {
                missing.Add($"{side.ToString().ToLowerInvariant()} does not answer");
            }
        }

        return Check(
            "migrations", missing.Count == 0, missing.Count == 0 ? "applied" : string.Join(", ", missing), "applied on both sides",
            $"strangler migrate --context {_context}") with { Unforceable = true };
    }

    private async Task<IEnumerable<Gate>> JournalAsync(SideName lead, CancellationToken cancellationToken)
    {
        var depth = await Sides.Of(lead).Journal.DepthAsync(cancellationToken);
        return
        [
            Check(
                "parked keys", depth.Parked == 0, JournalDepth.Show(depth.Parked), "0",
                $"strangler relay status {_context}; once its cause is cured: strangler relay retry {_context} --all"),
            Check(
                "journal lag", depth.Lag <= runtime.Options.LagLimit, $"{depth.Lag.TotalSeconds:0.#} s ({JournalDepth.Show(depth.Open)} open)",
                $"at most {runtime.Options.LagLimit.TotalSeconds:0.#} s", $"strangler relay drain {_context}"),
        ];
    }

    // What clashes while the new side leads; and, of legacy's journal, what could not be merged for another reason. After a forced step
    // back there may be some left.
    private async Task<IEnumerable<Gate>> ConflictsAsync(SideName lead, CancellationToken cancellationToken)
    {
        var conflicts = await Sides.Merges.CountAsync(cancellationToken);
        var gate = Check(
            "conflicts", conflicts == 0, Text(conflicts), "0", $"strangler conflicts list {_context}; then: strangler conflicts resolve {_context} <id>");
        return lead == SideName.Legacy ? [gate] : [gate, await UnmergedAsync(cancellationToken)];
    }

    private async Task<Gate> UnmergedAsync(CancellationToken cancellationToken)
    {
        const string Required = "0 parked";
        try
        {
            var depth = await Sides.Legacy.Journal.DepthAsync(cancellationToken);
            return Check(
                "merges", depth.Parked == 0, $"{JournalDepth.Show(depth.Parked)} parked", Required,
                $"strangler relay status {_context}; once its cause is cured: strangler relay retry {_context} --all");
        }
        catch (SideUnavailableException)
        {
            return Check("merges", false, "legacy does not answer", Required, "bring legacy back");
        }
    }

    // Only what the background search has found, and only if it still stands: a full search is the reconciliation's gate.
    private async Task<Gate> ObligationsAsync(SideName lead, CancellationToken cancellationToken)
    {
        const int Most = 1000;
        var look = new ObligationLook(runtime);
        var lost = 0;
        foreach (var kind in runtime.Kinds.Keys)
        {
            var listed = await Sides.Obligations.ListAsync(kind, Most, cancellationToken);
            lost += (await look.ConfirmAsync(kind, lead, [.. listed], cancellationToken) ?? [.. listed]).Count;
        }

        return Check(
            "lost obligations", lost == 0, Text(lost), "0",
            $"strangler relay status {_context}; it names the keys, and the repair that brings them along");
    }

    private async Task<Gate> CaptureAsync(CancellationToken cancellationToken)
    {
        if (runtime.Options.ForeignWritersNone)
        {
            return Check("capture", true, "declared needless (foreign-writers none)", "installed or declared needless", "");
        }

        var fault = await CaptureService.FaultAsync(runtime, cancellationToken);
        return Check(
            "capture", fault is null, fault ?? "installed", "installed or declared needless", $"strangler capture install {_context}");
    }

    // How other programs' writes are merged from here on must be known before, and nothing of theirs may be open before NewOnly.
    private async Task<Gate> OtherProgramsAsync(Stage target, ICapture capture, CancellationToken cancellationToken)
    {
        if (target == Stage.NewLeads)
        {
            return Check("other programs", true, ForeignWritesWhileNewLeads, "known", "");
        }

        try
        {
            var waiting = await capture.WaitingAsync(cancellationToken);
            return Check(
                "other programs", waiting.Rows == 0, $"{JournalDepth.Show(waiting.Rows)} writes to legacy not brought over", "0",
                $"strangler relay drain {_context}; what stays is parked: strangler relay status {_context}");
        }
        catch (SideUnavailableException)
        {
            return Check("other programs", false, "legacy does not answer", "0 writes to legacy not brought over", "bring legacy back");
        }
    }

    // Whoever still writes legacy after the last step writes where nobody reads.
    private async Task<Gate> WritersAsync(ICensus census, CancellationToken cancellationToken)
    {
        var quiet = runtime.Options.ForeignWriterQuiet;
        const string Name = "foreign writers";
        var required = $"none without an owner for {Days(quiet)}";
        if (quiet == TimeSpan.Zero)
        {
            return Check(Name, true, "not asked (foreignWriterQuiet 0)", required, "");
        }

        try
        {
            var watch = await census.WatchAsync(cancellationToken);
            var writers = CensusRules.Group(await census.ReadAsync(watch.NowUtc - quiet, cancellationToken), runtime.DeclaredWriters, watch.NowUtc);
            var unowned = writers.Where(writer => writer.Owner is null).ToList();
            var since = await DualSinceAsync(cancellationToken) is { } dual && dual > watch.SinceUtc ? dual : watch.SinceUtc;
            var watched = watch.NowUtc - since;
            return unowned.Count > 0
                ? Check(
                    Name, false, string.Join(", ", unowned.Select(CensusRules.Describe)), required,
                    $"strangler census {_context}; stop it, or name who answers for it in the mapping (foreign-writer)")
                : Check(
                    Name, watched is null || watched >= quiet,
                    watched is null || watched >= quiet ? "none" : $"none, but watched for {Days(watched.Value)} only", required,
                    "none but time: contexts.…options.foreignWriterQuiet says for how long it must be quiet");
        }
        catch (SideUnavailableException)
        {
            return Check(Name, false, "legacy does not answer", required, "bring legacy back");
        }
    }

    // In LegacyOnly nobody is counted.
    private async Task<DateTime?> DualSinceAsync(CancellationToken cancellationToken) =>
        (await Sides.Legacy.Audit.ListAsync(1000, cancellationToken))
            .Where(entry => entry.From == nameof(Stage.LegacyOnly) && entry.To == nameof(Stage.DualWrite))
            .Select(entry => (DateTime?)entry.AtUtc).Max();

    private static string Days(TimeSpan time) => time < TimeSpan.FromHours(48)
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.#} h")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:0.#} d");

    private async Task<Gate> SchemaAsync(CancellationToken cancellationToken)
    {
        const string Name = "legacy schema";
        const string Required = "as the mapping says";
        try
        {
            var stops = (await runtime.Schema.LookAsync(cancellationToken)).Where(difference => difference.Stops).ToList();
            return Check(
                Name, stops.Count == 0, stops.Count == 0 ? Required : string.Join("; ", stops), Required,
                "correct the mapping or the tables; every difference: strangler mapping lint --against-database");
        }
        catch (SideUnavailableException)
        {
            return Check(Name, false, "legacy does not answer", Required, "bring legacy back");
        }
    }

    /// <summary>What an operator must know before the new side leads.</summary>
    internal const string ForeignWritesWhileNewLeads =
        "what they write to legacy from then on is merged field by field; what both sides change goes by the declared owner, else the entity is in conflict until somebody decides";

    private async Task<IEnumerable<Gate>> DataAsync(string kind, FenceRow fence, CancellationToken cancellationToken)
    {
        var checkpoint = await Sides.BackfillTarget.ReadCheckpointAsync(kind, cancellationToken);
        var complete = checkpoint?.IsComplete(fence.DualEpoch) ?? false;
        var (all, open) = await Sides.Quarantine.CountAsync(kind, cancellationToken);
        var unmapped = (await Sides.New.Store.UnmappedAsync(kind, long.MinValue, 1, cancellationToken)).Count
            + (await Sides.New.Store.SharedAsync(kind, 1, cancellationToken)).Count;
        return
        [
            Check($"backfill of {kind}", complete, Describe(checkpoint, fence), "complete", $"strangler backfill {_context}"),
            Check(
                $"quarantine of {kind}", open == 0, $"{open} of {all} not signed off", "0",
                $"strangler quarantine list {_context}; then mend the rows, or: strangler quarantine sign-off {_context} --all --reason …"),
            Check($"unmapped {kind}", unmapped == 0, unmapped == 0 ? "0" : "some", "0", $"strangler reconcile {_context}"),
        ];
    }

    private static string Describe(BackfillCheckpoint? checkpoint, FenceRow fence) => checkpoint switch
    {
        null => "not begun",
        _ when checkpoint.DualEpoch != fence.DualEpoch => "of an earlier dual-write period",
        { Phase: BackfillPhase.Done } => "complete",
        _ => $"pass {checkpoint.Pass}, {checkpoint.Phase.ToString().ToLowerInvariant()}",
    };

    private async Task<IEnumerable<Gate>> ReconciliationAsync(CancellationToken cancellationToken)
    {
        var runs = await Sides.Reconciliations.ListAsync(200, cancellationToken);
        var disturbed = await Sides.Reconciliations.LastDisturbanceUtcAsync(cancellationToken);
        var now = await Sides.Reconciliations.UtcNowAsync(cancellationToken);
        return runtime.Kinds.Keys.Order(StringComparer.Ordinal).Select(kind => Judge(kind, LastFull(runs, kind), disturbed, now));
    }

    // The way back may be urgent, so that no reconciliation is asked for. But where the last one has found the sides to differ (a table
    // that somebody emptied past the triggers), legacy must not lead before somebody has looked.
    private async Task<IEnumerable<Gate>> KnownDifferencesAsync(CancellationToken cancellationToken)
    {
        var runs = await Sides.Reconciliations.ListAsync(200, cancellationToken);
        return runtime.Kinds.Keys.Order(StringComparer.Ordinal).Select(kind =>
        {
            var drifted = LastFull(runs, kind) is { Outcome: "drift" };
            return Check(
                $"known differences of {kind}", !drifted, drifted ? "the last full reconciliation has found some" : "none", "none",
                $"strangler report list {_context} names the run; mend them (strangler repair {_context}), then: strangler reconcile {_context}");
        });
    }

    // Runs are stored a context, reports name their kind; a context of one kind needs no look into the report.
    private ReconciliationRun? LastFull(IReadOnlyList<ReconciliationRun> runs, string kind) =>
        runs.Where(run => run is { Full: true, EndedUtc: not null } && (runtime.Kinds.Count == 1 || KindOf(run.Report) == kind))
            .MaxBy(run => run.BeganUtc);

    private static string ReconciliationOf(string kind) => $"full reconciliation of {kind}";

    private static string? KindOf(string report)
    {
        try
        {
            using var document = JsonDocument.Parse(report);
            return document.RootElement.EnumerateObject()
                .Where(property => property.NameEquals("kind") || property.NameEquals("Kind"))
                .Select(property => property.Value.GetString()).FirstOrDefault();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Gate Judge(string kind, ReconciliationRun? run, DateTime? disturbed, DateTime now)
    {
        var limit = runtime.Options.ReconciliationMaxAge;
        var fault = run switch
        {
            null => "none",
            { Outcome: not "clean" } => run.Outcome,
            _ when now - run.BeganUtc > limit => $"{(now - run.BeganUtc).TotalHours:0.#} h old",
            _ when run.BeganUtc <= disturbed => "clean, but begun before the last backfill, repair or forced step",
            _ => null,
        };
        return Check(
            ReconciliationOf(kind), fault is null, fault ?? "clean", $"clean, at most {limit.TotalHours:0.#} h old",
            $"strangler reconcile {_context}");
    }

    private async Task<IEnumerable<Gate>> NewLeadsAsync(FenceRow fence, CancellationToken cancellationToken)
    {
        var (reads, mismatches) = await Sides.ShadowLog.CountAsync(fence.Epoch, cancellationToken);
        var least = runtime.Options.ShadowReadMinimum;
        List<Gate> gates =
        [
            Check(
                "shadow reads", reads >= least, Text(reads), $"at least {least}",
                "none but time: they are counted while frontends read and a relay runs; shadowReadSample says how many"),
            Check("shadow mismatches", mismatches == 0, Text(mismatches), "0", $"strangler reconcile {_context}"),
        ];
        foreach (var kind in runtime.Kinds.Keys.Where(Sides.PublicIds.Allots).Order(StringComparer.Ordinal))
        {
            var overlap = await Sides.PublicIds.OverlapAsync(kind, cancellationToken);
            gates.Add(Check(
                $"id allotting of {kind}", overlap == 0,
                overlap == 0 ? "above all reserved ids" : $"would allot {overlap} reserved ids again",
                "above all reserved ids",
                "raise AUTO_INCREMENT of the legacy table above strangler_id_block; it was set back, perhaps with a backup")
                with { Unforceable = true });
            var left = await Sides.PublicIds.LeftAsync(kind, cancellationToken);
            gates.Add(Check(
                $"reserved ids of {kind}", left >= runtime.Options.IdBlock, Text(left), $"at least {runtime.Options.IdBlock}",
                $"strangler cutover reserve-ids {_context} (the step itself does it, too)"));
        }

        return gates;
    }

    private async Task<Gate> ReplicasAsync(Stage target, CancellationToken cancellationToken)
    {
        try
        {
            var live = await Sides.Replicas.LiveAsync(runtime.Options.ReplicaLiveness, cancellationToken);
            var old = live.Where(replica => replica.NewestKnownStage < target).Select(replica => replica.Name).ToList();
            return Check(
                "replicas", old.Count == 0, old.Count == 0 ? $"{live.Count} live" : $"too old: {string.Join(", ", old)}",
                $"all know {target}",
                "deploy the present build everywhere");
        }
        catch (SideUnavailableException)
        {
            return Check("replicas", false, "legacy does not answer", $"all know {target}", "bring legacy back");
        }
    }

    private static Gate Check(string name, bool passed, string value, string required, string cure) =>
        new(name, passed, value, required, passed ? "" : cure);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
