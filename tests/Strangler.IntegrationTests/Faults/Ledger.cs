using System.Collections.Concurrent;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// What callers were told, kept outside of both databases. Each create leaves a mark in the donation (its donor's address), each change a
/// line in its history and an amount: so of every single write one can see whether it happened, and how often.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentQueue<(DateTime AtUtc, long Id, string What)> _events = new();
    private readonly ConcurrentDictionary<string, Told> _creates = new();
    private readonly ConcurrentDictionary<long, (string Marker, Change Create)> _born = new();
    private readonly ConcurrentDictionary<long, ConcurrentDictionary<string, Change>> _changes = new();
    private readonly ConcurrentDictionary<long, (Told Told, DateTime BeganUtc)> _deletes = new();

    public static DateTime NowUtc => TimeProvider.System.GetUtcNow().UtcDateTime;

    public void Create(string marker, Told told, Donation donation)
    {
        _creates[marker] = told;
        Note(donation.Id, $"create {marker}", told);
        if (told == Told.Acknowledged)
        {
            _born[donation.Id] = (marker, new Change(told, null, donation.AmountInCents));
        }
    }

    /// <param name="id">Which.</param>
    /// <param name="line">That it leaves.</param>
    /// <param name="change">What became of it.</param>
    public void Change(long id, string line, Change change)
    {
        _changes.GetOrAdd(id, _ => new())[line] = change;
        Note(id, $"change {line} to {change.Amount} (version {change.Version?.ToString() ?? "unknown"})", change.Told);
    }

    public void Delete(long id, Told told, DateTime beganUtc)
    {
        _deletes[id] = (told, beganUtc);
        Note(id, "delete", told);
    }

    /// <summary>Whether somebody wanted it deleted and was not refused.</summary>
    public bool MayBeDeleted(long id) => _deletes.TryGetValue(id, out var delete) && delete.Told != Told.Refused;

    /// <summary>What callers were told of one donation, oldest first.</summary>
    public IEnumerable<(DateTime AtUtc, string What)> Events(long id) => _events.Where(one => one.Id == id).Select(one => (one.AtUtc, $"told: {one.What}"));

    /// <summary>A change that was acknowledged before and is not in what was read; null when there is none.</summary>
    public string? Stale(Donation donation) =>
        _changes.TryGetValue(donation.Id, out var changes)
            ? changes.Where(change => change.Value.Told == Told.Acknowledged).Select(change => change.Key)
                .Except(donation.Log.Select(entry => entry.Message)).FirstOrDefault()
            : null;

    /// <param name="stored">What is there.</param>
    /// <param name="decisions">
    /// What declared owners have decided about clashes with other programs' writes: a delete may be undone, and a change gone, if one of
    /// these says so of that very donation and version; nothing else excuses them.
    /// </param>
    public IReadOnlyList<(long Id, string What)> Differences(IReadOnlyCollection<Donation> stored, IReadOnlyCollection<MergeDecision>? decisions = null)
    {
        var decided = (decisions ?? []).ToLookup(decision => decision.Key);
        List<(long, string)> wrong = [];
        var byId = stored.ToDictionary(donation => donation.Id);
        var counts = stored.CountBy(Marker).ToDictionary();
        var deleted = _deletes.Keys.Select(id => _born.TryGetValue(id, out var born) ? born.Marker : null).ToHashSet();
        foreach (var (marker, told) in _creates)
        {
            var count = counts.GetValueOrDefault(marker);
            var (least, most) = told switch { Told.Acknowledged => (1, 1), Told.Refused => (0, 0), _ => (0, 1) };
            if (count > most || (count < least && !deleted.Contains(marker)))
            {
                wrong.Add((0, $"the create {marker} was {told} and is there {count} times"));
            }
        }

        wrong.AddRange(counts.Keys.Where(marker => !_creates.ContainsKey(marker)).Select(marker => (0L, $"{marker} is there and nobody created it")));
        foreach (var (id, born) in _born)
        {
            var ofThis = decided[new EntityKey(DonationsContext.DonationKind, id).ToString()].ToList();
            wrong.AddRange(Differences(id, born.Marker, byId.GetValueOrDefault(id), ofThis).Select(what => (id, what)));
        }

        return wrong;
    }

    private IEnumerable<string> Differences(long id, string marker, Donation? donation, IReadOnlyList<MergeDecision> decisions)
    {
        var isDeleted = _deletes.TryGetValue(id, out var delete);
        if (donation is null)
        {
            return isDeleted && delete.Told != Told.Refused ? [] : [$"{id} is gone; its delete: {(isDeleted ? delete.Told.ToString() : "none")}"];
        }

        if (isDeleted && delete.Told == Told.Acknowledged && !decisions.Any(decision => decision.HasRevived && decision.AtUtc >= delete.BeganUtc))
        {
            return [$"{id} was deleted and is there"];
        }

        return Marker(donation) != marker ? [$"{id} is {Marker(donation)}, and was {marker}"]
            : [.. LostLines(id, donation, decisions), .. OddAmount(id, donation)];
    }

    private IEnumerable<string> LostLines(long id, Donation donation, IReadOnlyList<MergeDecision> decisions)
    {
        var counts = donation.Log.CountBy(entry => entry.Message).ToDictionary();
        return _changes.TryGetValue(id, out var changes)
            ? changes.Where(change => !Fits(change.Value, counts.GetValueOrDefault(change.Key), decisions)).Select(change =>
                $"the change {change.Key} of {id} was {change.Value.Told} and is there {counts.GetValueOrDefault(change.Key)} times")
            : [];
    }

    // Lines stand in the order of the changes: the last that is there says what the amount must be.
    private IEnumerable<string> OddAmount(long id, Donation donation)
    {
        var line = donation.Log.Count > 0 ? donation.Log[^1].Message : "";
        var last = _changes.TryGetValue(id, out var changes) && changes.TryGetValue(line, out var change) ? change : _born[id].Create;
        return donation.AmountInCents == last.Amount ? [] : [$"{id} has the amount {donation.AmountInCents}; its last line {line} came with {last.Amount}"];
    }

    private void Note(long id, string what, Told told) => _events.Enqueue((NowUtc, id, $"{what}: {told}"));

    private static bool Fits(Change change, int count, IReadOnlyList<MergeDecision> decisions) => change.Told switch
    {
        Told.Acknowledged => count == 1 || (count == 0 && decisions.Any(decision => decision.GaveUp("log_entries", change.Version!.Value))),
        Told.Refused => count == 0,
        _ => count <= 1,
    };

    private static string Marker(Donation donation) => ((PersonDonor)donation.Donor).Email.Split('@')[0];
}

/// <summary>One change of a donation.</summary>
/// <param name="Told">How it ended for its caller.</param>
/// <param name="Version">The version that it made, where it was acknowledged; null for a create.</param>
/// <param name="Amount">In cents; what it made of it.</param>
internal sealed record Change(Told Told, EntityVersion? Version, long Amount);
