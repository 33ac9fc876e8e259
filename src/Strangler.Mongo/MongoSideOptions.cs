namespace Strangler.Mongo;

/// <summary>
/// One side's MongoDB database. Contexts whose sides are made from the same instance share its connections. Validated before the first
/// connection; changes
/// afterwards are not seen.
/// </summary>
public sealed class MongoSideOptions
{
    /// <summary>
    /// <c>mongodb://user:password@host:27017/database?replicaSet=rs0</c>. Pool sizes, time limits and read and write concerns in it are
    /// overruled by the
    /// settings below. It names the set, or several hosts, or a name in DNS; <c>directConnection</c> is refused.
    /// </summary>
    public required string ConnectionString { get; set; }

    /// <summary>Sessions for callers' reads and writes. 1 to 1,000; default 20.</summary>
    public int ForegroundConnections { get; set; } = 20;

    /// <summary>Sessions for relay, backfill, reconciliation and shadow reads; never lent to callers nor the other way round. 1 to 1,000;
    /// default 10.</summary>
    public int BackgroundConnections { get; set; } = 10;

    /// <summary>How long finding the primary and opening a connection may take, and how long a caller waits for a free one. 1 s to 1
    /// minute; default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one command of a caller may take. 1 s to 10 minutes; default 15 s.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long one command of background work may take (a batch of a reconciliation, a chunk). 1 s to 1 hour; default 2
    /// minutes.</summary>
    public TimeSpan BackgroundCommandTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a caller's transaction waits for another one that has its key, or for a flip. 1 s to 1 minute; default 3 s.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The same for background work, which should be the victim. 1 s to 1 minute; default 1 s.</summary>
    public TimeSpan BackgroundLockTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How many reserved public ids, and numbers for new ids, a process takes at a time; those not used when it ends become gaps. 1 to 1,000;
    /// default 10.</summary>
    public int IdBatch { get; set; } = 10;

    /// <summary>
    /// How long a transaction may last from its first command to its commit. The client gives up then. Of a client that is frozen or cut
    /// off the server ends the
    /// transaction after its own <c>transactionLifetimeLimitSeconds</c> (60 s unless set). 2 s to 10 minutes; default 15 s.
    /// </summary>
    public TimeSpan TransactionDeadline { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a command may go on after it was cancelled or its deadline passed, while the server is asked to end it, before
    /// its connection is given
    /// up. 100 ms to 10 s; default 1 s.</summary>
    public TimeSpan CancellationGrace { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long one command of a migration may take: an index of a large collection takes hours to build. 1 minute to 7 days; default 1 day.</summary>
    public TimeSpan MigrationTimeout { get; set; } = TimeSpan.FromDays(1);

    /// <summary>For tests with something between client and server that is no member of the set. Else a stale member might be believed.</summary>
    internal bool IsDirect { get; set; }

    /// <summary>The clock for deadlines.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Throws <see cref="ArgumentException"/> with every setting that is out of range.</summary>
    public void Validate()
    {
        List<string> errors = [];
        if (MongoAddress.Problem(ConnectionString) is { } problem)
            errors.Add(problem);
        else if (!IsDirect && MongoAddress.DirectProblem(ConnectionString) is { } direct)
            errors.Add(direct);
        Range(nameof(ForegroundConnections), ForegroundConnections, 1, 1000);
        Range(nameof(BackgroundConnections), BackgroundConnections, 1, 1000);
        Range(nameof(ConnectTimeout), ConnectTimeout.TotalSeconds, 1, 60);
        Range(nameof(CommandTimeout), CommandTimeout.TotalSeconds, 1, 600);
        Range(nameof(BackgroundCommandTimeout), BackgroundCommandTimeout.TotalSeconds, 1, 3600);
        Range(nameof(LockTimeout), LockTimeout.TotalSeconds, 1, 60);
        Range(nameof(BackgroundLockTimeout), BackgroundLockTimeout.TotalSeconds, 1, 60);
        Range(nameof(IdBatch), IdBatch, 1, 1000);
        Range(nameof(TransactionDeadline), TransactionDeadline.TotalSeconds, 2, 600);
        Range(nameof(CancellationGrace), CancellationGrace.TotalSeconds, 0.1, 10);
        Range(nameof(MigrationTimeout), MigrationTimeout.TotalSeconds, 60, 604_800);
        if (errors.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, errors));

        void Range(string name, double value, double least, double most)
        {
            if (value < least || value > most)
                errors.Add(FormattableString.Invariant($"{name} is {value}; it must lie between {least} and {most} (time in seconds)."));
        }
    }
}
