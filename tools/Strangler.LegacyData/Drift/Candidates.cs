using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.LegacyData.Drift;

/// <summary>An entity that both sides hold alike, as it was read.</summary>
internal sealed record Candidate(long Id, AggregateRow LegacyRow, AggregateRow NewRow, Record Legacy, Record New, EntityState Accepted)
{
    public AggregateRow Row(SideName side) => side == SideName.Legacy ? LegacyRow : NewRow;

    public Record Record(SideName side) => side == SideName.Legacy ? Legacy : New;
}

/// <summary>
/// The entities that differences are planted into, each once: first and last are given out first, so that whoever plants first plants
/// there.
/// </summary>
internal sealed class Candidates
{
    private readonly List<Candidate> _free;

    private Candidates(List<Candidate> free, IReadOnlyList<long> keys) => (_free, Keys) = (free, keys);

    /// <summary>All public ids that either side knows, deleted ones included, ascending.</summary>
    public IReadOnlyList<long> Keys { get; }

    public IReadOnlyList<Candidate> Free => _free;

    /// <summary>Reads at most so many, chosen by <paramref name="random"/>, the first and the last among them.</summary>
    public static async Task<Candidates> ReadAsync(
        ContextRuntime runtime, EntityKind kind, Random random, int most, CancellationToken cancellationToken)
    {
        var keys = await KeysAsync(runtime, kind.Name, cancellationToken);
        if (keys.Count == 0)
        {
            throw new InvalidOperationException($"Legacy has no {kind.Name} to plant into.");
        }

        long[] edges = keys.Count == 1 ? [keys[0]] : [keys[0], keys[^1]];
        var chosen = edges.Concat(keys.Except(edges).OrderBy(_ => random.Next()).Take(most)).ToList();
        Dictionary<long, Candidate> read = [];
        foreach (var ids in chosen.Chunk(500))
        {
            var (legacy, @new) = (
                await runtime.Sides.Legacy.Store.ReadRangeAsync(kind.Name, ids, cancellationToken),
                await runtime.Sides.New.Store.ReadRangeAsync(kind.Name, ids, cancellationToken));
            foreach (var (left, right) in legacy.Items.Join(@new.Items, item => item.Id, item => item.Id, (left, right) => (left, right)))
            {
                if (Of(kind, left, right) is { } candidate && !legacy.Journal.ContainsKey(left.Id))
                {
                    read.Add(left.Id, candidate);
                }
            }
        }

        return new Candidates([.. chosen.Where(read.ContainsKey).Select(id => read[id])], keys);
    }

    /// <summary>Takes the first free one that the work is done with; false when there is none.</summary>
    public async Task<bool> TakeAsync(Func<Candidate, Task<bool>> work)
    {
        foreach (var candidate in _free)
        {
            if (await work(candidate))
            {
                _free.Remove(candidate);
                return true;
            }
        }

        return false;
    }

    public string PlaceOf(long id) => id == Keys[0] ? "first"
        : id == Keys[^1] ? "last"
        : id < Keys[0] ? "before the first"
        : id > Keys[^1] ? "beyond the last"
        : Keys.Contains(id) ? "between"
        : "in a gap";

    private static Candidate? Of(EntityKind kind, RangeItem legacy, RangeItem @new)
    {
        if (legacy.Row is not { } left || @new is not { Row: { } right, Entity: { Tombstone: false } accepted })
        {
            return null;
        }

        try
        {
            var candidate = new Candidate(legacy.Id, left, right, kind.Legacy.Lens.Get(left), kind.New.Lens.Get(right), accepted);
            return candidate.Legacy.AgreesWith(candidate.New) ? candidate : null;
        }
        catch (UnreadableException)
        {
            return null;
        }
    }

    private static async Task<List<long>> KeysAsync(ContextRuntime runtime, string kind, CancellationToken cancellationToken)
    {
        SortedSet<long> keys = [];
        foreach (var side in new[] { runtime.Sides.Legacy, runtime.Sides.New })
        {
            var after = long.MinValue;
            while (await side.Store.KeysAsync(kind, after, 20_000, cancellationToken) is { Count: > 0 } page)
            {
                keys.UnionWith(page);
                after = page[^1];
            }
        }

        return [.. keys];
    }
}
