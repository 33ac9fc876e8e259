using Strangler.Reconciliation;

namespace Strangler.Tests.Doubles;

internal sealed class InMemoryReconciliationLease(InMemoryConnection connection) : IReconciliationLease
{
    private InMemoryDatabase Database => connection.Database;

    public Task<LeaseHolder> AcquireAsync(LeaseHolder holder, string? insteadOf, TimeSpan length, CancellationToken cancellationToken) =>
        connection.StepAsync("lease", () =>
        {
            var now = Database.UtcNow;
            if (Database.Reconciler is not { } present || present.Token == insteadOf || present.UntilUtc < now)
            {
                Database.Reconciler = holder with { SinceUtc = now, UntilUtc = now + length };
            }

            return Database.Reconciler;
        }, cancellationToken);

    public Task<bool> RenewAsync(string token, TimeSpan length, CancellationToken cancellationToken) =>
        connection.StepAsync("renew", () =>
        {
            var isOurs = Database.Reconciler?.Token == token;
            Database.Reconciler = isOurs ? Database.Reconciler! with { UntilUtc = Database.UtcNow + length } : Database.Reconciler;
            return isOurs;
        }, cancellationToken);

    public Task ReleaseAsync(string token, CancellationToken cancellationToken) =>
        connection.StepAsync("release", () => { Database.Reconciler = Database.Reconciler?.Token == token ? null : Database.Reconciler; },
            cancellationToken);

    public Task<bool> SaveAsync(string token, RunCheckpoint checkpoint, CancellationToken cancellationToken) =>
        connection.StepAsync("run-checkpoint", () =>
        {
            var isOurs = Database.Reconciler?.Token == token;
            if (isOurs)
            {
                Database.RunCheckpoints[checkpoint.RunId] = checkpoint with { SavedUtc = Database.UtcNow };
            }

            return isOurs;
        }, cancellationToken);

    public Task<RunCheckpoint?> LatestAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "run-latest",
            () => Database.RunCheckpoints.Values
                .Where(checkpoint => checkpoint.Kind == kind && Database.Runs[(int)checkpoint.RunId - 1].Run.EndedUtc is null)
                .MaxBy(checkpoint => checkpoint.RunId),
            cancellationToken);

    public Task ForgetAsync(string kind, long run, bool older, CancellationToken cancellationToken) =>
        connection.StepAsync("run-forget", () =>
        {
            foreach (var id in Database.RunCheckpoints.Keys.Where(id => id == run || (older && id < run)).ToList())
            {
                Database.RunCheckpoints.Remove(id);
            }
        }, cancellationToken);
}
