namespace Strangler.DualWrite;

/// <summary>Where a context stands (ARCHITECTURE §2). The order is the order of the migration.</summary>
public enum Stage
{
    LegacyOnly,
    DualWrite,
    ShadowRead,
    NewLeads,
    NewOnly,
}

/// <summary>The two sides of a context.</summary>
public enum SideName
{
    Legacy,
    New,
}

/// <summary>What a side's fence row says of that side.</summary>
public enum FenceRole
{
    /// <summary>Its commit decides a write, and it answers reads.</summary>
    Lead,

    /// <summary>It is brought along.</summary>
    Follower,

    /// <summary>It led until now and a flip is on: reads go on, writes wait.</summary>
    Switching,

    /// <summary>It is about to lead; becomes lead only after the old lead's fence says follower.</summary>
    Prepared,
}

/// <summary>One context's fence row in one side's own database: the truth about who leads; every cache is only a hint.</summary>
/// <param name="Role">The side's role.</param>
/// <param name="Stage">The stage as this side last knew it; of the lead's row it is the context's stage.</param>
/// <param name="Epoch">Rises with every stage change and every abort; never used twice.</param>
/// <param name="DualEpoch">The epoch in which DualWrite was last entered: the first part of every version.</param>
/// <param name="Deadline">While switching: when the flip aborts by itself (UTC, the database's clock).</param>
public sealed record FenceRow(FenceRole Role, Stage Stage, long Epoch, long DualEpoch, DateTime? Deadline = null)
{
    /// <summary>Whether this side answers reads.</summary>
    public bool AnswersReads => Role is FenceRole.Lead or FenceRole.Switching;

    /// <summary>Whether a sample of what this side answers is compared with the follower.</summary>
    public bool IsShadowed => this is { Role: FenceRole.Lead, Stage: Stage.ShadowRead or Stage.NewLeads };
}

/// <summary>Stage questions asked in many places.</summary>
public static class Stages
{
    public static SideName LeadOf(Stage stage) => stage >= Stage.NewLeads ? SideName.New : SideName.Legacy;

    /// <summary>Whether a write must reach both sides.</summary>
    public static bool IsDual(Stage stage) => stage is Stage.DualWrite or Stage.ShadowRead or Stage.NewLeads;

    public static SideName Other(SideName side) => side == SideName.Legacy ? SideName.New : SideName.Legacy;
}
