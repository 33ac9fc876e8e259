using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>What a repair would do with a key.</summary>
internal enum RepairPlan
{
    Nothing,

    /// <summary>The follower gets the lead's rows.</summary>
    Write,

    /// <summary>The follower loses its rows, for the lead has none.</summary>
    Remove,

    /// <summary>What another program wrote to legacy is merged into the new side, which leads.</summary>
    Merge,

    Refuse,
}

/// <summary>What a repair may do: lead to follower, and only where that cannot destroy what nobody else has. Pure.</summary>
internal static class RepairRules
{
    public static (RepairPlan Plan, string Why) Decide(PairView pair, Finding finding)
    {
        if (pair.Lead is not { } lead)
        {
            return (RepairPlan.Refuse, "a flip is on; try again");
        }

        return finding.Verdict switch
        {
            null or Verdict.Matched or Verdict.Explained or Verdict.NotComparable => (RepairPlan.Nothing, ""),
            Verdict.InFlight => (RepairPlan.Nothing, "the relay brings it along"),
            Verdict.Lagging => (RepairPlan.Refuse, $"{finding.Note}; that is the relay's: strangler relay drain"),
            Verdict.Unreadable => (RepairPlan.Refuse, $"cannot be read: {finding.Note}"),
            Verdict.Regression => (RepairPlan.Refuse, $"{finding.Note}: the lead was set back, and a repair would destroy the newer state"),
            Verdict.Unmapped =>
                (RepairPlan.Refuse, $"{finding.Note}; to mend an id map is left to an operator"),
            _ => Refusal(pair, finding, lead) is { } why ? (RepairPlan.Refuse, why)
                : IsTheirs(pair, finding, lead) ? (RepairPlan.Merge, "")
                : (pair.Of(lead).Present ? RepairPlan.Write : RepairPlan.Remove, ""),
        };
    }

    /// <summary>
    /// The other way: the follower's state onto the lead. Only where the follower has rows, where the lead is not merely ahead of it, and
    /// where nothing comes back that the lead has deleted or erased.
    /// </summary>
    public static (RepairPlan Plan, string Why) DecideReverse(PairView pair, Finding finding, string? erasedBy)
    {
        if (pair.Lead is not { } lead)
        {
            return (RepairPlan.Refuse, "a flip is on; try again");
        }

        return finding.Verdict switch
        {
            null or Verdict.Matched or Verdict.Explained or Verdict.NotComparable => (RepairPlan.Nothing, ""),
            Verdict.InFlight or Verdict.Lagging or Verdict.LostObligation =>
                (RepairPlan.Refuse, $"{finding.Note}: the lead is ahead, and a write of it would be undone"),
            Verdict.Unreadable => (RepairPlan.Refuse, $"cannot be read: {finding.Note}"),
            Verdict.Unmapped => (RepairPlan.Refuse, $"{finding.Note}; to mend an id map is left to an operator"),
            _ => ReverseRefusal(pair.Of(lead), pair.Of(Stages.Other(lead)), erasedBy) is { } why
                ? (RepairPlan.Refuse, why)
                : (RepairPlan.Write, ""),
        };
    }

    private static string? ReverseRefusal(SideView lead, SideView follower, string? erasedBy) =>
        !follower.Present ? "the follower has no rows; delete the entity through the application instead"
        : lead.Tombstone ? "the lead has deleted it, and it would come back"
        : erasedBy is not null && lead.Record?.Visible(erasedBy) is true && follower.Record?.Visible(erasedBy) is not true
            ? "the lead has erased its personal data, and it would come back"
        : null;

    private static string? Refusal(PairView pair, Finding finding, SideName lead)
    {
        if (lead == SideName.Legacy)
        {
            return null;
        }

        // The lead is the one that was changed, and its own entity row that it no longer agrees with: an apply to legacy mends neither.
        if (finding.Fields.Count > 0 && pair.Legacy.Record is { } legacy && finding.Fields.All(field => legacy.Values[field] is Hidden))
        {
            return "legacy cannot tell these fields, and the new side, which leads, was changed past the wrapper: "
                + "put it right through the application, or take what it holds for right with --direction follower-to-lead";
        }

        if (finding.Fields.Count > 0 && pair.Legacy.Record is { } said && pair.New.Record is { } stored && finding.Fields.All(field => IsDerivedOnly(said, stored, field)))
        {
            return "what differs is derived, and was changed past the wrapper on the new side, which leads; legacy has no place for it: "
                + "have it made anew with --direction follower-to-lead";
        }

        return pair.New.Present || pair.New.Tombstone || IsTheirs(pair, finding, lead)
            ? null
            : "new leads, but has neither rows nor a tombstone: removing legacy's rows could destroy the last copy";
    }

    // Made anew from what it is derived from, the field says what legacy says.
    private static bool IsDerivedOnly(Record legacy, Record stored, int field) => stored.Schema.Fields[field] is { Derived.Count: > 0 } list
        && Record.ValuesEqual(list.Canonical(stored.Values[field]), legacy.Values[field]);

    // Legacy follows: what another program has put there is nowhere else. What it has removed unseen can be put back.
    private static bool IsTheirs(PairView pair, Finding finding, SideName lead) => lead == SideName.New
        && (pair.Legacy.ForeignSeq > pair.New.ForeignSeq || (finding.Verdict == Verdict.Uncaptured && pair.Legacy.Present));
}
