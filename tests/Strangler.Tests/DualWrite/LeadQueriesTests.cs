using System.Data.Common;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class LeadQueriesTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case26")]
    [TestCase(Stage.ShadowRead, "legacy.")]
    [TestCase(Stage.NewLeads, "new.")]
    public void A_replica_that_slept_through_a_flip_asks_the_new_lead_also_while_the_old_one_is_down(Stage before, string down) =>
        Run(async () =>
    {
        var process = TestProcess.In(before, _time);
        var sleeper = process.Another(2);
        var queries = QueriesOf(sleeper);
        Assert.That(await AskAsync(queries), Is.EqualTo(Stages.LeadOf(before)));
        await (before == Stage.ShadowRead
            ? process.Cutover.AdvanceAsync(process.Request(force: true), null, default)
            : process.BackAsync());
        sleeper.Memory.Fault = WriteTests.Down(down);
        Assert.That(await AskAsync(queries), Is.EqualTo(Stages.Other(Stages.LeadOf(before))));
    });

    [Test]
    public void Between_the_decision_and_the_promotion_it_promotes_and_where_it_cannot_it_waits_for_the_pause_budget() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.LegacyDatabase.Fence = new FenceRow(FenceRole.Follower, Stage.NewLeads, 6, 2);
        process.Memory.NewDatabase.Fence = new FenceRow(FenceRole.Prepared, Stage.NewLeads, 6, 2);
        process.Memory.Fault = step => step == "new.fence-cas.before"
            ? throw new FenceBusyException(SideName.New, TimeSpan.FromSeconds(1))
            : Task.CompletedTask;
        var began = _time.GetTimestamp();
        await Assert.ThatAsync(() => AskAsync(QueriesOf(process)), Throws.TypeOf<SwitchingException>());
        Assert.That(_time.GetElapsedTime(began), Is.EqualTo(process.Runtime.Options.PauseBudget));

        process.Memory.Fault = null;
        Assert.That(await AskAsync(QueriesOf(process)), Is.EqualTo(SideName.New));
    });

    [Test]
    public void A_query_whose_connection_had_been_cut_is_run_once_more([Values] SideName lead) => Run(async () =>
    {
        var process = TestProcess.In(lead == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads, _time);
        var (asked, failures) = (0, 1);
        process.Memory.Fault = step => step.Equals($"{lead}.query.before", StringComparison.OrdinalIgnoreCase) && ++asked <= failures
            ? throw ReadTests.Cut(lead)
            : Task.CompletedTask;
        Assert.That((await AskAsync(QueriesOf(process)), asked), Is.EqualTo((lead, 2)));
        (asked, failures) = (0, 2);
        await Assert.ThatAsync(() => AskAsync(QueriesOf(process)), Throws.TypeOf<SideUnavailableException>());
        Assert.That(asked, Is.EqualTo(2));
    });

    private static Task<SideName> AskAsync(LeadQueries queries) => queries.AskAsync(
        (_, _, _) => Task.FromResult(SideName.Legacy), (_, _, _) => Task.FromResult(SideName.New), CancellationToken.None);

    private LeadQueries QueriesOf(TestProcess process)
    {
        var sides = process.Memory.Sides;
        var readable = sides with
        {
            Legacy = sides.Legacy with { Queries = new Queries(process.Memory, SideName.Legacy) },
            New = sides.New with { Queries = new Queries(process.Memory, SideName.New) },
        };
        return new LeadQueries(new ContextRuntime(
            readable, [.. process.Runtime.Kinds.Values], process.Runtime.Options, new FieldHasher(new byte[16], 1), _time,
            NullLoggerFactory.Instance, "queries")
        {
            Random = new Random(1),
        });
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);

    private sealed class Queries(InMemorySides memory, SideName side) : ISqlQueries
    {
        public SideName Side => side;

        public SqlDialect Dialect => SqlDialect.MySql;

        public async Task<(FenceRow Fence, T Result)> QueryAsync<T>(
            Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
        {
            await memory.FaultAsync($"{side.ToString().ToLowerInvariant()}.query.before", cancellationToken);
            return (memory.Of(side).FenceRow, await query(null!, null, cancellationToken));
        }

        public async Task<(FenceRow Fence, List<T> Rows)> ListAsync<T>(
            FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken)
        {
            await memory.FaultAsync($"{side.ToString().ToLowerInvariant()}.query.before", cancellationToken);
            return (memory.Of(side).FenceRow, [row(null!, 0)]);
        }

        public async Task<(FenceRow Fence, T Result)> ReadAsync<T>(
            IReadOnlyList<FormattableString> statements, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
        {
            await memory.FaultAsync($"{side.ToString().ToLowerInvariant()}.query.before", cancellationToken);
            return (memory.Of(side).FenceRow, await read(null!, cancellationToken));
        }
    }
}
