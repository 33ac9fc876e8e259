using System.Diagnostics;
using System.Globalization;
using Dapper;
using Strangler.Backfill;
using Strangler.Cli.Terminal;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Demo;

/// <summary>The demo, step by step; see <see cref="Commands.DemoCommand"/>.</summary>
internal sealed class DemoStory(CommandRun run, DemoServers servers, int rows, int seed)
{
    private const string Kind = DonationsContext.DonationKind;
    private const long MemoryLimit = 512;

    // Enough for every oddity that the generators know.
    private const int OtherRows = 600;

    private readonly DemoSummary _summary = new();
    private readonly long _began = run.Time.GetTimestamp();
    private int _step;

    private Output Output => run.Output;

    /// <summary>Tells it; exit code 0 only if every line of the summary holds.</summary>
    public async Task<int> TellAsync(CancellationToken cancellationToken)
    {
        Step($"Server: {servers.Description}");
        var unreadable = await FillLegacyAsync(cancellationToken).ConfigureAwait(false);
        await using var host = servers.Open(run);
        Step($"Migrate: side tables and the new schema of {DemoServers.Contexts.Count} contexts, with one command");
        var migrated = await MigrationPlan.ApplyAsync(servers.Configuration(), DemoServers.Contexts, null, cancellationToken).ConfigureAwait(false);
        foreach (var target in migrated.Targets)
        {
            Detail($"{target.Side.ToString().ToLowerInvariant()} side: {target.Items.Count} migrations applied");
        }

        _summary.Check("databases with every migration applied", migrated.IsUpToDate ? migrated.Targets.Count : 0, 2);

        await VerifyMappingAsync(host, unreadable, cancellationToken).ConfigureAwait(false);
        await CaptureAsync(host, cancellationToken).ConfigureAwait(false);
        var bounds = await host.Sides.Legacy.Store.BoundsAsync(Kind, cancellationToken).ConfigureAwait(false);
        var playground = await PlaygroundAsync(host, bounds, cancellationToken).ConfigureAwait(false);
        var (controlFrom, controlTo) = (playground.Max() + 1, bounds.To);
        var before = await AskLegacyAsync(controlFrom, controlTo, cancellationToken).ConfigureAwait(false);
        using var relayStop = new CancellationTokenSource();
        var relay = host.Relay.RunAsync(relayStop.Token);
        try
        {
            await MigrateUnderLoadAsync(host, playground, unreadable, (controlFrom, controlTo), before, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await relayStop.CancelAsync().ConfigureAwait(false);
            await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await new OtherContexts(run, servers, _summary, Step, Detail).TellAsync(OtherRows, seed, cancellationToken).ConfigureAwait(false);
        using var self = Process.GetCurrentProcess();
        _summary.AtMost("peak memory of this process", self.PeakWorkingSet64 / (1024 * 1024), MemoryLimit, "MiB");
        Step(string.Create(CultureInfo.InvariantCulture, $"Summary, after {run.Time.GetElapsedTime(_began).TotalSeconds:0} s"));
        _summary.Write(Output);
        Output.Line(_summary.AllGood ? "Everything holds." : "Something is off: see the lines marked NO.");
        return _summary.AllGood ? ExitCodes.Ok : ExitCodes.Found;
    }

    private async Task<int> FillLegacyAsync(CancellationToken cancellationToken)
    {
        Step($"Legacy: create spenden and all its neighbours, fill in {rows:N0} donations");
        await using (var connection = await servers.Legacy.OpenAsync(cancellationToken).ConfigureAwait(false))
        {
            await LegacyFundraising.CreateAsync(connection, cancellationToken).ConfigureAwait(false);
        }

        var generator = new LegacyDonationGenerator(new LegacyDonationOptions { Rows = rows, Seed = seed });
        using (var line = new ProgressLine(Output, run.Time))
        {
            var began = run.Time.GetTimestamp();
            var progress = new Direct<int>(done => line.Report(
                new WorkState("written", done, rows, done / Math.Max(0.001, run.Time.GetElapsedTime(began).TotalSeconds), null)));
            await generator.WriteAsync(servers.Legacy.OpenAsync, progress, cancellationToken).ConfigureAwait(false);
        }

        var unreadable = generator.Generate().Count(donation => donation.IsUnreadable);
        Detail($"{unreadable} of them are damaged on purpose");
        return unreadable;
    }

    private async Task CaptureAsync(ContextHost host, CancellationToken cancellationToken)
    {
        Step("Capture: triggers on the legacy tables note what other programs write there");
        var created = await host.Capture.InstallAsync("demo", TimeSpan.FromSeconds(30), null, cancellationToken).ConfigureAwait(false);
        var state = await host.Capture.Capture.LookAsync(cancellationToken).ConfigureAwait(false);
        Detail($"{created} triggers on {state.Parts.Select(part => part.Table).Distinct().Count()} tables");
        _summary.Check("capture", state.Fault ?? "installed", "installed");
    }

    private async Task VerifyMappingAsync(ContextHost host, int unreadable, CancellationToken cancellationToken)
    {
        Step("Mapping: verify both lens laws on every real row");
        MappingVerification verification;
        using (var line = new ProgressLine(Output, run.Time))
        {
            var progress = new Direct<VerificationProgress>(
                value => line.Report(new WorkState("verified", value.Done, value.Total, value.RowsPerSecond, value.Left)));
            verification = await new MappingVerificationJob(host).RunAsync(Kind, progress, cancellationToken).ConfigureAwait(false);
        }

        Detail($"{verification.Rows:N0} rows, {verification.Unreadable:N0} unreadable, {verification.Violations:N0} violations");
        _summary.Check("rows whose mapping breaks a law", verification.Violations, 0);
        _summary.Check("rows that cannot be read (planted by the generator)", verification.Unreadable, unreadable);
    }

    // The first tenth of the ids is the frontend's playground; nobody touches the rest, which is how the old programs' answers can be compared.
    private async Task<List<long>> PlaygroundAsync(ContextHost host, KeyBounds bounds, CancellationToken cancellationToken)
    {
        var context = host.Part<DonationsContext>();
        var end = bounds.From + ((bounds.To - bounds.From) / 10);
        await using var connection = await servers.Legacy.OpenAsync(cancellationToken).ConfigureAwait(false);
        var candidates = await connection.QueryAsync<long>(new CommandDefinition(
            "SELECT id FROM spenden WHERE id <= @end AND dt_gruen IS NULL AND dt_backup IS NULL ORDER BY id LIMIT 1000",
            new { end },
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        var playground = new List<long>();
        foreach (var id in candidates)
        {
            if (await context.CanBeChangedAsync(id, cancellationToken).ConfigureAwait(false))
            {
                playground.Add(id);
            }
        }

        return playground;
    }

    private async Task MigrateUnderLoadAsync(
        ContextHost host, List<long> playground, int unreadable, (long From, long To) control, LegacyAnswers before, CancellationToken cancellationToken)
    {
        await MoveAsync(host, Stage.DualWrite, "advance", cancellationToken).ConfigureAwait(false);
        var memory = Path.Combine(servers.Folder.Path, "acknowledged");
        var existing = Path.Combine(servers.Folder.Path, "existing");
        await File.WriteAllLinesAsync(existing, playground.Select(id => id.ToString(CultureInfo.InvariantCulture)), cancellationToken).ConfigureAwait(false);
        Step($"Frontend: starts in a process of its own; creates, changes, cancels and reads through the wrapper ({playground.Count} old donations are its to change)");
        FrontendSummary counted;
        await using (var frontend = FrontendProcess.Start(servers, memory, existing, seed))
        {
            await BackfillAsync(host, unreadable, cancellationToken).ConfigureAwait(false);
            await ReconcileAsync(host, "after the backfill", cancellationToken).ConfigureAwait(false);
            await MoveAsync(host, Stage.ShadowRead, "advance", cancellationToken).ConfigureAwait(false);
            await PlantAndRepairAsync(host, control, cancellationToken).ConfigureAwait(false);
            await WaitForShadowReadsAsync(host, cancellationToken).ConfigureAwait(false);
            await MoveAsync(host, Stage.NewLeads, "advance", cancellationToken).ConfigureAwait(false);
            await ReconcileAsync(host, "while new leads", cancellationToken).ConfigureAwait(false);
            await MoveAsync(host, Stage.ShadowRead, "back", cancellationToken).ConfigureAwait(false);
            await ReconcileAsync(host, "after going back", cancellationToken).ConfigureAwait(false);
            await WaitForShadowReadsAsync(host, cancellationToken).ConfigureAwait(false);
            await MoveAsync(host, Stage.NewLeads, "advance", cancellationToken).ConfigureAwait(false);
            counted = await frontend.StopAsync(cancellationToken).ConfigureAwait(false);
        }

        Step($"Frontend: stopped after {counted.Writes:N0} writes and {counted.Reads:N0} reads; {counted.Retried:N0} were tried again, {counted.Refused:N0} refused");
        await host.Relay.DrainAsync(cancellationToken).ConfigureAwait(false);
        await ReconcileAsync(host, "at the end, the load stopped", cancellationToken).ConfigureAwait(false);
        await CheckMemoryAsync(host, memory, counted, cancellationToken).ConfigureAwait(false);
        await CheckReadersAsync(host, control, before, cancellationToken).ConfigureAwait(false);
    }

    private async Task MoveAsync(ContextHost host, Stage target, string direction, CancellationToken cancellationToken)
    {
        var began = run.Time.GetTimestamp();
        Step($"Cutover: {direction} to {target}");
        var request = new CutoverRequest { Actor = "demo", Reason = "the demo's plan" };
        var progress = new Direct<string>(Detail);
        var view = direction == "advance"
            ? await host.Cutover.AdvanceAsync(request, progress, cancellationToken).ConfigureAwait(false)
            : await host.Cutover.BackAsync(request, progress, cancellationToken).ConfigureAwait(false);
        Detail(string.Create(
            CultureInfo.InvariantCulture,
            $"{view.Stage}, the {view.Lead.ToString().ToLowerInvariant()} side leads, epoch {view.Epoch}, {run.Time.GetElapsedTime(began).TotalMilliseconds:0} ms"));
        _summary.Check($"stage after '{direction}'", view.Stage.ToString(), target.ToString());
    }

    private async Task BackfillAsync(ContextHost host, int unreadable, CancellationToken cancellationToken)
    {
        Step("Backfill: bring over what was there before, under load");
        BackfillResult result;
        var began = run.Time.GetTimestamp();
        using (var line = new ProgressLine(Output, run.Time))
        {
            var progress = new Direct<BackfillProgress>(value => line.Report(
                new WorkState($"pass {value.Pass}", value.Done, value.Total, value.RowsPerSecond, value.Left)));
            result = await new BackfillJob(host.Runtime, new BackfillOptions()).RunAsync(Kind, progress, cancellationToken).ConfigureAwait(false);
        }

        var seconds = run.Time.GetElapsedTime(began).TotalSeconds;
        Detail(string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Written:N0} written in {result.Passes} passes and {seconds:0.0} s; {result.Quarantined:N0} in quarantine"));
        _summary.Check("rows in quarantine", result.Quarantined, unreadable);
        var signed = await host.Sides.Quarantine.SignOffAsync(Kind, null, "demo", "damaged on purpose by the generator", cancellationToken).ConfigureAwait(false);
        Detail($"{signed} quarantined rows signed off, as an operator would after looking at them");
    }

    private async Task<ReconciliationReport> ReconcileAsync(ContextHost host, string when, CancellationToken cancellationToken, bool expectClean = true)
    {
        Step($"Reconcile: every field of every donation on both sides, {when}");
        ReconciliationReport report;
        using (var line = new ProgressLine(Output, run.Time))
        {
            var progress = new Direct<ReconciliationProgress>(value => line.Report(
                new WorkState("compared", value.Done, value.Total, value.RowsPerSecond, value.Left, value.Waiting ?? "")));
            // The story's writers never rest, and nobody waits for their answers.
            var options = host.ReconciliationOptions;
            options.GentleAbove = 0;
            report = await host.Reconciler(options).RunAsync(new ReconciliationScope { Kind = Kind }, progress, cancellationToken).ConfigureAwait(false);
        }

        Detail($"{report.Outcome}: {string.Join(", ", report.Counts.Where(count => count.Value > 0).Select(count => $"{count.Value:N0} {count.Key}"))}");
        if (expectClean)
        {
            _summary.Check($"reconciliation {when}", report.Outcome.ToString(), nameof(ReconciliationOutcome.Clean));
            if (report.Outcome != ReconciliationOutcome.Clean)
            {
                Output.Line(string.Join(Environment.NewLine, ReportText.Render(report)));
            }
        }

        return report;
    }

    private async Task PlantAndRepairAsync(ContextHost host, (long From, long To) control, CancellationToken cancellationToken)
    {
        var planted = await PlantAsync(host, control, cancellationToken).ConfigureAwait(false);
        var report = await ReconcileAsync(host, "with three differences planted", cancellationToken, expectClean: false).ConfigureAwait(false);
        var found = report.Samples.Where(finding => finding.Verdict is Verdict.Drift or Verdict.MissingInNew or Verdict.MissingInLegacy or Verdict.Uncaptured or Verdict.LostObligation or Verdict.Regression)
            .Select(finding => $"{finding.Id} {finding.Verdict} {string.Join('+', finding.Fields.Select(field => field.Field))}".Trim())
            .Order(StringComparer.Ordinal)
            .ToList();
        foreach (var line in found)
        {
            Detail($"found: {line}");
        }

        _summary.Check("outcome with the planted differences", report.Outcome.ToString(), nameof(ReconciliationOutcome.Drift));
        _summary.Check("differences found", string.Join("; ", found), string.Join("; ", planted));
        Step("Repair: dry run, then the lead's state over the follower's");
        var ids = planted.Select(line => long.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture)).ToList();
        var repair = new RepairJob(host.Runtime, host.ReconciliationOptions);
        var steps = new Direct<RepairStep>(step => Detail(RepairText.Line(step)));
        await repair.RunAsync(Kind, ids, dryRun: true, "demo", "planted by the demo", steps, cancellationToken).ConfigureAwait(false);
        var result = await repair.RunAsync(Kind, ids, dryRun: false, "demo", "planted by the demo", null, cancellationToken).ConfigureAwait(false);
        Detail(RepairText.Summary(result));
        await ReconcileAsync(host, "after the repair", cancellationToken).ConfigureAwait(false);
    }

    // Behind the wrapper's back, on the new side, in donations that nobody else touches.
    private async Task<List<string>> PlantAsync(ContextHost host, (long From, long To) control, CancellationToken cancellationToken)
    {
        Step("Plant: three differences, written to the new tables behind the wrapper's back");
        await using var connection = await servers.New.OpenAsync(cancellationToken).ConfigureAwait(false);
        var middle = control.From + ((control.To - control.From) / 2);
        var pairs = (await connection.QueryAsync<(long PublicId, long NewId)>(new CommandDefinition(
            """
            SELECT m.public_id, m.new_id FROM strangler_id_map m
            JOIN donation_donor d ON d.donation_id = m.new_id AND d.city <> ''
            WHERE m.context = 'donations' AND m.kind = 'donation' AND m.public_id >= @middle
            ORDER BY m.public_id LIMIT 3
            """,
            new { middle },
            cancellationToken: cancellationToken)).ConfigureAwait(false)).ToList();
        string[] statements =
        [
            "UPDATE donation SET amount = amount + 1 WHERE id = @id",
            "UPDATE donation_donor SET city = CONCAT(city, '-West') WHERE donation_id = @id",
            "DELETE FROM donation WHERE id = @id",
        ];
        foreach (var (statement, pair) in statements.Zip(pairs))
        {
            var changed = await connection.ExecuteAsync(
                new CommandDefinition(statement, new { id = pair.NewId }, cancellationToken: cancellationToken)).ConfigureAwait(false);
            Detail($"donation {pair.PublicId}: {statement.Replace("@id", pair.NewId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)} ({changed} row)");
        }

        return
        [
            .. new[]
            {
                $"{pairs[0].PublicId} {Verdict.Drift} amount", $"{pairs[1].PublicId} {Verdict.Drift} donor.city", $"{pairs[2].PublicId} {Verdict.MissingInNew}",
            }.Order(StringComparer.Ordinal),
        ];
    }

    private async Task WaitForShadowReadsAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        var wanted = host.Runtime.Options.ShadowReadMinimum;
        Step($"Shadow reads: wait until {wanted:N0} of the frontend's reads have been compared");
        using var line = new ProgressLine(Output, run.Time);
        var began = run.Time.GetTimestamp();
        while (true)
        {
            var (reads, mismatches) = await host.Sides.ShadowLog.CountAsync(view.Epoch, cancellationToken).ConfigureAwait(false);
            var seconds = run.Time.GetElapsedTime(began).TotalSeconds;
            line.Report(new WorkState("compared", reads, wanted, reads / Math.Max(0.001, seconds), null));
            if (reads >= wanted)
            {
                Detail($"{reads:N0} compared, {mismatches:N0} differed");
                return;
            }

            if (seconds > 120)
            {
                throw new TimeoutException($"Only {reads} shadow reads in {seconds:0} s; is the frontend running?");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), run.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CheckMemoryAsync(ContextHost host, string memory, FrontendSummary counted, CancellationToken cancellationToken)
    {
        Step("Memory: compare what the frontend was told with both sides");
        var log = AcknowledgementLog.Read(memory);
        _summary.Some("acknowledged writes", log.Writes);
        _summary.Check("acknowledged writes in the frontend's own count", counted.Writes, log.Writes);
        _summary.Check("writes without an answer", log.Unknown, 0);
        long wrongLegacy = 0, wrongNew = 0;
        var kind = host.Runtime.Kind(Kind);
        foreach (var acknowledged in log.Last.Values)
        {
            wrongLegacy += await HoldsAsync(kind.Legacy, acknowledged, cancellationToken).ConfigureAwait(false) ? 0 : 1;
            wrongNew += await HoldsAsync(kind.New, acknowledged, cancellationToken).ConfigureAwait(false) ? 0 : 1;
        }

        _summary.Check("acknowledged donations missing or wrong in legacy", wrongLegacy, 0);
        _summary.Check("acknowledged donations missing or wrong in new", wrongNew, 0);
        await using var legacy = await servers.Legacy.OpenAsync(cancellationToken).ConfigureAwait(false);
        var count = await legacy.ExecuteScalarAsync<long>(new CommandDefinition("SELECT COUNT(*) FROM spenden", cancellationToken: cancellationToken)).ConfigureAwait(false);
        _summary.Check("donations in legacy (rows at the start + creates)", count, rows + log.Creates);
        Detail($"{log.Writes:N0} acknowledged writes to {log.Last.Count:N0} donations, {log.Creates:N0} of them new");
    }

    private static async Task<bool> HoldsAsync(ISideRepository side, Acknowledged acknowledged, CancellationToken cancellationToken)
    {
        var state = await side.Store.ReadAsync(new EntityKey(Kind, acknowledged.Id), cancellationToken).ConfigureAwait(false);
        return state.Row is not null && side.Lens.Get(state.Row) is var record
            && record.Integer("amount") == acknowledged.AmountInCents
            && record.Boolean("is_cancelled") == acknowledged.IsCancelled
            && record.List("log_entries").Count == acknowledged.LogLines;
    }

    private async Task CheckReadersAsync(ContextHost host, (long From, long To) control, LegacyAnswers before, CancellationToken cancellationToken)
    {
        Step("Readers: old ids resolve, and the old programs' SQL answers as before");
        var context = host.Part<DonationsContext>();
        await using var legacy = await servers.Legacy.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var fresh = await servers.New.OpenAsync(cancellationToken).ConfigureAwait(false);
        var old = (await legacy.QueryAsync<long>(new CommandDefinition(
            "SELECT id FROM spenden WHERE id BETWEEN @From AND @To ORDER BY id LIMIT 500", new { control.From, control.To }, cancellationToken: cancellationToken))
            .ConfigureAwait(false)).ToList();
        long resolved = 0, quarantined = 0;
        foreach (var id in old)
        {
            if (await host.Sides.Quarantine.FindAsync(new EntityKey(Kind, id), cancellationToken).ConfigureAwait(false) is not null)
            {
                quarantined++;
            }
            else if (await context.Donations.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } donation && donation.Id == id)
            {
                resolved++;
            }
        }

        _summary.Check($"old ids that resolve while new leads (of {old.Count}, {quarantined} in quarantine)", resolved, old.Count - quarantined);
        var after = await AskLegacyAsync(control.From, control.To, cancellationToken).ConfigureAwait(false);
        _summary.Check("comment list by legacy's SQL, untouched ids", $"{after.Comments:N0} rows, {after.CommentsDigest}", $"{before.Comments:N0} rows, {before.CommentsDigest}");
        _summary.Check("export by legacy's SQL, untouched ids", $"{after.Exported:N0} rows, {after.ExportDigest}", $"{before.Exported:N0} rows, {before.ExportDigest}");
        var shown = await context.Comments.FindPublicAsync(1000, 0, cancellationToken).ConfigureAwait(false);
        var unread = (await host.Sides.Quarantine.ListAsync(Kind, int.MaxValue, cancellationToken).ConfigureAwait(false)).Select(entry => entry.Id).ToHashSet();
        var expected = (await LegacyComments.FindAsync(legacy, null, 1000, 0, cancellationToken).ConfigureAwait(false))
            .Where(comment => !unread.Contains(comment.DonationId)).ToList();
        Compare("newest comments, new side against legacy's SQL", [.. shown.Take(expected.Count)], expected, comment => comment.DonationId);
        var (exportLegacy, exportNew) = await LegacyReaders.ExportIdsAsync(legacy, fresh, cancellationToken).ConfigureAwait(false);
        Compare("export list, new side against legacy's SQL", exportNew, [.. exportLegacy.Where(id => !unread.Contains(id))], id => id);
    }

    // What legacy shows of rows in quarantine is left out before: the new side does not have them.
    private void Compare<T>(string what, IReadOnlyList<T> found, IReadOnlyList<T> expected, Func<T, long> idOf)
    {
        var same = found.Zip(expected).Count(pair => Equals(pair.First, pair.Second));
        _summary.Check(what, found.Count == expected.Count ? same : found.Count, expected.Count);
        foreach (var id in found.Except(expected).Select(idOf).Union(expected.Except(found).Select(idOf)).Order().Take(5))
        {
            Detail($"{what}: they differ in donation {id}");
        }
    }

    private async Task<LegacyAnswers> AskLegacyAsync(long from, long to, CancellationToken cancellationToken)
    {
        await using var connection = await servers.Legacy.OpenAsync(cancellationToken).ConfigureAwait(false);
        return await LegacyReaders.AskAsync(connection, from, to, cancellationToken).ConfigureAwait(false);
    }

    private void Step(string text) => Output.Step(string.Create(
        CultureInfo.InvariantCulture, $"{++_step,2}. [{run.Time.GetElapsedTime(_began).TotalSeconds,5:0.0} s] {text}"));

    private void Detail(string text) => Output.Step($"                {text}");

    /// <summary>Reports at once and in order, unlike <see cref="Progress{T}"/>.</summary>
    private sealed class Direct<T>(Action<T> act) : IProgress<T>
    {
        public void Report(T value) => act(value);
    }
}
