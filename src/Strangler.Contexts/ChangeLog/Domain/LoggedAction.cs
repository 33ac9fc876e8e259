namespace Strangler.Contexts.ChangeLog;

/// <summary>
/// What somebody did in the back office, when and from where. Written once, never changed; of two acts in one second both are there. The time is civil
/// time of the organisation, in whole seconds.
/// </summary>
public sealed class LoggedAction
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="loggedAt">When.</param>
    /// <param name="action">What, in the back office's own word; not empty.</param>
    /// <param name="userName">Who; "" for somebody whom the back office does not know.</param>
    /// <param name="remoteAddress">From where; "" when it is not known.</param>
    /// <param name="sessionId">In which session; "" outside of one.</param>
    public LoggedAction(long id, DateTime loggedAt, string action, string userName, string remoteAddress = "", string sessionId = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentException.ThrowIfNullOrWhiteSpace(action);
        ArgumentNullException.ThrowIfNull(userName);
        ArgumentNullException.ThrowIfNull(remoteAddress);
        ArgumentNullException.ThrowIfNull(sessionId);
        (_id, LoggedAt, Action, UserName, RemoteAddress, SessionId) = (id, WholeSecond(loggedAt), action, userName, remoteAddress, sessionId);
    }

    // What was stored once is taken as it is: old records break today's rules.
    private LoggedAction(long id, DateTime? loggedAt, string action, string userName, string remoteAddress, string sessionId) =>
        (_id, LoggedAt, Action, UserName, RemoteAddress, SessionId) = (id, loggedAt, action, userName, remoteAddress, sessionId);

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>Null for old records that do not tell.</summary>
    public DateTime? LoggedAt { get; }

    /// <summary>"" only of old records.</summary>
    public string Action { get; }

    public string UserName { get; }

    public string RemoteAddress { get; }

    public string SessionId { get; }

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The action has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static LoggedAction Recall(long id, DateTime? loggedAt, string action, string userName, string remoteAddress, string sessionId) =>
        new(id, loggedAt, action, userName, remoteAddress, sessionId);

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}
