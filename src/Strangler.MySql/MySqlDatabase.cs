using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Strangler.MySql;

/// <summary>The two connection pools of one side's database. One per options instance, however many contexts are made from it.</summary>
internal sealed class MySqlDatabase
{
    private static readonly ConditionalWeakTable<MySqlSideOptions, MySqlDatabase> Shared = [];

    private readonly MySqlDataSource _foreground;
    private readonly MySqlDataSource _background;
    private PreparedConnection? _parked;
    private volatile bool _isClosed;
    private volatile bool _commits;

    private MySqlDatabase(MySqlSideOptions options)
    {
        options.Validate();
        Options = options;
        _foreground = Source(options, options.ForegroundConnections, options.CommandTimeout);
        _background = Source(options, options.BackgroundConnections, options.BackgroundCommandTimeout);
        Replicas = [.. options.Replicas.Select(replica => new MySqlDatabase(ReplicaOptions(options, replica)))];
    }

    public MySqlSideOptions Options { get; }

    /// <summary>Its configured replicas, asked for their lag only.</summary>
    public IReadOnlyList<MySqlDatabase> Replicas { get; }

    /// <summary>User, server, port and database; never the password.</summary>
    public string Display => _foreground.Display;

    public static MySqlDatabase Of(MySqlSideOptions options) => Shared.GetValue(options, static key => new MySqlDatabase(key));

    /// <summary><c>server:port/database</c>.</summary>
    public string Address => Display[(Display.IndexOf('@', StringComparison.Ordinal) + 1)..];

    /// <summary><c>server:port</c>.</summary>
    public string Server => _foreground.Server;

    /// <summary>The database's name.</summary>
    public string Name => _foreground.Database;

    /// <summary>Not <paramref name="asNew"/>: with the session variables of an earlier write or read of ours.</summary>
    /// <exception cref="MySqlStateException">Sessions of this user do not commit by themselves: what is one statement for us would be lost.</exception>
    public async Task<DbConnection> OpenAsync(bool background, bool asNew, CancellationToken cancellationToken)
    {
        var source = background ? _background : _foreground;
        var connection = await (asNew ? source.OpenAsync(cancellationToken) : source.OpenKeptAsync(cancellationToken)).ConfigureAwait(false);
        if (!_commits)
        {
            await RequireCommitsAsync(connection, cancellationToken).ConfigureAwait(false);
        }

        return connection;
    }

    /// <summary>Closes the connections that lie in one of the pools. For where one turned out to be cut: those beside it may have been as
    /// well, and not all ways to be cut show before the next use.</summary>
    public ValueTask ForgetIdleAsync(bool background) => (background ? _background : _foreground).ForgetIdleAsync();

    /// <summary>The parked connection for multi-row inserts, or null; the taker owns it.</summary>
    public PreparedConnection? Unpark() => Interlocked.Exchange(ref _parked, null);

    /// <summary>Keeps a connection that is in no transaction for the next chunk; a second one goes back to its pool.</summary>
    public async ValueTask ParkAsync(PreparedConnection connection)
    {
        if (!connection.IsOpen || Interlocked.CompareExchange(ref _parked, connection, null) is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        else if (_isClosed && Unpark() is { } late)
        {
            await late.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task RequireCommitsAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var command = new Batch().Add($"SELECT @@SESSION.autocommit").ToCommand(connection, Options.CommandTimeout);
            await using (command.ConfigureAwait(false))
            {
                _commits = Convert.ToInt64(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false), CultureInfo.InvariantCulture) == 1;
            }
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (!_commits)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw new MySqlStateException(
                MySqlErrorKind.Other, $"autocommit is 0 in new sessions of {Display}; it must be 1: SET GLOBAL autocommit = 1, and nothing else in init_connect.");
        }
    }

    public TimeSpan CommandTimeout(bool background) => background ? Options.BackgroundCommandTimeout : Options.CommandTimeout;

    public int LockSeconds(bool background) =>
        (int)Math.Ceiling((background ? Options.BackgroundLockTimeout : Options.LockTimeout).TotalSeconds);

    public static async ValueTask CloseAsync(MySqlSideOptions options)
    {
        if (Shared.TryGetValue(options, out var database))
        {
            Shared.Remove(options);
            database._isClosed = true;
            if (database.Unpark() is { } parked)
            {
                await parked.DisposeAsync().ConfigureAwait(false);
            }

            foreach (var each in database.Replicas.Append(database))
            {
                await each._foreground.DisposeAsync().ConfigureAwait(false);
                await each._background.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static MySqlSideOptions ReplicaOptions(MySqlSideOptions options, string replica) => new()
    {
        ConnectionString = replica,
        ForegroundConnections = 1,
        BackgroundConnections = 2,
        ConnectTimeout = TimeSpan.FromSeconds(1),
        BackgroundCommandTimeout = TimeSpan.FromSeconds(2),
        Time = options.Time,
    };

    private static MySqlDataSource Source(MySqlSideOptions options, int connections, TimeSpan commandTimeout) =>
        MySqlDriver.CreateDataSource(options.ConnectionString, new MySqlDataSourceOptions
        {
            ConnectTimeout = options.ConnectTimeout,
            CommandTimeout = commandTimeout,
            MaxPoolSize = connections,
            Time = options.Time,
        });
}
