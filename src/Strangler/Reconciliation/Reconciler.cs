using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Telemetry;

namespace Strangler.Reconciliation;

/// <summary>
/// Compares the two sides of a context (PROTOCOL §8). A quiet system and one under full write load give the same report: a difference is
/// only a suspect until two
/// observations, between which nothing moved, agree on it.
/// </summary>
public sealed class Reconciler
{
    private readonly ContextRuntime _runtime;
    private readonly ReconciliationOptions _options;
    private readonly ILogger _log;

    /// <param name="runtime">The context.</param>
    /// <param name="options">Validated here; not to be changed afterwards.</param>
    public Reconciler(ContextRuntime runtime, ReconciliationOptions options)
    {
        options.Validate();
        _runtime = runtime;
        _options = options;
        _log = runtime.Loggers.CreateLogger<Reconciler>();
    }

    /// <summary>
    /// Runs to the end and stores the report in the history; a run that was cancelled or died stays there as not ended, and
    /// <see cref="ResumeAsync(string, IProgress{ReconciliationProgress}?, CancellationToken)"/> goes on with it. Throws <see
    /// cref="AlreadyRunningException"/> while another run has the context,
    /// <see cref="ReplicaException"/> where a side is a replica,
    /// <see cref="WrongStageException"/> in LegacyOnly and NewOnly, and when a flip leads there in the middle.
    /// </summary>
    public async Task<ReconciliationReport> RunAsync(
        ReconciliationScope scope, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        await RequireDualAsync(scope.Kind, cancellationToken);
        await ReplicaException.RequirePrimariesAsync(_runtime, cancellationToken);
        await _runtime.Schema.RequireAsync(cancellationToken);
        await using var keeper = await RunKeeper.ClaimAsync(_runtime, _options, scope.ToString(), cancellationToken);
        return await KeptAsync(keeper, token => RunAsync(keeper, scope, progress, token), cancellationToken);
    }

    /// <summary>The newest run of a kind that was interrupted and could be resumed; null when there is none.</summary>
    public async Task<RunCheckpoint?> InterruptedAsync(string kind, CancellationToken cancellationToken)
    {
        await RequireDualAsync(kind, cancellationToken);
        return await _runtime.Sides.ReconciliationLease.LatestAsync(kind, cancellationToken);
    }

    /// <summary>
    /// Goes on with the newest interrupted run of a kind: nothing that it had counted is compared again, nothing is left out, and what was
    /// suspect is looked at anew. So every entity was compared at some moment since that run began, as in one that was never interrupted;
    /// whether that opens a gate is decided, as ever, by its begin: a backfill, repair or forced step after it makes it worthless, and so
    /// does its age. Throws <see cref="CannotResumeException"/> when there is none, or when lead, dual epoch or mapping are other ones than
    /// then.
    /// </summary>
    public async Task<ReconciliationReport> ResumeAsync(
        string kind, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        await RequireDualAsync(kind, cancellationToken);
        await ReplicaException.RequirePrimariesAsync(_runtime, cancellationToken);
        await using var keeper = await RunKeeper.ClaimAsync(_runtime, _options, $"{kind}: an interrupted run, resumed", cancellationToken);
        return await KeptAsync(keeper, token => ResumeAsync(keeper, kind, progress, token), cancellationToken);
    }

    // Before anything on the new side is asked for: in LegacyOnly it may not even be there.
    private Task RequireDualAsync(string kind, CancellationToken cancellationToken) =>
        new PairReader(_runtime, _runtime.Kind(kind)).RequireDualAsync("Reconciliation", cancellationToken);

    // A claim that is lost ends the run, and is the reason that is told.
    private async Task<ReconciliationReport> KeptAsync(
        RunKeeper keeper, Func<CancellationToken, Task<ReconciliationReport>> run, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, keeper.Lost);
        try
        {
            return await run(either.Token);
        }
        catch (OperationCanceledException) when (keeper.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new LeaseLostException(_runtime.Context, keeper.Run.RunId);
        }
    }

    private async Task<ReconciliationReport> RunAsync(
        RunKeeper keeper, ReconciliationScope scope, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        var reader = new PairReader(_runtime, _runtime.Kind(scope.Kind));
        var start = await reader.RequireDualAsync("Reconciliation", cancellationToken);
        var began = await _runtime.Sides.Reconciliations.UtcNowAsync(cancellationToken);
        var run = await _runtime.Sides.Reconciliations.BeginAsync(scope.IsFull, scope.ToString(), cancellationToken);
        _log.RunBegan(_runtime.Context, run, scope.ToString());
        keeper.Run = new RunCheckpoint(Keeps(scope) ? run : 0, scope.Kind, began, began, "");
        var before = await CountTablesAsync(scope, cancellationToken);
        return await CompareAsync(new Started(keeper, run, scope, began, start, before, null), reader, progress, cancellationToken);
    }

    private async Task<ReconciliationReport> ResumeAsync(
        RunKeeper keeper, string kind, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        var reader = new PairReader(_runtime, _runtime.Kind(kind));
        var start = await reader.RequireDualAsync("Reconciliation", cancellationToken);
        var checkpoint = await _runtime.Sides.ReconciliationLease.LatestAsync(kind, cancellationToken)
            ?? throw new CannotResumeException(
                $"No run of {_runtime.Context}, {kind}, was interrupted after its first checkpoint; begin one without --resume.");
        var state = RunState.Parse(checkpoint);
        Check(checkpoint, state, start);
        var entities = state.Tally.Counts.Sum();
        _log.RunResumed(_runtime.Context, checkpoint.RunId, entities);
        keeper.Run = checkpoint;
        var now = await _runtime.Sides.Reconciliations.UtcNowAsync(cancellationToken);
        var scope = new ReconciliationScope
        {
            Kind = kind,
            From = state.From,
            To = state.To,
            Incremental = state.Incremental,
            Keys = state.Keys is null ? null : [],
            Chosen = state.Keys,
            Notes =
            [
                .. state.Notes,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Interrupted after {checkpoint.SavedUtc:yyyy-MM-dd HH:mm:ss} UTC ({entities:N0} entities), resumed {now:yyyy-MM-dd HH:mm:ss} UTC."),
            ],
        };
        var before = state.TablesBefore is [var legacy, var @new] ? (legacy, @new) : ((long, long)?)null;
        return await CompareAsync(new Started(keeper, checkpoint.RunId, scope, checkpoint.BeganUtc, start, before, state), reader,
            progress, cancellationToken);
    }

    // What has been compared holds on only while every write since was made by the same lead under the same versions.
    private void Check(RunCheckpoint checkpoint, RunState state, (SideName Lead, FenceRow Fence) now)
    {
        var why = state.Meaning != Meaning(checkpoint.Kind) ? "the mapping or this program is another one than then"
            : state.DualEpoch != now.Fence.DualEpoch ? "DualWrite was left and entered again since"
            : state.Lead != now.Lead ? "the other side leads since"
            : null;
        if (why is not null)
        {
            throw new CannotResumeException(
                $"Run {checkpoint.RunId} of {_runtime.Context} cannot be resumed: {why}. Begin a new run, without --resume.");
        }
    }

    // A long list of keys would make every checkpoint as long; such a run is begun anew.
    private static bool Keeps(ReconciliationScope scope) => scope.Keys is null or { Count: <= 200_000 };

    private string Meaning(string kind)
    {
        var entities = _runtime.Kind(kind);
        var text = string.Join('\n',
        [
            _runtime.Build,
            .. Enum.GetNames<Verdict>(),
            .. entities.Legacy.Lens.Schema.Fields.Select(field => $"{field.Name} {field.Type}"),
            .. DeclaredOf(_options, entities).Select(declared => declared.ToString()),
            .. _options.Sums.Where(sum => sum.Kind == kind).Select(sum => $"{sum.Name} {sum.Amount} {string.Join(',', sum.By)}"),
        ]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private async Task<ReconciliationReport> CompareAsync(
        Started started, PairReader reader, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        var (keeper, run, scope, began, start, before, state) = started;
        var (kind, history) = (_runtime.Kind(scope.Kind), _runtime.Sides.Reconciliations);
        var classifier = await CreateClassifierAsync(_runtime, kind, _options, start.Fence, began, cancellationToken);
        var pass = new ReconciliationPass(_runtime, _options, scope, reader, classifier, start, keeper, progress)
        {
            Describe = pass => Describe(started, pass),
            RunId = run,
        };
        ReconciliationReport report;
        try
        {
            var (at, processor) = (_runtime.Time.GetTimestamp(), Environment.CpuUsage.TotalTime);
            await pass.RunAsync(state, cancellationToken);
            var speed = new RunSpeed(
                pass.Done, _runtime.Time.GetElapsedTime(at).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds,
                Environment.ProcessorCount);
            var tables = Counted(before, await CountTablesAsync(scope, cancellationToken));
            var ended = await history.UtcNowAsync(cancellationToken);
            report = Report(scope, run, began, ended, pass, kind, tables, speed,
                [.. await OtherWritersAsync(scope, cancellationToken), .. await DisturbanceAsync(scope, began, cancellationToken)]);
            await keeper.RequireAsync(cancellationToken);
            await history.EndAsync(run, OutcomeRules.Name(report.Outcome), report.ToJson(), cancellationToken);
        }
        catch
        {
            await keeper.SaveLastAsync(pass.Snapshot);
            throw;
        }

        await _runtime.Sides.ReconciliationLease.ForgetAsync(scope.Kind, run, older: scope.IsFull, cancellationToken);
        Alarm(report);
        return report;
    }

    private RunState Describe(Started started, ReconciliationPass pass) => new()
    {
        Meaning = Meaning(started.Scope.Kind),
        From = started.Scope.From,
        To = started.Scope.To,
        Incremental = started.Scope.Incremental,
        Keys = started.Scope.Keys is null ? null : started.Scope.Which,
        Lead = pass.Lead,
        DualEpoch = pass.Fence.DualEpoch,
        TablesBefore = started.Before is { } rows ? [rows.Legacy, rows.New] : null,
        ToDo = pass.ToDo(),
        Tally = pass.Tally.ToState(),
        Rechecks = pass.Rechecks,
        HotKeys = pass.HotKeys,
        DeferredChunks = pass.DeferredChunks,
        Notes = started.Scope.Notes,
    };

    // Who else writes explains what a reconciliation finds; not to be told is no reason for it to fail.
    private async Task<IReadOnlyList<string>> OtherWritersAsync(ReconciliationScope scope, CancellationToken cancellationToken)
    {
        if (!scope.IsFull || _runtime.Sides.Census is not { } census)
        {
            return [];
        }

        try
        {
            var (now, period) = ((await census.WatchAsync(cancellationToken)).NowUtc, TimeSpan.FromDays(7));
            var writers = CensusRules.Group(await census.ReadAsync(now - period, cancellationToken), _runtime.DeclaredWriters, now);
            return [.. writers.Take(20).Select(writer =>
                $"Also writes legacy (last 7 days): {CensusRules.Describe(writer)}; owner: {writer.Owner?.Owner ?? "none"}")];
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return ["Who else writes legacy is not known: legacy does not answer."];
        }
    }

    private async Task<string[]> DisturbanceAsync(ReconciliationScope scope, DateTime began, CancellationToken cancellationToken) =>
        scope.IsFull && await _runtime.Sides.Reconciliations.LastDisturbanceUtcAsync(cancellationToken) is { } at && at >= began
            ? [string.Create(
                CultureInfo.InvariantCulture,
                $"A backfill, repair or forced step came at {at:yyyy-MM-dd HH:mm:ss} UTC, after this run began: it opens no gate, run another.")]
            : [];

    private void Alarm(ReconciliationReport report)
    {
        var counts = report.Counts;
        _log.RunEnded(report.Context, report.RunId, OutcomeRules.Name(report.Outcome), report.Entities, counts[Verdict.Matched]);
        if (counts[Verdict.LostObligation] > 0)
        {
            _log.ObligationsLost(report.Context, counts[Verdict.LostObligation], report.RunId);
        }

        EngineMeter.UncapturedAre(report.Context, counts[Verdict.Uncaptured]);
        if (counts[Verdict.Uncaptured] > 0)
        {
            _log.Uncaptured(report.Context, counts[Verdict.Uncaptured], report.RunId);
        }
    }

    internal static async Task<Classifier> CreateClassifierAsync(
        ContextRuntime runtime,
        EntityKind kind,
        ReconciliationOptions options,
        FenceRow fence,
        DateTime nowUtc,
        CancellationToken cancellationToken)
    {
        var checkpoint = await runtime.Sides.BackfillTarget.ReadCheckpointAsync(kind.Name, cancellationToken);
        var schema = kind.Legacy.Lens.Schema;
        var today = DateOnly.FromDateTime(nowUtc);
        return new Classifier(
            kind.Legacy.Lens,
            runtime.Hasher,
            [.. DeclaredOf(options, kind).Where(declared => declared.CoversOn(today)).Select(declared => schema.OrdinalOf(declared.Field))],
            runtime.Options.LagLimit,
            checkpoint?.IsComplete(fence.DualEpoch) ?? false);
    }

    private static IEnumerable<DeclaredDifference> DeclaredOf(ReconciliationOptions options, EntityKind kind) =>
        options.Declared.Where(declared => declared.Kind is null || declared.Kind == kind.Name);

    // Counted by the database itself, apart from the walk: what a walk leaves out, its own counts cannot tell.
    private async Task<(long Legacy, long New)?> CountTablesAsync(ReconciliationScope scope, CancellationToken cancellationToken)
    {
        if (!scope.IsFull)
        {
            return null;
        }

        var legacy = _runtime.Sides.Legacy.Store.CountAsync(scope.Kind, cancellationToken);
        var @new = _runtime.Sides.New.Store.CountAsync(scope.Kind, cancellationToken);
        await Task.WhenAll(legacy, @new);
        return (await legacy, await @new);
    }

    private static TableCounts? Counted((long Legacy, long New)? before, (long Legacy, long New)? after) =>
        before is { } first && after is { } last ? new TableCounts(first.Legacy, last.Legacy, first.New, last.New) : null;

    private ReconciliationReport Report(
        ReconciliationScope scope, long run, DateTime began, DateTime ended, ReconciliationPass pass, EntityKind kind,
        TableCounts? tables, RunSpeed speed, string[] remarks)
    {
        var (tally, schema) = (pass.Total(), kind.Legacy.Lens.Schema);
        var today = DateOnly.FromDateTime(began);
        return new ReconciliationReport
        {
            RunId = run,
            Context = _runtime.Context,
            Kind = scope.Kind,
            Scope = scope.ToString(),
            Full = scope.IsFull,
            BeganUtc = began,
            EndedUtc = ended,
            Stage = pass.Fence.Stage,
            Lead = pass.Lead,
            LegacyCounts = tally.LegacyCounts,
            NewCounts = tally.NewCounts,
            Tables = tables,
            Speed = speed,
            Deleted = tally.Deleted,
            Counts = tally.Counts,
            FieldCounts = schema.Fields.Where(field => tally.FieldCount(field.Ordinal) > 0)
                .ToDictionary(field => field.Name, field => tally.FieldCount(field.Ordinal)),
            Declared = [.. DeclaredOf(_options, kind).Select(declared => Hits(declared, tally, schema.OrdinalOf(declared.Field), today))],
            SignedOff = tally.SignedOff,
            RicherInNew = tally.Richer,
            Rechecks = pass.Rechecks,
            HotKeys = pass.HotKeys,
            DeferredChunks = pass.DeferredChunks,
            Samples = tally.Samples,
            Differing = [.. tally.Differing],
            Sums = tally.Sums,
            Truncated = tally.Truncated,
            NotRead = tally.Trusted,
            Notes = [.. Notes(scope, tally, remarks), .. NotBackfilled(pass, tally), .. pass.Throttled()],
        };
    }

    private static IReadOnlyList<string> Notes(ReconciliationScope scope, Tally tally, string[] remarks)
    {
        List<string> notes = [.. scope.Notes];
        if (scope.Incremental)
        {
            notes.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"Incremental: the rows of {tally.Trusted:N0} keys were not read, since both sides' stored versions and hashes agree. A change that raised no "
                + $"version (past the wrapper and past capture) is not seen there, nor are rows that no public id leads to."));
        }

        if (tally.Unknown > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{tally.Unknown:N0} of the ids asked for are known to neither side."));
        }

        return [.. notes, .. remarks];
    }

    private IEnumerable<string> NotBackfilled(ReconciliationPass pass, Tally tally) =>
        pass.IsBackfilled || tally.Counts.GetValueOrDefault(Verdict.MissingInNew) == 0 ? [] :
        [
            $"The backfill of this dual-write period is not complete: MissingInNew is what it has yet to bring over. Run: strangler backfill {_runtime.Context}",
        ];

    private static DeclaredHits Hits(DeclaredDifference declared, Tally tally, int ordinal, DateOnly today)
    {
        var expired = !declared.CoversOn(today);
        return new DeclaredHits(declared, expired ? tally.FieldCount(ordinal) : tally.DeclaredHitsOf(ordinal), expired);
    }

    /// <summary>A run as it begins in this process.</summary>
    private sealed record Started(
        RunKeeper Keeper, long Run, ReconciliationScope Scope, DateTime Began, (SideName Lead, FenceRow Fence) Start,
            (long Legacy, long New)? Before, RunState? State);
}
