using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>How a stage is changed.</summary>
internal enum MoveKind
{
    /// <summary>The lead stays: one compare-and-set on its fence.</summary>
    KeepLead,

    /// <summary>
    /// The lead stays and everything is counted anew: a new dual epoch, so that what LegacyOnly wrote outranks all that was accepted
    /// before.
    /// </summary>
    Barrier,

    /// <summary>The lead changes: PROTOCOL §6.</summary>
    Flip,
}

/// <summary>One step of the migration, forward or back.</summary>
internal sealed record StageMove(Stage From, Stage To, MoveKind Kind)
{
    public bool IsForward => To > From;
}

/// <summary>Which stage follows which. One step at a time; NewOnly is the only one without a way back.</summary>
internal static class StageTable
{
    private static readonly StageMove[] Moves =
    [
        new(Stage.LegacyOnly, Stage.DualWrite, MoveKind.Barrier),
        new(Stage.DualWrite, Stage.ShadowRead, MoveKind.KeepLead),
        new(Stage.ShadowRead, Stage.NewLeads, MoveKind.Flip),
        new(Stage.NewLeads, Stage.NewOnly, MoveKind.KeepLead),
        new(Stage.NewLeads, Stage.ShadowRead, MoveKind.Flip),
        new(Stage.ShadowRead, Stage.DualWrite, MoveKind.KeepLead),
        new(Stage.DualWrite, Stage.LegacyOnly, MoveKind.KeepLead),
    ];

    public static StageMove? Forward(Stage from) => Moves.SingleOrDefault(move => move.From == from && move.IsForward);

    public static StageMove? Back(Stage from) => Moves.SingleOrDefault(move => move.From == from && !move.IsForward);

    public static StageMove? Between(Stage from, Stage to) => Moves.SingleOrDefault(move => move.From == from && move.To == to);

    /// <summary>The flip that a side that is switching is in: each side can be left in one direction only.</summary>
    public static StageMove FlipFrom(Stage from) => Moves.Single(move => move.From == from && move.Kind == MoveKind.Flip);

    /// <summary>The lead's row after a move that keeps it.</summary>
    public static FenceRow After(StageMove move, FenceRow lead) => move.Kind switch
    {
        MoveKind.KeepLead => lead with { Stage = move.To, Epoch = lead.Epoch + 1, Deadline = null },
        MoveKind.Barrier => lead with { Stage = move.To, Epoch = lead.Epoch + 1, DualEpoch = lead.Epoch + 1, Deadline = null },
        _ => throw new ArgumentException("A flip changes the lead.", nameof(move)),
    };
}
