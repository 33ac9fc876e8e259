using System.Collections.Concurrent;
using Strangler.Contexts.Donations;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// What callers were told, kept outside of both databases. Each create leaves a mark in the donation (its donor's address), each change a
/// line in its history: so of every single write one can see whether it happened, and how often.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<string, Told> _creates = new();
    private readonly ConcurrentDictionary<long, string> _markers = new();
    private readonly ConcurrentDictionary<long, ConcurrentDictionary<string, Told>> _changes = new();
    private readonly ConcurrentDictionary<long, Told> _deletes = new();

    public void Create(string marker, Told told, long id)
    {
        _creates[marker] = told;
        if (told == Told.Acknowledged)
        {
            _markers[id] = marker;
        }
    }

    public void Change(long id, string change, Told told) => _changes.GetOrAdd(id, _ => new())[change] = told;

    public void Delete(long id, Told told) => _deletes[id] = told;

    /// <summary>A change that was acknowledged before and is not in what was read; null when there is none.</summary>
    public string? Stale(Donation donation) =>
        _changes.TryGetValue(donation.Id, out var changes)
            ? changes.Where(change => change.Value == Told.Acknowledged).Select(change => change.Key)
                .Except(donation.Log.Select(entry => entry.Message)).FirstOrDefault()
            : null;

    /// <param name="stored">What is there.</param>
    /// <param name="revived">Deleted ones that are there again, as the declared owner of their existence decided.</param>
    public void AssertMatches(IReadOnlyCollection<Donation> stored, IReadOnlyCollection<long>? revived = null)
    {
        foreach (var id in revived ?? [])
        {
            _deletes.TryRemove(id, out _);
        }

        Assert.That(Differences(stored), Is.Empty);
    }

    public IReadOnlyList<string> Differences(IReadOnlyCollection<Donation> stored)
    {
        List<string> wrong = [];
        var byId = stored.ToDictionary(donation => donation.Id);
        var counts = stored.CountBy(Marker).ToDictionary();
        var deleted = _deletes.Keys.Select(id => _markers.GetValueOrDefault(id)).ToHashSet();
        foreach (var (marker, told) in _creates)
        {
            var count = counts.GetValueOrDefault(marker);
            var (least, most) = told switch { Told.Acknowledged => (1, 1), Told.Refused => (0, 0), _ => (0, 1) };
            if (count > most || (count < least && !deleted.Contains(marker)))
            {
                wrong.Add($"the create {marker} was {told} and is there {count} times");
            }
        }

        wrong.AddRange(counts.Keys.Where(marker => !_creates.ContainsKey(marker)).Select(marker => $"{marker} is there and nobody created it"));
        foreach (var (id, marker) in _markers)
        {
            wrong.AddRange(Differences(id, marker, byId.GetValueOrDefault(id)));
        }

        return wrong;
    }

    private IEnumerable<string> Differences(long id, string marker, Donation? donation)
    {
        var deleted = _deletes.TryGetValue(id, out var told) ? told : (Told?)null;
        if (donation is null)
        {
            return deleted is Told.Acknowledged or Told.Unknown ? [] : [$"{id} is gone; its delete: {deleted?.ToString() ?? "none"}"];
        }

        if (deleted == Told.Acknowledged)
        {
            return [$"{id} was deleted and is there"];
        }

        if (Marker(donation) != marker)
        {
            return [$"{id} is {Marker(donation)}, and was {marker}"];
        }

        var counts = donation.Log.CountBy(entry => entry.Message).ToDictionary();
        return _changes.TryGetValue(id, out var changes)
            ? changes.Where(change => !Fits(change.Value, counts.GetValueOrDefault(change.Key)))
                .Select(change => $"the change {change.Key} of {id} was {change.Value} and is there {counts.GetValueOrDefault(change.Key)} times")
            : [];
    }

    private static bool Fits(Told told, int count) => told switch
    {
        Told.Acknowledged => count == 1,
        Told.Refused => count == 0,
        _ => count <= 1,
    };

    private static string Marker(Donation donation) => ((PersonDonor)donation.Donor).Email.Split('@')[0];
}
