using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Service;

/// <summary>Gives parked keys another try for an operator.</summary>
public static class ParkedDesk
{
    /// <summary>Puts one parked key, or all, back to work, and says so in the audit trail before. Returns how many there were.</summary>
    public static async Task<int> RetryAsync(ContextHost host, EntityKey? key, string actor, string reason, CancellationToken cancellationToken)
    {
        await AuditDesk.AppendAsync(host, actor, "retry", reason, key?.ToString() ?? "all parked keys", cancellationToken).ConfigureAwait(false);
        return await new ParkedKeys(host.Runtime).RetryAsync(key, cancellationToken).ConfigureAwait(false);
    }
}
