using System.Globalization;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>What the matrices of crashes have in common: a world, processes that can be stopped anywhere, and what must come out.</summary>
public abstract class CrashMatrix
{
    // As short as they may be, but for the flip's deadline: a flip here waits until a frozen child has lost its locks.
    private const string Options =
        """
        { "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "relayLease": "1s", "inlineApplyTimeout": "1s",
          "fenceLockTimeout": "1s", "flipDeadline": "20s", "pauseBudget": "10s", "idBlock": 2000 }
        """;

    private static readonly string[] Verbs = ["create", "update", "delete", "anonymize"];

    private protected static readonly HookPoint[] Writes =
    [
        HookPoint.IdTaken, HookPoint.WriteBeforeBegin, HookPoint.WriteBegun, HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted,
    ];

    private protected static readonly HookPoint[] Applies =
    [
        HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.ApplyLeadRead, HookPoint.ApplyBeforeCommit, HookPoint.ApplyCommitted,
        HookPoint.ApplySettled,
    ];

    private protected DonationsWorld World { get; private set; } = null!;

    private protected CrashPool Pool { get; private set; } = null!;

    /// <summary>Writes, and leaves the follower behind.</summary>
    private protected DonationRepositoryWrapper Behind { get; private set; } = null!;

    /// <summary>Numbers what the cells make.</summary>
    private protected int Cells { get; set; }

    private protected DonationsContext Context => World.Donations;

    private protected virtual Task<DonationsWorld> CreateWorldAsync(string options) => DonationsWorld.CreateAsync(options: options);

    [OneTimeSetUp]
    public async Task SetUp()
    {
        World = await CreateWorldAsync(Options);
        await World.FillAsync(20);
        await World.MoveToAsync(Stage.ShadowRead);
        Behind = World.OpenLeavingBehind();
        Pool = new CrashPool(World);
    }

    // One full pass of everything that the cells have left behind, in each stage.
    [OneTimeTearDown]
    public async Task TearDown()
    {
        if (World is null)
        {
            return;
        }

        try
        {
            foreach (var lead in Enum.GetValues<SideName>())
            {
                await LeadAsync(lead);
                var report = await World.ReconcileAsync();
                Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
                await AssertIdMapIsABijectionAsync();
            }
        }
        finally
        {
            await Pool.DisposeAsync();
            await World.DisposeAsync();
        }
    }

    private protected async Task StopAsync(
        CrashProcess child, List<CrashOperation> operations, HookPoint point, HookAction action, SideName lead,
        CancellationToken cancellationToken)
    {
        var reaching = point == HookPoint.IdTaken ? 1 : operations.Count;
        child.Arm(point, action, action == HookAction.Kill ? reaching : 1);
        operations.ForEach(operation => child.Send($"{operation}"));
        switch (action)
        {
            case HookAction.Kill:
                await child.DeadAsync(cancellationToken);
                await AssertSeenAsync(operations, point, lead);
                await RetryAsync(operations.Where(operation => !child.Answers.ContainsKey(operation.Name)));
                break;
            case HookAction.Hang:
                await child.ArrivedAsync(reaching, cancellationToken);
                await child.AnsweredAsync([.. operations.Skip(reaching).Select(operation => operation.Name)], cancellationToken);
                await OvertakeAsync(operations[^1], lead);
                child.Send("wake");
                await child.AnsweredAsync([.. operations.Select(operation => operation.Name)], cancellationToken);
                break;
            default:
                await child.AnsweredAsync([.. operations.Select(operation => operation.Name)], cancellationToken);
                break;
        }

        var isOvertaken = point is HookPoint.WriteBeforeBegin or HookPoint.WriteBegun or HookPoint.WriteBeforeCommit
            or HookPoint.JointBeforePart or HookPoint.JointPartDone;
        var refused = action == HookAction.Hang && isOvertaken
            ? operations[^1].Name
            : null;
        AssertAnswers(operations, child.Answers, refused);
        await SettledAsync(cancellationToken);
        await AssertDoneAsync(operations, child.Answers, overtaken: action == HookAction.Hang);
        await child.DisposeAsync();
    }

    private protected static IEnumerable<HookAction> Actions(HookPoint point) =>
        from action in Enum.GetValues<HookAction>()
        where action switch
        {
            HookAction.LoseReply => point is HookPoint.WriteBeforeCommit or HookPoint.WriteCommitted
                or HookPoint.ApplyBeforeCommit or HookPoint.ApplyCommitted,
            HookAction.Fail => point != HookPoint.WriteCommitted,
            _ => true,
        }
        select action;

    private protected async Task LeadAsync(SideName lead)
    {
        var view = await World.Host.Cutover.StatusAsync(CancellationToken.None);
        if (view.Lead != lead)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
            await (lead == SideName.New
                ? World.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                : World.Host.Cutover.BackAsync(request, null, CancellationToken.None));
        }
    }

    // A donation for each verb, and its operation; the rival is an update that somebody else's update will overtake.
    private protected async Task<List<CrashOperation>> PrepareAsync(SideName lead, bool withRival)
    {
        await LeadAsync(lead);
        var cell = ++Cells;
        var operations = new List<CrashOperation>();
        foreach (var verb in withRival ? [.. Verbs, "update"] : Verbs)
        {
            var name = $"cell{cell}-{operations.Count}";
            var id = verb == "create" ? 0 : await CreateAsync($"{name}-seed");
            operations.Add(new CrashOperation(name, verb, id, 1000 + cell));
        }

        return operations;
    }

    private protected async Task<long> CreateAsync(string name)
    {
        var donation = CrashOperation.Donation(name, 777);
        await Context.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    // What others see while nobody has helped yet: on the lead exactly if COMMIT was sent there, and so for the follower.
    private protected async Task AssertSeenAsync(List<CrashOperation> operations, HookPoint point, SideName lead)
    {
        var (onLead, onFollower) = (point >= HookPoint.WriteCommitted && point != HookPoint.IdTaken,
            point is HookPoint.ApplyCommitted or HookPoint.ApplySettled);
        foreach (var operation in operations.Where(operation => point != HookPoint.IdTaken || operation.Verb == "create"))
        {
            foreach (var (side, expected) in new[] { (lead, onLead), (Stages.Other(lead), onFollower) })
            {
                var created = await CreatedAsync(side, operation);
                var there = await operation.IsOnAsync(Context, side, created);
                Assert.That(there, Is.EqualTo(expected), $"{operation} on {side} after the crash");
            }
        }
    }

    // The caller, or whoever took over from it, tries again with the same request key.
    private protected async Task RetryAsync(IEnumerable<CrashOperation> operations)
    {
        foreach (var operation in operations)
        {
            var there = await CreatedAsync((await World.Host.Cutover.StatusAsync(CancellationToken.None)).Lead, operation);
            var id = await operation.RunAsync(Context.Donations, CancellationToken.None);
            Assert.That(there, Is.EqualTo(Array.Empty<long>()).Or.EqualTo(new[] { id }), $"{operation} came back with another id");
        }
    }

    // While the child hangs: somebody else changes what it is about to change, then the lead changes.
    private protected async Task OvertakeAsync(CrashOperation rival, SideName lead)
    {
        var donation = (await Context.Donations.FindAsync(rival.Id, CancellationToken.None))!;
        donation.ChangeAmount(rival.Amount + 500);
        await Context.Donations.StoreAsync(donation, CancellationToken.None);
        await LeadAsync(Stages.Other(lead));
    }

    private protected static void AssertAnswers(List<CrashOperation> operations, IReadOnlyDictionary<string, string> answers, string? refused)
    {
        foreach (var operation in operations.Where(operation => answers.ContainsKey(operation.Name)))
        {
            Assert.That(
                answers[operation.Name],
                operation.Name == refused ? Does.StartWith($"no {nameof(ConflictException)}") : Does.StartWith("ack"), $"{operation}");
        }
    }

    private protected async Task SettledAsync(CancellationToken cancellationToken)
    {
        var lead = (await World.Host.Cutover.StatusAsync(cancellationToken)).Lead;
        while (true)
        {
            await World.Host.Relay.DrainAsync(cancellationToken);
            var depth = await World.Host.Sides.Of(lead).Journal.DepthAsync(cancellationToken);
            Assert.That(depth.Parked, Is.Zero);
            if (depth.Open == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }

    private protected async Task AssertDoneAsync(List<CrashOperation> operations, IReadOnlyDictionary<string, string> answers, bool overtaken)
    {
        foreach (var operation in operations)
        {
            var expected = overtaken && operation == operations[^1] ? operation with { Amount = operation.Amount + 500 } : operation;
            foreach (var side in Enum.GetValues<SideName>())
            {
                var created = await CreatedAsync(side, operation);
                var births = operation.Verb == "create" ? 1 : 0;
                Assert.That(created, Has.Count.EqualTo(births), $"{operation} on {side}: born more than once, or not at all");
                Assert.That(await expected.IsOnAsync(Context, side, created), Is.True, $"{expected} on {side}");
                if (operation.Verb == "create" && answers.TryGetValue(operation.Name, out var answer))
                {
                    Assert.That(answer, Is.EqualTo($"ack {created[0]}"), $"{operation}: the id that was acknowledged");
                }
            }
        }

        await ReconcileAsync(operations);
    }

    private protected async Task ReconcileAsync(List<CrashOperation> operations)
    {
        List<long> keys = [];
        foreach (var operation in operations)
        {
            keys.AddRange(operation.Verb == "create" ? await CreatedAsync(SideName.Legacy, operation) : [operation.Id]);
        }

        var report = await World.Host.Reconciler(ContextWorld.Hasty(World.Host)).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind, Keys = keys }, null, CancellationToken.None);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    /// <summary>Public ids of all entities that this create has made on a side.</summary>
    private protected async Task<IReadOnlyList<long>> CreatedAsync(SideName side, CrashOperation operation)
    {
        await using var connection = await (side == SideName.Legacy ? World.LegacyDatabase : World.NewDatabase).OpenAsync();
        var sql = side == SideName.Legacy
            ? "SELECT id FROM spenden WHERE email = @Email"
            : """
                SELECT m.public_id FROM donation_donor d LEFT JOIN strangler_id_map m ON m.new_id = d.donation_id
                WHERE d.email = @Email
                """;
        return [.. (await connection.QueryAsync<long>(sql, new { operation.Email }))];
    }

    private protected async Task<(long Generation, string Row)> ClaimAsync(SideName lead)
    {
        await using var connection = await (lead == SideName.Legacy ? World.LegacyDatabase : World.NewDatabase).OpenAsync();
        var row = (IDictionary<string, object?>)await connection.QuerySingleAsync("SELECT * FROM strangler_journal");
        var text = string.Join(", ", row.Select(cell => string.Create(CultureInfo.InvariantCulture, $"{cell.Key}={cell.Value}")));
        return (Convert.ToInt64(row["generation"], CultureInfo.InvariantCulture), text);
    }

    private protected async Task AssertIdMapIsABijectionAsync()
    {
        await using var connection = await World.NewDatabase.OpenAsync();
        var (rows, publicIds, newIds, unmapped) = await connection.QuerySingleAsync<(long, long, long, long)>("""
            SELECT COUNT(*), COUNT(DISTINCT public_id), COUNT(DISTINCT new_id),
                (SELECT COUNT(*) FROM donation d WHERE NOT EXISTS (SELECT 1 FROM strangler_id_map m WHERE m.new_id = d.id))
            FROM strangler_id_map
            """);
        Assert.That((publicIds, newIds, unmapped), Is.EqualTo((rows, rows, 0L)));
    }
}
