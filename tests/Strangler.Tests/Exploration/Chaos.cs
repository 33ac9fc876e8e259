using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>
/// What goes wrong in one schedule, drawn from its seed. How much of each kind differs from schedule to schedule (some have no faults at all, some little else):
/// a bug that needs a long pause is not found where everything fails.
/// </summary>
internal sealed class Chaos : ISchedule
{
    private const int Whole = 10_000;

    /// <summary>A hundred times what a schedule takes: whoever needs more runs in circles.</summary>
    private const int MaxSteps = 50_000;

    private readonly World _world;
    private readonly Random _random;
    private readonly int _stalls;
    private readonly int _freezes;
    private readonly int _errors;
    private readonly int _odd;
    private readonly int _kills;
    private readonly int _lostCommits;
    private (SideName Side, DateTimeOffset From, DateTimeOffset Until)? _outage;
    private int _killsLeft = 2;

    public Chaos(World world, int seed)
    {
        _world = world;
        _random = new Random(seed);
        _stalls = OneOf(0, 100, 600, 1500);
        _freezes = OneOf(0, 0, 10, 40);
        _errors = OneOf(0, 0, 50, 300);
        _odd = OneOf(0, 0, 0, 100);
        _kills = OneOf(0, 0, 10, 60);
        _lostCommits = OneOf(0, 0, 300, 2000);
        if (_random.Next(4) == 0)
        {
            var from = world.Time.GetUtcNow() + TimeSpan.FromMilliseconds(_random.Next(3_000));
            _outage = ((SideName)_random.Next(2), from, from + TimeSpan.FromMilliseconds(_random.Next(15_000)));
        }
    }

    public bool Over { get; private set; }

    public int Steps { get; private set; }

    /// <summary>From here on nothing goes wrong any more.</summary>
    public void End() => Over = true;

    public async Task PassAsync(InMemorySides process, SideName side, string step, bool before, CancellationToken cancellationToken)
    {
        if (before)
        {
            await GoneAsync(process);
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        if (++Steps > MaxSteps)
        {
            _world.Ledger.Report("the schedule comes to no end: processes run in circles");
            await new TaskCompletionSource().Task;
        }

        _world.Trace?.Add(process, side, step, before);
        if (!Over)
        {
            await MeetFateAsync(process, side, step, cancellationToken);
        }

        await GoneAsync(process);
    }

    public CommitFate Commit(SideName side)
    {
        if (Over || _random.Next(Whole) >= _lostCommits)
        {
            return CommitFate.Done;
        }

        var fate = new CommitFate(
            Happens: _random.Next(2) == 0, Told: false,
            Late: _random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(_random.Next(1, 4_000)));
        _world.Trace?.Say($"  COMMIT on {side} lost: {fate}");
        return fate;
    }

    private static Task GoneAsync(InMemorySides process) => process.Dead ? new TaskCompletionSource().Task : Task.CompletedTask;

    private async Task MeetFateAsync(InMemorySides process, SideName side, string step, CancellationToken cancellationToken)
    {
        if (_kills > 0 && _killsLeft > 0 && _random.Next(Whole) < _kills)
        {
            _killsLeft--;
            _world.Kill(process);
            return;
        }

        if (_freezes > 0 && _random.Next(Whole) < _freezes)
        {
            _world.Freeze(process, TimeSpan.FromMilliseconds(_random.Next(500, 40_000)));
        }

        if (_world.FrozenFor(process) is { } pause && pause > TimeSpan.Zero)
        {
            await Task.Delay(pause, _world.Time, CancellationToken.None);
        }

        if (_stalls > 0 && _random.Next(Whole) < _stalls)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Stall()), _world.Time, cancellationToken);
        }

        Fail(side, step);
    }

    private void Fail(SideName side, string step)
    {
        var isDown = _outage is { } outage && outage.Side == side && _world.Time.GetUtcNow() is var now && now >= outage.From && now < outage.Until;

        // A COMMIT's own failures are drawn in Commit; beyond that it has happened.
        if (step is "commit" or "chunk-commit")
        {
            return;
        }

        if (isDown || (_errors > 0 && _random.Next(Whole) < _errors))
        {
            _world.Trace?.Say($"  {side} fails at {step}");
            throw new SideUnavailableException(side, "chaos", isTransient: _random.Next(20) > 0, new InvalidOperationException("chaos"));
        }

        if (_odd > 0 && step is "save" or "entity" && _random.Next(Whole) < _odd)
        {
            _world.Trace?.Say($"  {side} fails oddly at {step}");
            throw new InvalidOperationException("odd");
        }
    }

    private int Stall() => _random.Next(10) switch
    {
        < 6 => _random.Next(1, 30),
        < 9 => _random.Next(30, 2_500),
        _ => _random.Next(2_500, 12_000),
    };

    private int OneOf(params ReadOnlySpan<int> choices) => choices[_random.Next(choices.Length)];
}
