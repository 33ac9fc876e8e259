using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Service;

/// <summary>A context's journal as its operator sees it: what the follower still lacks, who is at it, and what is lost.</summary>
/// <param name="Lead">Whose journal it is.</param>
/// <param name="Depth">Counts and lag.</param>
/// <param name="Overview">The same by kind and relay.</param>
/// <param name="Parked">Parked keys, longest parked first.</param>
/// <param name="Lost">Keys whose follower is behind and no journal row says so.</param>
/// <param name="Walks">By kind, the last search for such keys that has seen all; null: none has.</param>
/// <param name="Checked">Keys that were compared just now; null: what the background search found is shown.</param>
/// <param name="Foreign">Other programs' writes that wait to be merged.</param>
/// <param name="Conflicts">Keys in conflict.</param>
public sealed record JournalStatus(
    SideName Lead,
    JournalDepth Depth,
    JournalOverview Overview,
    IReadOnlyList<ParkedKey> Parked,
    IReadOnlyList<EntityKey> Lost,
    IReadOnlyList<(string Kind, CompletedWalk? Walk)> Walks,
    long? Checked,
    long Foreign,
    long Conflicts)
{
    /// <param name="host">The context.</param>
    /// <param name="limit">How many parked keys.</param>
    /// <param name="check">Whether all keys are searched for lost obligations now.</param>
    /// <param name="token">Ends it.</param>
    public static async Task<JournalStatus> ReadAsync(ContextHost host, int limit, bool check, CancellationToken token)
    {
        var view = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
        var journal = host.Sides.Of(view.Lead).Journal;
        var search = new ObligationCheck(host.Runtime);
        var report = check ? await search.CheckAllAsync(token).ConfigureAwait(false) : null;

        // In LegacyOnly the new side is not asked for anything.
        var lost = report?.Lost ?? (Stages.IsDual(view.Stage) ? await search.ReviewAsync(token).ConfigureAwait(false) : []);
        List<(string Kind, CompletedWalk? Walk)> walks = [];
        foreach (var kind in Stages.IsDual(view.Stage) ? host.Runtime.Kinds.Keys.Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            walks.Add((kind, await host.Sides.Obligations.LastWalkAsync(kind, token).ConfigureAwait(false)));
        }

        return new JournalStatus(
            view.Lead,
            await journal.DepthAsync(token).ConfigureAwait(false),
            await journal.OverviewAsync(token).ConfigureAwait(false),
            await journal.ParkedAsync(limit, token).ConfigureAwait(false),
            lost,
            walks,
            report?.Checked,
            view.Lead == SideName.New ? await ForeignAsync(host, token).ConfigureAwait(false) : 0,
            Stages.IsDual(view.Stage) ? await host.Sides.Merges.CountAsync(token).ConfigureAwait(false) : 0);
    }

    // Legacy may be down while the new side leads.
    private static async Task<long> ForeignAsync(ContextHost host, CancellationToken token)
    {
        try
        {
            return host.Sides.Capture is { } capture ? (await capture.WaitingAsync(token).ConfigureAwait(false)).Rows : 0;
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return 0;
        }
    }

    /// <summary>For programs; names are stable.</summary>
    public object ToJson(string context) => new
    {
        context,
        Lead,
        Depth.Open,
        Depth.Parked,
        Depth.Quarantined,
        counted_up_to = JournalDepth.CountLimit,
        lag_seconds = Depth.Lag.TotalSeconds,
        lost = Lost.Count,
        kinds = Overview.Kinds,
        claims = Overview.Claims,
        keys = Parked,
        lost_keys = Lost,
        searched = Walks.Select(walk => new { walk.Kind, completed_utc = walk.Walk?.CompletedUtc, keys = walk.Walk?.Checked }),
        checked_now = Checked,
        foreign_waiting = Foreign,
        conflicts = Conflicts,
    };
}
