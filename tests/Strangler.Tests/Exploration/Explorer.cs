using System.Diagnostics;

namespace Strangler.Tests.Exploration;

/// <summary>Runs many schedules on all cores.</summary>
internal static class Explorer
{
    /// <summary>The failed schedules, lowest seed first; stops soon after the first failure when <paramref name="stopAtFirst"/> is set.</summary>
    public static (List<Outcome> Failed, int Ran, long Steps, TimeSpan Took) Explore(
        int first, int count, Mutation? mutation = null, bool stopAtFirst = true, int? threads = null)
    {
        var watch = Stopwatch.StartNew();
        var failed = new List<Outcome>();
        var next = first - 1;
        var ran = 0;
        long steps = 0;
        var stop = false;
        var workers = Enumerable.Range(0, threads ?? Math.Max(1, Environment.ProcessorCount)).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref stop) && Interlocked.Increment(ref next) is var seed && seed < first + count)
            {
                var outcome = Scenario.Run(seed, mutation);
                Interlocked.Increment(ref ran);
                Interlocked.Add(ref steps, outcome.Steps);
                if (outcome.Broken is not null)
                {
                    lock (failed)
                    {
                        failed.Add(outcome);
                    }

                    Volatile.Write(ref stop, stopAtFirst);
                }
            }
        })
        { IsBackground = true }).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        failed.Sort((left, right) => left.Seed.CompareTo(right.Seed));
        return (failed, ran, steps, watch.Elapsed);
    }
}
