using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// What one write does on the side that leads, inside its transaction: reads what <paramref name="transaction"/> has under lock, saves, and
/// returns the public id with the record that the side holds afterwards (null: deleted). It may be called again when the transaction has to
/// be repeated, and on the other side when a flip came in between.
/// </summary>
public delegate Task<LeadResult> LeadWrite(
    ISideRepository lead, ISideTransaction transaction, EntityKey key, CancellationToken cancellationToken);

/// <summary>What a write has done on the side that leads.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Held">What the side shows of the entity afterwards; null: deleted.</param>
/// <param name="Wanted">
/// What the caller wanted it to be; a change to a field that the side then hides is refused. Null where nobody wanted values of their own.
/// </param>
public readonly record struct LeadResult(long Id, Record? Held, Record? Wanted = null)
{
    /// <summary>Of a write without values of a caller's.</summary>
    public static implicit operator LeadResult((long Id, Record? Held) result) => new(result.Id, result.Held);

    /// <summary>Without the wish.</summary>
    public void Deconstruct(out long id, out Record? held) => (id, held) = (Id, Held);
}

/// <summary>One write of one entity.</summary>
public sealed class WriteCommand
{
    /// <summary>Id 0 creates.</summary>
    public required EntityKey Key { get; init; }

    /// <summary>What the caller had loaded; null when the write does not rest on anything that was read before.</summary>
    public LoadToken? Loaded { get; init; }

    /// <summary>
    /// Makes the write repeatable: the same key gives the same result, once. It names the request, whatever its content: a retry may differ in times and defaults,
    /// so content is not compared, and a create that comes with the key of another create gets that one's id and writes nothing
    /// (<see cref="WriteResult.Replayed"/> says so). With the key of another entity's write a write is refused (<see cref="RequestKeyException"/>). Unique among
    /// all callers and kinds of the context; kept for <see cref="ContextOptions.RequestRetention"/>.
    /// </summary>
    public string? RequestKey { get; init; }

    /// <summary>For the journal and the timeline.</summary>
    public string Actor { get; init; } = "unknown";

    public required LeadWrite Write { get; init; }
}

/// <summary>A write that has happened.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Version">The version it gave the entity.</param>
/// <param name="Token">To save the same instance again.</param>
/// <param name="Replayed">Whether the request key had been seen before and nothing was written now.</param>
public sealed record WriteResult(long Id, EntityVersion Version, LoadToken Token, bool Replayed)
{
    /// <summary>What the lead shows of the entity since then, which may hide some of what was wanted; null after a delete, and of a replay.</summary>
    internal Record? Held { get; init; }
}
