using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Service;

/// <summary>Writes acts of operators into a context's audit trail, on the side that leads.</summary>
public static class AuditDesk
{
    /// <param name="host">The context.</param>
    /// <param name="actor">Who.</param>
    /// <param name="action">What, in one word.</param>
    /// <param name="reason">Why; may be empty.</param>
    /// <param name="detail">On what; never values.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task AppendAsync(
        ContextHost host, string actor, string action, string reason, string detail, CancellationToken cancellationToken)
    {
        var hint = await host.Runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false) ?? throw new SwitchingException(host.Name, TimeSpan.Zero);
        var stage = hint.Stage.ToString();
        await host.Sides.Of(hint.Lead).Audit.AppendAsync(
            new AuditEntry(default, actor, action, stage, stage, hint.Fence.Epoch, false, reason, detail), cancellationToken).ConfigureAwait(false);
    }
}
