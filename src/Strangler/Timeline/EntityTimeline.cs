using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.Timeline;

/// <summary>
/// All that is known of one entity: where it stands on each side, and what happened, oldest first; what has no stored time comes first.
/// </summary>
/// <param name="Key">Which.</param>
/// <param name="NewId">The new side's id; null when it has none.</param>
/// <param name="Legacy">What legacy holds, in words.</param>
/// <param name="New">What the new side holds, in words; null while it is not asked (LegacyOnly).</param>
/// <param name="Traces">What happened.</param>
public sealed record EntityTimeline(EntityKey Key, long? NewId, string Legacy, string? New, IReadOnlyList<Trace> Traces)
{
    /// <summary>Whether any table knows the entity.</summary>
    public bool IsKnown => Traces.Count > 0 || NewId is not null || Legacy != Absent || New is not null and not Absent;

    internal const string Absent = "not there";
}

/// <summary>
/// Reads timelines. Nothing is written down for them alone, so that no write gets slower: of writes and applies the entity rows tell the
/// last one (version,
/// writer, time), request keys those of the last 7 days that carried one; checks are told by the reports that list the entity; repairs,
/// sign-offs and
/// revelations by the audit trail, for ever.
/// </summary>
/// <param name="runtime">The context.</param>
/// <param name="erasedBy">Of a kind: the boolean field that says that personal data was erased; null when the mapping declares
/// none.</param>
public sealed class TimelineReader(ContextRuntime runtime, Func<string, string?> erasedBy)
{
    /// <summary>Reports that are searched for the entity, newest first.</summary>
    private const int SearchedRuns = 200;

    public async Task<EntityTimeline> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var kind = runtime.Kind(key.Kind);
        List<Trace> traces = [];
        var legacy = await ReadSideAsync(kind, SideName.Legacy, key, traces, cancellationToken);
        if (legacy.Fence is { AnswersReads: true, Stage: Stage.LegacyOnly })
        {
            return new EntityTimeline(key, null, Describe(legacy), null, Ordered(traces));
        }

        var @new = await ReadSideAsync(kind, SideName.New, key, traces, cancellationToken);
        await ReadQuarantineAsync(key, traces, cancellationToken);
        var newId = await runtime.Sides.IdMap.FindNewIdAsync(key.Kind, key.Id, cancellationToken);
        await ReadReportsAsync(key, traces, cancellationToken);
        var timeline = new EntityTimeline(key, newId, Describe(legacy), Describe(@new), traces);
        return timeline.IsKnown && await ReadLastFullRunAsync(key, traces, cancellationToken) is { } last
            ? timeline with { Traces = Ordered([.. traces, last]) }
            : timeline with { Traces = Ordered(traces) };
    }

    private static List<Trace> Ordered(List<Trace> traces) =>
        [.. traces.OrderBy(trace => trace.AtUtc ?? DateTime.MinValue).ThenBy(trace => trace.Version ?? default).ThenBy(trace =>
            trace.Kind)];

    private async Task<SideState> ReadSideAsync(EntityKind kind, SideName side, EntityKey key, List<Trace> traces,
        CancellationToken cancellationToken)
    {
        var seams = runtime.Sides.Of(side);
        var state = await seams.Store.ReadAsync(key, cancellationToken);
        if (seams.Traces is { } stored)
        {
            traces.AddRange(await stored.ReadAsync(key, cancellationToken));
        }

        if (IsErased(kind.Of(side).Lens, state))
        {
            traces.Add(new Trace(null, side, TraceKind.Erased, null, "", "its personal data was erased: at the latest by the last write"));
        }

        return state;
    }

    private bool IsErased(IRecordLens lens, SideState state)
    {
        if (state.Row is null || erasedBy(lens.Schema.Kind) is not { } field)
        {
            return false;
        }

        try
        {
            return lens.Get(state.Row).Visible(field) is true;
        }
        catch (UnreadableException)
        {
            // Told by the quarantine.
            return false;
        }
    }

    private static string Describe(SideState state)
    {
        var version = state.Entity is { } entity ? $", version {entity.Version}" : "";
        var foreign = state.Entity is { ForeignSeq: > 0 and var seq } ? $", {seq} writes of other programs" : "";
        return state.Row is not null ? $"there{version}{foreign}"
            : state.Entity is { Tombstone: true } ? $"deleted{version}{foreign}"
            : EntityTimeline.Absent;
    }

    private async Task ReadQuarantineAsync(EntityKey key, List<Trace> traces, CancellationToken cancellationToken)
    {
        if (await runtime.Sides.Quarantine.FindAsync(key, cancellationToken) is { } entry)
        {
            var signedOff = entry.SignedOffBy is null ? "not signed off" : $"signed off by {entry.SignedOffBy}: {entry.SignOffReason}";
            traces.Add(new Trace(
                entry.SinceUtc, SideName.Legacy, TraceKind.Quarantine, null, "",
                    $"cannot be read: {entry.Place}: {entry.Reason}; {signedOff}"));
        }
    }

    private async Task ReadReportsAsync(EntityKey key, List<Trace> traces, CancellationToken cancellationToken)
    {
        foreach (var run in await runtime.Sides.Reconciliations.MentioningAsync(key.Id, SearchedRuns, cancellationToken))
        {
            if (ReconciliationReport.Parse(run.Report) is { } report && report.Kind == key.Kind && Finding(report, key.Id) is { } finding)
            {
                traces.Add(new Trace(
                    report.EndedUtc, null, TraceKind.Check, null, "",
                        $"{Named(run.Id, report.Scope, OutcomeRules.Name(report.Outcome))}: {finding}"));
            }
        }
    }

    // Null when it lists the entity: then that is told already.
    private async Task<Trace?> ReadLastFullRunAsync(EntityKey key, List<Trace> traces, CancellationToken cancellationToken)
    {
        var runs = await runtime.Sides.Reconciliations.SummariesAsync(SearchedRuns, cancellationToken);
        var last = runs.FirstOrDefault(run =>
            run is { Full: true, EndedUtc: not null } && run.Scope.StartsWith($"{key.Kind}:", StringComparison.Ordinal));
        return last is null || traces.Any(trace =>
            trace.What.StartsWith(Named(last.Id, last.Scope, last.Outcome), StringComparison.Ordinal))
            ? null
            : new Trace(last.EndedUtc, null, TraceKind.Check, null, "",
                $"{Named(last.Id, last.Scope, last.Outcome)}: not among what it lists");
    }

    private static string Named(long run, string scope, string outcome) => $"reconciliation {run} ({scope}, {outcome})";

    private static string? Finding(ReconciliationReport report, long id)
    {
        if (report.Samples.FirstOrDefault(sample => sample.Id == id) is { } sample)
        {
            return Words(sample.Verdict, sample.Fields.Select(field => field.Field)) + (sample.Note.Length > 0 ? $"; {sample.Note}" : "");
        }

        return report.Differing.FirstOrDefault(entity => entity.Id == id) is { } entity ? Words(entity.Verdict, entity.Fields) : null;
    }

    private static string Words(Verdict verdict, IEnumerable<string> fields) =>
        string.Join(", ", fields) is { Length: > 0 } names ? $"{verdict} in {names}" : verdict.ToString();
}
