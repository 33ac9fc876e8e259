using Strangler.Capture;

namespace Strangler.Tests.Doubles;

/// <summary>Always there, unless a test says otherwise: <see cref="InMemorySides.WriteForeign"/> is its trigger.</summary>
internal sealed class InMemoryCapture(InMemoryConnection connection) : ICapture
{
    public Task<CaptureState> LookAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("capture", () => new CaptureState([], connection.Database.CaptureFault is { } fault ? [fault] : [], []), cancellationToken);

    public Task<IReadOnlyList<string>> PlanInstallAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

    public Task<IReadOnlyList<string>> PlanRemoveAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

    public Task<int> InstallAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken) => Task.FromResult(0);

    public Task<int> RemoveAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken) => Task.FromResult(0);

    public Task<ForeignWrites> WaitingAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("waiting", () =>
        {
            var rows = connection.Database.Journal.Where(row => row.ForeignSeq > 0).ToList();
            return new ForeignWrites(rows.Count, rows.MaxBy(row => row.Seq)?.CreatedUtc, []);
        }, cancellationToken);

    public Task<int> ResolveAsync(int limit, CancellationToken cancellationToken) => Task.FromResult(0);
}
