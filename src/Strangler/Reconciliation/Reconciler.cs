using Microsoft.Extensions.Logging;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

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
    /// Runs to the end and stores the report in the history; a run that was cancelled or died stays there as not ended. Throws
    /// <see cref="WrongStageException"/> in LegacyOnly and NewOnly, and when a flip leads there in the middle.
    /// </summary>
    public async Task<ReconciliationReport> RunAsync(
        ReconciliationScope scope, IProgress<ReconciliationProgress>? progress, CancellationToken cancellationToken)
    {
        var kind = _runtime.Kind(scope.Kind);
        var reader = new PairReader(_runtime, kind);
        var start = await reader.RequireDualAsync("Reconciliation", cancellationToken);
        var history = _runtime.Sides.Reconciliations;
        var began = await history.UtcNowAsync(cancellationToken);
        var classifier = await CreateClassifierAsync(_runtime, kind, _options, start.Fence, began, cancellationToken);
        var run = await history.BeginAsync(scope.IsFull, scope.ToString(), cancellationToken);
        _log.RunBegan(_runtime.Context, run, scope.ToString());
        var pass = new ReconciliationPass(_runtime, _options, scope, reader, classifier, start, progress);
        var before = await CountTablesAsync(scope, cancellationToken);
        await pass.RunAsync(cancellationToken);
        var tables = Counted(before, await CountTablesAsync(scope, cancellationToken));
        var ended = await history.UtcNowAsync(cancellationToken);
        var report = Report(scope, run, began, ended, pass, kind, tables);
        await history.EndAsync(run, OutcomeRules.Name(report.Outcome), report.ToJson(), cancellationToken);
        Alarm(report);
        return report;
    }

    private void Alarm(ReconciliationReport report)
    {
        var counts = report.Counts;
        _log.RunEnded(report.Context, report.RunId, OutcomeRules.Name(report.Outcome), report.Entities, counts[Verdict.Matched]);
        if (counts[Verdict.LostObligation] > 0)
        {
            _log.ObligationsLost(report.Context, counts[Verdict.LostObligation], report.RunId);
        }

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
            runtime.Hasher.Hash,
            [.. DeclaredOf(options, kind).Where(declared => declared.CoversOn(today)).Select(declared => schema.OrdinalOf(declared.Field))],
            runtime.Options.LagLimit,
            checkpoint is { Phase: BackfillPhase.Done } done && done.DualEpoch == fence.DualEpoch);
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
        TableCounts? tables)
    {
        var (tally, schema) = (pass.Tally, kind.Legacy.Lens.Schema);
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
        };
    }

    private static DeclaredHits Hits(DeclaredDifference declared, Tally tally, int ordinal, DateOnly today)
    {
        var expired = !declared.CoversOn(today);
        return new DeclaredHits(declared, expired ? tally.FieldCount(ordinal) : tally.DeclaredHitsOf(ordinal), expired);
    }
}
