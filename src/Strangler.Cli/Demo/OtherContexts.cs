using System.Globalization;
using Strangler.Backfill;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Demo;

/// <summary>The end of the demo: every other context goes the same way from LegacyOnly to NewLeads, beside donations in the same databases.</summary>
internal sealed class OtherContexts(CommandRun run, DemoServers servers, DemoSummary summary, Action<string> step, Action<string> detail)
{
    public async Task TellAsync(int rows, int seed, CancellationToken cancellationToken)
    {
        step($"Other contexts: about {rows:N0} rows of each kind; verified, captured, backfilled, reconciled, and moved to NewLeads one after the other");
        var filled = await LegacyFundraising.FillOthersAsync(servers.Legacy.OpenAsync, rows, seed, cancellationToken).ConfigureAwait(false);
        var moved = 0;
        foreach (var context in DemoServers.Contexts.Where(name => name != DonationsContext.Name))
        {
            await using var host = servers.Open(run, context);
            var kinds = filled.Where(kind => kind.Context == context).ToList();
            moved += await MoveAsync(host, [.. kinds.Select(kind => (kind.Kind, kind.Rows, kind.Unreadable))], cancellationToken).ConfigureAwait(false) ? 1 : 0;
        }

        summary.Check("other contexts that lead on the new side, both sides alike", moved, DemoServers.Contexts.Count - 1);
        step("Fates: what becomes of every legacy table");
        var fates = await FateList.ReadAsync(servers.Configuration(), run.Loggers, run.Time, cancellationToken).ConfigureAwait(false);
        detail(string.Join(", ", fates.GroupBy(row => row.Fate).Select(group => $"{group.Count()} {group.Key?.ToString().ToLowerInvariant() ?? "undeclared"}")));
        summary.Check("legacy tables whose fate nobody has declared", fates.Count(row => row.Fate is null), 0);
    }

    private async Task<bool> MoveAsync(ContextHost host, List<(string Kind, int Rows, int Unreadable)> kinds, CancellationToken cancellationToken)
    {
        var began = run.Time.GetTimestamp();
        var isGood = kinds.Count > 0;
        foreach (var (kind, _, unreadable) in kinds)
        {
            var verified = await new MappingVerificationJob(host).RunAsync(kind, null, cancellationToken).ConfigureAwait(false);
            isGood &= verified.Violations == 0 && verified.Unreadable == unreadable;
        }

        await host.Capture.InstallAsync("demo", TimeSpan.FromSeconds(30), null, cancellationToken).ConfigureAwait(false);
        await AdvanceAsync(host, cancellationToken).ConfigureAwait(false);
        var written = 0L;
        foreach (var (kind, rows, unreadable) in kinds)
        {
            var result = await new BackfillJob(host.Runtime, new BackfillOptions()).RunAsync(kind, null, cancellationToken).ConfigureAwait(false);
            await host.Sides.Quarantine.SignOffAsync(kind, null, "demo", "damaged on purpose by the generator", cancellationToken).ConfigureAwait(false);
            written += result.Written;
            isGood &= result.Written >= rows - unreadable && result.Quarantined == unreadable;
        }

        foreach (var _ in new[] { Stage.ShadowRead, Stage.NewLeads })
        {
            isGood &= await IsCleanAsync(host, cancellationToken).ConfigureAwait(false);
            await AdvanceAsync(host, cancellationToken).ConfigureAwait(false);
        }

        isGood &= await IsCleanAsync(host, cancellationToken).ConfigureAwait(false);
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        detail(string.Create(
            CultureInfo.InvariantCulture,
            $"{host.Name}: {written:N0} written, {kinds.Sum(kind => kind.Unreadable)} in quarantine, both sides {(isGood ? "alike" : "NOT ALIKE")}, {view.Stage}, {run.Time.GetElapsedTime(began).TotalSeconds:0.0} s"));
        return isGood && view.Stage == Stage.NewLeads;
    }

    private static Task<StageView> AdvanceAsync(ContextHost host, CancellationToken cancellationToken) =>
        host.Cutover.AdvanceAsync(new CutoverRequest { Actor = "demo", Reason = "the demo's plan" }, null, cancellationToken);

    private static async Task<bool> IsCleanAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var isClean = true;
        foreach (var kind in host.Runtime.Kinds.Keys)
        {
            var options = host.ReconciliationOptions;
            options.GentleAbove = 0;
            var report = await host.Reconciler(options).RunAsync(new ReconciliationScope { Kind = kind }, null, cancellationToken).ConfigureAwait(false);
            isClean &= report.Outcome == ReconciliationOutcome.Clean;
        }

        return isClean;
    }
}
