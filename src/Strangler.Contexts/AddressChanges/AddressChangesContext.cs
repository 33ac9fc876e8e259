using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.AddressChanges;

/// <summary>The context <c>address-changes</c>, put together for one process: its repositories on both sides and the wrapper over them.</summary>
public sealed class AddressChangesContext
{
    public const string Name = "address-changes";

    /// <summary>Its only kind of entity.</summary>
    public const string AddressChangeKind = "address-change";

    private readonly AddressChangeRecords _records;

    private AddressChangesContext(AddressChangeRecords records, LegacyAddressChangeRepository legacy, AddressChangeRepository @new)
    {
        _records = records;
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose);

    /// <summary>The bare legacy repository.</summary>
    public LegacyAddressChangeRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public AddressChangeRepository New { get; }

    /// <summary>What frontends use.</summary>
    public AddressChangeRepositoryWrapper AddressChanges { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[AddressChangeKind];
        var records = new AddressChangeRecords(mapping);
        var context = new AddressChangesContext(
            records,
            new LegacyAddressChangeRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new AddressChangeRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(AddressChangeKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} looks identifiers up in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer) =>
        AddressChanges = new AddressChangeRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
}
