using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mongo.Aggregates;

namespace Strangler.Mongo;

/// <summary>Makes the seams of a context whose new side is a MongoDB database. Connects to nothing yet.</summary>
public static class MongoSides
{
    /// <summary>What is wrong with a side's options, its connection string above all; null when nothing is. Never holds the password. Connects to nothing.</summary>
    public static string? ProblemOf(MongoSideOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            options.Validate();
            return null;
        }
        catch (ArgumentException exception)
        {
            return exception.Message;
        }
    }

    /// <param name="options">Contexts made from the same instance share its connections.</param>
    /// <param name="context">The context's name.</param>
    /// <param name="kinds">Each kind with its layout.</param>
    /// <exception cref="ArgumentException">An option is out of range, a name cannot be a collection's or a field's, a layout has tables that only other
    /// stores know.</exception>
    public static NewSide CreateNew(MongoSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new MongoSide(SideName.New, context, MongoDatabase.Of(options));
        var documents = kinds.ToDictionary(kind => kind.Key, kind => new AggregateDocuments(kind.Key, kinds));
        return new NewSide(
            new SideSeams(new MongoSideStore(side, documents), new MongoFence(side), new MongoJournal(side), new MongoAudit(side)) { Traces = new MongoTraces(side) },
            new MongoIdMap(side),
            new MongoIdPool(side),
            new MongoBackfillTarget(side, documents),
            new MongoQuarantine(side),
            new MongoReconciliationHistory(side),
            new MongoReconciliationLease(side),
            new MongoShadowLog(side),
            new MongoObligationLog(side),
            new MongoMergeLog(side),
            new MongoPurgeLog(side),
            new MongoSchedules(side));
    }

    /// <summary>Closes the pools of an options instance; contexts made from it can no longer be used.</summary>
    public static ValueTask CloseAsync(MongoSideOptions options) => MongoDatabase.CloseAsync(options);
}
