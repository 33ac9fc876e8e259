using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace Strangler.Postgres;

/// <summary>What an error of a PostgreSQL server, or on the way to it, means to a caller.</summary>
internal enum PostgresErrorKind
{
    /// <summary>None of the others, for instance a syntax error, or not an error of the database at all.</summary>
    Other,

    /// <summary>A unique key already has the value.</summary>
    Duplicate,

    /// <summary>Another transaction held a lock for longer than <c>lock_timeout</c>.</summary>
    LockWaitTimeout,

    /// <summary>The victim of a deadlock, or of a conflict with a transaction beside it: to be repeated as a whole.</summary>
    Deadlock,

    /// <summary>No connection could be made: refused, starting up, too many connections. Nothing was executed.</summary>
    Unreachable,

    /// <summary>User, password or grants.</summary>
    AccessDenied,

    UnknownDatabase,

    NoSuchTable,

    NoSuchColumn,

    /// <summary>A column is of another type than the statement takes it for.</summary>
    WrongType,

    ForeignKey,

    /// <summary>The connection broke while in use, or the server ended it. Whether the statement took effect is unknown.</summary>
    ConnectionLost,

    /// <summary>A value does not fit its column, or cannot be text there.</summary>
    BadValue,

    /// <summary>The server takes no writes at the moment: a standby, or read-only by its settings.</summary>
    ReadOnly,

    DiskFull,

    /// <summary>Somebody cancelled the statement.</summary>
    Cancelled,

    /// <summary>A deadline of ours or of the server passed. Whether the statement took effect is unknown.</summary>
    Timeout,
}

/// <summary>An error whose message of the server would quote values.</summary>
internal sealed class PostgresStateException(PostgresErrorKind kind, string message) : DbException(message)
{
    public PostgresErrorKind Kind { get; } = kind;
}

/// <remarks>https://www.postgresql.org/docs/15/errcodes-appendix.html</remarks>
internal static class PostgresErrors
{
    /// <summary>What an exception means, its inner exceptions included.</summary>
    public static PostgresErrorKind Classify(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresStateException ours:
                    return ours.Kind;
                // A statement that this connection has prepared, of a table that was altered since: another connection will prepare it anew.
                case PostgresException { SqlState: "0A000" } stale when stale.MessageText.Contains("cached plan", StringComparison.Ordinal):
                    return PostgresErrorKind.ConnectionLost;
                case PostgresException server:
                    return OfState(server.SqlState);
                case TimeoutException:
                    return PostgresErrorKind.Timeout;
                case SocketException or IOException:
                    return PostgresErrorKind.ConnectionLost;
            }
        }

        return PostgresErrorKind.Other;
    }

    /// <summary>The name of the constraint that was violated; empty when none was.</summary>
    public static string ConstraintOf(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is PostgresException server)
            {
                return server.ConstraintName ?? "";
            }
        }

        return "";
    }

    /// <summary>The cause to hand on: of wrong values the server quotes some, which may be personal and would end in a log.</summary>
    public static Exception Cause(Exception exception) => exception is PostgresException server && QuotesValues(server)
        ? new PostgresStateException(OfState(server.SqlState), MessageOf(server))
        : exception;

    /// <summary>A message without values.</summary>
    public static string MessageOf(Exception exception) => exception is PostgresException server
        ? QuotesValues(server)
            ? $"a value cannot be stored (SQLSTATE {server.SqlState}{Place(server)})"
            : $"{server.MessageText} (SQLSTATE {server.SqlState})"
        : exception.Message;

    // Class 22: "invalid input syntax for type date: "…"". Of the others the details quote values, which Npgsql leaves out.
    private static bool QuotesValues(PostgresException server) => server.SqlState.StartsWith("22", StringComparison.Ordinal);

    private static string Place(PostgresException server) =>
        server.TableName is { Length: > 0 } table ? $", {table}{(server.ColumnName is { Length: > 0 } column ? $".{column}" : "")}" : "";

    private static PostgresErrorKind OfState(string state) => state switch
    {
        "23505" => PostgresErrorKind.Duplicate,
        "23503" => PostgresErrorKind.ForeignKey,
        "55P03" => PostgresErrorKind.LockWaitTimeout,
        "40001" or "40P01" => PostgresErrorKind.Deadlock,
        "57P03" or "53300" => PostgresErrorKind.Unreachable,
        "28000" or "28P01" or "42501" => PostgresErrorKind.AccessDenied,
        "3D000" => PostgresErrorKind.UnknownDatabase,
        "42P01" => PostgresErrorKind.NoSuchTable,
        "42703" => PostgresErrorKind.NoSuchColumn,
        "42804" or "42883" => PostgresErrorKind.WrongType,
        "25006" => PostgresErrorKind.ReadOnly,
        "53100" => PostgresErrorKind.DiskFull,
        "57014" => PostgresErrorKind.Cancelled,
        "25P03" or "57P01" or "57P02" or "57P05" => PostgresErrorKind.ConnectionLost,
        _ when state.StartsWith("08", StringComparison.Ordinal) => PostgresErrorKind.ConnectionLost,
        _ when state.StartsWith("22", StringComparison.Ordinal) => PostgresErrorKind.BadValue,
        _ => PostgresErrorKind.Other,
    };
}
