using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Schemas;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Schemas;

/// <summary>Case48: while legacy's tables are not as the mapping says, the relay rests, whatever a failure looks like; no key pays for it.</summary>
[Category("Case48")]
public sealed class SchemaWatchTests
{
    private readonly TestTimeProvider _time = new();
    private readonly Tables _tables = new();

    [Test]
    public void The_relay_rests_while_they_differ_and_goes_on_by_itself() => Run(async () =>
    {
        var (process, runtime) = In(Stage.DualWrite);
        await NotBroughtOverAsync(process);
        var relay = new Relay(runtime);
        _tables.Column = "amount_2";
        await Assert.ThatAsync(
            () => relay.DrainAsync(default),
            Throws.TypeOf<SchemaMismatchException>().With.Message.Contains("notes.xml:7:3: note.amount").And.Message.Contains("--against-database"));
        var row = process.Memory.LegacyDatabase.Journal.Single();
        Assert.That((row.Attempts, row.Parked), Is.EqualTo((0, false)), "not even claimed");

        _tables.Column = "amount";
        await Task.Delay(TimeSpan.FromSeconds(3), _time);
        Assert.That((await relay.DrainAsync(default)).Applied, Is.EqualTo(1));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_look_holds_for_the_interval_and_is_not_made_for_each_pass() => Run(async () =>
    {
        var (_, runtime) = In(Stage.DualWrite);
        var relay = new Relay(runtime);
        for (var i = 0; i < 50; i++)
        {
            await relay.DrainAsync(default);
        }

        Assert.That(_tables.Looks, Is.EqualTo(1));
        await Task.Delay(runtime.Options.SchemaCheckInterval, _time);
        await relay.DrainAsync(default);
        Assert.That(_tables.Looks, Is.EqualTo(2));
    });

    [TestCase(true, TestName = "A_failure_in_between_parks_no_key: a statement that names a missing column")]
    [TestCase(false, TestName = "A_failure_in_between_parks_no_key: a value that does not fit")]
    public void A_failure_in_between_parks_no_key(bool named) => Run(async () =>
    {
        var (process, runtime) = In(Stage.DualWrite, options => (options.MaxAttempts, options.SchemaCheckInterval) = (1, TimeSpan.FromMinutes(10)));
        await NotBroughtOverAsync(process);
        var relay = new Relay(runtime);
        process.Memory.Fault = step => step == "legacy.read.before" ? Changed() : Task.CompletedTask;
        await Assert.ThatAsync(() => relay.DrainAsync(default), Throws.TypeOf<SchemaMismatchException>(), "the pass after the failure");
        Assert.That(process.Memory.LegacyDatabase.Journal.Single().Parked, Is.False);

        process.Memory.Fault = null;
        _tables.Column = "amount";
        await Task.Delay(TimeSpan.FromMinutes(1), _time);
        Assert.That((await relay.DrainAsync(default)).Applied, Is.EqualTo(1));
        process.AssertBothSidesAgree();

        Task Changed()
        {
            _tables.Column = "amount_2";
            throw named
                ? new SchemaMismatchException("notes", "Unknown column 'amount'", new InvalidOperationException())
                : new UnreadableException("note.amount", "no number");
        }
    });

    [Test]
    public void A_legacy_side_that_does_not_answer_says_nothing_about_its_tables() => Run(async () =>
    {
        var (process, runtime) = In(Stage.NewLeads);
        await process.AddAsync("a");
        _tables.IsDown = true;
        await new Relay(runtime).DrainAsync(default);
        process.AssertBothSidesAgree();
    });

    private static async Task NotBroughtOverAsync(TestProcess process)
    {
        process.Memory.Fault = step => step.StartsWith("new.", StringComparison.Ordinal) && step.EndsWith("begin.before", StringComparison.Ordinal)
            ? throw new SideUnavailableException(SideName.New, "down", true, new InvalidOperationException())
            : Task.CompletedTask;
        await process.AddAsync("a", 5);
        process.Memory.Fault = null;
    }

    private (TestProcess Process, ContextRuntime Runtime) In(Stage stage, Action<ContextOptions>? configure = null)
    {
        _tables.Reset();
        var process = TestProcess.In(stage, _time);
        var options = new ContextOptions { ForeignWritersNone = true };
        configure?.Invoke(options);
        return (process, new ContextRuntime(
            process.Memory.Sides with { LegacyTables = _tables }, process.Runtime.Kinds.Values, options, new FieldHasher(new byte[16], 1), _time,
            NullLoggerFactory.Instance)
        {
            Random = new Random(1),
            LegacyTables =
            [
                new DeclaredTable(
                    "note", "id", null, [new DeclaredColumn("amount", "bigint", 0, false, false, new MappingPlace("notes.xml", 7, 3))],
                    new MappingPlace("notes.xml", 6, 2)),
            ],
        });
    }

    private void Run(Func<Task> test) => Simulation.Run(1, _time, test);

    private sealed class Tables : ILegacyTables
    {
        public string Column { get; set; } = "amount";

        public bool IsDown { get; set; }

        public int Looks { get; private set; }

        public void Reset() => (Column, IsDown, Looks) = ("amount", false, 0);

        public Task<IReadOnlyList<ActualColumn>> ColumnsAsync(IReadOnlyCollection<string> tables, CancellationToken cancellationToken)
        {
            Looks++;
            return IsDown
                ? throw new SideUnavailableException(SideName.Legacy, "down", true, new InvalidOperationException())
                : Task.FromResult<IReadOnlyList<ActualColumn>>(
                [
                    new ActualColumn("note", "id", "bigint", 0, false, false, null, false),
                    new ActualColumn("note", Column, "bigint", 0, false, false, null, false),
                ]);
        }

        public Task<IReadOnlyList<TableRows>> CountAllAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<TableRows>>([new TableRows("note", 0)]);
    }
}
