namespace Strangler.Blocking;

/// <summary>
/// A bounded set of threads that may block. Not the thread pool's: a dead server would block those, too, and with them everything else.
/// A thread whose work was abandoned no longer counts; it ends when its work returns, and until then another may take its place.
/// </summary>
internal sealed class BlockingThreads(string name, int most) : IDisposable
{
    private static readonly TimeSpan IdleLifetime = TimeSpan.FromSeconds(30);

    private readonly object _gate = new();
    private readonly Queue<BlockingWork> _queue = new();
    private int _threads;
    private int _idle;
    private bool _disposed;

    public void Queue(BlockingWork work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _queue.Enqueue(work);
            if (_queue.Count <= _idle)
                Monitor.Pulse(_gate);
            else
                StartIfAllowed();
        }
    }

    /// <summary>Nobody waits for this work any more and it may block for ever.</summary>
    public void Abandon(BlockingWork work)
    {
        lock (_gate)
        {
            if (work.IsDone || work.IsAbandoned)
                return;
            work.IsAbandoned = true;
            // Work that no thread has taken yet still costs the thread that will only look at it.
            if (!work.IsTaken)
                return;
            _threads--;
            if (_queue.Count > _idle)
                StartIfAllowed();
        }
    }

    /// <summary>Lets work in the queue finish and idle threads end.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void StartIfAllowed()
    {
        if (_threads >= most)
            return;
        _threads++;
        new Thread(Loop, 256 * 1024) { IsBackground = true, Name = name }.Start();
    }

    private void Loop()
    {
        while (Take() is { } work)
        {
            work.Run();
            lock (_gate)
            {
                work.IsDone = true;
                if (work.IsAbandoned)
                    return;
            }
        }
    }

    private BlockingWork? Take()
    {
        lock (_gate)
        {
            while (true)
            {
                while (_queue.TryDequeue(out var work))
                {
                    if (work.IsAbandoned)
                        continue;
                    work.IsTaken = true;
                    return work;
                }
                _idle++;
                var woken = !_disposed && Monitor.Wait(_gate, IdleLifetime);
                _idle--;
                if (!woken && _queue.Count == 0)
                {
                    _threads--;
                    return null;
                }
            }
        }
    }
}

/// <summary>Something to run on a <see cref="BlockingThreads"/>; the flags belong to it, under its lock.</summary>
internal abstract class BlockingWork
{
    public bool IsTaken { get; set; }

    public bool IsDone { get; set; }

    public bool IsAbandoned { get; set; }

    /// <summary>Must not throw.</summary>
    public abstract void Run();
}

/// <summary>A synchronous call and the task of its result.</summary>
internal sealed class BlockingCall<T>(Func<T> call) : BlockingWork
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override void Run()
    {
        try
        {
            _result.SetResult(call());
        }
        catch (Exception e)
        {
            _result.SetException(e);
        }
    }
}
