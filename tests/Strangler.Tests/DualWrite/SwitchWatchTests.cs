using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

/// <summary>Callers who wait for a flip to end wait together.</summary>
public sealed class SwitchWatchTests
{
    private readonly TestTimeProvider _time = new();

    [TestCase(0, 2)]
    [TestCase(16, 2)]
    [TestCase(80, 10)]
    [TestCase(10_000, 32)]
    public void Looks_are_close_together_at_first_and_cost_little_later(int waited, int pause) =>
        Assert.That(SwitchWatch.PauseAfter(TimeSpan.FromMilliseconds(waited)), Is.EqualTo(TimeSpan.FromMilliseconds(pause)));

    [Test]
    public void Many_waiters_of_a_process_ask_as_often_as_one_and_all_go_on_at_once() => Simulation.Run(1, _time, async () =>
    {
        var looks = new Dictionary<int, int>();
        foreach (var waiters in new[] { 1, 8 })
        {
            var process = TestProcess.In(Stage.DualWrite, _time);
            await process.AddAsync("a");
            var legacy = process.Memory.LegacyDatabase;
            legacy.Fence = legacy.FenceRow with { Role = FenceRole.Switching, Epoch = 6, Deadline = legacy.UtcNow.AddMinutes(1) };
            process.Memory.Fault = step =>
            {
                looks[waiters] = looks.GetValueOrDefault(waiters) + (step == "legacy.fence.before" ? 1 : 0);
                return Task.CompletedTask;
            };
            var began = _time.GetTimestamp();
            var writing = Enumerable.Range(0, waiters).Select(_ => process.AddAsync("b")).ToList();
            await Task.Delay(TimeSpan.FromMilliseconds(200), _time);
            legacy.Fence = legacy.FenceRow with { Role = FenceRole.Lead, Epoch = 7, Deadline = null };
            await Task.WhenAll(writing);
            Assert.That(_time.GetElapsedTime(began), Is.LessThan(TimeSpan.FromMilliseconds(240)));
        }

        // Each caller asks once for itself, when it is denied.
        Assert.That(looks[8], Is.LessThanOrEqualTo(looks[1] + 8));
        Assert.That(looks[1], Is.InRange(20, 40));
    });

    [Test]
    [Category("Case21")]
    public void A_decided_flip_is_left_to_its_flipper_for_a_moment_and_finished_without_it_then() => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        await process.AddAsync("a");
        var (legacy, @new) = (process.Memory.LegacyDatabase, process.Memory.NewDatabase);
        legacy.Fence = legacy.FenceRow with { Role = FenceRole.Switching, Epoch = 6, Deadline = legacy.UtcNow.AddMinutes(1) };
        var writing = process.AddAsync("b");
        await Task.Delay(TimeSpan.FromMilliseconds(10), _time);
        legacy.Fence = legacy.FenceRow with { Role = FenceRole.Follower, Stage = Stage.NewLeads, Deadline = null };
        @new.Fence = @new.FenceRow with { Role = FenceRole.Prepared, Stage = Stage.NewLeads, Epoch = 6 };
        await Task.Delay(TimeSpan.FromMilliseconds(30), _time);
        Assert.That(@new.FenceRow.Role, Is.EqualTo(FenceRole.Prepared));
        await writing;
        Assert.That((@new.FenceRow.Role, @new.Rows.Count), Is.EqualTo((FenceRole.Lead, 2)));
    });

    [Test]
    public void A_look_that_hangs_holds_nobody_up_beyond_the_pause_budget() => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.PauseBudget = TimeSpan.FromSeconds(2));
        await process.AddAsync("a");
        var legacy = process.Memory.LegacyDatabase;
        legacy.Fence = legacy.FenceRow with { Role = FenceRole.Switching, Epoch = 6, Deadline = legacy.UtcNow.AddMinutes(1) };
        var hangs = false;
        process.Memory.Fault = step => hangs && step == "legacy.fence.before" ? Task.Delay(TimeSpan.FromSeconds(20), _time) : Task.CompletedTask;
        var began = _time.GetTimestamp();
        var writing = process.AddAsync("b");
        await Task.Delay(TimeSpan.FromMilliseconds(100), _time);
        hangs = true;
        try
        {
            await writing;
            Assert.Fail("nobody leads");
        }
        catch (SwitchingException)
        {
            Assert.That(_time.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(3)));
        }
    });
}
