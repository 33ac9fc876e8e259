using System.Data.Common;

namespace Strangler.LocalServers;

/// <summary>A PostgreSQL for tests and the demo: the one that <c>STRANGLER_POSTGRES</c> names, else a private one.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>The environment variable with a connection string of a server to use; its user must be allowed to create
    /// databases.</summary>
    public const string Variable = "STRANGLER_POSTGRES";

    private readonly string _connectionString;

    private PostgresServer(string connectionString, LocalPostgres? local) => (_connectionString, Local) = (connectionString, local);

    /// <summary>The private server, which can be killed and frozen; null when the environment named one.</summary>
    public LocalPostgres? Local { get; }

    /// <exception cref="LocalServerException">No server is named and a private one can't be had.</exception>
    public static async Task<PostgresServer> AcquireAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return new(named, null);
        var local = await LocalPostgres.StartAsync(options, cancellationToken).ConfigureAwait(false);
        return new(local.ConnectionString(), local);
    }

    /// <summary>The connection string, with another default database when one is given.</summary>
    public string ConnectionString(string? database = null)
    {
        if (database is null)
            return _connectionString;
        return new DbConnectionStringBuilder { ConnectionString = _connectionString, ["Database"] = database }.ConnectionString;
    }

    /// <summary>Ends a private server; a named one is left as it is.</summary>
    public ValueTask DisposeAsync() => Local?.DisposeAsync() ?? ValueTask.CompletedTask;
}
