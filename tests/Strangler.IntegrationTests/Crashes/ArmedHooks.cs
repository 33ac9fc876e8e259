using System.Collections.Concurrent;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.LocalServers;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>What a child does at a point.</summary>
public enum HookAction
{
    /// <summary>SIGKILL to itself: no finally, no flush, no goodbye. Those who come first wait for the others.</summary>
    Kill,

    /// <summary>Stands still until it is woken, as a paused process does: no deadline of its own ends that.</summary>
    Hang,

    /// <summary>Each operation fails there, as many times as armed for, as from a store that does not answer.</summary>
    Fail,

    /// <summary>The same with a COMMIT whose reply is lost.</summary>
    LoseReply,
}

/// <summary>A child's own hook.</summary>
internal sealed class ArmedHooks(Action<string> say)
{
    private readonly ConcurrentDictionary<HookPoint, Armed> _armed = [];
    private readonly AsyncLocal<string> _operation = new();

    /// <summary>Whose steps the present flow's are.</summary>
    public string Operation
    {
        set => _operation.Value = value;
    }

    /// <param name="point">Where.</param>
    /// <param name="action">What.</param>
    /// <param name="skip">How many pass before.</param>
    /// <param name="count">Kill: how many have to stand there; failures: how many times an operation fails.</param>
    public void Arm(HookPoint point, HookAction action, int skip, int count) => _armed[point] = new Armed(action, skip, count);

    /// <summary>Those who hang go on, and nobody hangs any more.</summary>
    public void Wake()
    {
        foreach (var (point, armed) in _armed)
        {
            _armed.TryRemove(point, out _);
            armed.Woken.TrySetResult();
        }
    }

    public async ValueTask ReachAsync(HookPoint point, SideName side)
    {
        if (!_armed.TryGetValue(point, out var armed) || armed.Arrive() is var arrival && arrival <= armed.Skip)
        {
            return;
        }

        switch (armed.Action)
        {
            case HookAction.Kill:
                say($"at {point}");
                if (arrival >= armed.Skip + armed.Count)
                {
                    Posix.Signal(Environment.ProcessId, Posix.SigKill);
                }

                await new TaskCompletionSource().Task;
                break;
            case HookAction.Hang:
                say($"at {point}");
                await armed.Woken.Task;
                break;
            case HookAction.Fail when armed.Fails(_operation.Value):
                say($"at {point}");
                throw new SideUnavailableException(side, $"failed at {point}", isTransient: true, new IOException("hook"));
            case HookAction.LoseReply when armed.Fails(_operation.Value):
                throw new CommitOutcomeUnknownException(side, new IOException("hook"));
        }
    }

    private sealed class Armed(HookAction action, int skip, int count)
    {
        private readonly ConcurrentDictionary<string, int> _failures = [];
        private int _arrivals;

        public HookAction Action => action;

        public int Skip => skip;

        public int Count => count;

        public TaskCompletionSource Woken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Arrive() => Interlocked.Increment(ref _arrivals);

        public bool Fails(string? operation) => _failures.AddOrUpdate(operation ?? "", 1, (_, times) => times + 1) <= count;
    }
}
