namespace Strangler.MySql;

/// <summary>What an error of a MySQL or MariaDB server, or on the way to it, means to a caller.</summary>
public enum MySqlErrorKind
{
    /// <summary>None of the others, for instance a syntax error, or not an error of the database at all.</summary>
    Other,

    /// <summary>A unique key already has the value.</summary>
    Duplicate,

    /// <summary>Another transaction held a lock for longer than <c>innodb_lock_wait_timeout</c>. The transaction is still open.</summary>
    LockWaitTimeout,

    /// <summary>The server chose this transaction as the victim and rolled it back.</summary>
    Deadlock,

    /// <summary>No connection could be made: refused, unknown host, too many connections. Nothing was executed.</summary>
    Unreachable,

    /// <summary>User, password or grants.</summary>
    AccessDenied,

    UnknownDatabase,

    /// <summary>Binary logging is on, and the user may not create triggers without <c>log_bin_trust_function_creators</c>.</summary>
    BinaryLogging,

    NoSuchTable,

    /// <summary>A statement names a column that the table has not, or leaves one out that must be given.</summary>
    NoSuchColumn,

    /// <summary>The connection broke while in use. Whether the statement took effect is unknown; an open transaction is rolled
    /// back.</summary>
    ConnectionLost,

    /// <summary>A value does not fit its column.</summary>
    DataTooLong,

    /// <summary>The server takes no writes at the moment, as a replica or during a failover.</summary>
    ReadOnly,

    /// <summary>The server's disk or table space is full.</summary>
    DiskFull,

    /// <summary>Somebody ended the statement with KILL QUERY.</summary>
    QueryKilled,

    /// <summary>A deadline of ours or of the server passed. Whether the statement took effect is unknown.</summary>
    Timeout,
}
