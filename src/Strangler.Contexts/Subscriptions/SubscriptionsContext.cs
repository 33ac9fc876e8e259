using Strangler.Contexts.Subscriptions.Mapping;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Subscriptions;

/// <summary>The context <c>subscriptions</c>, put together for one process: its repositories on both sides and the wrapper over them.</summary>
public sealed class SubscriptionsContext
{
    public const string Name = "subscriptions";

    /// <summary>Its only kind of entity.</summary>
    public const string SubscriptionKind = "subscription";

    private readonly SubscriptionRecords _records;

    private SubscriptionsContext(SubscriptionRecords records, LegacySubscriptionRepository legacy, SubscriptionRepository @new)
    {
        _records = records;
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose)
    {
        Converters = new ConverterRegistry().AddSubscriptions(), AsksLegacyInPostgres = true,
    };

    /// <summary>The bare legacy repository.</summary>
    public LegacySubscriptionRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public SubscriptionRepository New { get; }

    /// <summary>What frontends use.</summary>
    public SubscriptionRepositoryWrapper Subscriptions { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[SubscriptionKind];
        var records = new SubscriptionRecords(mapping);
        var context = new SubscriptionsContext(
            records,
            new LegacySubscriptionRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new SubscriptionRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(SubscriptionKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} asks its lists in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer) =>
        Subscriptions = new SubscriptionRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
}
