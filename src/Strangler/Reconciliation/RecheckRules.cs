namespace Strangler.Reconciliation;

/// <summary>When a suspect's verdict is final (PROTOCOL §8.4). Pure.</summary>
internal static class RecheckRules
{
    public const string KeptChanging = "changed in every observation";

    /// <summary>How long before re-check <paramref name="attempt"/> (0, 1, …): doubling.</summary>
    public static TimeSpan Delay(TimeSpan first, int attempt) => first * Math.Pow(2, attempt);

    /// <summary>The final finding, or null: look again.</summary>
    /// <param name="before">The observation before this one.</param>
    /// <param name="now">This observation, begun after <paramref name="before"/> was complete on both sides.</param>
    /// <param name="classify">Of an observation whose lead is known.</param>
    /// <param name="last">Whether there will be no further look.</param>
    public static Finding? Decide(PairView before, PairView now, Func<PairView, Finding> classify, bool last)
    {
        if (now.Lead is null)
        {
            return last ? Finding.Of(Verdict.InFlight, "a flip was on in every observation") : null;
        }

        var finding = classify(now);
        if (finding.IsFinal)
        {
            return finding;
        }

        if (MatchedInPassing(before, now, classify) is { } passed)
        {
            return passed;
        }

        // Nothing moved on either side from the end of the first observation to the beginning of the second, so at that moment both held
        // what was read: the
        // disagreement is real. The verdict must repeat, too: a journal row that vanishes between the reads may have been settled after the
        // follower was read.
        if (!finding.IsBehind && now.SameStateAs(before) && classify(before).Verdict == finding.Verdict)
        {
            return finding;
        }

        return !last ? null
            : finding.IsBehind ? finding
            : Finding.Of(Verdict.InFlight, KeptChanging);
    }

    // A hot key's follower may never be read level with its lead. But when it now holds the version that the lead had in the earlier
    // observation, those two
    // name one state and can be compared; what the lead did since is the next state's affair.
    private static Finding? MatchedInPassing(PairView before, PairView now, Func<PairView, Finding> classify)
    {
        if (before.Lead != now.Lead || before.DualEpoch != now.DualEpoch || now.SameStateAs(before))
        {
            return null;
        }

        var crossed = now.Lead == DualWrite.SideName.Legacy ? now with { Legacy = before.Legacy } : now with { New = before.New };
        var (lead, follower) = (crossed.Of(crossed.Lead!.Value), crossed.Of(DualWrite.Stages.Other(crossed.Lead.Value)));
        if (lead.Entity is null || follower.Entity is null
            || lead.Entity.Version != follower.Entity.Version || lead.ForeignSeq != follower.ForeignSeq)
        {
            return null;
        }

        var finding = classify(crossed);
        return finding.Verdict is Verdict.Matched or Verdict.Explained or Verdict.NotComparable
            ? finding with { Note = "while it kept changing" } : null;
    }
}
