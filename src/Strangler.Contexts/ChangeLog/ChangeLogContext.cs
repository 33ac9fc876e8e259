using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.ChangeLog;

/// <summary>The context <c>change-log</c>, put together for one process: its repositories on both sides and the wrapper over them.</summary>
public sealed class ChangeLogContext
{
    public const string Name = "change-log";

    /// <summary>Its only kind of entity.</summary>
    public const string LoggedActionKind = "logged-action";

    private readonly LoggedActionRecords _records;

    private ChangeLogContext(LoggedActionRecords records, LegacyChangeLogRepository legacy, ChangeLogRepository @new)
    {
        _records = records;
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose);

    /// <summary>The bare legacy repository.</summary>
    public LegacyChangeLogRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public ChangeLogRepository New { get; }

    /// <summary>What frontends use.</summary>
    public ChangeLogRepositoryWrapper Actions { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[LoggedActionKind];
        var records = new LoggedActionRecords(mapping);
        var context = new ChangeLogContext(
            records,
            new LegacyChangeLogRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new ChangeLogRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(LoggedActionKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} looks up users in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer) =>
        Actions = new ChangeLogRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
}
