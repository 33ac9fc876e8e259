namespace Strangler.IntegrationTests.EachContext;

/// <summary>Relays and writers that end with the test, also with one that fails: first the writers, then the relays.</summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopWriters = new();
    private readonly CancellationTokenSource _stopRelays = new();
    private List<Task> _relays = [];
    private List<Task> _writers = [];

    public static Load Start(IReadOnlyList<Func<CancellationToken, Task>> relays, IReadOnlyList<Func<CancellationToken, Task>> writers)
    {
        var load = new Load();
        load._relays = [.. relays.Select(relay => Task.Run(() => relay(load._stopRelays.Token)))];
        load._writers = [.. writers.Select(writer => Task.Run(() => writer(load._stopWriters.Token)))];
        return load;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopWriters.CancelAsync();
        var failed = await Task.WhenAll(_writers).ContinueWith(all => all.Exception, TaskScheduler.Default);
        await _stopRelays.CancelAsync();
        foreach (var relay in _relays)
        {
            await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _stopWriters.Dispose();
        _stopRelays.Dispose();
        if (failed is not null)
        {
            throw failed;
        }
    }
}
