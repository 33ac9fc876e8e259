using Strangler.DualWrite;

namespace Strangler.Tests.Doubles;

/// <summary>
/// Shared and exclusive locks over ranges of keys, first come first served: as in the real databases a waiting exclusive lock holds up
/// later shared ones.
/// </summary>
internal sealed class LockTable(TimeProvider time)
{
    public const string FenceKind = "(fence)";

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];

    /// <summary>Throws <see cref="TimeoutException"/> when the lock is not free in time.</summary>
    public async Task AcquireAsync(
        object owner, string kind, long from, long to, bool exclusive, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var entry = new Entry(owner, kind, from, to, exclusive);
        lock (_gate)
        {
            _entries.Add(entry);
            Grant();
        }

        if (entry.Granted.Task.IsCompletedSuccessfully)
        {
            return;
        }

        // Not Task.WaitAsync: it completes by way of the thread pool, where a simulation cannot follow.
        await using var timer = time.CreateTimer(
            _ => entry.Granted.TrySetException(new TimeoutException()), null, timeout, Timeout.InfiniteTimeSpan);
        await using var cancellation = cancellationToken.Register(() => entry.Granted.TrySetCanceled(cancellationToken));
        try
        {
            await entry.Granted.Task;
        }
        catch
        {
            lock (_gate)
            {
                _entries.Remove(entry);
                Grant();
            }

            throw;
        }
    }

    /// <summary>Whether anybody holds a lock on the key.</summary>
    public bool IsHeld(string kind, long id)
    {
        lock (_gate)
        {
            return _entries.Any(entry =>
                entry.Granted.Task.IsCompletedSuccessfully && entry.Kind == kind && entry.From <= id && id <= entry.To);
        }
    }

    public void Release(object owner, string? kind = null)
    {
        lock (_gate)
        {
            if (_entries.RemoveAll(entry => ReferenceEquals(entry.Owner, owner) && (kind is null || entry.Kind == kind)) > 0)
            {
                Grant();
            }
        }
    }

    private void Grant()
    {
        for (var i = 0; i < _entries.Count; i++)
        {
            var entry = _entries[i];
            if (!entry.Granted.Task.IsCompleted && !IsBarred(entry, i))
            {
                entry.Granted.TrySetResult();
            }
        }
    }

    private bool IsBarred(Entry entry, int place)
    {
        for (var i = 0; i < place; i++)
        {
            if (_entries[i].Bars(entry))
            {
                return true;
            }
        }

        return false;
    }

    private sealed record Entry(object Owner, string Kind, long From, long To, bool Exclusive)
    {
        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Bars(Entry later) =>
            !ReferenceEquals(Owner, later.Owner) && Kind == later.Kind && From <= later.To && later.From <= To
            && (Exclusive || later.Exclusive);

        public bool Equals(Entry? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }
}
