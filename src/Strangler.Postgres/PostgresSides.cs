using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>Makes the seams of a context whose new side is a PostgreSQL database. Connects to nothing yet.</summary>
public static class PostgresSides
{
    /// <summary>What is wrong with a side's options, its connection string above all; null when nothing is. Never holds the password. Connects to nothing.</summary>
    public static string? ProblemOf(PostgresSideOptions options)
    {
        try
        {
            _ = PostgresDatabase.Of(options);
            return null;
        }
        catch (ArgumentException exception)
        {
            return exception.ParamName is { } name ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : exception.Message;
        }
    }

    /// <param name="options">Contexts made from the same instance share its connections.</param>
    /// <param name="context">The context's name.</param>
    /// <param name="kinds">Each kind with its layout.</param>
    /// <exception cref="ArgumentException">An option is out of range, an identifier cannot be one, a layout has tables that only legacy sides
    /// have.</exception>
    public static NewSide CreateNew(PostgresSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new PostgresSide(SideName.New, context, PostgresDatabase.Of(options));
        var sql = kinds.ToDictionary(kind => kind.Key, kind => new AggregateSql(context, kind.Key, kinds));
        var seams = new SideSeams(new PostgresSideStore(side, sql), new PostgresFence(side), new PostgresJournal(side), new PostgresAudit(side))
        {
            Queries = new PostgresQueries(side),
            Traces = new PostgresTraces(side),
            Load = new PostgresLoad(side),
            Replication = new PostgresReplication(side),
        };
        return new NewSide(
            seams,
            new PostgresIdMap(side),
            new PostgresIdPool(side),
            new PostgresBackfillTarget(side, sql),
            new PostgresQuarantine(side),
            new PostgresReconciliationHistory(side),
            new PostgresReconciliationLease(side),
            new PostgresShadowLog(side),
            new PostgresObligationLog(side),
            new PostgresMergeLog(side),
            new PostgresPurgeLog(side),
            new PostgresSchedules(side)) { Shelf = new PostgresDataSetShelf(side, sql) };
    }

    /// <summary>Closes the pools of an options instance; contexts made from it can no longer be used.</summary>
    public static ValueTask CloseAsync(PostgresSideOptions options) => PostgresDatabase.CloseAsync(options);
}
