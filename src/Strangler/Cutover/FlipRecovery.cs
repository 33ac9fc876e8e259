using Microsoft.Extensions.Logging;
using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>
/// Finishes what a dead flipper left behind; anyone may call it at any time (PROTOCOL §6). The old lead's fence decides:
/// <c>(follower, e)</c> beside <c>(prepared, e)</c> is rolled forward; <c>(switching, e)</c> beyond its deadline is aborted. A prepared row
/// whose epoch is not the other side's is a leftover of an aborted flip and is never promoted.
/// </summary>
internal sealed class FlipRecovery(ContextSides sides, ContextOptions options, ILoggerFactory loggers)
{
    private readonly ILogger _log = loggers.CreateLogger<FlipRecovery>();

    /// <summary>As <see cref="RollForwardAsync"/>, by whoever came by: the audit trail then says how the flip ended.</summary>
    public async Task<(SideName Side, FenceRow Row)?> FinishAsync(
        SideName side, FenceRow row, FenceRow otherRow, CancellationToken cancellationToken)
    {
        var promoted = await RollForwardAsync(side, row, otherRow, cancellationToken);
        if (promoted is { } lead)
        {
            const string Detail = "decided by a flip that did not come to its end; finished by a reader or writer";
            await AuditAsync(lead.Side, "promote", lead.Row, Detail);
        }

        return promoted;
    }

    /// <summary>Step 6, if the two rows ask for it; null when they do not, or someone else is at it.</summary>
    public async Task<(SideName Side, FenceRow Row)?> RollForwardAsync(
        SideName side, FenceRow row, FenceRow otherRow, CancellationToken cancellationToken)
    {
        var other = Stages.Other(side);
        return (row.Role, otherRow.Role) switch
        {
            (FenceRole.Follower, FenceRole.Prepared) when row.Epoch == otherRow.Epoch
                => await PromoteAsync(other, otherRow, cancellationToken),
            (FenceRole.Prepared, FenceRole.Follower) when row.Epoch == otherRow.Epoch => await PromoteAsync(side, row, cancellationToken),
            _ => null,
        };
    }

    /// <summary>
    /// The row as it is after an abort, when it was switching beyond its deadline by its own database's clock; else as it was.
    /// </summary>
    public async Task<FenceRow> AbortIfExpiredAsync(SideName side, FenceRow row, CancellationToken cancellationToken)
    {
        if (row is not { Role: FenceRole.Switching, Deadline: { } deadline })
        {
            return row;
        }

        var fence = sides.Of(side).Fence;
        if (await fence.UtcNowAsync(cancellationToken) <= deadline)
        {
            return row;
        }

        try
        {
            if (await AbortAsync(side, row, cancellationToken) is not { } aborted)
            {
                return await fence.ReadAsync(cancellationToken);
            }

            await AuditAsync(side, "abort", aborted, "a flip was not decided by its deadline; ended by a reader or writer");
            return aborted;
        }
        catch (FenceBusyException)
        {
            return row;
        }
    }

    /// <summary>(switching, e) → (lead, e + 1); null when someone else was quicker. Needs the old lead only, never the follower.</summary>
    public async Task<FenceRow?> AbortAsync(SideName side, FenceRow row, CancellationToken cancellationToken)
    {
        var next = row with { Role = FenceRole.Lead, Epoch = row.Epoch + 1, Deadline = null };
        if (!await sides.Of(side).Fence.CompareAndSetAsync(row, next, options.FenceLockTimeout, cancellationToken))
        {
            return null;
        }

        _log.FlipAborted(sides.Context, side, next.Stage, next.Epoch);
        return next;
    }

    private async Task<(SideName Side, FenceRow Row)?> PromoteAsync(SideName side, FenceRow prepared, CancellationToken cancellationToken)
    {
        var next = prepared with { Role = FenceRole.Lead, Deadline = null };
        try
        {
            if (!await sides.Of(side).Fence.CompareAndSetAsync(prepared, next, options.FenceLockTimeout, cancellationToken))
            {
                return null;
            }
        }
        catch (FenceBusyException)
        {
            return null;
        }

        _log.Promoted(sides.Context, side, next.Stage, next.Epoch);
        return (side, next);
    }

    // Best effort: it is a reader's or writer's call, and the log has it in any case.
    private async Task AuditAsync(SideName side, string action, FenceRow row, string detail)
    {
        var entry = new AuditEntry(default, "strangler", action, "", row.Stage.ToString(), row.Epoch, false, "", detail);
        try
        {
            await sides.Of(side).Audit.AppendAsync(entry, CancellationToken.None);
        }
        catch (Exception exception)
        {
            _log.AuditFailed(sides.Context, side, entry.Action, entry.Actor, entry.To, entry.Epoch, exception);
        }
    }
}
