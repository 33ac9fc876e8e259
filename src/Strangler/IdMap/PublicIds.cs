using System.Collections.Frozen;
using Strangler.DualWrite;
using Strangler.Hooks;

namespace Strangler.IdMap;

/// <summary>Consecutive public ids that legacy's own allotting will never give out again.</summary>
/// <param name="FirstId">The first id.</param>
/// <param name="LastId">The last id, itself included.</param>
/// <param name="Step">Distance between ids: more than 1 where the server allots in steps (clusters).</param>
public sealed record IdBlock(long FirstId, long LastId, int Step = 1)
{
    public long Count => ((LastId - FirstId) / Step) + 1;

    /// <summary>How many of its ids are <paramref name="next"/> or above.</summary>
    public long CountFrom(long next) =>
        next <= FirstId ? Count : next > LastId ? 0 : Count - ((next - FirstId + Step - 1) / Step);
}

/// <summary>The legacy half of <see cref="IPublicIds"/>.</summary>
public interface IIdBlocks
{
    /// <summary>Burns at least <paramref name="count"/> ids and records them as blocks, durably. A crash in between leaves a gap, never a
    /// block that is not burnt.</summary>
    Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken);

    /// <summary>All blocks ever recorded, in order.</summary>
    Task<IReadOnlyList<IdBlock>> ListAsync(string kind, CancellationToken cancellationToken);

    /// <inheritdoc cref="IPublicIds.OverlapAsync"/>
    Task<long> OverlapAsync(string kind, CancellationToken cancellationToken);
}

/// <summary>The new half of <see cref="IPublicIds"/>.</summary>
public interface IIdPool
{
    /// <summary>Adds the blocks that are not there yet; those that are there, used up or not, stay as they are.</summary>
    Task AddAsync(string kind, IReadOnlyList<IdBlock> blocks, CancellationToken cancellationToken);

    /// <inheritdoc cref="IPublicIds.TakeAsync"/>
    Task<long> TakeAsync(string kind, CancellationToken cancellationToken);

    /// <inheritdoc cref="IPublicIds.LeftAsync"/>
    Task<long> LeftAsync(string kind, CancellationToken cancellationToken);
}

/// <summary>Reserves in legacy, uses up on the new side; the two may be different engines.</summary>
public sealed class PublicIds(IIdBlocks legacy, IIdPool pool, Hook? hook = null) : IPublicIds
{
    /// <summary>Kinds with natural keys.</summary>
    public IReadOnlySet<string> Natural { get; init; } = FrozenSet<string>.Empty;

    /// <inheritdoc/>
    public bool Allots(string kind) => !Natural.Contains(kind);

    /// <inheritdoc/>
    /// <remarks>Order: burn, record in legacy, copy. Whatever dies in between, the next call copies what is missing.</remarks>
    public async Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken)
    {
        if (!Allots(kind))
        {
            return 0;
        }

        var reserved = count > 0 ? await legacy.ReserveAsync(kind, count, cancellationToken).ConfigureAwait(false) : 0;
        if (hook is not null)
        {
            await hook(HookPoint.IdsRecorded, SideName.Legacy).ConfigureAwait(false);
        }

        await pool.AddAsync(kind, await legacy.ListAsync(kind, cancellationToken).ConfigureAwait(false), cancellationToken)
            .ConfigureAwait(false);
        return reserved;
    }

    /// <inheritdoc/>
    public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) => !Allots(kind)
        ? throw new ArgumentException($"The id of a new {kind} is its natural key: give it one.", nameof(kind))
        : pool.TakeAsync(kind, cancellationToken);

    /// <inheritdoc/>
    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) => Allots(kind) ? pool.LeftAsync(kind, cancellationToken) : Task.FromResult(0L);

    /// <inheritdoc/>
    public Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) => Allots(kind) ? legacy.OverlapAsync(kind, cancellationToken) : Task.FromResult(0L);
}
