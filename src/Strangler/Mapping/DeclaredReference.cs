namespace Strangler.Mapping;

/// <summary>Where a reference may lead.</summary>
/// <param name="When">The value of the field that says which kind of entity is meant; null where there is one kind only.</param>
/// <param name="Context">The context.</param>
/// <param name="Kind">Its kind of entity.</param>
public sealed record ReferenceTarget(string? When, string Context, string Kind);

/// <summary>
/// That a field holds the public id of another entity; 0 is none. Within the context the new side holds the new id and the store translates
/// through the id map. Across contexts the public id stays as it is on both sides, since callers keep it in every stage and neither context
/// may wait for the other; what it leads to is found through the other context's own id map.
/// </summary>
/// <param name="Kind">The kind of entity that has the field.</param>
/// <param name="Name">Unique within the kind.</param>
/// <param name="Field">An integer field.</param>
/// <param name="By">The code field that says which target is meant; null where there is one.</param>
/// <param name="Targets">One or more.</param>
public sealed record DeclaredReference(string Kind, string Name, string Field, string? By, IReadOnlyList<ReferenceTarget> Targets)
{
    /// <summary>Where the record's reference leads; null for none, and for a code that has no target.</summary>
    public (ReferenceTarget Target, long Id)? Of(Record record)
    {
        var id = record.Integer(Field);
        var target = By is null ? Targets[0] : Targets.FirstOrDefault(one => one.When == record.Text(By));
        return id > 0 && target is not null ? (target, id) : null;
    }
}
