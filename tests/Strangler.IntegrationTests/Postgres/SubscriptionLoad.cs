using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using Dapper;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.IntegrationTests.Faults;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.Service;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>Frontends and another program, each with subscriptions of its own, that keep book of what they were told.</summary>
internal sealed class SubscriptionLoad(SubscriptionsWorld world)
{
    /// <summary>Options of a world under it: a lease that outlives its relay ends soon.</summary>
    public const string Limits =
        """
        { "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "relayLease": "1s", "fenceLockTimeout": "5s", "inlineApplyTimeout": "200ms",
          "pauseBudget": "3s", "foreignWriterQuiet": "0s" }
        """;

    private const long Theirs = 5_000_000;
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);

    // What each may hold now: one value, or several where nobody was told how the last write ended. Null: it is not there.
    private readonly ConcurrentDictionary<long, string?[]> _ledger = new();
    private long _acknowledged;
    private long _refused;

    public long Refused => Interlocked.Read(ref _refused);

    public Load Start() => Load.Start(
        [world.Host.Relay.RunAsync, world.Open().Relay.RunAsync],
        [
            stop => WriteAsync(world.Open(), 1, stop), stop => WriteAsync(world.Open(), 2, stop),
            stop => WriteForeignAsync(0, "READ COMMITTED", stop), stop => WriteForeignAsync(1, "REPEATABLE READ", stop),
        ]);

    /// <summary>Until so many more writes have been acknowledged, of ours and of theirs.</summary>
    public Task UntilAcknowledgedAsync(int more) => UntilAsync(() => Interlocked.Read(ref _acknowledged), more);

    /// <summary>Until so many more of ours have been refused.</summary>
    public Task UntilRefusedAsync(int more) => UntilAsync(() => Refused, more);

    private static async Task UntilAsync(Func<long> count, int more)
    {
        var target = count() + more;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (count() < target)
        {
            await Task.Delay(Breath, patience.Token);
        }
    }

    /// <summary>Until nobody owes anything: what a relay held as it was stopped, another one takes over when its lease has run out.</summary>
    public Task UntilSettledAsync() => FaultWorld.UntilAsync("nothing is owed any more", async () =>
    {
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var (legacy, @new) = (world.Host.Sides.Legacy.Journal, world.Host.Sides.New.Journal);
        return (await legacy.DepthAsync(CancellationToken.None)).Open + (await @new.DepthAsync(CancellationToken.None)).Open == 0;
    });

    /// <summary>Both sides hold for each what may be there, and the same.</summary>
    public async Task AssertNothingIsLostAsync()
    {
        Assert.That(_ledger.Keys.Count(id => id >= Theirs), Is.GreaterThan(10));
        Assert.That(_ledger.Keys.Count(id => id < Theirs), Is.GreaterThan(2));
        foreach (var (id, possible) in _ledger)
        {
            var (legacy, @new) = (await world.RecordAsync(SideName.Legacy, id), await world.RecordAsync(SideName.New, id));
            Assert.That(possible, Does.Contain((string?)legacy?["source"]), $"{id} in legacy");
            Assert.That(@new?["source"], Is.EqualTo(legacy?["source"]), $"{id} on the new side");
        }
    }

    private async Task WriteAsync(ContextHost host, int number, CancellationToken stop)
    {
        var subscriptions = host.Part<SubscriptionsContext>().Subscriptions;
        var random = new Random(number);
        List<long> mine = [];
        while (!stop.IsCancellationRequested)
        {
            var source = $"{number}-{random.Next(100_000).ToString(CultureInfo.InvariantCulture)}";
            var subscription = new Subscription(0, new DateTime(2022, 6, 1, 10, 0, 0), $"{source}@example.org", "3d0f3cff008000202020202020202020");
            try
            {
                if (mine.Count > 0 && random.Next(4) > 0)
                {
                    subscription = (await subscriptions.FindAsync(mine[random.Next(mine.Count)], CancellationToken.None))!;
                    Assert.That(_ledger[subscription.Id], Does.Contain(subscription.Source), "a read showed a state older than the caller's own write");
                }

                var id = subscription.Id;
                subscription.ComeFrom(source);
                await subscriptions.StoreAsync(subscription, CancellationToken.None);
                _ledger[subscription.Id] = [source];
                Interlocked.Increment(ref _acknowledged);
                if (id == 0)
                {
                    mine.Add(subscription.Id);
                }
            }
            catch (CommitOutcomeUnknownException)
            {
                if (_ledger.TryGetValue(subscription.Id, out var before))
                {
                    _ledger[subscription.Id] = [.. before, source];
                }
            }
            catch (Exception exception) when (exception is SwitchingException or ConflictException or SideUnavailableException { IsTransient: true })
            {
                Interlocked.Increment(ref _refused);
                await Task.Delay(Breath, CancellationToken.None);
            }
        }
    }

    // Knows nothing of us: rows of its own, written and deleted; with pauses, since a flip to the new side takes a moment at which nothing of it is owed.
    private async Task WriteForeignAsync(int number, string isolation, CancellationToken stop)
    {
        var random = new Random(number);
        DbConnection? connection = null;
        for (var turn = 0; !stop.IsCancellationRequested; turn++)
        {
            var id = Theirs + (2 * random.Next(100)) + number;
            var source = random.Next(4) == 0 ? null : $"theirs-{turn}";
            try
            {
                connection ??= await world.LegacyDatabase.OpenAsync();
                await connection.ExecuteAsync($"BEGIN ISOLATION LEVEL {isolation}; SELECT COUNT(*) FROM subscription WHERE id = 1; {Sql(id, source)}; COMMIT");
                _ledger[id] = [source];
                Interlocked.Increment(ref _acknowledged);
                await Task.Delay(2 * Breath, CancellationToken.None);
            }
            catch (DbException)
            {
                // The server is down: nobody knows how it ended.
                _ledger[id] = [.. _ledger.GetValueOrDefault(id, [null]), source];
                await (connection?.DisposeAsync() ?? ValueTask.CompletedTask);
                connection = null;
                await Task.Delay(Breath, CancellationToken.None);
            }
        }

        await (connection?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    private static string Sql(long id, string? source) => source is null
        ? $"DELETE FROM subscription WHERE id = {id}"
        : $"INSERT INTO subscription (id, email, source) VALUES ({id}, 'a@b.example', '{source}') ON CONFLICT (id) DO UPDATE SET source = excluded.source";
}
