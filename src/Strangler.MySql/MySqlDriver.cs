using System.Data.Common;
using System.Net;
using System.Net.Sockets;
#if MYSQLCONNECTOR
using MySqlConnector;
#else
using System.Reflection;
using MySql.Data.MySqlClient;
using Strangler.MySql.Blocking;
#endif

namespace Strangler.MySql;

/// <summary>The one place that knows which driver was built in. Everything else sees <see cref="System.Data.Common"/>.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>TINYINT(1) is a number, CHAR(36) is text and BINARY(16) is bytes: nothing is guessed to be a bool or a Guid.</item>
/// <item>Dates have no <see cref="DateTimeKind"/>. Dates that may be zero are read with <c>CAST(… AS CHAR)</c>; others throw when
/// read.</item>
/// <item>The number of affected rows counts the rows found, not only those changed.</item>
/// </list>
/// </remarks>
public static class MySqlDriver
{
    private const string Example = "Server=…;Port=3306;User ID=…;Password=…;Database=…";

#if MYSQLCONNECTOR
    public static string Name => "MySqlConnector";
#else
    /// <summary>The driver's name as its package has it.</summary>
    public static string Name => "MySql.Data";
#endif

    /// <summary>Makes a pool; connects to nothing yet.</summary>
    /// <exception cref="ArgumentException">The connection string or the options are not valid, or ask for what the built-in driver can't
    /// do.</exception>
    public static MySqlDataSource CreateDataSource(string connectionString, MySqlDataSourceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var given = Parse(connectionString);
        var translated = Translated(given);
        RefuseUnknown(given, translated);
        var builder = new MySqlConnectionStringBuilder(translated);
        if (string.IsNullOrWhiteSpace(builder.Server))
            throw new ArgumentException("The connection string names no Server.", nameof(connectionString));
        if (!NamesSslMode(given) && IsLoopback(builder.Server))
            builder.SslMode = Unencrypted;

        builder.TreatTinyAsBoolean = false;
        builder.AllowUserVariables = true;
        builder.AllowZeroDateTime = false;
        builder.ConvertZeroDateTime = false;
        builder.UseAffectedRows = false;
        builder.AutoEnlist = false;
        builder.PersistSecurityInfo = false;
        builder.AllowLoadLocalInfile = false;
        builder.ConnectionTimeout = (uint)Math.Ceiling(options.ConnectTimeout.TotalSeconds);
        builder.DefaultCommandTimeout = (uint)Math.Ceiling(options.CommandTimeout.TotalSeconds);
        var display = $"{builder.UserID}@{builder.Server}:{builder.Port}/{builder.Database}";
        return Create(builder, display, options);
    }

#if MYSQLCONNECTOR
    /// <summary>Does nothing: this driver resets a session by itself.</summary>
    internal static void Keep(DbConnection connection) => ArgumentNullException.ThrowIfNull(connection);
#else
    /// <summary>Says that the session is in no transaction and holds no lock, so that its return need not wait for a reset. Whoever opens it
    /// next as new gets it reset then.</summary>
    internal static void Keep(DbConnection connection)
    {
        if (connection is BlockingConnection { State: System.Data.ConnectionState.Open } ours)
            ours.Session.IsKept = true;
    }
#endif

    /// <summary>What an exception means, its inner exceptions included. <see cref="MySqlErrorKind.Other"/> for what is none of
    /// ours.</summary>
    public static MySqlErrorKind Classify(Exception exception)
    {
        var (fromDriver, lost) = (false, false);
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case MySqlStateException ours:
                    return ours.Kind;
                // A wrapped error without a number of its own, say of an authentication, has the cause inside.
                case MySqlException { Number: not 0 } numbered:
                    return OfNumber(numbered.Number);
                case TimeoutException:
                    return MySqlErrorKind.Timeout;
                // Neither has an error that the driver found by itself, say a missing parameter; so the number alone says nothing.
                case MySqlException:
                    fromDriver = true;
                    break;
                case SocketException or EndOfStreamException:
                case IOException when fromDriver:
                    lost = true;
                    break;
            }
        }
        return lost ? MySqlErrorKind.ConnectionLost : MySqlErrorKind.Other;
    }

    /// <summary>Whether the same statement, in a new transaction, may succeed later without being changed: the fault lies with the
    /// server's present state, not with the statement.</summary>
    public static bool IsTransient(Exception exception) => Classify(exception) is MySqlErrorKind.LockWaitTimeout or MySqlErrorKind.Deadlock
        or MySqlErrorKind.Unreachable or MySqlErrorKind.ConnectionLost or MySqlErrorKind.ReadOnly or MySqlErrorKind.DiskFull
        or MySqlErrorKind.QueryKilled or MySqlErrorKind.Timeout;

    /// <remarks>https://mariadb.com/kb/en/mariadb-error-code-reference/ and
    /// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html</remarks>
    private static MySqlErrorKind OfNumber(int number) => number switch
    {
        1022 or 1062 or 1586 => MySqlErrorKind.Duplicate,
        // 1467: a table's id counter could not be had, as MariaDB says now and then under load while a long statement's triggers hold it; a repeat gets it.
        1205 or 1467 => MySqlErrorKind.LockWaitTimeout,
        // 1020: under MariaDB's innodb_snapshot_isolation the row has changed since the snapshot; the transaction is to be repeated.
        1213 or 1020 or 1614 => MySqlErrorKind.Deadlock,
        1040 or 1042 or 1043 or 1129 or 1203 or 1226 or 2002 or 2003 or 2005 => MySqlErrorKind.Unreachable,
        1044 or 1045 or 1142 or 1143 or 1227 or 1370 or 1698 => MySqlErrorKind.AccessDenied,
        1049 => MySqlErrorKind.UnknownDatabase,
        1418 or 1419 => MySqlErrorKind.BinaryLogging,
        1146 => MySqlErrorKind.NoSuchTable,
        1054 or 1364 => MySqlErrorKind.NoSuchColumn,
        1053 or 1077 or 1078 or 1079 or 1080 or 1152 or 1158 or 1159 or 1160 or 1161 or 1184 or 1927 or 2006 or 2013 or 2055 or 4031
            => MySqlErrorKind.ConnectionLost,
        1264 or 1406 => MySqlErrorKind.DataTooLong,
        1290 or 1836 => MySqlErrorKind.ReadOnly,
        1021 or 1114 => MySqlErrorKind.DiskFull,
        1317 => MySqlErrorKind.QueryKilled,
        // -1 is MySqlConnector's own command timeout; 1969 and 3024 are the servers' limits on a statement's time.
        -1 or 1969 or 3024 => MySqlErrorKind.Timeout,
        _ => MySqlErrorKind.Other,
    };

    // Here and below: the drivers' own messages quote what they do not understand, and that may be a part of a password. They are dropped, not wrapped.
    private static DbConnectionStringBuilder Parse(string connectionString)
    {
        try
        {
            return new DbConnectionStringBuilder { ConnectionString = connectionString };
        }
        catch (ArgumentException)
        {
            throw new ArgumentException($"The connection string cannot be read; it must look like {Example}", nameof(connectionString));
        }
    }

    private static void RefuseUnknown(DbConnectionStringBuilder given, string translated)
    {
        if (IsUnderstood(translated))
            return;
        var before = "";
        foreach (var key in given.Keys.Cast<string>())
        {
            var one = new DbConnectionStringBuilder { [key] = given[key] };
            if (!IsUnderstood(one.ConnectionString))
            {
                throw new ArgumentException(before is "password" or "pwd"
                    ? "What follows the password in the connection string is no setting; a password with a ';' in it must stand in quotes: Password=\"…\""
                    : $"The connection string's '{key}' is no setting, or its value is not one that it can have; known are {Example}", nameof(given));
            }
            before = key;
        }
        throw new ArgumentException($"The connection string's settings do not go together; it must look like {Example}", nameof(given));
    }

    private static bool IsUnderstood(string connectionString)
    {
        try
        {
            return new MySqlConnectionStringBuilder(connectionString) is not null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            return false;
        }
    }

    private static string ServerOf(MySqlConnectionStringBuilder builder) => $"{builder.Server}:{builder.Port}";

    private static bool IsLoopback(string server) =>
        server.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(server, out var address) && IPAddress.IsLoopback(address));

    private static bool NamesSslMode(DbConnectionStringBuilder given) =>
        given.Keys.Cast<string>().Any(key => IsSslMode(key));

    private static bool IsSslMode(string key) =>
        key.Replace(" ", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal)
            .Equals("sslmode", StringComparison.OrdinalIgnoreCase);

#if MYSQLCONNECTOR
    private const MySqlSslMode Unencrypted = MySqlSslMode.None;

    private static string Translated(DbConnectionStringBuilder given)
    {
        // The other driver's word for it.
        foreach (var key in given.Keys.Cast<string>().Where(IsSslMode).ToList())
        {
            if ("Disabled".Equals(given[key] as string, StringComparison.OrdinalIgnoreCase))
                given[key] = nameof(MySqlSslMode.None);
        }
        return given.ConnectionString;
    }

    private static MySqlDataSource Create(MySqlConnectionStringBuilder builder, string display, MySqlDataSourceOptions options)
    {
        builder.GuidFormat = MySqlGuidFormat.None;
        builder.DateTimeKind = MySqlDateTimeKind.Unspecified;
        // Transactions are also opened by plain text; no command is then asked to carry one.
        builder.IgnoreCommandTransaction = true;
        builder.Pooling = true;
        builder.ConnectionReset = true;
        builder.MaximumPoolSize = (uint)options.MaxPoolSize;
        builder.ConnectionIdleTimeout = (uint)Math.Ceiling(options.IdleLifetime.TotalSeconds);
        builder.CancellationTimeout = (int)Math.Ceiling(options.CancellationGrace.TotalSeconds);
        var text = builder.ConnectionString;
        return new(display, (_, token) => OpenAsync(text, token), () => ClearAsync(text), () => ClearAsync(text))
        {
            Server = ServerOf(builder),
            Database = builder.Database,
        };
    }

    private static async Task<DbConnection> OpenAsync(string connectionString, CancellationToken cancellationToken)
    {
        var connection = new MySqlConnection(connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask ClearAsync(string connectionString)
    {
        var connection = new MySqlConnection(connectionString);
        await MySqlConnection.ClearPoolAsync(connection).ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }
#else
    private const MySqlSslMode Unencrypted = MySqlSslMode.Disabled;
    private const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.NonPublic;

    private static string Translated(DbConnectionStringBuilder given)
    {
        foreach (var key in given.Keys.Cast<string>().Where(IsSslMode).ToList())
        {
            if (given[key] is not string mode)
                continue;
            if (mode.StartsWith("Verify", StringComparison.OrdinalIgnoreCase))
            {
                throw new ArgumentException($"SslMode={mode} is not possible with MySql.Data, which lacks what it needs to check "
                    + "certificates here. Use SslMode=Required, or build with -p:MySqlDriver=MySqlConnector.");
            }
            if (mode.Equals("None", StringComparison.OrdinalIgnoreCase))
                given[key] = "Disabled";
        }
        return given.ConnectionString;
    }

    private static MySqlDataSource Create(MySqlConnectionStringBuilder builder, string display, MySqlDataSourceOptions options)
    {
        if (builder.UseCompression)
        {
            throw new ArgumentException("Compression is not possible with MySql.Data. Leave it out, or build with "
                + "-p:MySqlDriver=MySqlConnector.");
        }
        // The pool is ours: the driver's blocks threads, and its reset fails against MariaDB without a default database.
        builder.Pooling = false;
        builder.CharacterSet = "utf8mb4";
        // Else CHAR(36) is parsed as a Guid, which loses its case and throws for what is none. BINARY(16) is turned back into bytes.
        builder.OldGuids = true;
        // Its way to set it exists on Windows only.
        builder.Keepalive = 0;
        // Our own deadline comes first; the driver's frees the thread where cutting it off did not.
        builder.ConnectionTimeout++;
        var text = builder.ConnectionString;
        builder.ConnectionTimeout = builder.DefaultCommandTimeout = (uint)Math.Max(1, Math.Ceiling(options.CancellationGrace.TotalSeconds));
        var side = builder.ConnectionString;

        var driver = new BlockingDriver(
            () => new MySqlConnection(text),
            () => new MySqlConnection(side),
            connection => ((MySqlConnection)connection).ServerThread,
            Wire,
            builder.Database is { Length: > 0 } database ? database : null);
        var pool = new BlockingPool(driver, display, options);
        return new(display, pool.OpenAsync, pool.ForgetIdleAsync, pool.DisposeAsync)
        {
            Server = ServerOf(builder),
            Database = builder.Database,
        };
    }

    /// <summary>The stream below the driver, needed to cut off a call that blocks and to reset a session in one round trip. The package's
    /// version is pinned, so its fields are known; where they are missing, connections are not used twice.</summary>
    private static Stream? Wire(DbConnection connection)
    {
        var driver = typeof(MySqlConnection).GetField("driver", Hidden)?.GetValue(connection);
        var handler = FieldOf(driver, "handler");
        return FieldOf(handler, "baseStream") as Stream;
    }

    private static object? FieldOf(object? owner, string name)
    {
        for (var type = owner?.GetType(); type is not null; type = type.BaseType)
        {
            if (type.GetField(name, Hidden | BindingFlags.DeclaredOnly) is { } field)
                return field.GetValue(owner);
        }
        return null;
    }
#endif
}
