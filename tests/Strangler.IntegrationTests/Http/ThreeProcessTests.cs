using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Faults;
using Strangler.IntegrationTests.Reconcile;
using Strangler.MySql;
using Strangler.Reconciliation;
using Strangler.Service.Http.Access;

namespace Strangler.IntegrationTests.Http;

/// <summary>
/// <c>strangler serve</c> three times over the same databases, each in a process of its own, with frontends that write all the while. One world for all of
/// it: each test leaves three processes, and at the end of all nothing that was acknowledged may be missing.
/// </summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed partial class ThreeProcessTests
{
    private const int Rows = 150;
    private const int Writers = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _key = ApiKey.Create();
    private readonly ServeProcess[] _services = new ServeProcess[3];
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false });
    private DonationsWorld _world = null!;
    private Replica _frontend = null!;
    private FaultLoad _load = null!;
    private string _file = "";
    private long _lastGenerated;

    [OneTimeSetUp]
    public async Task CreateAsync()
    {
        _world = await DonationsWorld.CreateAsync();
        _lastGenerated = (await _world.FillAsync(Rows)).Max(row => row.Id);
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        await _world.Host.Sides.Quarantine.SignOffAsync(_world.Kind, null, "test", "damaged on purpose", CancellationToken.None);
        _file = Configure();
        _frontend = Frontend();
        await Task.WhenAll(Enumerable.Range(0, _services.Length).Select(StartAsync));
        _load = FaultLoad.StartGently(Writers, TimeSpan.FromMilliseconds(15), _frontend);
    }

    [OneTimeTearDown]
    public async Task DisposeAsync()
    {
        if (_load is not null)
        {
            await _load.DisposeAsync();
        }

        foreach (var service in _services.OfType<ServeProcess>())
        {
            await service.DisposeAsync();
        }

        if (_frontend is not null)
        {
            await _frontend.DisposeAsync();
        }

        await _world.DisposeAsync();
        _client.Dispose();
    }

    [Test, Order(1)]
    public async Task Relays_share_the_journal_and_one_runs_each_occurrence()
    {
        await UntilAsync("each has relayed", async () =>
        {
            await ForeignWritesAsync();
            var applied = await Task.WhenAll(_services.Select(AppliedAsync));
            return applied.All(count => count > 0);
        });
        var before = await EndedRunsAsync();
        await UntilAsync("scheduled runs have ended", async () => (await EndedRunsAsync()).Count >= before.Count + 2);
        var runs = (await EndedRunsAsync()).OrderBy(run => run.BeganUtc).ToList();
        Assert.That(runs.Zip(runs.Skip(1), (left, right) => right.BeganUtc - left.EndedUtc!.Value), Is.All.GreaterThan(TimeSpan.Zero), "never two at once");
    }

    [Test, Order(2)]
    [Category("Case8")]
    public async Task What_a_killed_process_was_at_others_take_over()
    {
        int victim;
        List<string> held;
        await using (var connection = await _world.NewDatabase.OpenAsync())
        {
            // Nobody can read or write there: whoever has claimed keys still has them, and whoever reconciles has not ended.
            await connection.ExecuteAsync("LOCK TABLES donation WRITE");
            await ForeignWritesAsync();
            victim = await RunsTheReconciliationAsync();
            held = await HeldByAsync(_services[victim]);
            await UntilAsync("it has claimed keys", async () => (held = await HeldByAsync(_services[victim])).Count > 0);
            await _services[victim].KillAsync();
            await connection.ExecuteAsync("UNLOCK TABLES");
        }

        var killed = await _world.Host.Sides.Reconciliations.UtcNowAsync(CancellationToken.None);
        await UntilAsync("its keys are brought over", async () => (await HeldByAsync(_services[victim])).Count == 0);
        await UntilAsync("reconciliations go on", async () => (await EndedRunsAsync()).Any(run => run.BeganUtc > killed));
        await StartAsync(victim);
    }

    [Test, Order(3)]
    [Category("Case22")]
    public async Task A_flip_through_one_is_seen_by_all()
    {
        foreach (var (stage, by) in new[] { ("ShadowRead", 0), ("NewLeads", 1) })
        {
            await MoveAsync(stage, by);
            foreach (var service in _services)
            {
                Assert.That((await GetAsync(service, "/contexts/donations/stage")).Json.GetProperty("stage").GetString(), Is.EqualTo(stage));
            }

            await _load.UntilAcknowledgedAsync(20);
        }
    }

    [Test, Order(4)]
    public async Task A_process_that_is_told_to_end_says_so_first_and_answers_what_it_was_asked()
    {
        var service = _services[0];
        await using var connection = await _world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync("LOCK TABLES strangler_id_map WRITE");
        var asked = GetAsync(service, string.Create(CultureInfo.InvariantCulture, $"/contexts/donations/ids/donation/{_lastGenerated}"));
        await UntilAsync("the question is under way", () => IsWaitedForAsync(connection));

        await service.AskToEndAsync();
        await UntilAsync("it says that it stops", async () =>
            await GetAsync(service, "/readyz") is { Status: HttpStatusCode.ServiceUnavailable } said && said.Body.Contains("stopping", StringComparison.Ordinal));
        Assert.That((await GetAsync(service, "/contexts/donations/audit?limit=1")).Status, Is.EqualTo(HttpStatusCode.OK), "who has not seen it yet is answered");
        await UntilAsync("it takes nobody any more", () => IsRefusedAsync(service));
        Assert.That((asked.IsCompleted, service.HasEnded), Is.EqualTo((false, false)), "it waits for the answer");

        await connection.ExecuteAsync("UNLOCK TABLES");
        Assert.That((await asked).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await service.EndedAsync(), Is.Zero, service.Said);
        Assert.That(service.Said, Does.Contain("Stopped."));
        await StartAsync(0);
    }

    [Test, Order(5)]
    public async Task A_rolling_restart_under_load_loses_nothing()
    {
        using var stop = new CancellationTokenSource();
        ConcurrentQueue<string> acknowledged = [];
        ConcurrentQueue<string> oddities = [];
        var clients = Enumerable.Range(0, 2).Select(number => Task.Run(() => AskAsync(number, acknowledged, oddities, stop.Token))).ToList();
        for (var at = 0; at < _services.Length; at++)
        {
            var answered = acknowledged.Count;
            Assert.That(await _services[at].EndAsync(), Is.Zero, _services[at].Said);
            await _load.UntilAcknowledgedAsync(20);
            await UntilAsync("the others answer", () => Task.FromResult(acknowledged.Count > answered + 5));
            await StartAsync(at);
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.That(oddities, Is.Empty, "no client was cut off, or got anything but an answer");
        await AssertNothingLostAsync();
        var told = (await _world.Host.Cutover.HistoryAsync(10_000, CancellationToken.None)).Select(entry => entry.Reason).ToHashSet();
        Assert.That(acknowledged.Where(reason => !told.Contains(reason)), Is.Empty, "what was acknowledged over HTTP is in the trail");
    }

    private async Task AssertNothingLostAsync()
    {
        await _load.EndAsync();
        foreach (var service in _services)
        {
            Assert.That(await service.EndAsync(), Is.Zero, service.Said);
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        List<Donation> stored = [];
        foreach (var id in await connection.QueryAsync<long>("SELECT id FROM spenden WHERE id > @last", new { last = _lastGenerated }))
        {
            if (await _world.Donations.Donations.FindAsync(id, CancellationToken.None) is { } donation)
            {
                stored.Add(donation);
            }
        }

        Assert.That(_load.Ledger.Differences(stored), Is.Empty);
        Assert.That(_load.Acknowledged, Is.GreaterThan(100));
    }

    // As a load balancer does it: whoever says that it is ready gets the request, and a connection that is refused goes to the next.
    private async Task AskAsync(int number, ConcurrentQueue<string> acknowledged, ConcurrentQueue<string> oddities, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            await Task.Delay(20, CancellationToken.None);
            var service = _services[i % _services.Length];
            try
            {
                if ((await GetAsync(service, "/readyz")).Status != HttpStatusCode.OK)
                {
                    continue;
                }

                var reason = string.Create(CultureInfo.InvariantCulture, $"client {number}, request {i}");
                var reply = await SendAsync(service, HttpMethod.Post, "/contexts/donations/parked/retries", new { reason });
                (reply.Status == HttpStatusCode.OK ? acknowledged : oddities).Enqueue(reply.Status == HttpStatusCode.OK ? reason : reply.ToString());
            }
            catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConnectionError)
            {
                // The next one.
            }
            catch (HttpRequestException exception)
            {
                oddities.Enqueue(exception.ToString());
            }
        }
    }

    private async Task MoveAsync(string stage, int by)
    {
        var reply = new Reply(HttpStatusCode.Conflict, "", null, null, null);
        await UntilAsync($"the step to {stage} is made", async () =>
        {
            var seen = await GetAsync(_services[by], "/contexts/donations/stage");
            reply = await SendAsync(_services[by], HttpMethod.Put, "/contexts/donations/stage", new { stage, reason = "test" }, seen.Tag);
            return reply.Status == HttpStatusCode.OK;
        }, () => reply.ToString());
    }

    private async Task<int> RunsTheReconciliationAsync()
    {
        var at = -1;
        await UntilAsync("somebody reconciles", async () =>
        {
            var open = (await _world.Host.Sides.Schedules!.ListAsync(CancellationToken.None)).FirstOrDefault(state => state.IsOpen);
            at = Array.FindIndex(_services, service => open?.TakenBy.Contains($":{service.Id}:", StringComparison.Ordinal) == true);
            return at >= 0;
        });
        return at;
    }

    private Task<int> ForeignWritesAsync() =>
        _world.RunForeignAsync(string.Create(CultureInfo.InvariantCulture, $"UPDATE spenden SET ort = '{Guid.NewGuid():N}' WHERE id <= {_lastGenerated}"));

    private async Task<List<string>> HeldByAsync(ServeProcess service)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        return [.. await connection.QueryAsync<string>(
            "SELECT CONCAT(kind, '/', `key`) FROM strangler_journal WHERE state <> 'parked' AND owner LIKE @owner", new { owner = $"%:{service.Id}:%" })];
    }

    private static async Task<bool> IsWaitedForAsync(DbConnection connection) =>
        (await connection.QueryAsync<string>("SELECT info FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"))
            .Any(info => info?.Contains("strangler_id_map", StringComparison.Ordinal) == true);

    private async Task<bool> IsRefusedAsync(ServeProcess service)
    {
        try
        {
            // A connection of its own: one that was kept is not what is asked about.
            using var client = new HttpClient();
            using var answer = await client.GetAsync(new Uri(service.Address, "/healthz"));
            return false;
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConnectionError)
        {
            return true;
        }
        catch (HttpRequestException)
        {
            // It came to the door as that was being shut.
            return false;
        }
    }

    private async Task<List<RunSummary>> EndedRunsAsync() =>
        [.. (await _world.Host.Sides.Reconciliations.SummariesAsync(200, CancellationToken.None)).Where(run => run.EndedUtc is not null)];

    private async Task<long> AppliedAsync(ServeProcess service) =>
        Applied().Match((await GetAsync(service, "/metrics")).Body) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private Task<Reply> GetAsync(ServeProcess service, string path) => SendAsync(service, HttpMethod.Get, path, null);

    private async Task<Reply> SendAsync(ServeProcess service, HttpMethod method, string path, object? body, string? tag = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(service.Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        request.Content = body is null ? null : JsonContent.Create(body);
        if (tag is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", tag);
        }

        using var answer = await _client.SendAsync(request);
        return new Reply(
            answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.ETag?.ToString(), answer.Headers.Location, answer.Content.Headers.ContentType?.MediaType);
    }

    private async Task StartAsync(int at)
    {
        if (_services[at] is { } before)
        {
            await before.DisposeAsync();
        }

        var service = ServeProcess.Start(_file);
        await service.SaysAsync("Serving as");
        _services[at] = service;
    }

    private string Configure()
    {
        var line = new CommandLine(_world);
        var file = Path.Combine(Path.GetDirectoryName(_world.ConfigFile)!, "serve.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = line.HashKey,
            http = new
            {
                listen = new[] { "127.0.0.1:0" }, keys = new[] { new { name = "anna", role = "engineer", hash = ApiKey.HashOf(_key) } },
                limits = new { requestsPerMinute = 1_000_000, drain = "500ms" },
            },
            contexts = new
            {
                donations = new
                {
                    legacy = line.Legacy, @new = line.New, schedules = new[] { new { cron = "0/2 * * * * ?" } },
                    options = new
                    {
                        relayPoll = "100ms", relayLease = "2s", shadowReadSample = 0, shadowReadMinimum = 0, fenceLockTimeout = "5s", foreignWriterQuiet = "0s", replicaLiveness = "5s",
                    },
                    reconciliation = new { gentleAbove = 0, maxThreadsRunning = 0, recheckDelay = "100ms" },
                },
            },
        }));
        return file;
    }

    private Replica Frontend() => new(
        new MySqlSideOptions { ConnectionString = _world.LegacyDatabase.ConnectionString }, new MySqlSideOptions { ConnectionString = _world.NewDatabase.ConnectionString },
        new ContextOptions { InlineApplyTimeout = TimeSpan.FromMilliseconds(300), ShadowReadSample = 0 }, _world.Host.Mappings,
        Convert.FromHexString(_world.Environment["STRANGLER_HASH_KEY"]), TimeProvider.System, _world.Logs);

    private static async Task UntilAsync(string what, Func<Task<bool>> condition, Func<string>? more = null)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            Assert.That(limit.IsCancellationRequested, Is.False, () => $"{what}: not within {Patience.TotalSeconds:0} s. {more?.Invoke()}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    [GeneratedRegex("^strangler_relay_applies_total\\{context=\"donations\",outcome=\"applied\"\\} ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex Applied();
}
