using System.Runtime.CompilerServices;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>The pools of one side's database. One per options instance, however many contexts are made from it.</summary>
internal sealed class MongoDatabase
{
    private static readonly ConditionalWeakTable<MongoSideOptions, MongoDatabase> Shared = [];

    private readonly MongoDataSource _foreground;
    private readonly MongoDataSource _background;
    private readonly MongoDataSource _beside;
    private readonly Lazy<MongoDataSource> _unhurried;
    private readonly CausalClock _clock = new();
    private volatile bool _isSuitable;

    private const int ConnectionsBeside = 2;

    private static readonly MongoDataSourceOptions Briefly = new() { ConnectTimeout = TimeSpan.FromSeconds(1), CommandTimeout = TimeSpan.FromSeconds(1), MaxPoolSize = 1 };

    private MongoDatabase(MongoSideOptions options)
    {
        options.Validate();
        Options = options;
        _foreground = Source(options, options.ForegroundConnections, options.CommandTimeout);
        _background = Source(options, options.BackgroundConnections, options.BackgroundCommandTimeout);
        _beside = Source(options, ConnectionsBeside, options.CommandTimeout);
        _unhurried = new(() => Source(options, 1, options.MigrationTimeout));
    }

    public MongoSideOptions Options { get; }

    /// <summary>User, hosts and database; never the password.</summary>
    public string Display => _foreground.Display;

    /// <summary>The database's name.</summary>
    public string Name => _foreground.Database;

    public static MongoDatabase Of(MongoSideOptions options) => Shared.GetValue(options, static key => new MongoDatabase(key));

    /// <summary>The first one finds out whether the server is one that can be used.</summary>
    /// <exception cref="MongoFailureException">No session was to be had, or <see cref="MongoErrorKind.Unsuitable"/>.</exception>
    public async Task<MongoSession> OpenAsync(bool background, CancellationToken cancellationToken)
    {
        if (_isSuitable)
        {
            return await (background ? _background : _foreground).OpenAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            return await OpenFirstAsync(background, cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e) when (e.Kind == MongoErrorKind.Unreachable && !MongoAddress.Parse(Options.ConnectionString).IsInDns)
        {
            // A driver that looks for a set does not see a server that is in none, or in one of another name.
            throw await WhyUnsuitableAsync(cancellationToken).ConfigureAwait(false) is { } why ? new MongoFailureException(MongoErrorKind.Unsuitable, why, e) : e;
        }
    }

    private async Task<MongoSession> OpenFirstAsync(bool background, CancellationToken cancellationToken)
    {
        var session = await (background ? _background : _foreground).OpenAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await MongoTopology.CheckAsync(session, cancellationToken).ConfigureAwait(false);
            _isSuitable = true;
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What the first host says of itself; null where it does not answer, or nothing is wrong with it.</summary>
    private async Task<string?> WhyUnsuitableAsync(CancellationToken cancellationToken)
    {
        var source = MongoDataSource.Create(MongoAddress.Direct(Options.ConnectionString), Briefly);
        await using (source.ConfigureAwait(false))
        {
            try
            {
                var session = await source.OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    return MongoTopology.WhyNotFound(
                        await session.RunAsync(BsonDocument.Of(("hello", 1)), cancellationToken, "admin").ConfigureAwait(false),
                        source.Display, MongoAddress.SetOf(Options.ConnectionString));
                }
            }
            catch (MongoFailureException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// A session for what is done while a transaction is open (taking numbers): who holds a session never waits for another one of the same pool.
    /// </summary>
    public Task<MongoSession> OpenBesideAsync(CancellationToken cancellationToken) => _beside.OpenAsync(cancellationToken);

    /// <summary>A session for what takes as long as it takes, as the building of an index does.</summary>
    public Task<MongoSession> OpenUnhurriedAsync(CancellationToken cancellationToken) => _unhurried.Value.OpenAsync(cancellationToken);

    public TimeSpan LockTimeout(bool background) => background ? Options.BackgroundLockTimeout : Options.LockTimeout;

    public static async ValueTask CloseAsync(MongoSideOptions options)
    {
        if (Shared.TryGetValue(options, out var database))
        {
            Shared.Remove(options);
            await database._foreground.DisposeAsync().ConfigureAwait(false);
            await database._background.DisposeAsync().ConfigureAwait(false);
            await database._beside.DisposeAsync().ConfigureAwait(false);
            if (database._unhurried.IsValueCreated)
            {
                await database._unhurried.Value.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private MongoDataSource Source(MongoSideOptions options, int connections, TimeSpan commandTimeout) =>
        MongoDataSource.Create(options.ConnectionString, new MongoDataSourceOptions
        {
            ConnectTimeout = options.ConnectTimeout,
            CommandTimeout = commandTimeout,
            CancellationGrace = options.CancellationGrace,
            MaxPoolSize = connections,
            Time = options.Time,
        }, _clock);
}
