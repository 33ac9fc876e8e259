using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Strangler.Service.Background;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Service.Background;

/// <summary>How loops that run beside one another come to their end.</summary>
public sealed class ServiceLoopsTests
{
    [Test]
    [CancelAfter(30_000)]
    public async Task Whoever_waits_for_the_end_is_told_what_is_not_at_its_end_yet()
    {
        var time = new TestTimeProvider();
        using var stop = new CancellationTokenSource();
        using Slow slow = new("the slow one"), other = new("the other one");
        List<string> told = [];
        var left = new TaskCompletionSource();
        var running = ServiceLoops.RunAsync([slow, other], () => { }, () => left.Task, told.Add, time, stop.Token);
        await stop.CancelAsync();
        Assert.That(told, Is.Empty, "nobody has waited long");
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(told, Is.EqualTo(new[] { "what was asked over HTTP" }));
        left.SetResult();
        other.End();
        await slow.IsTold;
        await other.IsTold;
        while (told.Count == 1)
        {
            // Who tells may just be about to look at the clock.
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        Assert.That(told.Skip(1), Is.All.EqualTo("the slow one"));
        slow.End();
        await running;
    }

    private sealed class Slow(string name) : BackgroundService
    {
        private readonly TaskCompletionSource _end = new();
        private readonly TaskCompletionSource _isTold = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task IsTold => _isTold.Task;

        public void End() => _end.SetResult();

        public override Task StopAsync(CancellationToken cancellationToken)
        {
            _isTold.SetResult();
            return base.StopAsync(cancellationToken);
        }

        public override string ToString() => name;

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => _end.Task;
    }
}
