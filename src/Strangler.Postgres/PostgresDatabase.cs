using System.Data.Common;
using System.Runtime.CompilerServices;
using Npgsql;

namespace Strangler.Postgres;

/// <summary>The two connection pools of one side's database. One per options instance, however many contexts are made from it.</summary>
internal sealed class PostgresDatabase
{
    private const string Example = "Host=…;Port=5432;Username=…;Password=…;Database=…";
    private static readonly ConditionalWeakTable<PostgresSideOptions, PostgresDatabase> Shared = [];

    private readonly NpgsqlDataSource _foreground;
    private readonly NpgsqlDataSource _background;

    private PostgresDatabase(PostgresSideOptions options)
    {
        options.Validate();
        Options = options;
        var builder = Parse(options.ConnectionString);
        (Name, Server) = (builder.Database ?? "", $"{builder.Host}:{builder.Port}");
        Display = $"{builder.Username}@{Address}";
        _foreground = Source(builder, options, options.ForegroundConnections, prepares: true);
        _background = Source(builder, options, options.BackgroundConnections, prepares: false);
        Replicas = [.. options.Replicas.Select(replica => new PostgresDatabase(ReplicaOptions(options, replica)))];
    }

    public PostgresSideOptions Options { get; }

    /// <summary>Its configured replicas, asked for their lag only.</summary>
    public IReadOnlyList<PostgresDatabase> Replicas { get; }

    /// <summary>User, server, port and database; never the password.</summary>
    public string Display { get; }

    /// <summary><c>server:port/database</c>.</summary>
    public string Address => $"{Server}/{Name}";

    /// <summary><c>server:port</c>.</summary>
    public string Server { get; }

    /// <summary>The database's name.</summary>
    public string Name { get; }

    public static PostgresDatabase Of(PostgresSideOptions options) => Shared.GetValue(options, static key => new PostgresDatabase(key));

    public Task<PostgresConnection> OpenAsync(bool background, CancellationToken cancellationToken) =>
        PostgresConnection.OpenAsync(background ? _background : _foreground, Options.Time, cancellationToken);

    /// <summary>Closes the connections that lie in one of the pools. For where one turned out to be cut: those beside it may have been as
    /// well.</summary>
    public void ForgetIdle(bool background) => (background ? _background : _foreground).Clear();

    public TimeSpan CommandTimeout(bool background) => background ? Options.BackgroundCommandTimeout : Options.CommandTimeout;

    public TimeSpan LockTimeout(bool background) => background ? Options.BackgroundLockTimeout : Options.LockTimeout;

    public static async ValueTask CloseAsync(PostgresSideOptions options)
    {
        if (Shared.TryGetValue(options, out var database))
        {
            Shared.Remove(options);
            foreach (var each in database.Replicas.Append(database))
            {
                await each._foreground.DisposeAsync().ConfigureAwait(false);
                await each._background.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    // Npgsql's own messages quote what it does not understand, and that may be a part of a password. They are dropped, not wrapped.
    private static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        DbConnectionStringBuilder given;
        try
        {
            given = new DbConnectionStringBuilder { ConnectionString = connectionString };
        }
        catch (ArgumentException)
        {
            throw new ArgumentException($"The connection string cannot be read; it must look like {Example}", nameof(connectionString));
        }

        RefuseUnknown(given);
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        return builder switch
        {
            { Host: null or "" } => throw new ArgumentException($"The connection string names no Host; it must look like {Example}", nameof(connectionString)),
            { Host: { } host } when host.Contains(',', StringComparison.Ordinal) => throw new ArgumentException(
                $"The connection string names several hosts ({host}); name the primary, whose rows decide.", nameof(connectionString)),
            { Database: null or "" } => throw new ArgumentException("The connection string names no database; add Database=…", nameof(connectionString)),
            _ => builder,
        };
    }

    private static void RefuseUnknown(DbConnectionStringBuilder given)
    {
        var before = "";
        foreach (var key in given.Keys.Cast<string>())
        {
            var one = new DbConnectionStringBuilder { [key] = given[key] };
            if (!IsUnderstood(one.ConnectionString))
            {
                throw new ArgumentException(before is "password" or "psw" or "pwd"
                    ? "What follows the password in the connection string is no setting; a password with a ';' in it must stand in quotes: Password=\"…\""
                    : $"The connection string's '{key}' is no setting, or its value is not one that it can have; it must look like {Example}", nameof(given));
            }

            before = key;
        }
    }

    private static bool IsUnderstood(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString) is not null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            return false;
        }
    }

    private static PostgresSideOptions ReplicaOptions(PostgresSideOptions options, string replica) => new()
    {
        ConnectionString = replica,
        ForegroundConnections = 1,
        BackgroundConnections = 2,
        ConnectTimeout = TimeSpan.FromSeconds(1),
        BackgroundCommandTimeout = TimeSpan.FromSeconds(2),
        Time = options.Time,
    };

    private static NpgsqlDataSource Source(
        NpgsqlConnectionStringBuilder given, PostgresSideOptions options, int connections, bool prepares)
    {
        var builder = new NpgsqlConnectionStringBuilder(given.ConnectionString)
        {
            Pooling = true,
            // None, as each command has it: a change from one command to the next would be told to the socket, in four system calls a round trip.
            CommandTimeout = 0,
            MinPoolSize = 0,
            MaxPoolSize = connections,
            Timeout = (int)Math.Ceiling(options.ConnectTimeout.TotalSeconds),
            // How long the server may take to answer that it has ended a statement.
            CancellationTimeout = (int)PostgresConnection.Grace.TotalMilliseconds,
            // Nothing of ours outlives a transaction: its settings are LOCAL, its locks the transaction's.
            NoResetOnClose = true,
            // Statements of callers come again and again; those of ranges and chunks do not, and want a plan for their very values.
            MaxAutoPrepare = prepares ? 100 : 0,
            AutoPrepareMinUsages = 3,
            // Details of errors quote values.
            IncludeErrorDetail = false,
            Enlist = false,
            PersistSecurityInfo = false,
            ApplicationName = given.ApplicationName is { Length: > 0 } name ? name : "strangler",
        };
        return new NpgsqlDataSourceBuilder(builder.ConnectionString)
            .UsePhysicalConnectionInitializer(
                connection => Write(connection).ExecuteNonQuery(),
                async connection =>
                {
                    var command = Write(connection);
                    await using (command.ConfigureAwait(false))
                    {
                        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
                    }
                })
            .Build();
    }

    // Dates are read as their text, and a database, or a role, may have been told to write them in another way.
    private static NpgsqlCommand Write(NpgsqlConnection connection) =>
        new("SET DateStyle = 'ISO'", connection) { CommandTimeout = connection.ConnectionTimeout };
}
