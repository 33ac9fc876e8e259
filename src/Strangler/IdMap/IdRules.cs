using Strangler.Mapping;

namespace Strangler.IdMap;

/// <summary>What an id of legacy's can be.</summary>
internal static class IdRules
{
    /// <summary>
    /// Null: it will do. Ids begin at 1: 0 means "not allotted yet" to every program, and the map and all of our tables know no negative ones.
    /// </summary>
    public static UnreadableException? ProblemOf(AggregateLayout legacy, long id) => id >= 1
        ? null
        : new UnreadableException($"{legacy.Root.Name}.{legacy.Root.KeyColumn}", "is no id, which begin at 1; give the row another one") { Id = id };
}
