using Strangler.Backfill;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>Both sides' observations of a range of keys: one snapshot a side, read at the same time.</summary>
internal sealed class PairReader(ContextRuntime runtime, EntityKind kind)
{
    private const int GroupLimit = 500;

    private readonly TransientRetry _retry = new(runtime.Time, 6, TimeSpan.FromMilliseconds(200));
    private volatile bool _gently;

    /// <summary>Whether the sides are read one after the other, so that no more than one server is at work for it at a time.</summary>
    public bool Gently
    {
        set => _gently = value;
    }

    /// <summary>The context's lead. Throws <see cref="WrongStageException"/> where there are no two sides to compare, and asks the new side
    /// only where there are.</summary>
    public async Task<(SideName Lead, FenceRow Fence)> RequireDualAsync(string operation, CancellationToken cancellationToken)
    {
        var legacy = await runtime.Sides.Legacy.Fence.ReadAsync(cancellationToken);
        if (legacy.AnswersReads)
        {
            return (SideName.Legacy, Check(operation, legacy));
        }

        var @new = await runtime.Sides.New.Fence.ReadAsync(cancellationToken);
        return @new.AnswersReads ? (SideName.New, Check(operation, @new)) : throw new SwitchingException(runtime.Context, TimeSpan.Zero);
    }

    /// <summary>Where the next chunk ends: about <paramref name="rows"/> entities of the side that is denser there. Null: nothing at or
    /// beyond on either side.</summary>
    public async Task<long?> ChunkEndAsync(long from, int rows, CancellationToken cancellationToken)
    {
        return await BothAsync(store => store.ChunkEndAsync(kind.Name, from, rows, cancellationToken)) switch
        {
            ({ } left, { } right) => Math.Min(left, right),
            var (left, right) => left ?? right,
        };
    }

    /// <summary>All keys of [from, to] in ascending order.</summary>
    /// <param name="from">First public id.</param>
    /// <param name="to">Last public id.</param>
    /// <param name="withClocks">Whether the age of journal rows is wanted: costs a round trip a side.</param>
    /// <param name="cancellationToken">Passed on.</param>
    public Task<IReadOnlyList<PairView>> ReadAsync(long from, long to, bool withClocks, CancellationToken cancellationToken) =>
        _retry.RunAsync(() => ReadOnceAsync(from, to, withClocks, cancellationToken), _ => { }, cancellationToken);

    /// <summary>Exactly the given keys, in ascending order; of one that neither side knows an empty observation.</summary>
    public async Task<IReadOnlyList<PairView>> ReadKeysAsync(IEnumerable<long> ids, bool withClocks, CancellationToken cancellationToken)
    {
        List<PairView> pairs = [];
        foreach (var group in ids.Distinct().Order().Chunk(GroupLimit))
        {
            pairs.AddRange(await _retry.RunAsync(() => ReadOnceAsync(group, withClocks, cancellationToken), _ => { }, cancellationToken));
        }

        return pairs;
    }

    /// <summary>What both sides know of the keys in [from, to], without rows, and the lead if both snapshots agree on one.</summary>
    public Task<(MarkPage Legacy, MarkPage New, FenceRow? Lead)> ReadMarksAsync(long from, long to, CancellationToken cancellationToken) =>
        _retry.RunAsync(() => ReadMarksOnceAsync(from, to, cancellationToken), _ => { }, cancellationToken);

    private async Task<(MarkPage Legacy, MarkPage New, FenceRow? Lead)> ReadMarksOnceAsync(long from, long to,
        CancellationToken cancellationToken)
    {
        var (legacy, @new) = await BothAsync(store => store.MarksAsync(kind.Name, from, to, cancellationToken));
        var lead = PairView.LeadOf(legacy.Fence, @new.Fence);
        return (legacy, @new, lead is null ? null : Check("Reconciliation", lead == SideName.New ? @new.Fence : legacy.Fence));
    }

    private Task<IReadOnlyList<PairView>> ReadOnceAsync(long from, long to, bool withClocks, CancellationToken cancellationToken) =>
        ReadOnceAsync(store => store.ReadRangeAsync(kind.Name, from, to, cancellationToken), null, withClocks, cancellationToken);

    private Task<IReadOnlyList<PairView>> ReadOnceAsync(IReadOnlyCollection<long> ids, bool withClocks,
        CancellationToken cancellationToken) =>
        ReadOnceAsync(store => store.ReadRangeAsync(kind.Name, ids, cancellationToken), ids, withClocks, cancellationToken);

    private async Task<IReadOnlyList<PairView>> ReadOnceAsync(
        Func<ISideStore, Task<RangeSnapshot>> read, IEnumerable<long>? ids, bool withClocks, CancellationToken cancellationToken)
    {
        var clocks = withClocks ? await ClocksAsync(cancellationToken) : default;
        var (legacy, @new) = await BothAsync(read);
        var lead = PairView.LeadOf(legacy.Fence, @new.Fence);
        var fence = lead == SideName.New ? @new.Fence : legacy.Fence;
        if (lead is not null)
        {
            Check("Reconciliation", fence);
        }

        var pairs = Join(legacy, @new, lead, fence, clocks);
        return ids is null ? pairs : WithAbsent(pairs, ids, lead, fence);
    }

    private async Task<(T Legacy, T New)> BothAsync<T>(Func<ISideStore, Task<T>> read)
    {
        var legacy = read(runtime.Sides.Legacy.Store);
        if (_gently)
        {
            await legacy;
        }

        var @new = read(runtime.Sides.New.Store);
        await Task.WhenAll(legacy, @new);
        return (await legacy, await @new);
    }

    private static List<PairView> WithAbsent(List<PairView> pairs, IEnumerable<long> ids, SideName? lead, FenceRow fence)
    {
        var known = pairs.ToDictionary(pair => pair.Id);
        return
        [
            .. ids.Select(id => known.GetValueOrDefault(id)
                ?? new PairView(id, new SideView { Side = SideName.Legacy }, new SideView { Side = SideName.New }, null, lead, fence)),
        ];
    }

    private async Task<(DateTime Legacy, DateTime New)> ClocksAsync(CancellationToken cancellationToken)
    {
        var legacy = runtime.Sides.Legacy.Fence.UtcNowAsync(cancellationToken);
        var @new = runtime.Sides.New.Fence.UtcNowAsync(cancellationToken);
        await Task.WhenAll(legacy, @new);
        return (await legacy, await @new);
    }

    private List<PairView> Join(
        RangeSnapshot legacy, RangeSnapshot @new, SideName? lead, FenceRow fence, (DateTime Legacy, DateTime New) clocks)
    {
        var pairs = new List<PairView>(Math.Max(legacy.Items.Count, @new.Items.Count));
        var (i, j) = (0, 0);
        while (i < legacy.Items.Count || j < @new.Items.Count)
        {
            var left = i < legacy.Items.Count ? legacy.Items[i] : null;
            var right = j < @new.Items.Count ? @new.Items[j] : null;
            var id = Math.Min(left?.Id ?? long.MaxValue, right?.Id ?? long.MaxValue);
            left = left?.Id == id ? left : null;
            right = right?.Id == id ? right : null;
            i += left is null ? 0 : 1;
            j += right is null ? 0 : 1;
            pairs.Add(new PairView(
                id,
                SideView.Of(SideName.Legacy, left, legacy.Journal.GetValueOrDefault(id), kind.Legacy.Lens, clocks.Legacy),
                SideView.Of(SideName.New, right, @new.Journal.GetValueOrDefault(id), kind.New.Lens, clocks.New),
                right?.NewId,
                lead,
                fence));
        }

        return pairs;
    }

    private FenceRow Check(string operation, FenceRow fence) => Stages.IsDual(fence.Stage)
        ? fence
        : throw new WrongStageException(runtime.Context, operation, fence.Stage,
            "two sides that are both kept up (DualWrite, ShadowRead or NewLeads)");
}
