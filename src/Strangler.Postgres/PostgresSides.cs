using System.Collections.Frozen;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>Makes the seams of a context one or both of whose sides are PostgreSQL databases. Connects to nothing yet.</summary>
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

    /// <summary>What is wrong with two sides together; null when nothing is.</summary>
    public static string? ProblemOf(PostgresSideOptions legacy, PostgresSideOptions @new) =>
        PostgresDatabase.Of(legacy).Address == PostgresDatabase.Of(@new).Address
            ? $"Both sides are {PostgresDatabase.Of(legacy).Address}; they must be two databases, as each has a fence of its own."
            : null;

    /// <param name="options">Contexts made from the same instance share its connections.</param>
    /// <param name="context">The context's name.</param>
    /// <param name="kinds">Each kind with its layout.</param>
    /// <exception cref="ArgumentException">An option is out of range, an identifier cannot be one, a layout has tables that this store does not
    /// know on the legacy side.</exception>
    public static LegacySide CreateLegacy(PostgresSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new PostgresSide(SideName.Legacy, context, PostgresDatabase.Of(options));
        var sql = Sql(side, kinds);
        return new LegacySide(
            Seams(side, sql), new PostgresReplicas(side), new PostgresIdBlocks(side, sql), new PostgresCapture(side, CaptureRules.Of(kinds)),
            new PostgresCensus(side), new PostgresLegacyTables(side))
        {
            NaturalKinds = kinds.Where(kind => kind.Value.Root.NaturalKey is not null).Select(kind => kind.Key).ToFrozenSet(StringComparer.Ordinal),
        };
    }

    /// <summary>As <see cref="CreateLegacy"/>.</summary>
    /// <exception cref="ArgumentException">An option is out of range, an identifier cannot be one, a layout has tables that only legacy sides
    /// have.</exception>
    public static NewSide CreateNew(PostgresSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new PostgresSide(SideName.New, context, PostgresDatabase.Of(options));
        var sql = Sql(side, kinds);
        return new NewSide(
            Seams(side, sql),
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

    private static SideSeams Seams(PostgresSide side, IReadOnlyDictionary<string, AggregateSql> kinds) =>
        new(new PostgresSideStore(side, kinds.ToDictionary(kind => kind.Key, kind => new KeyedRows(side.Context, kind.Value))), new PostgresFence(side),
            new PostgresJournal(side), new PostgresAudit(side))
        {
            Queries = new PostgresQueries(side),
            Answers = new PostgresAnswerLog(side),
            Traces = new PostgresTraces(side),
            Load = new PostgresLoad(side),
            Replication = new PostgresReplication(side),
        };

    private static Dictionary<string, AggregateSql> Sql(PostgresSide side, IReadOnlyDictionary<string, AggregateLayout> kinds) =>
        kinds.ToDictionary(kind => kind.Key, kind => new AggregateSql(side.Context, kind.Key, kinds, side.Name));
}
