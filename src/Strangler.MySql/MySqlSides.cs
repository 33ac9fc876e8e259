using System.Collections.Frozen;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>Makes the seams of a context whose sides are MySQL or MariaDB databases. Connects to nothing yet.</summary>
public static class MySqlSides
{
    /// <summary>Both sides. The two databases must be different ones: each has a fence of its own.</summary>
    /// <param name="legacy">Contexts made from the same instance share its connections; so for <paramref name="new"/>.</param>
    /// <param name="new">The new side's database.</param>
    /// <param name="context">The context's name.</param>
    /// <param name="kinds">Each kind with its layouts on both sides.</param>
    /// <param name="hook">Stops the reserving of ids at its steps, for tests.</param>
    /// <exception cref="ArgumentException">An option is out of range, an identifier cannot be one, a layout's tables do not hang
    /// together.</exception>
    public static ContextSides Create(
        MySqlSideOptions legacy,
        MySqlSideOptions @new,
        string context,
        IReadOnlyDictionary<string, (AggregateLayout Legacy, AggregateLayout New)> kinds,
        Hook? hook = null)
    {
        if (ProblemOf(legacy, @new) is { } problem)
        {
            throw new ArgumentException(problem, nameof(@new));
        }

        var legacyKinds = kinds.ToDictionary(kind => kind.Key, kind => kind.Value.Legacy);
        var newKinds = kinds.ToDictionary(kind => kind.Key, kind => kind.Value.New);
        var joint = new MySqlJointTransactions(
            new MySqlSide(SideName.Legacy, context, MySqlDatabase.Of(legacy)), Sql(context, legacyKinds, SideName.Legacy),
            new MySqlSide(SideName.New, context, MySqlDatabase.Of(@new)), Sql(context, newKinds, SideName.New));
        return CreateNew(@new, context, newKinds).With(context, CreateLegacy(legacy, context, legacyKinds), hook, joint);
    }

    /// <summary>What is wrong with one side's options, its connection string above all; null when nothing is. Never holds the password. Connects to nothing.</summary>
    public static string? ProblemOf(MySqlSideOptions options)
    {
        try
        {
            return MySqlDatabase.Of(options).Address.EndsWith('/') ? "The connection string names no database; add Database=…" : null;
        }
        catch (ArgumentException exception)
        {
            return exception.ParamName is { } name ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : exception.Message;
        }
    }

    /// <summary>What is wrong with two sides together; null when nothing is.</summary>
    public static string? ProblemOf(MySqlSideOptions legacy, MySqlSideOptions @new) =>
        MySqlDatabase.Of(legacy).Address == MySqlDatabase.Of(@new).Address
            ? $"Both sides are {MySqlDatabase.Of(legacy).Address}; they must be two databases, as each has a fence of its own."
            : null;

    /// <summary>Why the two sides cannot be written in one transaction, as far as their connection strings tell; null when they can.</summary>
    public static string? JointProblemOf(MySqlSideOptions legacy, MySqlSideOptions @new) =>
        MySqlJointTransactions.AddressProblem(MySqlDatabase.Of(legacy), MySqlDatabase.Of(@new));

    public static LegacySide CreateLegacy(MySqlSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new MySqlSide(SideName.Legacy, context, MySqlDatabase.Of(options));
        var sql = Sql(context, kinds, SideName.Legacy);
        return new LegacySide(
            Seams(side, sql) with { ReferencedRows = new MySqlReferencedRows(side, sql) }, new MySqlReplicas(side), new MySqlIdBlocks(side, sql), new MySqlCapture(side, CaptureRules.Of(kinds)),
            new MySqlCensus(side), new MySqlLegacyTables(side))
        {
            NaturalKinds = kinds.Where(kind => kind.Value.Root.NaturalKey is not null).Select(kind => kind.Key).ToFrozenSet(StringComparer.Ordinal),
        };
    }

    public static NewSide CreateNew(MySqlSideOptions options, string context, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        var side = new MySqlSide(SideName.New, context, MySqlDatabase.Of(options));
        var sql = Sql(context, kinds, SideName.New);
        return new NewSide(
            Seams(side, sql),
            new MySqlIdMap(side),
            new MySqlIdPool(side),
            new MySqlBackfillTarget(side, sql),
            new MySqlQuarantine(side),
            new MySqlReconciliationHistory(side),
            new MySqlReconciliationLease(side),
            new MySqlShadowLog(side),
            new MySqlObligationLog(side),
            new MySqlMergeLog(side),
            new MySqlPurgeLog(side),
            new MySqlSchedules(side));
    }

    /// <summary>Closes the pools of an options instance; contexts made from it can no longer be used.</summary>
    public static ValueTask CloseAsync(MySqlSideOptions options) => MySqlDatabase.CloseAsync(options);

    private static SideSeams Seams(MySqlSide side, IReadOnlyDictionary<string, AggregateSql> kinds) =>
        new(new MySqlSideStore(side, kinds), new MySqlFence(side), new MySqlJournal(side),
            new MySqlAudit(side)) { Queries = new MySqlQueries(side), Answers = new MySqlAnswerLog(side), Traces = new MySqlTraces(side), Load = new MySqlLoad(side), Replication = new MySqlReplication(side) };

    private static Dictionary<string, AggregateSql> Sql(string context, IReadOnlyDictionary<string, AggregateLayout> kinds, SideName side) =>
        kinds.ToDictionary(kind => kind.Key, kind => new AggregateSql(context, kind.Key, kinds, side));
}
