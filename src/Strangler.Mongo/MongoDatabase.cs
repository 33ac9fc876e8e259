using System.Runtime.CompilerServices;

namespace Strangler.Mongo;

/// <summary>The two pools of one side's database. One per options instance, however many contexts are made from it.</summary>
internal sealed class MongoDatabase
{
    private static readonly ConditionalWeakTable<MongoSideOptions, MongoDatabase> Shared = [];

    private readonly MongoDataSource _foreground;
    private readonly MongoDataSource _background;
    private readonly MongoDataSource _numbers;

    private const int NumberConnections = 2;

    private MongoDatabase(MongoSideOptions options)
    {
        options.Validate();
        Options = options;
        _foreground = Source(options, options.ForegroundConnections, options.CommandTimeout);
        _background = Source(options, options.BackgroundConnections, options.BackgroundCommandTimeout);
        _numbers = Source(options, NumberConnections, options.CommandTimeout);
    }

    public MongoSideOptions Options { get; }

    /// <summary>User, hosts and database; never the password.</summary>
    public string Display => _foreground.Display;

    /// <summary>The database's name.</summary>
    public string Name => _foreground.Database;

    public static MongoDatabase Of(MongoSideOptions options) => Shared.GetValue(options, static key => new MongoDatabase(key));

    public Task<MongoSession> OpenAsync(bool background, CancellationToken cancellationToken) =>
        (background ? _background : _foreground).OpenAsync(cancellationToken);

    /// <summary>
    /// A session for the taking of numbers, which is done while a transaction is open: who holds a session never waits for another one of the same pool.
    /// </summary>
    public Task<MongoSession> OpenForNumbersAsync(CancellationToken cancellationToken) => _numbers.OpenAsync(cancellationToken);

    public TimeSpan LockTimeout(bool background) => background ? Options.BackgroundLockTimeout : Options.LockTimeout;

    public static async ValueTask CloseAsync(MongoSideOptions options)
    {
        if (Shared.TryGetValue(options, out var database))
        {
            Shared.Remove(options);
            await database._foreground.DisposeAsync().ConfigureAwait(false);
            await database._background.DisposeAsync().ConfigureAwait(false);
            await database._numbers.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static MongoDataSource Source(MongoSideOptions options, int connections, TimeSpan commandTimeout) =>
        MongoDataSource.Create(options.ConnectionString, new MongoDataSourceOptions
        {
            ConnectTimeout = options.ConnectTimeout,
            CommandTimeout = commandTimeout,
            CancellationGrace = options.CancellationGrace,
            MaxPoolSize = connections,
            Time = options.Time,
        });
}
