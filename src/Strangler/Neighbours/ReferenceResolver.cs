using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Neighbours;

/// <summary>Where a reference of one entity leads.</summary>
/// <param name="Reference">Its name.</param>
/// <param name="Field">The field that holds it.</param>
/// <param name="Target">Context and kind; null when it leads nowhere: 0, or a code without a target.</param>
/// <param name="PublicId">As the field holds it.</param>
/// <param name="NewId">By the target's own id map; null when that does not know it, or cannot be asked.</param>
/// <param name="Note">Why not.</param>
public sealed record ResolvedReference(string Reference, string Field, ReferenceTarget? Target, long PublicId, long? NewId, string Note);

/// <summary>Follows the references of an entity to the new ids that they lead to, through the id map of each target's own context.</summary>
public sealed class ReferenceResolver(ContextRuntime runtime)
{
    /// <summary>Empty when the entity is not there. Throws as a read of it does.</summary>
    public async Task<IReadOnlyList<ResolvedReference>> ResolveAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var (record, _) = await new DualWriter(runtime).ReadAsync(key, cancellationToken);
        if (record is null)
        {
            return [];
        }

        List<ResolvedReference> resolved = [];
        foreach (var reference in runtime.References.Where(reference => reference.Kind == key.Kind))
        {
            resolved.Add(await ResolveAsync(reference, record, cancellationToken));
        }

        return resolved;
    }

    private async Task<ResolvedReference> ResolveAsync(DeclaredReference reference, Record record, CancellationToken cancellationToken)
    {
        if (reference.Of(record) is not var (target, id))
        {
            return new ResolvedReference(reference.Name, reference.Field, null, record.Integer(reference.Field), null, "leads nowhere");
        }

        var there = target.Context == runtime.Context ? runtime : runtime.Neighbours.Find(target.Context);
        if (there is null)
        {
            return new ResolvedReference(reference.Name, reference.Field, target, id, null, $"{target.Context} is not configured here");
        }

        var stage = (await there.Stage.GetAsync(cancellationToken)).Stage;
        var newId = stage == Stage.LegacyOnly ? null : await there.Sides.IdMap.FindNewIdAsync(target.Kind, id, cancellationToken);
        return new ResolvedReference(
            reference.Name, reference.Field, target, id, newId,
            newId is not null ? "" : stage == Stage.LegacyOnly ? $"{target.Context} is in {stage}: it has no new ids yet" : "not in its id map");
    }
}
