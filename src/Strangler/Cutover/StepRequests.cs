using System.Globalization;
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
/// <param name="Closed">The gates that were closed when it was asked for, one a line, and are to be overridden; no others.</param>
public sealed record AskedStep(
    string Id, Stage From, Stage To, long Epoch, string AskedBy, string Reason, bool Force, DateTime AskedUtc, DateTime UntilUtc, string Closed)
{
    /// <summary>Whether a yes to it overrides this gate.</summary>
    internal bool Overrides(Gate gate) => Force && Closed.Split('\n').Contains(gate.Name);
}

/// <summary>
/// Steps that wait for a second person. They stand in the audit trail of the side that leads and nowhere else: every replica sees them, and they survive each of
/// them. What belongs to an epoch that is over is void, so one that was approved once is not approved again.
/// </summary>
internal sealed class StepRequests(ContextRuntime runtime)
{
    public const string Asked = "ask";
    public const string Withdrawn = "withdraw";
    public const string Approved = "approve";

    // The last line of a request that says for how long it waits. Older ones have none; an older build takes it for one more gate, which no gate is called.
    private const string Within = "within ";

    private readonly string _context = runtime.Context;

    /// <summary>The one that waits; null: there is none.</summary>
    public async Task<AskedStep?> FindAsync(StageView view, CancellationToken cancellationToken) =>
        await WaitingAsync(view, cancellationToken) is [var newest, ..] ? newest : null;

    /// <summary>Throws <see cref="CutoverException"/> when somebody else has asked at the same time: only one waits.</summary>
    public async Task<AskedStep> AskAsync(StageView view, StageMove move, CutoverRequest request, IEnumerable<Gate> closed, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString("N")[..12];
        string[] names = [.. closed.Select(gate => gate.Name)];
        var trail = runtime.Sides.Of(view.Lead).Audit;
        await trail.AppendAsync(
            new AuditEntry(
                default, request.Actor, Asked, move.From.ToString(), move.To.ToString(), view.Epoch, names.Length > 0, request.Reason,
                string.Join('\n', [id, .. names, $"{Within}{runtime.Options.ApprovalWithin:c}"])),
            cancellationToken);
        if (await FindAsync(view, cancellationToken) is { } asked && asked.Id == id)
        {
            return asked;
        }

        await WithdrawAsync(view, id, move.From, request.Actor, "somebody else has asked meanwhile", cancellationToken);
        throw CutoverException.LostRace(_context);
    }

    /// <summary>All that wait, also what a newer one hides. Throws <see cref="CutoverException"/> where one of them has been approved meanwhile.</summary>
    public async Task WithdrawAsync(StageView view, string actor, string reason, CancellationToken cancellationToken)
    {
        var waiting = await WaitingAsync(view, cancellationToken);
        foreach (var asked in waiting)
        {
            await WithdrawAsync(view, asked.Id, asked.From, actor, reason, cancellationToken);
        }

        var (_, _, approved) = await TrailAsync(view, cancellationToken);
        if (waiting.FirstOrDefault(asked => approved.Contains(asked.Id)) is { } late)
        {
            throw new CutoverException($"Request {late.Id} was approved at the same moment; look where {_context} stands.");
        }
    }

    private Task WithdrawAsync(StageView view, string id, Stage from, string actor, string reason, CancellationToken cancellationToken) =>
        runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, actor, Withdrawn, from.ToString(), from.ToString(), view.Epoch, false, reason, id), cancellationToken);

    // Newest first. A yes counts once, also where the step that it was for has failed.
    private async Task<IReadOnlyList<AskedStep>> WaitingAsync(StageView view, CancellationToken cancellationToken)
    {
        var (asked, withdrawn, approved) = await TrailAsync(view, cancellationToken);
        List<AskedStep> waiting = [];
        foreach (var step in asked.Where(step => step.From == view.Stage && !withdrawn.Contains(step.Id) && !approved.Contains(step.Id)))
        {
            if (await LastsAsync(view, step, cancellationToken))
            {
                waiting.Add(step);
            }
        }

        return waiting;
    }

    // Whose time is up stays void when others may wait longer by now. The store's clock decides here as well.
    private async Task<bool> LastsAsync(StageView view, AskedStep step, CancellationToken cancellationToken)
    {
        var within = step.UntilUtc - step.AskedUtc;
        return within >= runtime.Options.ApprovalWithin
            || (await runtime.Sides.Of(view.Lead).Audit.OfEpochAsync(view.Epoch, within, cancellationToken)).Any(entry => entry.Action == Asked && IdOf(entry) == step.Id);
    }

    private async Task<(IReadOnlyList<AskedStep> Asked, HashSet<string> Withdrawn, HashSet<string> Approved)> TrailAsync(StageView view, CancellationToken cancellationToken)
    {
        var entries = await runtime.Sides.Of(view.Lead).Audit.OfEpochAsync(view.Epoch, runtime.Options.ApprovalWithin, cancellationToken);
        return ([.. entries.Where(entry => entry.Action == Asked).Select(entry => Of(entry, view)).OfType<AskedStep>()], Ids(Withdrawn), Ids(Approved));

        HashSet<string> Ids(string action) => entries.Where(entry => entry.Action == action).Select(IdOf).ToHashSet(StringComparer.Ordinal);
    }

    private static string IdOf(AuditEntry entry) => entry.Detail.Split(',', '\n')[0];

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

    /// <summary>
    /// Before the step: it has been approved, whatever becomes of it. Throws <see cref="GateException"/> when it was withdrawn while the gates were looked at:
    /// whoever withdraws looks for the approval afterwards, so that one of the two sees the other.
    /// </summary>
    public async Task ApproveAsync(StageView view, AskedStep asked, CutoverRequest request, CancellationToken cancellationToken)
    {
        await runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, request.Actor, Approved, asked.From.ToString(), asked.To.ToString(), view.Epoch, asked.Force, request.Reason, Describe(asked)), cancellationToken);
        if ((await TrailAsync(view, cancellationToken)).Withdrawn.Contains(asked.Id))
        {
            throw new GateException(_context, asked.To, [Gate($"the request {asked.Id} was withdrawn")]);
        }
    }

    /// <summary>For the trail of the step itself.</summary>
    public static string Describe(AskedStep asked) => $"{asked.Id}, asked for by {asked.AskedBy}: {asked.Reason}";

    private Gate Gate(string value) => new(
        "second person", false, value, $"two, as contexts.{_context}.options.secondApprover is true",
        $"one asks over HTTP (PUT /contexts/{_context}/stage) or on the dashboard, another one approves there: a command line cannot tell two people apart")
    {
        Unforceable = true,
    };

    private AskedStep? Of(AuditEntry entry, StageView view)
    {
        string[] lines = entry.Detail.Split('\n');
        var present = runtime.Options.ApprovalWithin;
        var hasEnd = lines.Length > 1 && lines[^1].StartsWith(Within, StringComparison.Ordinal);
        var within = hasEnd && TimeSpan.TryParseExact(lines[^1][Within.Length..], "c", CultureInfo.InvariantCulture, out var stored) && stored < present ? stored : present;
        return Enum.TryParse<Stage>(entry.From, out var from) && Enum.TryParse<Stage>(entry.To, out var to)
            ? new AskedStep(
                lines[0], from, to, view.Epoch, entry.Actor, entry.Reason, entry.Forced, entry.AtUtc, entry.AtUtc + within,
                string.Join('\n', hasEnd ? lines[1..^1] : lines[1..])) : null;
    }
}
