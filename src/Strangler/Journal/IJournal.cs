using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>A claimed key: all open journal rows of one key, claimed together.</summary>
/// <param name="Key">The key whose follower may be behind.</param>
/// <param name="Version">The newest version among its rows.</param>
/// <param name="Generation">Of this claim; a claim with an older generation can no longer settle.</param>
/// <param name="Attempts">Failed applies so far.</param>
/// <param name="CreatedUtc">When the oldest row was written.</param>
public sealed record JournalClaim(EntityKey Key, EntityVersion Version, long Generation, int Attempts, DateTime CreatedUtc);

/// <summary>How a journal stands.</summary>
/// <param name="Open">Rows waiting or claimed.</param>
/// <param name="Parked">Rows set aside after too many failures.</param>
/// <param name="OldestUtc">Creation of the oldest open row.</param>
public sealed record JournalDepth(long Open, long Parked, DateTime? OldestUtc, DateTime NowUtc)
{
    public TimeSpan Lag => OldestUtc is { } oldest && NowUtc > oldest ? NowUtc - oldest : TimeSpan.Zero;
}

/// <summary>A parked key with its reason.</summary>
public sealed record ParkedKey(EntityKey Key, EntityVersion Version, int Attempts, string LastError, DateTime CreatedUtc);

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

    /// <summary>Gives a claim back after a failure: next attempt after <paramref name="delay"/>, or parked when null. Ignored if the claim's generation is no longer current.</summary>
    Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken);

    /// <summary>Open rows, claimed or not, count as depth; parked apart.</summary>
    Task<JournalDepth> DepthAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Puts parked keys back (all when <paramref name="key"/> is null). Returns how many rows.</summary>
    Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken);
}
