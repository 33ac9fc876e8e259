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
            // The driver has its own opinion of the connection string, and may not be there at all.
            _ = MongoDatabase.Of(options);
            return null;
        }
        catch (ArgumentException exception)
        {
            return exception.Message;
        }
        catch (MongoFailureException exception) when (exception.Kind == MongoErrorKind.Unsuitable)
        {
            return exception.Message;
        }
    }

    /// <summary>Asks the server why it can never be used as it is (it is a standalone one, a router, too old); null when it can, or does not answer.</summary>
    public static async Task<string?> UnsuitableAsync(MongoSideOptions options, CancellationToken cancellationToken)
    {
        try
        {
            var session = await MongoDatabase.Of(options).OpenAsync(background: true, cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                return null;
            }
        }
        catch (MongoFailureException e)
        {
            return e.Kind == MongoErrorKind.Unsuitable ? e.Message : null;
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
            new SideSeams(new MongoSideStore(side, documents), new MongoFence(side), new MongoJournal(side), new MongoAudit(side))
            {
                Rows = new MongoRowQueries(side, documents),
                Answers = new MongoAnswerLog(side),
                Traces = new MongoTraces(side),
                Load = new MongoLoad(side),
                Replication = new MongoReplication(),
            },
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
