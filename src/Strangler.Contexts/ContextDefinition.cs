using Strangler.Contexts.AddressChanges;
using Strangler.Contexts.BackOfficeUsers;
using Strangler.Contexts.Buckets;
using Strangler.Contexts.ChangeLog;
using Strangler.Contexts.Donations;
using Strangler.Contexts.HealthRegions;
using Strangler.Contexts.Impressions;
using Strangler.Contexts.Memberships;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts;

/// <summary>One line of the list of contexts: a name, and how its parts are put together.</summary>
/// <param name="Name">As in the mapping file's <c>context</c>, the migrations folder and the command line.</param>
/// <param name="Compose">From the stores' seams and the compiled mappings of its kinds.</param>
public sealed record ContextDefinition(string Name, Func<ContextSides, IReadOnlyDictionary<string, CompiledMapping>, ContextParts> Compose)
{
    /// <summary>Converters that its mapping file may name beside the engine's own.</summary>
    public ConverterRegistry Converters { get; init; } = new();

    /// <summary>Whether what it asks of its legacy tables beside single entities is understood by PostgreSQL as well as by MySQL.</summary>
    public bool AsksLegacyInPostgres { get; init; }
}

/// <summary>What a context gives to its host.</summary>
/// <param name="Kinds">Its kinds of entities with their repositories.</param>
/// <param name="Part">The context's own object, for those who use its repositories.</param>
/// <param name="Attach">Called once the runtime and the writer are there: wrappers are made then.</param>
public sealed record ContextParts(IReadOnlyList<EntityKind> Kinds, object Part, Action<ContextRuntime, DualWriter> Attach);

/// <summary>The contexts of this installation.</summary>
public static class ContextList
{
    public static IReadOnlyList<ContextDefinition> All { get; } =
    [
        DonationsContext.Definition,
        MembershipsContext.Definition,
        SubscriptionsContext.Definition,
        AddressChangesContext.Definition,
        BackOfficeUsersContext.Definition,
        ImpressionsContext.Definition,
        BucketsContext.Definition,
        ChangeLogContext.Definition,
        HealthRegionsContext.Definition,
    ];
}
