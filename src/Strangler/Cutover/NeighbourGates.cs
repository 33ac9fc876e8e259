using Strangler.DualWrite;
using Strangler.Neighbours;

namespace Strangler.Cutover;

/// <summary>What a move of one context means for others: by the references that their mappings declare.</summary>
internal sealed class NeighbourGates(ContextRuntime runtime)
{
    /// <summary>Of steps forward from which on the new side leads.</summary>
    public async Task<IReadOnlyList<Gate>> LookAsync(Stage target, CancellationToken cancellationToken)
    {
        List<Gate> gates = [];
        foreach (var group in runtime.References.SelectMany(reference => reference.Targets).Where(one => one.Context != runtime.Context)
            .GroupBy(one => one.Context).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            gates.Add(await OutgoingAsync(group.Key, [.. group.Select(one => one.Kind).Distinct()], cancellationToken));
        }

        foreach (var group in runtime.Neighbours.Incoming().GroupBy(one => one.Context).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            gates.Add(await IncomingAsync(group.Key, [.. group.Select(one => one.Reference.Field).Distinct()], target, cancellationToken));
        }

        return gates;
    }

    // From the flip on, readers of this context's new tables follow its references; the id map of the other context is what they need for it.
    private async Task<Gate> OutgoingAsync(string context, string[] kinds, CancellationToken cancellationToken)
    {
        var name = $"references to {context}";
        const string Required = "its id map is complete";
        if (runtime.Neighbours.Find(context) is not { } there)
        {
            return new Gate(name, true, "not configured here: public ids stay as they are, and nothing resolves them", Required, "");
        }

        try
        {
            var hint = await there.Stage.RefreshAsync(cancellationToken);
            var missing = new List<string>();
            foreach (var kind in kinds)
            {
                if (hint is null || hint.Stage == Stage.LegacyOnly || !await IsCompleteAsync(there, kind, hint, cancellationToken))
                {
                    missing.Add(kind);
                }
            }

            var stage = hint?.Stage.ToString() ?? "a flip";
            return missing.Count == 0
                ? new Gate(name, true, $"complete ({context} is in {stage})", Required, "")
                : new Gate(
                    name, false, $"{context} is in {stage}, and its id map lacks: {string.Join(", ", missing)}", Required,
                    hint?.Stage == Stage.LegacyOnly ? $"strangler cutover advance {context}; then: strangler backfill {context}" : $"strangler backfill {context}");
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return new Gate(name, false, Failures.Describe(exception), Required, $"strangler cutover status {context}");
        }
    }

    private static async Task<bool> IsCompleteAsync(ContextRuntime there, string kind, StageHint hint, CancellationToken cancellationToken) =>
        await there.Sides.BackfillTarget.ReadCheckpointAsync(kind, cancellationToken) is { } checkpoint
        && checkpoint.IsComplete(hint.Fence.DualEpoch);

    // Public ids stay what they are, whoever leads here. But once legacy is kept no more, programs that still work on the other context's
    // legacy tables look its references up in tables that nobody writes.
    private async Task<Gate> IncomingAsync(string context, string[] fields, Stage target, CancellationToken cancellationToken)
    {
        var name = $"referred to by {context}";
        var by = string.Join(", ", fields);
        if (target != Stage.NewOnly)
        {
            return new Gate(name, true, $"by public ids ({by}), which stay as they are", "known", "");
        }

        const string Required = "NewLeads or NewOnly there";
        try
        {
            var stage = (await runtime.Neighbours.Find(context)!.Stage.RefreshAsync(cancellationToken))?.Stage;
            return stage >= Stage.NewLeads
                ? new Gate(name, true, $"{context} is in {stage}", Required, "")
                : new Gate(
                    name, false, $"{context} is in {stage?.ToString() ?? "a flip"}: its legacy programs look up {by} in tables that would be kept no longer", Required,
                    $"strangler cutover advance {context}");
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return new Gate(name, false, Failures.Describe(exception), Required, $"strangler cutover status {context}");
        }
    }
}
