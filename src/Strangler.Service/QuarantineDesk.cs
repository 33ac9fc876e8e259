using Strangler.Cutover;

namespace Strangler.Service;

/// <summary>What an operator may do with rows that cannot be read.</summary>
public static class QuarantineDesk
{
    /// <summary>Accepts that rows stay unread, and says so in the audit trail. Returns how many were signed off just now.</summary>
    /// <param name="host">The context.</param>
    /// <param name="kind">The kind; null: all.</param>
    /// <param name="id">One id; null: all that are open.</param>
    /// <param name="actor">Who.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<int> SignOffAsync(
        ContextHost host, string? kind, long? id, string actor, string reason, CancellationToken cancellationToken)
    {
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        var signed = 0;
        foreach (var name in kind is null ? host.Runtime.Kinds.Keys : [kind])
        {
            signed += await host.Sides.Quarantine.SignOffAsync(name, id, actor, reason, cancellationToken).ConfigureAwait(false);
        }

        if (signed > 0)
        {
            await host.Sides.Of(view.Lead).Audit.AppendAsync(
                new AuditEntry(default, actor, "sign-off", "", "", view.Epoch, false, reason, id is null ? $"{signed} entries" : $"id {id}"),
                cancellationToken).ConfigureAwait(false);
        }

        return signed;
    }
}
