using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Schemas;

namespace Strangler.Service;

/// <summary>Writes acts of operators into a context's audit trail, on the side that leads.</summary>
public static class AuditDesk
{
    /// <summary>What the trail says of an act before it is done. Where no second line says what came of it, nobody knows: its process died.</summary>
    public const string Asked = "asked for";

    /// <summary>The second line of an act that was done.</summary>
    public const string Done = "done";

    // A stage that is being moved is told again a moment later; an answer may wait so long for its line.
    private static readonly TimeSpan[] _pauses = [TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(400), TimeSpan.FromSeconds(2)];

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

    /// <summary>
    /// A write of one entity with two lines in the trail: that it was asked for, before, without which it is not done; and what came of it, after. A process
    /// that dies in between leaves an act that is told and whose end is not, never one that is done and untold. The trail has no transaction with the entity:
    /// it may be the other side's by the time that the write is done.
    /// </summary>
    /// <param name="host">The context.</param>
    /// <param name="actor">Who.</param>
    /// <param name="action">What, in one word.</param>
    /// <param name="key">On which entity.</param>
    /// <param name="act">The write. What it throws is thrown on.</param>
    /// <param name="log">Is told where the second line could not be written.</param>
    /// <param name="cancellationToken">Ends the first line; the second is written in any case.</param>
    internal static async Task<T> ActAsync<T>(
        ContextHost host, string actor, string action, EntityKey key, Func<Task<T>> act, ILogger log, CancellationToken cancellationToken)
    {
        await AppendAsync(host, actor, action, "", $"{key}: {Asked}", cancellationToken).ConfigureAwait(false);
        var outcome = Done;
        try
        {
            return await act().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            outcome = HasWrittenNothing(exception) ? $"not done ({exception.GetType().Name})" : $"not known whether it was done ({exception.GetType().Name})";
            throw;
        }
        finally
        {
            await TellAsync(host, actor, action, key, outcome, log).ConfigureAwait(false);
        }
    }

    // It has been done or has not, whether that can be written down or not: the log has it then.
    private static async Task TellAsync(ContextHost host, string actor, string action, EntityKey key, string outcome, ILogger log)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await AppendAsync(host, actor, action, "", $"{key}: {outcome}", CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (Exception exception) when (exception is SwitchingException or SideUnavailableException { IsTransient: true } && tries < _pauses.Length)
            {
                await Task.Delay(_pauses[tries], host.Runtime.Time, CancellationToken.None).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // What it is must not hide what came of the act itself.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                log.OutcomeUntold(host.Name, actor, action, key, outcome, exception.GetType().Name);
                return;
            }
        }
    }

    // As the writer promises; what it does not name may have come from anywhere, also after the commit.
    private static bool HasWrittenNothing(Exception exception) => exception is ConflictException or CannotHoldException or RequestKeyException
        or DuplicateKeyException or QuarantinedException or UnreadableException or SwitchingException or FenceBusyException or IdsExhaustedException
        or SideUnavailableException or NotMigratedException or SchemaMismatchException or OperationCanceledException;
}
