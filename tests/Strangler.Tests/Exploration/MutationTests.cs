using NUnit.Framework;

namespace Strangler.Tests.Exploration;

/// <summary>
/// The exploration bites: each precaution that the engine takes is left out once, and the schedules must notice. A case is red when they do not. What each found,
/// and after how many schedules, is printed.
/// </summary>
[NonParallelizable]
public sealed class MutationTests
{
    [TestCaseSource(nameof(Names))]
    [Category("Case5")]
    [Category("Case13")]
    [Category("Case14")]
    [Category("Case15")]
    [Category("Case19")]
    [Category("Case20")]
    [Category("Case24")]
    [Category("Case43")]
    public void The_schedules_find(string name)
    {
        var mutation = Mutations.All.Single(one => one.Name == name);
        var (failed, ran, _, took) = Explorer.Explore(1, mutation.Within, mutation);
        Assert.That(failed, Is.Not.Empty, $"{mutation.What} Not noticed by {ran} schedules.");
        TestContext.Out.WriteLine($"{mutation.What} Noticed after {ran} schedules, {took.TotalSeconds:0.0} s: seed {failed[0].Seed}: {failed[0].Broken}");
        if (Environment.GetEnvironmentVariable("STRANGLER_TRACE") is { Length: > 0 })
        {
            TestContext.Out.WriteLine(Scenario.Run(failed[0].Seed, mutation, trace: true).Trace);
        }
    }

    private static IEnumerable<string> Names() => Mutations.All.Select(mutation => mutation.Name);
}
