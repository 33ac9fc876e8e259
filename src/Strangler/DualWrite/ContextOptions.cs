namespace Strangler.DualWrite;

/// <summary>
/// The settings of one context, validated as a whole before the first connection. A running service may take others over, one by one: whoever needs one asks for
/// it at that moment, and does not rest on two of them having changed together.
/// </summary>
public sealed class ContextOptions
{
    /// <summary>
    /// How long a writer waits while the context is being switched, and for how long failed tries of a write are repeated. 0 to 5 minutes;
    /// default 5 s.
    /// </summary>
    public TimeSpan PauseBudget { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a caller waits for the follower after its own write has happened. 10 ms to 1 minute; default 2 s.</summary>
    public TimeSpan InlineApplyTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The share of reads that is compared with the follower in ShadowRead and NewLeads. 0 to 1; default 0.05.</summary>
    public double ShadowReadSample { get; set; } = 0.05;

    /// <summary>How often the relay looks at the journal when nothing wakes it. 10 ms to 1 minute; default 1 s.</summary>
    public TimeSpan RelayPoll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a claim lasts: so long the keys that a killed relay was at wait for another one. Whoever is slower applies what is applied already, which does
    /// no harm. 1 s to 10 minutes; default 10 s.
    /// </summary>
    public TimeSpan RelayLease { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Keys a claim at most; fewer where these would take longer than 200 ms. 1 to 10,000; default 100.
    /// </summary>
    public int RelayBatch { get; set; } = 100;

    /// <summary>Failed applies after which a key is parked, unless the failure is known to pass. 1 to 1,000; default 10.</summary>
    public int MaxAttempts { get; set; } = 10;

    /// <summary>The oldest open journal row that gates tolerate. 1 s to 1 hour; default 30 s.</summary>
    public TimeSpan LagLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a flip may take before it aborts by itself. 1 s to 10 minutes; default 30 s.</summary>
    public TimeSpan FlipDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a flip waits for writers that hold the fence: new writers queue behind it. 10 ms to 30 s; default 2 s.</summary>
    public TimeSpan FenceLockTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The oldest full reconciliation that opens gates. 1 minute to 30 days; default 24 h.</summary>
    public TimeSpan ReconciliationMaxAge { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Shadow reads that must have been compared before the new side may lead. 0 or more; default 1,000.</summary>
    public long ShadowReadMinimum { get; set; } = 1000;

    /// <summary>Public ids reserved at a time for creates while the new side leads. 1 or more; default 10,000.</summary>
    public long IdBlock { get; set; } = 10_000;

    /// <summary>
    /// Whether the mapping declares that no other program writes the legacy tables; capture is needless then. Default false.
    /// </summary>
    public bool ForeignWritersNone { get; set; }

    /// <summary>A process without a heartbeat for this long no longer counts as live. 1 s to 1 hour; default 30 s.</summary>
    public TimeSpan ReplicaLiveness { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long request keys are kept: a retry that comes later is a new request. 1 to 365 days; default 7 days.</summary>
    public TimeSpan RequestRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long the search for lost obligations rests after a chunk of 1,000 keys. 10 ms to 1 minute; default 500 ms.</summary>
    public TimeSpan ObligationPause { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long it rests after it has seen all keys. 1 s to 24 h; default 5 minutes.</summary>
    public TimeSpan ObligationInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a look at legacy's tables (are they as the mapping says?) holds; while they are not, they are looked at every 2 s. 100 ms to
    /// 1 h; default 1 s.
    /// </summary>
    public TimeSpan SchemaCheckInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often relays look whether the capture of other programs' writes is as it was installed. 100 ms to 1 h; default 10 s.</summary>
    public TimeSpan CaptureCheckInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Of a context that another program loads anew as a whole: for how long nothing of it may have come until it is taken for complete, and shown to
    /// readers of the new side. 100 ms to 1 h; default 2 s.
    /// </summary>
    public TimeSpan DataSetQuiet { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// For how long no other program that nobody answers for may have written legacy before NewOnly; 0: not asked. 0 to 365 days; default
    /// 7 days.
    /// </summary>
    public TimeSpan ForeignWriterQuiet { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How long the census remembers who else wrote legacy; longer than <see cref="ForeignWriterQuiet"/>. 1 to 3,650 days; default 400 days.
    /// </summary>
    public TimeSpan CensusRetention { get; set; } = TimeSpan.FromDays(400);

    /// <summary>
    /// How long what was deleted while its rows stayed is kept before <c>strangler purge</c> removes it; 0: not set, and the command must say it. 0, or 1 day to
    /// 3,650 days; default 0.
    /// </summary>
    public TimeSpan PurgeAfter { get; set; }

    /// <summary>
    /// Whether a step of the context, forward or back, needs two people: one asks for it over HTTP or on the dashboard, another one, known by another
    /// credential of the same role, approves. The command line makes no step then; <c>cutover resume</c> and <c>abort</c> of one that is under way remain. Default false.
    /// </summary>
    public bool SecondApprover { get; set; }

    /// <summary>How long a step that was asked for waits for the second person. 1 minute to 7 days; default 1 h.</summary>
    public TimeSpan ApprovalWithin { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Where one server holds both databases: a write brings the follower along within the lead's own transaction, behind a savepoint. Cheaper, but a follower whose
    /// locks are held or whose disk is slow then slows the lead. Default false.
    /// </summary>
    public bool OneTransaction { get; set; }

    /// <summary>
    /// Whether a side's server may itself replicate from another one, as the primaries of a ring do. Else a side that replicates, or is
    /// read-only, is taken for a replica, and nothing is reconciled, repaired or backfilled from it. Default false.
    /// </summary>
    public bool SidesMayReplicate { get; set; }

    /// <summary>Throws <see cref="ArgumentException"/> with every setting that is out of range.</summary>
    public void Validate()
    {
        List<string> errors = [];
        Check(errors, nameof(PauseBudget), PauseBudget, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        Check(errors, nameof(InlineApplyTimeout), InlineApplyTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        Check(errors, nameof(ShadowReadSample), ShadowReadSample, 0, 1);
        Check(errors, nameof(RelayPoll), RelayPoll, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        Check(errors, nameof(RelayLease), RelayLease, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        Check(errors, nameof(RelayBatch), RelayBatch, 1, 10_000);
        Check(errors, nameof(MaxAttempts), MaxAttempts, 1, 1_000);
        Check(errors, nameof(LagLimit), LagLimit, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Check(errors, nameof(FlipDeadline), FlipDeadline, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        Check(errors, nameof(FenceLockTimeout), FenceLockTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(30));
        Check(errors, nameof(ReconciliationMaxAge), ReconciliationMaxAge, TimeSpan.FromMinutes(1), TimeSpan.FromDays(30));
        Check(errors, nameof(ShadowReadMinimum), ShadowReadMinimum, 0, long.MaxValue);
        Check(errors, nameof(ApprovalWithin), ApprovalWithin, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7));
        Check(errors, nameof(IdBlock), IdBlock, 1, long.MaxValue);
        Check(errors, nameof(ReplicaLiveness), ReplicaLiveness, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Check(errors, nameof(RequestRetention), RequestRetention, TimeSpan.FromDays(1), TimeSpan.FromDays(365));
        Check(errors, nameof(ObligationPause), ObligationPause, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        Check(errors, nameof(ObligationInterval), ObligationInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        Check(errors, nameof(SchemaCheckInterval), SchemaCheckInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        Check(errors, nameof(CaptureCheckInterval), CaptureCheckInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        Check(errors, nameof(DataSetQuiet), DataSetQuiet, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        Check(errors, nameof(ForeignWriterQuiet), ForeignWriterQuiet, TimeSpan.Zero, TimeSpan.FromDays(365));
        Check(errors, nameof(CensusRetention), CensusRetention, TimeSpan.FromDays(Math.Max(1, Math.Ceiling(ForeignWriterQuiet.TotalDays))), TimeSpan.FromDays(3650));
        if (PurgeAfter != TimeSpan.Zero)
        {
            Check(errors, nameof(PurgeAfter), PurgeAfter, TimeSpan.FromDays(1), TimeSpan.FromDays(3650));
        }

        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors));
        }
    }

    internal ContextOptions Copy() => (ContextOptions)MemberwiseClone();

    private static void Check<T>(List<string> errors, string name, T value, T from, T to)
        where T : IComparable<T>
    {
        // Written so that NaN is refused, too.
        if (!(value.CompareTo(from) >= 0 && value.CompareTo(to) <= 0))
        {
            errors.Add($"{name} is {value}; it must lie between {from} and {to}.");
        }
    }
}
