using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>The context <c>back-office-users</c>, put together for one process: its repositories on both sides and the wrapper over them.</summary>
public sealed class BackOfficeUsersContext
{
    public const string Name = "back-office-users";

    /// <summary>Its only kind of entity.</summary>
    public const string UserKind = "user";

    private readonly BackOfficeUserRecords _records;

    private BackOfficeUsersContext(BackOfficeUserRecords records, LegacyBackOfficeUserRepository legacy, BackOfficeUserRepository @new)
    {
        _records = records;
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose) { AsksLegacyInPostgres = true };

    /// <summary>The bare legacy repository.</summary>
    public LegacyBackOfficeUserRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public BackOfficeUserRepository New { get; }

    /// <summary>What frontends use.</summary>
    public BackOfficeUserRepositoryWrapper Users { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[UserKind];
        var records = new BackOfficeUserRecords(mapping);
        var context = new BackOfficeUsersContext(
            records,
            new LegacyBackOfficeUserRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new BackOfficeUserRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(UserKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} looks names up in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer) =>
        Users = new BackOfficeUserRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
}
