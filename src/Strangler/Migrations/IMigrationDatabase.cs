using Strangler.DualWrite;

namespace Strangler.Migrations;

/// <summary>What a database remembers of one file.</summary>
/// <param name="Context">The file's context.</param>
/// <param name="Name">The file's name.</param>
/// <param name="Checksum">Of the whole file when it was last worked on.</param>
/// <param name="Started">The last step that was begun (1, 2 …).</param>
/// <param name="Done">The last step that is known to have happened. Less than <paramref name="Started"/>: that step may or may not have
/// happened.</param>
/// <param name="DonePrefix">Checksum of the steps up to <paramref name="Done"/>.</param>
/// <param name="Steps">Number of steps.</param>
public sealed record MigrationRecord(string Context, string Name, string Checksum, int Started, int Done, string DonePrefix, int Steps)
{
    public bool IsApplied => Done == Steps;
}

/// <summary>One database under migration, by the store that it is. Methods are not called concurrently.</summary>
public interface IMigrationDatabase
{
    /// <summary>The folder's name below a context: <c>mysql</c>, <c>postgres</c>, <c>mongo</c>.</summary>
    string Store { get; }

    /// <summary>For messages: server and database, never a password.</summary>
    string Display { get; }

    /// <summary>Version, settings and privileges. Returns every shortcoming with its cure; writes nothing.</summary>
    Task<IReadOnlyList<string>> PreflightAsync(CancellationToken cancellationToken);

    /// <summary>What is recorded; empty when nothing was ever applied. Writes nothing.</summary>
    Task<IReadOnlyList<MigrationRecord>> ReadRecordsAsync(CancellationToken cancellationToken);

    /// <summary>The only way to write. Throws <see cref="MigrationException"/> ("already running") when another run holds the lock for
    /// longer than <paramref name="wait"/>.</summary>
    Task<IMigrationSession> LockAsync(TimeSpan wait, CancellationToken cancellationToken);
}

/// <summary>A run that holds the database's migration lock until it is disposed, or its process dies.</summary>
public interface IMigrationSession : IAsyncDisposable
{
    /// <summary>
    /// Executes one step and records it as done. <paramref name="mayHaveHappened"/>: an earlier run began it and died; if the database
    /// shows that it has happened it counts as done. On failure the step is recorded as not begun when the database has said that it did
    /// not happen.
    /// </summary>
    Task ApplyStepAsync(MigrationFile file, int step, bool mayHaveHappened, CancellationToken cancellationToken);

    /// <summary>Creates the context's fence row of a side when it is missing: legacy leads in LegacyOnly at epoch 1, new follows.</summary>
    Task EnsureFenceAsync(string context, SideName side, CancellationToken cancellationToken);
}
