using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>One condition of a move.</summary>
/// <param name="Name">Short and stable.</param>
/// <param name="Passed">Whether it lets the move through.</param>
/// <param name="Value">What was found.</param>
/// <param name="Required">What is needed.</param>
/// <param name="Cure">The command that would cure it; empty when it passed.</param>
public sealed record Gate(string Name, bool Passed, string Value, string Required, string Cure)
{
    /// <summary>Whether not even force opens it: without it the move could not be carried out, or not be taken back.</summary>
    public bool Unforceable { get; init; }
}

/// <summary>A move was refused. Nothing was changed.</summary>
public sealed class GateException(string context, Stage target, IReadOnlyList<Gate> failed)
    : Exception($"{context} may not go to {target}: " + string.Join("; ", failed.Select(gate =>
        $"{gate.Name} is {gate.Value}, required {gate.Required}{(gate.Cure.Length == 0 ? "" : $" ({gate.Cure})")}")))
{
    public string Context { get; } = context;

    public Stage Target { get; } = target;

    public IReadOnlyList<Gate> Failed { get; } = failed;
}

/// <summary>
/// A move could not be made as the context stands, or someone else was quicker. Nothing was changed by this call, unless
/// <see cref="IsOutcomeUnknown"/>.
/// </summary>
public sealed class CutoverException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The old lead was lost while the flip was being decided: it may have been. Its fence will tell.</summary>
    public bool IsOutcomeUnknown { get; private init; }

    internal static CutoverException OutcomeUnknown(string context, SideName from, Exception cause) =>
        new(
            $"{(from == SideName.Legacy ? "Legacy" : "The new side")} was lost while the flip of {context} was being decided, and does not "
            + "answer: whether it is decided cannot be told now. If it is, whoever reads or writes next finishes it; if not, it ends at its "
            + "deadline. "
            + $"Look: strangler cutover status {context}",
            cause) { IsOutcomeUnknown = true };

    internal static CutoverException LostRace(string context) =>
        new($"Someone else has changed the stage of {context} meanwhile; look again: strangler cutover status {context}");
}

/// <summary>Where a context stands, derived from its fences at this moment.</summary>
/// <param name="Stage">The context's stage.</param>
/// <param name="Lead">The side that leads; while a decided flip is not yet promoted, the side that is about to.</param>
/// <param name="Epoch">Of the lead's fence.</param>
/// <param name="Legacy">Null when legacy does not answer.</param>
/// <param name="New">Null when the new side does not answer, or is not migrated yet.</param>
/// <param name="Switching">Whether a flip is on.</param>
public sealed record StageView(Stage Stage, SideName Lead, long Epoch, FenceRow? Legacy, FenceRow? New, bool Switching)
{
    public FenceRow? Of(SideName side) => side == SideName.Legacy ? Legacy : New;
}

/// <summary>Who wants a move, and why.</summary>
public sealed record CutoverRequest
{
    public required string Actor { get; init; }

    /// <summary>Required for a forced move.</summary>
    public string Reason { get; init; } = "";

    /// <summary>
    /// Overrides gates; written to the audit trail with the gates that were closed, and makes a new clean reconciliation mandatory.
    /// </summary>
    public bool Force { get; init; }

    /// <summary>Only shows the gates.</summary>
    public bool DryRun { get; init; }

    /// <summary>The stage that is wanted; makes a repeated request harmless. Null: the next one.</summary>
    public Stage? Target { get; init; }

    /// <summary>
    /// The epoch that was looked at when the move was decided upon; a context that has moved since stays where it is. Null: whatever it is.
    /// </summary>
    public long? Epoch { get; init; }

    /// <summary>For NewOnly, from which no way leads back: the context's name.</summary>
    public string? TypedConfirmation { get; init; }

    /// <summary>Where steps need two people: which request this approves (<see cref="AskedStep.Id"/>). Null: none.</summary>
    public string? ApprovalOf { get; init; }

    /// <summary>What was approved; for the trail.</summary>
    internal AskedStep? Approved { get; init; }
}
