using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>One side's observation of one key, read in one snapshot.</summary>
internal sealed class SideView
{
    public required SideName Side { get; init; }

    /// <summary>Whether the side has rows for the key, readable or not.</summary>
    public bool Present { get; init; }

    /// <summary>Null when absent or unreadable.</summary>
    public Record? Record { get; init; }

    public UnreadableException? Unreadable { get; init; }

    public EntityState? Entity { get; init; }

    /// <summary>The key's row in this side's journal.</summary>
    public JournalMark? Journal { get; init; }

    /// <summary>The side's own clock when the journal row was seen: the one that stamps the journal. Left out where only the row's being
    /// there matters.</summary>
    public DateTime NowUtc { get; init; }

    public TimeSpan JournalAge => Journal is { } mark && NowUtc > mark.OldestUtc ? NowUtc - mark.OldestUtc : TimeSpan.Zero;

    public bool Tombstone => Entity is { Tombstone: true };

    public long ForeignSeq => Entity?.ForeignSeq ?? 0;

    public static SideView Of(SideName side, RangeItem? item, JournalMark? journal, IRecordLens lens, DateTime nowUtc = default)
    {
        Record? record = null;
        UnreadableException? unreadable = null;
        try
        {
            unreadable = side == SideName.Legacy && item?.Row is not null ? IdRules.ProblemOf(lens.Layout, item.Id) : null;
            record = unreadable is null && item?.Row is { } row ? lens.Get(row) : null;
        }
        catch (UnreadableException e)
        {
            unreadable = e;
        }

        return new SideView
        {
            Side = side,
            Present = item?.Row is not null,
            Record = record,
            Unreadable = unreadable,
            Entity = item?.Entity,
            Journal = journal,
            NowUtc = nowUtc,
        };
    }

    /// <summary>Whether version, sequence, tombstone and presence are those of an earlier observation: nothing that is counted happened
    /// between.</summary>
    public bool SameStateAs(SideView earlier) =>
        Present == earlier.Present
        && Entity?.Version == earlier.Entity?.Version
        && ForeignSeq == earlier.ForeignSeq
        && Tombstone == earlier.Tombstone;
}

/// <summary>Both sides' observations of one key. They are two snapshots, not one: a difference is only a suspect.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Legacy">What legacy holds.</param>
/// <param name="New">What the new side holds.</param>
/// <param name="NewId">The mapped new id.</param>
/// <param name="Lead">Who led in both snapshots; null when a flip lay between them, so that nobody can say who owes whom.</param>
/// <param name="Fence">The lead's fence row; legacy's when nobody leads.</param>
internal sealed record PairView(long Id, SideView Legacy, SideView New, long? NewId, SideName? Lead, FenceRow Fence)
{
    public long DualEpoch => Fence.DualEpoch;

    public SideView Of(SideName side) => side == SideName.Legacy ? Legacy : New;

    /// <summary>Whether neither side has, or has ever had, anything of that id.</summary>
    public bool IsUnknown => NewId is null && IsBare(Legacy) && IsBare(New);

    private static bool IsBare(SideView side) => side is { Present: false, Entity: null, Journal: null };

    public bool SameStateAs(PairView earlier) =>
        Lead == earlier.Lead && DualEpoch == earlier.DualEpoch && Legacy.SameStateAs(earlier.Legacy) && New.SameStateAs(earlier.New);

    /// <summary>Who leads by the fence rows of two snapshots; null unless exactly one side answers reads.</summary>
    public static SideName? LeadOf(FenceRow legacy, FenceRow @new) =>
        legacy.AnswersReads == @new.AnswersReads ? null
        : legacy.AnswersReads ? SideName.Legacy
        : SideName.New;
}
