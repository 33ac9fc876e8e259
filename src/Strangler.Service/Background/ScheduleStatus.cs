using System.Globalization;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.Service.Background;

/// <summary>A scheduled reconciliation on one line.</summary>
/// <param name="Name">Cron expression, time zone, scope.</param>
/// <param name="Next">When it is due, and who is there to run it.</param>
/// <param name="Last">When it was taken last, and what came of it.</param>
public sealed record ScheduleStatus(string Name, string Next, string Last)
{
    // A service says every few seconds that it is there, if it is not held up.
    private static readonly TimeSpan Silence = ScheduledReconciliation.Beat * 12;

    public override string ToString() => $"{Name}: next {Next}; last {Last}";

    internal static async Task<IReadOnlyList<ScheduleStatus>> ReadAsync(ContextHost host, Stage stage, CancellationToken cancellationToken)
    {
        if (!Stages.IsDual(stage) || host.Sides.Schedules is not { } shared)
        {
            return [.. host.Schedules.Select(schedule => new ScheduleStatus(schedule.Name, $"not in {stage}", "not asked"))];
        }

        var states = (await shared.ListAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(state => state.Name, StringComparer.Ordinal);
        var now = await host.Sides.Reconciliations.UtcNowAsync(cancellationToken).ConfigureAwait(false);
        return
        [
            .. host.Schedules.Select(schedule => Of(schedule.Name, schedule.Next(now), states.GetValueOrDefault(schedule.Name), now)),
            .. states.Values.Where(state => host.Schedules.All(schedule => schedule.Name != state.Name) && now - state.SeenUtc < Silence)
                .Select(state => Of(state.Name, state.NextUtc, state, now)),
        ];
    }

    private static ScheduleStatus Of(string name, DateTime? next, ScheduleState? state, DateTime now)
    {
        var planned = next is { } at ? Time(at) : "never";
        var service = state is not null && now - state.SeenUtc < Silence ? $"by {state.SeenBy}"
            : state is null ? "NO SERVICE PLANS IT: strangler serve"
            : $"NO SERVICE PLANS IT since {Time(state.SeenUtc)}: strangler serve";
        return new ScheduleStatus(name, $"{planned}, {service}", WhatCameOf(state));
    }

    private static string WhatCameOf(ScheduleState? state) => state switch
    {
        null or { DueUtc: null } => "never",
        { IsOpen: true, DueUtc: { } due } => $"{Time(due)}, under way ({state.TakenBy})",
        { DueUtc: { } due, RunId: 0 } => $"{Time(due)}, {state.Outcome} ({state.TakenBy})",
        { DueUtc: { } due } => string.Create(CultureInfo.InvariantCulture, $"{Time(due)}, {state.Outcome}, run {state.RunId} ({state.TakenBy})"),
    };

    private static string Time(DateTime utc) => utc.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";
}
