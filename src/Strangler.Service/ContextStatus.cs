using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Service.Background;

namespace Strangler.Service;

/// <summary>One context on one line: derived from the fences and the side tables, never from caches.</summary>
public sealed record ContextStatus(
    string Context,
    Stage Stage,
    SideName Lead,
    long Epoch,
    bool Switching,
    long JournalOpen,
    double LagSeconds,
    long Parked,
    string Backfill,
    long Quarantined,
    long QuarantineOpen,
    string LastReconciliation,
    long IdsLeft,
    string LegacySchema)
{
    /// <summary>Scheduled reconciliations, those that are planned and those that no service plans any more.</summary>
    public IReadOnlyList<ScheduleStatus> Schedules { get; init; } = [];

    public static async Task<ContextStatus> ReadAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        var depth = await host.Sides.Of(view.Lead).Journal.DepthAsync(cancellationToken).ConfigureAwait(false);
        var other = await NewSideAsync(host, view, cancellationToken).ConfigureAwait(false);
        return new ContextStatus(
            host.Name,
            view.Stage,
            view.Lead,
            view.Epoch,
            view.Switching,
            depth.Open,
            depth.Lag.TotalSeconds,
            depth.Parked,
            other.Backfill,
            other.Quarantined,
            other.QuarantineOpen,
            other.LastReconciliation,
            other.IdsLeft,
            await SchemaAsync(host, cancellationToken).ConfigureAwait(false))
        {
            Schedules = await ScheduleStatus.ReadAsync(host, view.Stage, cancellationToken).ConfigureAwait(false),
        };
    }

    private sealed record NewSideFacts(string Backfill, long Quarantined, long QuarantineOpen, string LastReconciliation, long IdsLeft);

    // In LegacyOnly it has no part in anything: that it is not migrated yet is no fault of the context's. A wrong address or password is.
    private static async Task<NewSideFacts> NewSideAsync(ContextHost host, StageView view, CancellationToken cancellationToken)
    {
        try
        {
            return await NewSideAsync(host, view.Of(view.Lead)?.DualEpoch ?? 0, cancellationToken).ConfigureAwait(false);
        }
        catch (NotMigratedException exception) when (view.Stage == Stage.LegacyOnly && exception.Side == SideName.New)
        {
            return new NewSideFacts("not begun, the new side is not migrated yet", 0, 0, "never", 0);
        }
    }

    private static async Task<NewSideFacts> NewSideAsync(ContextHost host, long dualEpoch, CancellationToken cancellationToken)
    {
        var backfill = new List<string>();
        long quarantined = 0, open = 0, left = 0;
        foreach (var kind in host.Runtime.Kinds.Keys)
        {
            var checkpoint = await host.Sides.BackfillTarget.ReadCheckpointAsync(kind, cancellationToken).ConfigureAwait(false);
            backfill.Add(Describe(checkpoint, dualEpoch));
            var counts = await host.Sides.Quarantine.CountAsync(kind, cancellationToken).ConfigureAwait(false);
            (quarantined, open) = (quarantined + counts.All, open + counts.Open);
            left += await host.Sides.PublicIds.LeftAsync(kind, cancellationToken).ConfigureAwait(false);
        }

        var runs = await host.Sides.Reconciliations.ListAsync(50, cancellationToken).ConfigureAwait(false);
        var last = runs.FirstOrDefault(run => run is { Full: true, EndedUtc: not null });
        return new NewSideFacts(
            string.Join(", ", backfill), quarantined, open, last is null ? "never" : $"{last.Outcome}, {last.EndedUtc:yyyy-MM-dd HH:mm} UTC", left);
    }

    // Looked at now. Of a legacy side that is down nothing is known, and all else on the line still is.
    private static async Task<string> SchemaAsync(ContextHost host, CancellationToken cancellationToken)
    {
        try
        {
            var stops = (await host.Runtime.Schema.LookAsync(cancellationToken).ConfigureAwait(false)).Where(difference => difference.Stops).ToList();
            return stops.Count == 0 ? "as mapped" : $"DIFFERS, relay rests: {string.Join("; ", stops)}";
        }
        catch (SideUnavailableException)
        {
            return "unknown";
        }
    }

    private static string Describe(BackfillCheckpoint? checkpoint, long dualEpoch) => checkpoint switch
    {
        null => "not begun",
        _ when checkpoint.DualEpoch != dualEpoch => "must begin anew",
        { Phase: BackfillPhase.Done } => "complete",
        _ => $"pass {checkpoint.Pass}, at id {checkpoint.NextId}",
    };
}
