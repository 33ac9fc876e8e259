using NUnit.Framework;

namespace Strangler.Tests.Exploration;

/// <summary>
/// The engine under schedules that nobody thought of. <c>STRANGLER_SCHEDULES</c> says how many (100,000), <c>STRANGLER_FIRST_SEED</c> where they begin (1);
/// <c>STRANGLER_SEED</c> runs one alone and prints what happened in it.
/// </summary>
[NonParallelizable]
public sealed class ExplorationTests
{
    [Test]
    public void No_schedule_breaks_a_guarantee()
    {
        if (Environment.GetEnvironmentVariable("STRANGLER_SEED") is { Length: > 0 } seed)
        {
            Replay(int.Parse(seed, System.Globalization.CultureInfo.InvariantCulture), null);
            return;
        }

        var (failed, ran, steps, took) = Explorer.Explore(Number("STRANGLER_FIRST_SEED", 1), Number("STRANGLER_SCHEDULES", 100_000));
        TestContext.Out.WriteLine($"{ran:N0} schedules, {steps:N0} steps, {took.TotalSeconds:0.0} s, "
            + $"{System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:0.0} s of processor time");
        if (failed.Count > 0)
        {
            Replay(failed[0].Seed, failed[0].Broken);
        }
    }

    /// <summary>Else a failure could not be looked at.</summary>
    [Test]
    public void The_same_seed_gives_the_same_schedule([Range(1, 20)] int seed)
    {
        var first = Scenario.Run(seed, trace: true);
        Assert.That(first.Steps, Is.GreaterThan(50));
        Assert.That(Scenario.Run(seed, trace: true), Is.EqualTo(first));
    }

    /// <summary>Else the schedules would say nothing about them.</summary>
    [Test]
    public void Some_schedules_write_both_sides_in_one_transaction_and_some_do_not()
    {
        var joint = Enumerable.Range(1, 100).Select(seed => Scenario.Run(seed).Joint).ToList();
        TestContext.Out.WriteLine($"{joint.Sum()} in {joint.Count(writes => writes > 0)} of 100 schedules");
        Assert.That(joint.Count(writes => writes > 0), Is.InRange(30, 80));
    }

    internal static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            : otherwise;

    private static void Replay(int seed, string? broken)
    {
        var outcome = Scenario.Run(seed, trace: true);
        TestContext.Out.WriteLine(outcome.Trace);
        Assert.That(outcome.Broken ?? broken, Is.Null, $"again with STRANGLER_SEED={seed}");
    }
}
