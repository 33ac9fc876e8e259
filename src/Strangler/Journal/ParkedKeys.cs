using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>The key has no parked rows on the leading side; nothing was changed.</summary>
public sealed class NotParkedException(string context, EntityKey key)
    : Exception($"{key} is not parked; nothing was dropped. What is: strangler relay status {context}")
{
    public EntityKey Key { get; } = key;
}

/// <summary>What an operator may do with keys that the relay has set aside.</summary>
public sealed class ParkedKeys(ContextRuntime runtime)
{
    private readonly ILogger _log = runtime.Loggers.CreateLogger<ParkedKeys>();

    /// <summary>Puts a parked key (all when null) back to work. Returns how many journal rows.</summary>
    public async Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken)
    {
        var lead = await LeadAsync(cancellationToken);
        var rows = await runtime.Sides.Of(lead.Lead).Journal.RetryAsync(key, cancellationToken);
        if (lead.Lead == SideName.New && !runtime.Options.ForeignWritersNone)
        {
            // Other programs' writes that could not be merged.
            rows += await runtime.Sides.Legacy.Journal.RetryAsync(key, cancellationToken);
        }

        runtime.Wake();
        return rows;
    }

    /// <summary>
    /// Gives up a parked key: its journal rows go, and the follower stays behind for good unless the entity is written or repaired. From then on the key is a lost
    /// obligation: reconciliation and <see cref="ObligationCheck"/> report it, and no earlier reconciliation opens gates. In the audit trail before it happens.
    /// Throws <see cref="NotParkedException"/>, and <see cref="ArgumentException"/> without actor or reason.
    /// </summary>
    /// <returns>What was parked, or with <paramref name="dryRun"/> what would be dropped.</returns>
    public async Task<ParkedKey> DropAsync(EntityKey key, string actor, string reason, bool dryRun, CancellationToken cancellationToken)
    {
        var lead = await LeadAsync(cancellationToken);
        var side = runtime.Sides.Of(lead.Lead);
        var parked = await side.Journal.FindParkedAsync(key, cancellationToken) ?? throw new NotParkedException(runtime.Context, key);
        if (await runtime.Sides.Merges.FindAsync(key, cancellationToken) is not null)
        {
            throw new ArgumentException($"{key} is in conflict; decide instead of dropping: strangler conflicts resolve {runtime.Context} {key.Id}");
        }

        if (dryRun)
        {
            return parked;
        }

        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        await runtime.Sides.Reconciliations.DisturbAsync($"{key} dropped by {actor}", cancellationToken);
        var stage = lead.Stage.ToString();
        await side.Audit.AppendAsync(
            new AuditEntry(
                default, actor, "drop", stage, stage, lead.Fence.Epoch, false, reason,
                $"{key} version {parked.Version}, parked after {parked.Attempts} attempts"),
            cancellationToken);
        var rows = await side.Journal.DropAsync(key, cancellationToken);
        if (rows == 0)
        {
            throw new NotParkedException(runtime.Context, key);
        }

        _log.Dropped(runtime.Context, actor, rows, key.Kind, key.Id);
        return parked;
    }

    private async Task<StageHint> LeadAsync(CancellationToken cancellationToken) =>
        await runtime.Stage.RefreshAsync(cancellationToken) ?? throw new SwitchingException(runtime.Context, TimeSpan.Zero);
}
