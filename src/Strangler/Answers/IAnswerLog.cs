namespace Strangler.Answers;

/// <summary>A request of an operator that carried a key.</summary>
/// <param name="Key">32 bytes: a hash of who asked and of the key.</param>
/// <param name="Fingerprint">32 bytes: a hash of all that was asked for. A key stands for one request and no other.</param>
/// <param name="Owner">Who carries it out: this very attempt, and no other one.</param>
public sealed record KeyedRequest(byte[] Key, byte[] Fingerprint, string Owner);

/// <summary>What is known of a request's key.</summary>
/// <param name="Fingerprint">Of the request that came with it first.</param>
/// <param name="Owner">Who carries it out.</param>
/// <param name="Answer">What it was answered, as the caller stored it; null: not yet.</param>
/// <param name="IsClaimed">Whether whoever carries it out has a claim that still lasts.</param>
public sealed record KnownRequest(byte[] Fingerprint, string Owner, string? Answer, bool IsClaimed);

/// <summary>
/// Answers of requests that carried a key, in one side's database: what is sent again, to whichever replica, is answered the same and not carried out twice.
/// A claim whose process died ends by the store's clock; the request may then be carried out by whoever sends it again.
/// </summary>
public interface IAnswerLog
{
    /// <summary>Claims a request, unless it is answered, or claimed by another, or its key stands for another one. Returns what is known then.</summary>
    Task<KnownRequest> ClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>What is known of a key; null: nothing.</summary>
    Task<KnownRequest?> FindAsync(byte[] key, CancellationToken cancellationToken);

    /// <summary>Makes a claim last on. False: nothing has happened, as when it is another's by now.</summary>
    Task<bool> RenewAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Stores the answer; likewise.</summary>
    Task<bool> AnswerAsync(KeyedRequest request, string answer, CancellationToken cancellationToken);

    /// <summary>It came to nothing: the key is as good as new; likewise.</summary>
    Task ReleaseAsync(KeyedRequest request, CancellationToken cancellationToken);

    /// <summary>Forgets keys that are older, at most so many. Returns how many there were.</summary>
    Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken);
}
