namespace Strangler.Reconciliation;

/// <summary>
/// One group of a sum, on both sides. Amounts of money are in cents. What explains itself (declared differences) is told apart, so that
/// <see cref="DriftCount"/> and <see cref="DriftAmount"/> can only differ from 0 where entities count as drift.
/// </summary>
/// <param name="Values">What the group has in common, one text a dimension; empty for the total.</param>
/// <param name="LegacyCount">Entities of legacy in the group.</param>
/// <param name="LegacyAmount">Their amounts, added up.</param>
/// <param name="NewCount">Likewise on the new side.</param>
/// <param name="NewAmount">Likewise on the new side.</param>
/// <param name="ExplainedCount">How much of new − legacy comes from entities whose difference is declared.</param>
/// <param name="ExplainedAmount">Likewise of the amounts.</param>
public sealed record SumGroup(
    IReadOnlyList<string> Values,
    long LegacyCount,
    decimal LegacyAmount,
    long NewCount,
    decimal NewAmount,
    long ExplainedCount,
    decimal ExplainedAmount)
{
    public long DriftCount => NewCount - LegacyCount - ExplainedCount;

    public decimal DriftAmount => NewAmount - LegacyAmount - ExplainedAmount;

    /// <summary>Whether anything is left that no declaration explains.</summary>
    public bool Differs => DriftCount != 0 || DriftAmount != 0;
}

/// <summary>A sum split by one of its dimensions alone.</summary>
/// <param name="Dimension">As declared: <c>created_at per month</c>.</param>
/// <param name="Groups">By value, ascending.</param>
public sealed record SumSplit(string Dimension, IReadOnlyList<SumGroup> Groups);

/// <summary>
/// A declared business sum as a run has added it up, from the same observations that the verdicts rest on. Entities that match count with
/// one and the same
/// record on both sides; those that are explained with both of theirs, and their difference is told apart; all other differences are
/// drift. Not in the groups:
/// what is in flight (<see cref="Open"/>: the two observations are not of one state), what cannot be read, and rows without a public id
/// (not read).
/// </summary>
/// <param name="Name">As declared.</param>
/// <param name="Amount">The field that is added up.</param>
/// <param name="IsMoney">Whether amounts are cents.</param>
/// <param name="Total">All groups together.</param>
/// <param name="Splits">One a dimension.</param>
/// <param name="GroupCount">How many groups all dimensions together make.</param>
/// <param name="Differing">Of these, the groups with drift; the largest amounts first.</param>
/// <param name="Open">Entities in flight or lagging: on neither side among the groups.</param>
/// <param name="Unreadable">Entities without amounts, since legacy (or the new side) cannot be read.</param>
/// <param name="Unmapped">Rows of the new side without a public id, whose values were not read.</param>
/// <param name="Truncated">Whether there were too many groups: the rest is in one called <c>(other)</c>; or more differ than are
/// listed.</param>
public sealed record BusinessSum(
    string Name,
    string Amount,
    bool IsMoney,
    SumGroup Total,
    IReadOnlyList<SumSplit> Splits,
    long GroupCount,
    IReadOnlyList<SumGroup> Differing,
    SumGroup Open,
    long Unreadable,
    long Unmapped,
    bool Truncated);
