using System.Globalization;

namespace Strangler.Reconciliation;

/// <summary>The context is being reconciled by another run; nothing was begun.</summary>
public sealed class AlreadyRunningException(string context, LeaseHolder holder) : Exception(Text(context, holder))
{
    public LeaseHolder Holder { get; } = holder;

    private static string Text(string context, LeaseHolder holder) => string.Create(
        CultureInfo.InvariantCulture,
        $"A reconciliation of {context} is already running: {holder.Scope}, since {holder.SinceUtc:yyyy-MM-dd HH:mm:ss} UTC, by {holder.Actor} "
        + $"({holder.Process}). If that process is gone, its claim ends at {holder.UntilUtc:HH:mm:ss} UTC by itself.");
}

/// <summary>The run was taken for dead, as it could not renew its claim in time, and another has begun; what it had counted since its
/// last checkpoint is not stored.</summary>
public sealed class LeaseLostException(string context, long run) : Exception(string.Create(
    CultureInfo.InvariantCulture,
    $"Reconciliation {run} of {context} could not renew its claim in time, and another run may have begun; this one ends."))
{
    public long RunId { get; } = run;
}

/// <summary>There is no interrupted run that could be taken up, or none that would still prove anything.</summary>
public sealed class CannotResumeException(string message) : Exception(message);
