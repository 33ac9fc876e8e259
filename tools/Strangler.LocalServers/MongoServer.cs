namespace Strangler.LocalServers;

/// <summary>A MongoDB for tests and the demo: the one that <c>STRANGLER_MONGO</c> names, else a private one.</summary>
public sealed class MongoServer : IAsyncDisposable
{
    /// <summary>The environment variable with a connection string of a server to use, a member of a replica set; its user must be allowed
    /// to create databases.</summary>
    public const string Variable = "STRANGLER_MONGO";

    private readonly string? _named;

    private MongoServer(string? named, LocalMongo? local) => (_named, Local) = (named, local);

    /// <summary>The private server, which can be killed and frozen; null when the environment named one.</summary>
    public LocalMongo? Local { get; }

    /// <summary>A mongod, not the test server.</summary>
    public bool IsReal => Local is null or { IsReal: true };

    /// <exception cref="LocalServerException">No server is named and a private one can't be had.</exception>
    public static async Task<MongoServer> AcquireAsync(LocalMongoOptions options, CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return new(named, null);
        return new(null, await LocalMongo.StartAsync(options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>The connection string with a database.</summary>
    public string ConnectionString(string database)
    {
        if (Local is not null)
            return Local.ConnectionString(database);
        var question = _named!.IndexOf('?', StringComparison.Ordinal);
        var (address, settings) = question < 0 ? (_named, "") : (_named[..question], _named[question..]);
        var slash = address.IndexOf('/', address.IndexOf("://", StringComparison.Ordinal) + 3);
        return $"{(slash < 0 ? address : address[..slash])}/{database}{settings}";
    }

    /// <summary>Ends a private server; a named one is left as it is.</summary>
    public ValueTask DisposeAsync() => Local?.DisposeAsync() ?? ValueTask.CompletedTask;
}
