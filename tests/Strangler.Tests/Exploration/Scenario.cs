using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>What one schedule came to.</summary>
/// <param name="Broken">The first guarantee that was broken; null when all held.</param>
/// <param name="Steps">Steps of all processes.</param>
/// <param name="Trace">What happened, if it was asked for.</param>
internal sealed record Outcome(int Seed, string? Broken, int Steps, string Trace)
{
    /// <summary>Writes that brought the follower along in their own transaction.</summary>
    public int Joint { get; init; }
}

/// <summary>
/// One small scenario, drawn from a seed with everything in it: stage, entities, clients, operators, faults, and which continuation is next at each step.
/// </summary>
internal sealed class Scenario
{
    private readonly World _world;
    private readonly Random _random;
    private readonly List<Client> _clients = [];
    private bool _stop;

    private Scenario(World world)
    {
        _world = world;
        _random = world.Random;
    }

    public static Outcome Run(int seed, Mutation? mutation = null, bool trace = false)
    {
        var world = new World(seed, mutation, trace);
        var scenario = new Scenario(world);
        string? fault = null;
        try
        {
            Simulation.Run(seed + 2, world.Time, scenario.RunAsync, TimeSpan.FromDays(30));
        }
        catch (Exception exception)
        {
            fault = $"the schedule ended with {exception}";
        }

        return new Outcome(seed, world.Ledger.Broken ?? fault, world.Chaos.Steps, world.Trace?.ToString() ?? "")
        {
            Joint = world.Of(SideName.Legacy).JointCommits + world.Of(SideName.New).JointCommits,
        };
    }

    private async Task RunAsync()
    {
        Stage[] stages =
        [
            Stage.LegacyOnly, Stage.DualWrite, Stage.DualWrite, Stage.ShadowRead, Stage.ShadowRead, Stage.ShadowRead, Stage.NewLeads, Stage.NewLeads,
        ];
        var entities = _random.Next(1, 4);
        _world.Begin(stages[_random.Next(stages.Length)], entities);
        List<long> ids = [.. Enumerable.Range(1, entities).Select(id => (long)id)];
        var relays = Enumerable.Range(0, _random.Next(1, 3)).Select(_ => RelayAsync()).ToList();
        var actors = Enumerable.Range(1, _random.Next(2, 5)).Select(number => ClientAsync(number, ids)).ToList();
        actors.AddRange(Enumerable.Range(1, _random.Next(1, 3)).Select(number => new Operator(_world, number).RunAsync(_random.Next(1, 4))));
        if (_random.Next(3) == 0)
        {
            actors.Add(JumpAsync());
        }

        if (_world.HasForeigners)
        {
            actors.AddRange(Enumerable.Range(1, _random.Next(1, 3)).Select(number => new Foreigner(_world, number).RunAsync(ids, _random.Next(1, 6))));
        }

        await Task.WhenAll(actors);
        _stop = true;
        await Task.WhenAll(relays);
        await SettleAsync(ids);
    }

    private Task ClientAsync(int number, List<long> ids)
    {
        var client = new Client(_world, number);
        _clients.Add(client);
        return client.RunAsync(ids, _random.Next(2, 6));
    }

    // One after another while they die: as a service that is restarted.
    private async Task RelayAsync()
    {
        while (!_stop)
        {
            var process = _world.Born();
            while (!_stop && !process.Memory.Dead)
            {
                try
                {
                    await process.TryAsync(process.Relay.DrainAsync(default));
                }
                catch (Exception exception) when (Operator.IsExpected(exception))
                {
                }

                await _world.DelayAsync(_random.Next(20, 900));
            }
        }
    }

    private async Task JumpAsync()
    {
        for (var jumps = _random.Next(1, 4); jumps > 0; jumps--)
        {
            await _world.DelayAsync(_random.Next(4_000));
            var side = (SideName)_random.Next(2);
            _world.Of(side).Skew = TimeSpan.FromSeconds(_random.Next(-600, 600));
            _world.Trace?.Say($"the clock of {side} is off by {_world.Of(side).Skew}");
        }
    }

    // I2: nothing but time, a relay, and an operator who gives parked keys another chance.
    private async Task SettleAsync(List<long> ids)
    {
        _world.Trace?.Say("nothing goes wrong any more");
        _world.Chaos.End();
        await Task.Delay(TimeSpan.FromHours(1), _world.Time);
        var janitor = _world.Born();
        await DrainAsync(janitor);
        if (_world.Lead().FenceRow.Stage is Stage.DualWrite or Stage.ShadowRead)
        {
            await Operator.BackfillAsync(janitor, _random);
            await DrainAsync(janitor);
        }

        var last = new Client(_world, 9);
        _clients.Add(last);
        if (!_world.Ledger.IsLeftBehind(TestProcess.Key(ids[0])) && !await WritesAsync(last, ids[0]))
        {
            _world.Ledger.Report("I6: nobody can write any more");
        }

        await DrainAsync(janitor);
        _world.Ledger.CheckEnd(_clients.SelectMany(client => client.Writes));
    }

    // A change that legacy would hide is rightly refused; another one is drawn then.
    private static async Task<bool> WritesAsync(Client client, long id)
    {
        for (var tries = 0; tries < 60; tries++)
        {
            if (await client.UpdateAsync(id) == Told.Done)
            {
                return true;
            }
        }

        return false;
    }

    private async Task DrainAsync(ModelProcess janitor)
    {
        for (var rounds = 1; rounds <= 4; rounds++)
        {
            await janitor.Runtime.Stage.RefreshAsync(default);
            await janitor.Relay.DrainAsync(default);
            var lead = _world.Lead();
            var rest = lead.Journal.Count + (lead.Side == SideName.New ? _world.Of(SideName.Legacy).Journal.Count(row => row.ForeignSeq > 0) : 0);
            if (rest == 0 || !Stages.IsDual(lead.FenceRow.Stage))
            {
                return;
            }

            await new ParkedKeys(janitor.Runtime).RetryAsync(null, default);
            await Task.Delay(TimeSpan.FromHours(1), _world.Time);
        }
    }
}
