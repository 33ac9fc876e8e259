using Strangler.Merging;
using Strangler.Reconciliation;
using Strangler.Timeline;

namespace Strangler.Service;

/// <summary>What programs are told, whether they asked on the command line or over HTTP. Names are stable; new ones may be added.</summary>
public static class Shapes
{
    public static object Timeline(string context, EntityTimeline timeline) => new
    {
        context,
        kind = timeline.Key.Kind,
        id = timeline.Key.Id,
        new_id = timeline.NewId,
        legacy = timeline.Legacy,
        @new = timeline.New,
        known = timeline.IsKnown,
        traces = timeline.Traces.Select(trace => new
        {
            at_utc = trace.AtUtc,
            side = trace.Side?.ToString().ToLowerInvariant(),
            kind = trace.Kind,
            version = trace.Version?.ToString(),
            by = trace.By,
            what = trace.What,
        }),
    };

    /// <summary>Never values.</summary>
    public static object Conflict(Conflict conflict) => new
    {
        conflict.Key, fields = conflict.Fields.Select(field => field.Field), conflict.SinceUtc, conflict.Writer, conflict.Reason, conflict.Version, conflict.ForeignSeq,
    };

    public static object Diff(ReportDiff diff) => new
    {
        context = diff.After.Context,
        kind = diff.After.Kind,
        before = diff.Before.RunId,
        after = diff.After.RunId,
        partial = diff.Partial,
        verdicts = diff.Verdicts,
        fields = diff.Fields,
    };
}
