using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>A step that somebody has asked for and that waits for a second person.</summary>
/// <param name="Id">Names it; whoever approves says what they have looked at.</param>
/// <param name="From">Where the context stands.</param>
/// <param name="To">Where it is to go.</param>
/// <param name="Epoch">Of the fence when it was asked for: once the context has moved, however, the request is void.</param>
/// <param name="AskedBy">Who.</param>
/// <param name="Reason">Why.</param>
/// <param name="Force">Whether closed gates are to be overridden.</param>
/// <param name="AskedUtc">By the lead's clock.</param>
/// <param name="UntilUtc">From then on it is void.</param>
public sealed record AskedStep(
    string Id, Stage From, Stage To, long Epoch, string AskedBy, string Reason, bool Force, DateTime AskedUtc, DateTime UntilUtc);

/// <summary>
/// Steps that wait for a second person. They stand in the audit trail of the side that leads and nowhere else: every replica sees them, and they survive each of
/// them. What belongs to an epoch that is over is void, so one that was approved once is not approved again.
/// </summary>
internal sealed class StepRequests(ContextRuntime runtime)
{
    public const string Asked = "ask";
    public const string Withdrawn = "withdraw";
    public const string Approved = "approve";

    private readonly string _context = runtime.Context;

    /// <summary>The one that waits; null: there is none.</summary>
    public async Task<AskedStep?> FindAsync(StageView view, CancellationToken cancellationToken)
    {
        var entries = await runtime.Sides.Of(view.Lead).Audit.OfEpochAsync(view.Epoch, runtime.Options.ApprovalWithin, cancellationToken);
        var withdrawn = entries.Where(entry => entry.Action == Withdrawn).Select(entry => entry.Detail).ToHashSet(StringComparer.Ordinal);
        return entries.Where(entry => entry.Action == Asked && !withdrawn.Contains(entry.Detail)).Select(entry => Of(entry, view)).OfType<AskedStep>()
            .FirstOrDefault(asked => asked.From == view.Stage);
    }

    public async Task<AskedStep> AskAsync(StageView view, StageMove move, CutoverRequest request, bool forced, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString("N")[..12];
        await runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, request.Actor, Asked, move.From.ToString(), move.To.ToString(), view.Epoch, forced, request.Reason, id), cancellationToken);
        return await FindAsync(view, cancellationToken) ?? throw CutoverException.LostRace(_context);
    }

    public Task WithdrawAsync(StageView view, AskedStep asked, string actor, string reason, CancellationToken cancellationToken) =>
        runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, actor, Withdrawn, asked.From.ToString(), asked.From.ToString(), view.Epoch, false, reason, asked.Id), cancellationToken);

    /// <summary>What a step that needs two people was asked for; throws <see cref="GateException"/> unless a second one approves of just that.</summary>
    public async Task<AskedStep> RequireAsync(StageView view, StageMove move, CutoverRequest request, CancellationToken cancellationToken)
    {
        var asked = request.ApprovalOf is null ? null : await FindAsync(view, cancellationToken);
        var value = request.ApprovalOf is null ? "nobody has approved"
            : asked is null || asked.Id != request.ApprovalOf || asked.To != move.To ? $"the request {request.ApprovalOf} is void: approved, withdrawn, too old, or the context has moved"
            : asked.AskedBy == request.Actor ? $"approved by whoever asked for it, {request.Actor}"
            : null;
        return value is null ? asked! : throw new GateException(_context, move.To, [Gate(value)]);
    }

    /// <summary>Before the step: it has been approved, whatever becomes of it.</summary>
    public Task ApproveAsync(StageView view, AskedStep asked, CutoverRequest request, CancellationToken cancellationToken) =>
        runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, request.Actor, Approved, asked.From.ToString(), asked.To.ToString(), view.Epoch, asked.Force, request.Reason, Describe(asked)), cancellationToken);

    /// <summary>For the trail of the step itself.</summary>
    public static string Describe(AskedStep asked) => $"{asked.Id}, asked for by {asked.AskedBy}: {asked.Reason}";

    private Gate Gate(string value) => new(
        "second person", false, value, $"two, as contexts.{_context}.options.secondApprover is true",
        $"one asks over HTTP (PUT /contexts/{_context}/stage) or on the dashboard, another one approves there: a command line cannot tell two people apart")
    {
        Unforceable = true,
    };

    private AskedStep? Of(AuditEntry entry, StageView view) =>
        Enum.TryParse<Stage>(entry.From, out var from) && Enum.TryParse<Stage>(entry.To, out var to)
            ? new AskedStep(entry.Detail, from, to, view.Epoch, entry.Actor, entry.Reason, entry.Forced, entry.AtUtc, entry.AtUtc + runtime.Options.ApprovalWithin) : null;
}
