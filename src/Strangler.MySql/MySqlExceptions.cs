using System.Data.Common;

namespace Strangler.MySql;

/// <summary>A connect or command deadline passed. After a command's deadline its effect is unknown; the connection still works for a
/// rollback unless its <see cref="DbConnection.State"/> says otherwise.</summary>
public sealed class MySqlTimeoutException : TimeoutException
{
    internal MySqlTimeoutException(string message, Exception? cause = null) : base(message, cause) { }
}

/// <summary>An error that the driver itself has no proper exception for.</summary>
public sealed class MySqlStateException : DbException
{
    internal MySqlStateException(MySqlErrorKind kind, string message, Exception? cause = null) : base(message, cause) => Kind = kind;

    /// <summary>What happened.</summary>
    public MySqlErrorKind Kind { get; }

    /// <inheritdoc/>
    public override bool IsTransient => MySqlDriver.IsTransient(this);
}
