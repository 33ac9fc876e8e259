using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Tests.Doubles;

/// <summary>The new side's tables of the search for lost obligations.</summary>
internal sealed class InMemoryObligations
{
    public Dictionary<string, (ObligationWalk Walk, string Owner, DateTime DueUtc, CompletedWalk? Last)> Walks { get; } = [];

    public SortedSet<(string Kind, long Id)> Lost { get; } = [];
}

internal sealed class InMemoryObligationLog(InMemoryConnection connection) : IObligationLog
{
    private InMemoryObligations Tables => connection.Database.Obligations;

    private DateTime Now => connection.Database.UtcNow;

    public Task<ObligationTurn> TakeTurnAsync(string kind, string owner, TimeSpan lease, CancellationToken cancellationToken) =>
        connection.StepAsync("turn", () =>
        {
            var (walk, _, due, last) = Tables.Walks.GetValueOrDefault(kind, (new ObligationWalk(0, 0, 0), "", Now, null));
            if (due > Now)
            {
                return new ObligationTurn(null, due - Now);
            }

            Tables.Walks[kind] = (walk, owner, Now + lease, last);
            return new ObligationTurn(walk, TimeSpan.Zero);
        }, cancellationToken);

    public Task EndTurnAsync(
        string kind, string owner, ObligationWalk walk, bool completed, TimeSpan pause, CancellationToken cancellationToken) =>
        connection.StepAsync("turn-end", () =>
        {
            if (Tables.Walks.TryGetValue(kind, out var turn) && turn.Owner == owner)
            {
                Tables.Walks[kind] = completed
                    ? (new ObligationWalk(walk.Epoch, 0, 0), "", Now + pause, new CompletedWalk(Now, walk.Checked))
                    : (walk, "", Now + pause, turn.Last);
            }
        }, cancellationToken);

    public Task<CompletedWalk?> LastWalkAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync("last-walk", () => Tables.Walks.GetValueOrDefault(kind).Last, cancellationToken);

    public Task<bool> AddAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("lost-add", () => Tables.Lost.Add((key.Kind, key.Id)), cancellationToken);

    public Task RemoveAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "lost-remove", () => Tables.Lost.RemoveWhere(lost => lost.Kind == kind && ids.Contains(lost.Id)), cancellationToken);

    public Task<IReadOnlyList<long>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<long>>(
            "lost", () => [.. Tables.Lost.Where(lost => lost.Kind == kind).Select(lost => lost.Id).Take(limit)], cancellationToken);
}

internal static class InMemoryOverview
{
    public static JournalOverview Of(IReadOnlyList<JournalRow> rows, DateTime now) => new(
        [.. rows.GroupBy(row => row.Key.Kind).Select(kind => KindOf(kind.Key, [.. kind], now))],
        [
            .. rows.Where(row => row.LeaseUntil > now).GroupBy(row => row.Owner)
                .Select(owner => new RelayClaims(owner.Key, owner.Count(), owner.Max(row => row.LeaseUntil!.Value))),
        ],
        IsPartial: false);

    private static KindDepth KindOf(string kind, List<JournalRow> rows, DateTime now)
    {
        var open = rows.FindAll(row => row.IsOpen);
        var claimed = open.Count(row => row.LeaseUntil > now);
        var due = open.Count(row => !(row.LeaseUntil > now) && !(row.DueUtc > now));
        return new KindDepth(
            kind, open.Count, due, claimed, open.Count - due - claimed, rows.Count(row => row.Parked),
            open.Count == 0 ? null : open.Min(row => row.CreatedUtc));
    }
}
