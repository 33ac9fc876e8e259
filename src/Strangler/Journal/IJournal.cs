using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>A claimed key: all open journal rows of one key, claimed together.</summary>
/// <param name="Key">The key whose follower may be behind.</param>
/// <param name="Version">The newest version among its rows.</param>
/// <param name="Generation">Of this claim; a claim with an older generation can no longer settle.</param>
/// <param name="Attempts">Failed applies so far.</param>
/// <param name="CreatedUtc">When the oldest row was written.</param>
public sealed record JournalClaim(EntityKey Key, EntityVersion Version, long Generation, int Attempts, DateTime CreatedUtc);

/// <summary>How a journal stands. Counting ends one beyond <see cref="CountLimit"/>, however deep the journal is: it is asked for at every poll.</summary>
/// <param name="Open">Rows waiting or claimed; above <see cref="CountLimit"/>: more than that.</param>
/// <param name="Parked">Rows set aside after too many failures; likewise.</param>
/// <param name="OldestUtc">Creation of the oldest open row.</param>
/// <param name="NowUtc">The database's clock.</param>
public sealed record JournalDepth(long Open, long Parked, DateTime? OldestUtc, DateTime NowUtc)
{
    /// <summary>Rows are counted up to here.</summary>
    public const long CountLimit = 10_000;

    /// <summary>A count for people: <c>17</c>, or <c>more than 10,000</c>.</summary>
    public static string Show(long count) => count > CountLimit
        ? string.Create(CultureInfo.InvariantCulture, $"more than {CountLimit:N0}")
        : count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Rows of keys that are in quarantine: neither open nor parked. Likewise counted.</summary>
    public long Quarantined { get; init; }

    public TimeSpan Lag => OldestUtc is { } oldest && NowUtc > oldest ? NowUtc - oldest : TimeSpan.Zero;
}

/// <summary>A parked key with its reason.</summary>
public sealed record ParkedKey(EntityKey Key, EntityVersion Version, int Attempts, string LastError, DateTime CreatedUtc);

/// <summary>How long ago, by the clock of the journal's server, what is still owed of a key was written; so two servers' clocks are never compared.</summary>
/// <param name="Youngest">Age of the newest write.</param>
/// <param name="Oldest">Age of the oldest one.</param>
/// <param name="Actor">Who wrote the newest one.</param>
public sealed record OwedWrites(TimeSpan Youngest, TimeSpan Oldest, string Actor);

/// <summary>A journal as its operator sees it: the oldest rows of it, <see cref="JournalDepth.CountLimit"/> open and as many parked ones at most.</summary>
/// <param name="Kinds">Per kind of entity that has rows.</param>
/// <param name="Claims">Per relay that holds a claim at present.</param>
/// <param name="IsPartial">There are more rows than were looked at.</param>
public sealed record JournalOverview(IReadOnlyList<KindDepth> Kinds, IReadOnlyList<RelayClaims> Claims, bool IsPartial);

/// <summary>One kind's rows. <paramref name="Open"/> = <paramref name="Due"/> + <paramref name="Claimed"/> + <paramref name="Waiting"/>.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Open">Rows waiting or claimed.</param>
/// <param name="Due">Of these, what any relay may claim now.</param>
/// <param name="Claimed">Under a running lease.</param>
/// <param name="Waiting">For the end of a back-off.</param>
/// <param name="Parked">Rows set aside.</param>
/// <param name="OldestUtc">Creation of the oldest open row.</param>
public sealed record KindDepth(string Kind, long Open, long Due, long Claimed, long Waiting, long Parked, DateTime? OldestUtc);

/// <summary>What one relay holds.</summary>
/// <param name="Owner">The replica's name.</param>
/// <param name="Rows">Journal rows under its leases.</param>
/// <param name="UntilUtc">When the last of these leases ends.</param>
public sealed record RelayClaims(string Owner, long Rows, DateTime UntilUtc);

/// <summary>One side's journal of one context: keys that the other side may lack. Rows are inserted by the write transactions of that side.</summary>
public interface IJournal
{
    SideName Side { get; }

    /// <summary>Claims up to <paramref name="max"/> due keys (short transaction, SKIP LOCKED): writes owner, generation and lease, commits.</summary>
    Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes the key's rows that the follower has accepted, whoever claimed them and parked ones too: own rows with version ≤ <paramref name="accepted"/>,
    /// foreign rows with version ≤ <paramref name="accepted"/> and foreign_seq ≤ <paramref name="foreignSeq"/>. By version alone a foreign write that came
    /// after the apply's snapshot would be forgotten: it does not raise the version.
    /// </summary>
    Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes the key's rows of other programs' writes up to <paramref name="foreignSeq"/>, parked ones too: these are merged. Own rows
    /// stay.
    /// </summary>
    Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken);

    /// <summary>
    /// The key's rows of our own writes (merges are none) above a version; null when there is none (any more).
    /// </summary>
    Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken);

    /// <summary>The key's rows of other programs' writes above a foreign_seq; null when there is none (any more).</summary>
    Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken);

    /// <summary>Gives a claim back after a failure: next attempt after <paramref name="delay"/>, or parked when null. Ignored if the claim's generation is no longer current.</summary>
    Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken);

    /// <summary>
    /// Sets the key's rows aside, for its state on this side cannot be read and the key is in quarantine: they are not tried again and
    /// count
    /// neither as open nor as parked, for the quarantine's entry speaks for them. They stay owed: the next write of the key that can be
    /// applied settles them, and <see cref="RetryAsync"/> brings them back. Ignored if the claim's generation is no longer current.
    /// </summary>
    Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken);

    /// <summary>Open rows, claimed or not, count as depth; parked apart. Its cost does not grow with the journal.</summary>
    Task<JournalDepth> DepthAsync(CancellationToken cancellationToken);

    /// <summary>The same in detail; its cost is bounded as well.</summary>
    Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken);

    /// <summary>Parked keys, longest parked first.</summary>
    Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken);

    /// <summary>One key's parked rows; null when it has none.</summary>
    Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>Which of the ids have a row, open, parked or set aside.</summary>
    Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Puts keys that are parked or set aside in quarantine back (all when <paramref name="key"/> is null). Returns how many rows.
    /// </summary>
    Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets the key's parked rows: the follower may stay behind then, and nothing but reconciliation and <see cref="ObligationCheck"/> knows. Open rows of
    /// the key stay. Returns how many; 0 when none is parked.
    /// </summary>
    Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Of the next <paramref name="keys"/> keys of a kind above <paramref name="above"/> (null: from the beginning) only the oldest and the
    /// newest row of each origin and state stay: what travels is the state, so those between owe nothing that these do not. Waits for no
    /// lock: what is locked stays. Returns how far it has come.
    /// </summary>
    Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken);
}

/// <summary>What a thinning removed.</summary>
/// <param name="Removed">Rows.</param>
/// <param name="Upto">The last key that was looked at; null: there was none.</param>
public sealed record ThinnedRows(int Removed, long? Upto);
