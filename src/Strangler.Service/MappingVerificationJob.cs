using System.Runtime.CompilerServices;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Service;

/// <summary>How far a verification over the real table has come.</summary>
public sealed record VerificationProgress(long Done, long Total, double RowsPerSecond, TimeSpan? Left, long Unreadable, long Violations);

/// <summary>Checks the laws of a context's mapping over its real legacy table. Reads only, in chunks, with constant memory.</summary>
public sealed class MappingVerificationJob(ContextHost host)
{
    private const int ChunkRows = 1000;

    /// <summary>Reads every row once; throws what the legacy store throws.</summary>
    public async Task<MappingVerification> RunAsync(string kind, IProgress<VerificationProgress>? progress, CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        var bounds = await host.Sides.Legacy.Store.BoundsAsync(kind, cancellationToken).ConfigureAwait(false);
        var began = host.Runtime.Time.GetTimestamp();
        var adapter = progress is null ? null : new Adapter(value =>
        {
            var seconds = Math.Max(0.001, host.Runtime.Time.GetElapsedTime(began).TotalSeconds);
            var rate = value.Rows / seconds;
            progress.Report(new VerificationProgress(
                value.Rows, bounds.Rows, rate, TimeSpan.FromSeconds(Math.Max(0, bounds.Rows - value.Rows) / Math.Max(1, rate)), value.Rows - value.Readable, value.Violations));
        });
        return await new MappingVerifier(host.Mappings[kind])
            .RunAsync(RowsAsync(kind, bounds, cancellationToken), adapter, cancellationToken)
            .ConfigureAwait(false);
    }

    private async IAsyncEnumerable<(long Id, AggregateRow Row)> RowsAsync(
        string kind, KeyBounds bounds, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var store = host.Sides.Legacy.Store;
        var from = bounds.From;
        while (from <= bounds.To && await store.ChunkEndAsync(kind, from, ChunkRows, cancellationToken).ConfigureAwait(false) is { } end)
        {
            var range = await store.ReadRangeAsync(kind, from, end, cancellationToken).ConfigureAwait(false);
            foreach (var item in range.Items.Where(item => item.Row is not null))
            {
                yield return (item.Id, item.Row!);
            }

            from = end + 1;
        }
    }

    private sealed class Adapter(Action<MappingVerificationProgress> act) : IProgress<MappingVerificationProgress>
    {
        public void Report(MappingVerificationProgress value) => act(value);
    }
}
