using NUnit.Framework;
using Strangler.Answers;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Service.Http;

/// <summary>A request with a key while the database of its answers comes and goes.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ClaimedRequestTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly SideUnavailableException Away = new(SideName.Legacy, "away", isTransient: true, new IOException());

    private readonly TestTimeProvider _time = new();
    private readonly Answers _answers = new();
    private readonly TestLog _log = new();

    [Test]
    public async Task A_claim_is_renewed_for_as_long_as_the_request_takes_also_after_failures_of_any_kind()
    {
        var act = new TaskCompletionSource<string>();
        var running = Run(() => act.Task);
        _answers.Renewals.Enqueue(() => throw Away);
        _answers.Renewals.Enqueue(() => throw new NotMigratedException("donations", SideName.Legacy));
        _answers.Renewals.Enqueue(() => throw new InvalidOperationException());
        await PassAsync(TimeSpan.FromSeconds(30), running);
        act.SetResult("done");
        Assert.That(await running, Is.EqualTo(("done", true)));
        Assert.That(_answers.Stored, Is.EqualTo("done"));
        var gaps = _answers.RenewedAt.Zip(_answers.RenewedAt.Skip(1), (one, next) => next - one).ToList();
        Assert.That(_answers.RenewedAt, Has.Count.GreaterThanOrEqualTo(8));
        Assert.That(gaps, Is.All.LessThan(ClaimedRequest.Lease), "it never ended");
    }

    [Test]
    public async Task A_renewal_that_hangs_is_given_up_before_the_claim_ends_and_tried_again()
    {
        var act = new TaskCompletionSource<string>();
        _answers.Hangs = 1;
        var running = Run(() => act.Task);
        await PassAsync(ClaimedRequest.Lease - TimeSpan.FromSeconds(1), running);
        Assert.That(_answers.RenewedAt, Is.Not.Empty, "within the lease");
        act.SetResult("done");
        Assert.That(await running, Is.EqualTo(("done", true)));
    }

    [Test]
    public async Task A_claim_is_released_when_nothing_renews_it_any_more()
    {
        var act = new TaskCompletionSource<string>();
        _answers.Hangs = 1;
        var running = Run(() => act.Task);
        await PassAsync(ClaimedRequest.Lease / 2, running);
        Assert.That(_answers.IsHanging, Is.True);
        act.SetException(new TimeoutException());
        await Assert.ThatAsync(() => running, Throws.TypeOf<TimeoutException>());
        Assert.That((_answers.IsReleased, _answers.WasHangingWhenReleased), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task A_claim_that_is_gone_is_not_said_to_be_anothers()
    {
        _answers.Owner = null;
        Assert.That(await Run(() => Task.FromResult("done")), Is.EqualTo(("done", false)));
        Assert.That(_log.Lines.Single(), Does.Contain("could not be kept: its row is gone"));
    }

    [Test]
    public async Task An_answer_that_cannot_be_stored_at_once_is_stored_later_while_the_claim_lasts()
    {
        foreach (var _ in Enumerable.Range(0, 5))
        {
            _answers.Stores.Enqueue(() => throw Away);
        }

        var running = Run(() => Task.FromResult("done"));
        await PassUntilAsync(running);
        Assert.That(await running, Is.EqualTo(("done", true)));
        Assert.That(_answers.RenewedAt, Is.Not.Empty, "nobody else takes it while it is tried");
    }

    [Test]
    public async Task An_answer_that_cannot_be_stored_at_all_is_given_and_said_to_be_not_kept()
    {
        foreach (var _ in Enumerable.Range(0, 20))
        {
            _answers.Stores.Enqueue(() => throw Away);
        }

        var running = Run(() => Task.FromResult("done"));
        await PassUntilAsync(running);
        Assert.That(await running, Is.EqualTo(("done", false)));
        Assert.That(_answers.Stored, Is.Null);
    }

    [Test]
    public async Task A_claim_that_another_has_by_now_is_told_and_its_answer_is_not_overwritten()
    {
        _answers.Owner = "another";
        Assert.That(await Run(() => Task.FromResult("done")), Is.EqualTo(("done", false)));
        Assert.That(_answers.Stored, Is.Null);
    }

    [Test]
    public void What_fails_gives_its_key_back()
    {
        Assert.ThrowsAsync<TimeoutException>(() => Run(() => Task.FromException<string>(new TimeoutException())));
        Assert.That((_answers.IsReleased, _answers.Stored), Is.EqualTo((true, (string?)null)));
    }

    private Task<(string, bool)> Run(Func<Task<string>> act)
    {
        _answers.Time = _time;
        return new ClaimedRequest(_answers, new KeyedRequest(new byte[32], new byte[32], "me"), "donations", _time, _log).RunAsync(act, text => text);
    }

    // What a timer has set going may go on elsewhere: time passes when it waits for a timer again.
    private async Task PassAsync(TimeSpan time, Task running)
    {
        using var limit = new CancellationTokenSource(Limit);
        for (var end = _time.GetUtcNow() + time; _time.GetUtcNow() < end; _time.Advance(TimeSpan.FromMilliseconds(100)))
        {
            while (_time.NextDue is null && !running.IsCompleted)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }

    private async Task PassUntilAsync(Task running)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!running.IsCompleted)
        {
            limit.Token.ThrowIfCancellationRequested();
            await PassAsync(TimeSpan.FromMilliseconds(100), running);
            await Task.Yield();
        }
    }

    private sealed class Answers : IAnswerLog
    {
        public TestTimeProvider Time { get; set; } = new();

        public string? Owner { get; set; } = "me";

        public string? Stored { get; private set; }

        public bool IsReleased { get; private set; }

        public bool WasHangingWhenReleased { get; private set; }

        /// <summary>So many renewals end only when they are given up.</summary>
        public int Hangs { get; set; }

        public bool IsHanging { get; private set; }

        public List<DateTimeOffset> RenewedAt { get; } = [];

        public Queue<Action> Renewals { get; } = [];

        public Queue<Action> Stores { get; } = [];

        public Task<KnownRequest> ClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<KnownRequest?> FindAsync(byte[] key, CancellationToken cancellationToken) =>
            Task.FromResult(Owner is null ? null : new KnownRequest(new byte[32], Owner, Stored, true));

        public async Task<bool> RenewAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken)
        {
            if (Hangs-- > 0)
            {
                IsHanging = true;
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                }
                finally
                {
                    IsHanging = false;
                }
            }

            if (Renewals.TryDequeue(out var fails))
            {
                fails();
            }

            RenewedAt.Add(Time.GetUtcNow());
            return Owner == request.Owner;
        }

        public Task<bool> AnswerAsync(KeyedRequest request, string answer, CancellationToken cancellationToken)
        {
            if (Stores.TryDequeue(out var fails))
            {
                fails();
            }

            Stored = Owner == request.Owner ? answer : Stored;
            return Task.FromResult(Owner == request.Owner);
        }

        public Task ReleaseAsync(KeyedRequest request, CancellationToken cancellationToken)
        {
            (IsReleased, WasHangingWhenReleased) = (true, IsHanging);
            return Task.CompletedTask;
        }

        public Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
