using Strangler.Reconciliation;

namespace Strangler.Service.Http.Admin;

/// <summary>Repairs that are answered when they are done, so of few keys.</summary>
internal static class RepairDesk
{
    /// <summary>More are repaired on the command line.</summary>
    public const int MostKeys = 500;

    /// <summary>What it did, or would do, and the steps; no result where there are no keys.</summary>
    public static async Task<(RepairResult? Result, IReadOnlyList<RepairStep> Steps)> RunAsync(
        ApiRequest request, string kind, IReadOnlyList<long> ids, RepairDirection direction, bool dryRun, string reason, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var steps = new Collected();
        var job = new RepairJob(host.Runtime, host.ReconciliationOptions) { Direction = direction, ErasedBy = host.Mappings[kind].ErasedBy };
        var result = ids.Count == 0 ? null : await job.RunAsync(kind, ids, dryRun, request.Actor, reason, steps, cancellationToken).ConfigureAwait(false);
        return (result, steps.All);
    }

    private sealed class Collected : IProgress<RepairStep>
    {
        public List<RepairStep> All { get; } = [];

        public void Report(RepairStep value) => All.Add(value);
    }
}
