namespace Strangler.Reconciliation;

/// <summary>What reconciliation says of one entity (PROTOCOL §8). Disjoint: each entity has exactly one.</summary>
public enum Verdict
{
    /// <summary>Same version, and the records agree wherever neither side hides a field.</summary>
    Matched,

    /// <summary>Differs only in fields with a declared, unexpired difference.</summary>
    Explained,

    /// <summary>Agrees in all that both sides show, but the new side holds values that legacy cannot express: the price of rolling
    /// back.</summary>
    NotComparable,

    /// <summary>The follower is behind and the journal knows it.</summary>
    InFlight,

    /// <summary>In flight for longer than the lag limit, or parked.</summary>
    Lagging,

    /// <summary>The follower is behind and no journal row says so: nobody would ever bring it along.</summary>
    LostObligation,

    /// <summary>The follower accepted more than the lead has: the lead was set back, by a restored backup or a lost fail-over.</summary>
    Regression,

    /// <summary>Same version, different records, and it is the new side that has changed (or nobody can tell).</summary>
    Drift,

    MissingInNew,

    MissingInLegacy,

    /// <summary>A row of the new side without a map row, a map row without rows, or a map row that shares its new id.</summary>
    Unmapped,

    /// <summary>Legacy was changed by another program and capture did not see it.</summary>
    Uncaptured,

    /// <summary>A row that the mapping cannot read.</summary>
    Unreadable,
}

/// <summary>What a run says of its context.</summary>
public enum ReconciliationOutcome
{
    Clean,
    Drift,

    /// <summary>No drift seen, but some keys stayed in flight to the end: run it again.</summary>
    Inconclusive,
}
