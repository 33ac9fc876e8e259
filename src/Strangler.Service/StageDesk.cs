using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Service;

/// <summary>The gates of one step.</summary>
public sealed record StepView(Stage Stage, bool Open, IReadOnlyList<Gate> Gates);

/// <summary>Where a context stands, and where it could go.</summary>
/// <param name="View">Derived from the fences.</param>
/// <param name="Next">The step forward; null: there is none.</param>
/// <param name="Back">The step back; null: there is none.</param>
public sealed record StageStatus(StageView View, StepView? Next, StepView? Back)
{
    /// <summary>The step that waits for a second person; null: there is none.</summary>
    public AskedStep? Asked { get; init; }

    /// <summary>Names this state and no other: the epoch rises with every move, and between a move's decision and its end the role is another.</summary>
    public string Tag => TagOf(View);

    public static string TagOf(StageView view) => $"\"{view.Epoch}-{view.Stage}{(view.Switching ? "-switching" : "")}\"";
}

/// <summary>Moves contexts for somebody who has looked at them before.</summary>
public static class StageDesk
{
    /// <summary>The stage with the gates of both steps.</summary>
    public static async Task<StageStatus> ReadAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        var next = view.Stage == Stage.NewOnly ? null : await StepAsync(host, view.Stage + 1, cancellationToken).ConfigureAwait(false);
        var back = view.Stage is Stage.LegacyOnly or Stage.NewOnly ? null : await StepAsync(host, view.Stage - 1, cancellationToken).ConfigureAwait(false);
        return new StageStatus(view, next, back) { Asked = await host.Cutover.AskedAsync(view, cancellationToken).ConfigureAwait(false) };
    }

    /// <summary>
    /// As <see cref="MoveAsync"/> where one person is enough; where the setting asks for two, the step is asked for and the context stays where it is:
    /// what waits comes back.
    /// </summary>
    public static async Task<(StageView View, AskedStep? Asked)> MoveOrAskAsync(
        ContextHost host, StageView seen, CutoverRequest request, CancellationToken cancellationToken) =>
        host.Runtime.Options.SecondApprover && request.Target != seen.Stage
            ? (seen, await host.Cutover.AskAsync(request, cancellationToken).ConfigureAwait(false))
            : (await MoveAsync(host, seen, request, cancellationToken).ConfigureAwait(false), null);

    /// <summary>
    /// Makes the step that another person has asked for. Throws <see cref="CutoverException"/> when none waits, <see cref="GateException"/> also when it is
    /// another one that waits, or whoever approves has asked for it, which is told in the audit trail.
    /// </summary>
    public static async Task<StageView> ApproveAsync(ContextHost host, StageView seen, string id, CutoverRequest request, CancellationToken cancellationToken)
    {
        var asked = await host.Cutover.AskedAsync(seen, cancellationToken).ConfigureAwait(false);
        if (asked?.AskedBy == request.Actor)
        {
            await AuditDesk.AppendAsync(host, request.Actor, "refused", "", $"approve {asked.Id}: asked for it", cancellationToken).ConfigureAwait(false);
        }

        return asked is null
            ? throw new CutoverException($"The request {id} is void: approved, withdrawn, too old, or {host.Name} has moved.")
            : await MoveAsync(host, seen, request with { Target = asked.To, ApprovalOf = id }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// One step to a neighbouring stage. Throws <see cref="CutoverException"/> when the context does not stand where <paramref name="seen"/> says, or is no
    /// neighbour, and <see cref="GateException"/>.
    /// </summary>
    public static async Task<StageView> MoveAsync(ContextHost host, StageView seen, CutoverRequest request, CancellationToken cancellationToken)
    {
        if (request.Target > seen.Stage)
        {
            await host.CheckAsync(cancellationToken).ConfigureAwait(false);
            return await host.Cutover.AdvanceAsync(request, null, cancellationToken).ConfigureAwait(false);
        }

        return await host.Cutover.BackAsync(request, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The gates of one step; throws as <see cref="MoveAsync"/> where there is none.</summary>
    public static async Task<StepView> StepAsync(ContextHost host, Stage target, CancellationToken cancellationToken)
    {
        var gates = await host.Cutover.GatesAsync(target, cancellationToken).ConfigureAwait(false);
        return new StepView(target, gates.All(gate => gate.Passed), gates);
    }
}
