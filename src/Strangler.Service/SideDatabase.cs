using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.MySql;
using Strangler.Postgres;

namespace Strangler.Service;

/// <summary>
/// One side's database, of whichever server its connection string names: MySQL or MariaDB, behind <c>postgres:</c> PostgreSQL, behind <c>mongodb://</c> or
/// <c>mongodb+srv://</c> MongoDB, where a new side can be and no legacy one. Connects to nothing before its first use.
/// </summary>
internal abstract class SideDatabase : IAsyncDisposable
{
    private const string PostgresPrefix = "postgres:";
    private const string MySqlPrefix = "mysql:";

    /// <summary>The folder of its migrations below a context's.</summary>
    public abstract string Store { get; }

    /// <summary>The kind of server, for people.</summary>
    public abstract string Server { get; }

    /// <summary>What is wrong with its connection string; null when nothing is. Never holds the password.</summary>
    public abstract string? Problem { get; }

    /// <summary>Whether its text cannot hold the character 0.</summary>
    public virtual bool RefusesNul => false;

    /// <param name="text">The connection string.</param>
    /// <param name="replicas">Those of its replicas, which are of the same kind.</param>
    /// <param name="time">The clock for deadlines.</param>
    /// <param name="tune">Changes the limits of one in MySQL or MariaDB before the first connection.</param>
    /// <param name="tunePostgres">Likewise of one in PostgreSQL.</param>
    public static SideDatabase Of(
        string text, IReadOnlyList<string> replicas, TimeProvider time, Action<MySqlSideOptions>? tune = null,
        Action<PostgresSideOptions>? tunePostgres = null)
    {
        if (IsMongo(text))
        {
            return new MongoSideDatabase(new MongoSideOptions { ConnectionString = text.Trim(), Time = time });
        }

        if (IsPostgres(text, out var rest))
        {
            var postgres = new PostgresSideOptions { ConnectionString = rest, Replicas = [.. replicas.Select(WithoutPrefix)], Time = time };
            tunePostgres?.Invoke(postgres);
            return new PostgresSideDatabase(postgres);
        }

        var options = new MySqlSideOptions { ConnectionString = WithoutPrefix(text), Replicas = [.. replicas.Select(WithoutPrefix)], Time = time };
        tune?.Invoke(options);
        return new MySqlSideDatabase(options);
    }

    /// <summary>Whether a connection string names a PostgreSQL server.</summary>
    public static bool IsPostgres(string text) => IsPostgres(text, out _);

    /// <summary>Whether a connection string names a MongoDB server, whose members are told by the set itself.</summary>
    public static bool IsMongo(string text) =>
        text.TrimStart().StartsWith("mongodb://", StringComparison.OrdinalIgnoreCase) || text.TrimStart().StartsWith("mongodb+srv://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Asks the server why it can never be used as it is; null when it can, or does not answer.</summary>
    public virtual Task<string?> UnsuitableAsync(CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public abstract IMigrationDatabase Migrations(SideName side);

    /// <summary>The seams of a context whose legacy side it is.</summary>
    /// <exception cref="ArgumentException">A layout that the store does not know there, a name that cannot be a table's.</exception>
    public abstract LegacySide CreateLegacy(string context, IReadOnlyDictionary<string, AggregateLayout> kinds);

    /// <summary>Likewise of one whose new side it is.</summary>
    public abstract NewSide CreateNew(string context, IReadOnlyDictionary<string, AggregateLayout> kinds);

    public abstract ValueTask DisposeAsync();

    private static bool IsPostgres(string text, out string rest)
    {
        rest = WithoutPrefix(text);
        return text.TrimStart().StartsWith(PostgresPrefix, StringComparison.OrdinalIgnoreCase);
    }

    private static string WithoutPrefix(string text)
    {
        var trimmed = text.TrimStart();
        return trimmed.StartsWith(PostgresPrefix, StringComparison.OrdinalIgnoreCase) ? trimmed[PostgresPrefix.Length..]
            : trimmed.StartsWith(MySqlPrefix, StringComparison.OrdinalIgnoreCase) ? trimmed[MySqlPrefix.Length..]
            : text;
    }
}

internal sealed class MySqlSideDatabase(MySqlSideOptions options) : SideDatabase
{
    public MySqlSideOptions Options => options;

    public override string Store => MySqlMigrations.Store;

    public override string Server => "MySQL or MariaDB";

    public override string? Problem => MySqlSides.ProblemOf(options);

    public override IMigrationDatabase Migrations(SideName side) => MySqlMigrations.Database(options, side);

    public override LegacySide CreateLegacy(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) => MySqlSides.CreateLegacy(options, context, kinds);

    public override NewSide CreateNew(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) => MySqlSides.CreateNew(options, context, kinds);

    public override ValueTask DisposeAsync() => MySqlSides.CloseAsync(options);
}

internal sealed class PostgresSideDatabase(PostgresSideOptions options) : SideDatabase
{
    public PostgresSideOptions Options => options;

    public override string Store => PostgresMigrations.Store;

    public override string Server => "PostgreSQL";

    public override string? Problem => PostgresSides.ProblemOf(options);

    public override bool RefusesNul => true;

    public override IMigrationDatabase Migrations(SideName side) => PostgresMigrations.Database(options, side);

    public override LegacySide CreateLegacy(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) =>
        PostgresSides.CreateLegacy(options, context, kinds);

    public override NewSide CreateNew(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) => PostgresSides.CreateNew(options, context, kinds);

    public override ValueTask DisposeAsync() => PostgresSides.CloseAsync(options);
}

internal sealed class MongoSideDatabase(MongoSideOptions options) : SideDatabase
{
    public override string Store => MongoMigrations.Store;

    public override string Server => "MongoDB";

    public override string? Problem => MongoSides.ProblemOf(options);

    public override Task<string?> UnsuitableAsync(CancellationToken cancellationToken) => MongoSides.UnsuitableAsync(options, cancellationToken);

    public override IMigrationDatabase Migrations(SideName side) => MongoMigrations.Database(options, side);

    public override LegacySide CreateLegacy(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) =>
        throw new ArgumentException("no legacy side can be in MongoDB: what other programs write there is not captured.");

    public override NewSide CreateNew(string context, IReadOnlyDictionary<string, AggregateLayout> kinds) => MongoSides.CreateNew(options, context, kinds);

    public override ValueTask DisposeAsync() => MongoSides.CloseAsync(options);
}

/// <summary>Both sides of a context.</summary>
internal sealed record SidePair(SideDatabase Legacy, SideDatabase New) : IAsyncDisposable
{
    /// <summary>What is wrong with the two together; null when nothing is.</summary>
    public string? Problem => (Legacy, New) switch
    {
        (MySqlSideDatabase legacy, MySqlSideDatabase @new) => MySqlSides.ProblemOf(legacy.Options, @new.Options),
        (PostgresSideDatabase legacy, PostgresSideDatabase @new) => PostgresSides.ProblemOf(legacy.Options, @new.Options),
        _ => null,
    };

    /// <summary>Why the two cannot be written in one transaction, as far as their connection strings tell; null when they can.</summary>
    public string? JointProblem => (Legacy, New) switch
    {
        (MySqlSideDatabase legacy, MySqlSideDatabase @new) => MySqlSides.JointProblemOf(legacy.Options, @new.Options),
        (PostgresSideDatabase, PostgresSideDatabase) => "both sides are PostgreSQL databases; no transaction spans two of them.",
        _ => $"legacy is a {Legacy.Server} server and new a {New.Server} one; no transaction spans the two.",
    };

    /// <summary>The seams of a context over both.</summary>
    /// <exception cref="ArgumentException">A layout that a side's store does not know, a name that cannot be a table's.</exception>
    public ContextSides Create(
        string context, IReadOnlyDictionary<string, (AggregateLayout Legacy, AggregateLayout New)> kinds, Hook? hook)
    {
        if (Legacy is MySqlSideDatabase legacy && New is MySqlSideDatabase @new)
        {
            return MySqlSides.Create(legacy.Options, @new.Options, context, kinds, hook);
        }

        var half = New.CreateNew(context, kinds.ToDictionary(kind => kind.Key, kind => kind.Value.New));
        return half.With(context, Legacy.CreateLegacy(context, kinds.ToDictionary(kind => kind.Key, kind => kind.Value.Legacy)), hook);
    }

    public async ValueTask DisposeAsync()
    {
        await Legacy.DisposeAsync().ConfigureAwait(false);
        await New.DisposeAsync().ConfigureAwait(false);
    }
}
