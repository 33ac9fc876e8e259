using System.Diagnostics;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Faults;
using Strangler.LocalServers;
using Strangler.Postgres;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>A PostgreSQL server that is killed or falls silent under load, as follower and as lead.</summary>
public sealed class PostgresFaultTests
{
    private const string Limits =
        """{ "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "fenceLockTimeout": "2s", "inlineApplyTimeout": "200ms", "pauseBudget": "3s", "foreignWriterQuiet": "0s" }""";

    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(2);

    // A call to its time limit, and to the end of what is granted it after that.
    private static readonly TimeSpan Bound = (2 * (CommandTimeout + TimeSpan.FromSeconds(2))) + TimeSpan.FromSeconds(3);

    private LocalPostgres _server = null!;

    [OneTimeSetUp]
    public async Task StartServer() => _server = await TestServers.StartPrivatePostgresAsync();

    [OneTimeTearDown]
    public async Task EndServer() => await _server.DisposeAsync();

    [TearDown]
    public async Task Heal()
    {
        await _server.ThawAsync(CancellationToken.None);
        if (_server.ProcessId == 0)
        {
            await _server.RestartAsync(CancellationToken.None);
        }
    }

    [TestCase(Stage.DualWrite, TestName = "A_follower_that_is_killed_and_comes_back_has_missed_nothing_and_nobody_was_refused")]
    [TestCase(Stage.NewLeads, TestName = "A_lead_that_is_killed_and_comes_back_has_all_that_was_acknowledged")]
    [Category("Case34")]
    [Category("Case1")]
    public async Task Killed(Stage stage)
    {
        await using var world = await CreateAsync(stage);
        await using var load = PostgresLoad.Start(world);
        await load.UntilAcknowledgedAsync(50);
        for (var time = 0; time < 2; time++)
        {
            await _server.KillAsync(CancellationToken.None);
            if (stage == Stage.DualWrite)
            {
                await load.UntilAcknowledgedAsync(30);
            }

            await _server.RestartAsync(CancellationToken.None);
            await load.UntilAcknowledgedAsync(50);
        }

        await AssertNothingLostAsync(world, load);
        Assert.That(load.Refused + load.Unknown, stage == Stage.DualWrite ? Is.Zero : Is.GreaterThan(0));
    }

    [TestCase(Stage.DualWrite, TestName = "A_follower_that_falls_silent_holds_nobody_up_beyond_the_bound")]
    [TestCase(Stage.NewLeads, TestName = "A_lead_that_falls_silent_is_told_in_time_and_loses_nothing")]
    [Category("Case35")]
    public async Task Silent(Stage stage)
    {
        await using var world = await CreateAsync(stage);
        await using var load = PostgresLoad.Start(world);
        await load.UntilAcknowledgedAsync(50);
        await _server.FreezeAsync(CancellationToken.None);
        var frozen = Stopwatch.GetTimestamp();
        await (stage == Stage.DualWrite ? load.UntilAcknowledgedAsync(50) : load.UntilRefusedAsync(PostgresLoad.Writers));
        await _server.ThawAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(50);

        await AssertNothingLostAsync(world, load);
        Assert.That(load.Longest(frozen), Is.LessThan(stage == Stage.DualWrite ? TimeSpan.FromSeconds(3) : Bound));
        Assert.That(load.Refused + load.Unknown, stage == Stage.DualWrite ? Is.Zero : Is.GreaterThan(0));
    }

    private async Task<DonationsWorld> CreateAsync(Stage stage)
    {
        var database = await PostgresTestDatabase.CreateAsync(_server.ConnectionString, $"faults_{Guid.NewGuid():N}");
        var world = await DonationsWorld.CreateAsync(options: Limits, @new: database);
        await world.MoveToAsync(stage);
        return world;
    }

    private static async Task AssertNothingLostAsync(DonationsWorld world, PostgresLoad load)
    {
        await load.EndAsync();
        var lead = (await world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead;
        await FaultWorld.UntilAsync("the journal is empty", async () =>
        {
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            return await world.Host.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None) is { Open: 0, Parked: 0 };
        });
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(report.LegacyRows, Is.EqualTo(load.Created), "each create that was acknowledged is there once, and no other");
        await load.AssertLedgerAsync();
    }
}

/// <summary>
/// Writers of donations through a replica of their own, who remember what they were told. Each donation is one writer's. A create of unknown outcome is
/// repeated with its request key until it is answered, as a frontend would.
/// </summary>
internal sealed class PostgresLoad : IAsyncDisposable
{
    public const int Writers = 4;

    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(5);

    private readonly CancellationTokenSource _stopRelay = new();
    private readonly ContextHost _host;
    private readonly List<Task> _writers;
    private readonly Task _relay;
    private readonly List<(long Id, long Known, List<long> Possible)> _ledger = [];
    private readonly Lock _lock = new();
    private readonly List<(long Began, TimeSpan Took)> _calls = [];
    private readonly List<string> _oddities = [];
    private volatile bool _stops;
    private int _acknowledged;
    private int _refused;
    private int _unknown;

    private PostgresLoad(DonationsWorld world)
    {
        _host = world.Open(tunePostgres: limits =>
        {
            limits.ConnectTimeout = TimeSpan.FromSeconds(1);
            limits.CommandTimeout = TimeSpan.FromSeconds(2);
            limits.BackgroundCommandTimeout = TimeSpan.FromSeconds(5);
            limits.TransactionDeadline = TimeSpan.FromSeconds(2);
        });
        _relay = Task.Run(() => _host.Relay.RunAsync(_stopRelay.Token));
        _writers = [.. Enumerable.Range(0, Writers).Select(number => Task.Run(() => WriteAsync(number)))];
    }

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public int Refused => Volatile.Read(ref _refused);

    public int Unknown => Volatile.Read(ref _unknown);

    public int Created => _ledger.Count;

    private DonationRepositoryWrapper Donations => _host.Part<DonationsContext>().Donations;

    public static PostgresLoad Start(DonationsWorld world) => new(world);

    public Task UntilAcknowledgedAsync(int more) => UntilAsync($"{more} more acknowledged", Acknowledged + more, () => Acknowledged);

    public Task UntilRefusedAsync(int more) => UntilAsync($"{more} more refused", Refused + Unknown + more, () => Refused + Unknown);

    public TimeSpan Longest(long since)
    {
        lock (_lock)
        {
            return _calls.Where(call => call.Began + (call.Took.TotalSeconds * Stopwatch.Frequency) >= since).Select(call => call.Took).Max();
        }
    }

    /// <summary>Stops the writers; nobody may have been told anything unclear.</summary>
    public async Task EndAsync()
    {
        await StopWritersAsync();
        Assert.That(_oddities, Is.Empty);
    }

    public async Task AssertLedgerAsync()
    {
        foreach (var (id, known, possible) in _ledger)
        {
            var donation = await Donations.FindAsync(id, CancellationToken.None);
            Assert.That(donation, Is.Not.Null, $"donation {id} has disappeared");
            Assert.That(possible.Append(known), Does.Contain(donation!.AmountInCents), $"donation {id}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopWritersAsync();
        await _stopRelay.CancelAsync();
        await _relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopRelay.Dispose();
    }

    private async Task StopWritersAsync()
    {
        _stops = true;
        await Task.WhenAll(_writers);
    }

    private static Task UntilAsync(string what, int target, Func<int> present) => FaultWorld.UntilAsync(what, () => present() >= target);

    private async Task WriteAsync(int number)
    {
        var random = new Random(number);
        var mine = new List<int>();
        while (!_stops)
        {
            if (mine.Count < 3 || random.Next(4) == 0)
            {
                mine.Add(await CreateAsync(number));
            }
            else
            {
                await ChangeAsync(mine[random.Next(mine.Count)], random.Next(100, 100_000));
            }
        }
    }

    private async Task<int> CreateAsync(int number)
    {
        var request = $"{number}-{Guid.NewGuid():N}";
        while (true)
        {
            var donation = FaultLoad.New(request);
            if (await CallAsync(() => Donations.StoreAsync(donation, CancellationToken.None, request)) == Told.Acknowledged)
            {
                lock (_lock)
                {
                    _ledger.Add((donation.Id, donation.AmountInCents, []));
                    return _ledger.Count - 1;
                }
            }
        }
    }

    private async Task ChangeAsync(int entry, long amount)
    {
        long id;
        lock (_lock)
        {
            id = _ledger[entry].Id;
        }

        Donation? donation = null;
        if (await CallAsync(async () => donation = await Donations.FindAsync(id, CancellationToken.None), isRead: true) != Told.Acknowledged)
        {
            return;
        }

        donation!.ChangeAmount(amount);
        var told = await CallAsync(() => Donations.StoreAsync(donation, CancellationToken.None));
        lock (_lock)
        {
            if (told == Told.Acknowledged)
            {
                _ledger[entry] = (id, amount, []);
            }
            else if (told == Told.Unknown)
            {
                _ledger[entry].Possible.Add(amount);
            }
        }
    }

    private async Task<Told> CallAsync(Func<Task> call, bool isRead = false)
    {
        var began = Stopwatch.GetTimestamp();
        var told = Told.Acknowledged;
        try
        {
            await call();
            Interlocked.Add(ref _acknowledged, isRead ? 0 : 1);
        }
        catch (CommitOutcomeUnknownException)
        {
            told = Told.Unknown;
            Interlocked.Increment(ref _unknown);
        }
        catch (Exception exception)
        {
            told = Told.Refused;
            Interlocked.Increment(ref _refused);
            if (exception is not (SwitchingException or ConflictException or SideUnavailableException { IsTransient: true }))
            {
                lock (_lock)
                {
                    _oddities.Add(exception.ToString());
                }
            }
        }

        lock (_lock)
        {
            _calls.Add((began, Stopwatch.GetElapsedTime(began)));
        }

        if (told != Told.Acknowledged)
        {
            await Task.Delay(Breath);
        }

        return told;
    }
}
