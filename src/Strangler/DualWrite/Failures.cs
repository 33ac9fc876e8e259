using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Schemas;

namespace Strangler.DualWrite;

/// <summary>What failures mean for a retry, and how they may be written down.</summary>
internal static class Failures
{
    /// <summary>Known to pass by itself. Everything else counts as an attempt.</summary>
    public static bool IsTransient(Exception exception) => exception switch
    {
        SideUnavailableException unavailable => unavailable.IsTransient,
        FenceBusyException or SwitchingException or CommitOutcomeUnknownException or TimeoutException or SchemaMismatchException
            or ForeignChangeException => true,
        _ => false,
    };

    /// <summary>Known not to pass by itself: only another write of the entity, or an operator, can help.</summary>
    public static bool IsPermanent(Exception exception) =>
        exception is CannotHoldException or UnreadableException or RegressionException or MergeConflictException;

    /// <summary>
    /// Place and kind. Messages of drivers may quote values of entities ("Duplicate entry '…'"), so of unknown failures only the type is
    /// kept.
    /// </summary>
    public static string Describe(Exception exception) => exception switch
    {
        CannotHoldException or UnreadableException or RegressionException or ForeignChangeException or MergeConflictException
            or FenceBusyException or NotMigratedException or SchemaMismatchException
            => $"{exception.GetType().Name}: {exception.Message}",
        DuplicateKeyException => "DuplicateKeyException: a unique value is taken",
        SideUnavailableException unavailable => $"the {unavailable.Side.ToString().ToLowerInvariant()} side is unavailable",
        _ => exception.GetType().Name,
    };
}
