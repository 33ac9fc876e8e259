using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Telemetry;

namespace Strangler.Journal;

/// <summary>What a search for lost obligations came to.</summary>
/// <param name="Checked">Keys whose versions were compared.</param>
/// <param name="Lost">Keys whose follower is behind and no journal row says so.</param>
public sealed record ObligationReport(long Checked, IReadOnlyList<EntityKey> Lost);

/// <summary>
/// Finds lost obligations without a reconciliation: walks the entity rows of both sides and compares versions. Nothing can tell but this: the relay's lag is that
/// of the rows it has, and a row that is gone has none. All replicas share one walk, chunk by chunk.
/// </summary>
public sealed class ObligationCheck(ContextRuntime runtime)
{
    private const int Chunk = 1000;
    private const int MostListed = 1000;
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly ObligationLook _look = new(runtime);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<ObligationCheck>();

    private IObligationLog Findings => runtime.Sides.Obligations;

    /// <summary>Walks in the background until cancelled; idle where there is no follower. Failures are logged, and it goes on.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            var wait = LongestWait;
            try
            {
                wait = await StepAsync(cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                _log.ObligationCheckFailed(runtime.Context, Failures.Describe(exception), exception);
            }

            await Task.Delay(wait, runtime.Time, cancellationToken);
        }
    }

    /// <summary>
    /// Walks over everything now, apart from the shared walk. Throws <see cref="WrongStageException"/> where there is no follower, or when a flip comes in between.
    /// </summary>
    public async Task<ObligationReport> CheckAllAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        var hint = await runtime.Stage.RefreshAsync(cancellationToken);
        if (hint is null || !Stages.IsDual(hint.Stage))
        {
            throw Wrong(hint?.Stage ?? Stage.LegacyOnly);
        }

        long walked = 0;
        foreach (var kind in runtime.Kinds.Keys)
        {
            await ReviewAsync(kind, hint.Lead, cancellationToken);
            for (long? after = 0; after is { } at;)
            {
                var (next, keys) = await ChunkAsync(kind, hint.Lead, at, cancellationToken) ?? throw Wrong(hint.Stage);
                walked += keys;
                after = next;
            }
        }

        return new ObligationReport(walked, await KnownAsync(cancellationToken));
    }

    /// <summary>What is listed as lost, looked at again now: keys that were mended are taken off the list. At most 1,000 a kind.</summary>
    public async Task<IReadOnlyList<EntityKey>> ReviewAsync(CancellationToken cancellationToken)
    {
        if (await runtime.Stage.RefreshAsync(cancellationToken) is { } hint && Stages.IsDual(hint.Stage))
        {
            foreach (var kind in runtime.Kinds.Keys)
            {
                await ReviewAsync(kind, hint.Lead, cancellationToken);
            }
        }

        return await KnownAsync(cancellationToken);
    }

    /// <summary>One turn at the shared walk of each kind; returns how long to rest. Nothing is contacted where there is no follower.</summary>
    internal async Task<TimeSpan> StepAsync(CancellationToken cancellationToken)
    {
        if (runtime.Stage.Current is not { } hint || !Stages.IsDual(hint.Stage))
        {
            return runtime.Options.ObligationPause;
        }

        var wait = LongestWait;
        foreach (var kind in runtime.Kinds.Keys)
        {
            var turn = await Findings.TakeTurnAsync(kind, runtime.Replica, Lease, cancellationToken);
            var rest = turn.Walk is { } walk ? await WalkOnAsync(kind, hint, walk, cancellationToken) : turn.Wait;
            wait = rest < wait ? rest : wait;
        }

        return wait > runtime.Options.ObligationPause ? wait : runtime.Options.ObligationPause;
    }

    private async Task<TimeSpan> WalkOnAsync(string kind, StageHint hint, ObligationWalk walk, CancellationToken cancellationToken)
    {
        var at = walk.Epoch == hint.Fence.Epoch ? walk : new ObligationWalk(hint.Fence.Epoch, 0, 0);
        if (at.After == 0)
        {
            await ReviewAsync(kind, hint.Lead, cancellationToken);
        }

        var chunk = await ChunkAsync(kind, hint.Lead, at.After, cancellationToken);
        var completed = chunk is { Next: null };
        at = chunk is var (next, keys) ? at with { After = next ?? 0, Checked = at.Checked + keys } : at;
        var pause = completed ? runtime.Options.ObligationInterval : runtime.Options.ObligationPause;
        await Findings.EndTurnAsync(kind, runtime.Replica, at, completed, pause, cancellationToken);
        EngineMeter.LostObligationsAre(runtime.Context, (await KnownAsync(cancellationToken)).Count);
        return pause;
    }

    // Null: a flip came in between; the chunk is to be looked at again.
    private async Task<(long? Next, int Keys)?> ChunkAsync(string kind, SideName lead, long after, CancellationToken cancellationToken)
    {
        var page = await runtime.Sides.Of(lead).Store.VersionsAsync(kind, after, Chunk, cancellationToken);
        if (await _look.SuspectsAsync(kind, lead, page, cancellationToken) is not { } suspects
            || await _look.ConfirmAsync(kind, lead, suspects, cancellationToken) is not { } lost)
        {
            return null;
        }

        EngineMeter.ObligationsLookedAt(runtime.Context, page.Keys.Count);
        foreach (var id in lost)
        {
            await runtime.ReachAsync(HookPoint.ObligationFound, lead);
            if (await Findings.AddAsync(new EntityKey(kind, id), cancellationToken))
            {
                _log.ObligationLost(runtime.Context, kind, id);
            }
        }

        return (page.Keys.Count < Chunk ? null : page.Keys[^1].Id, page.Keys.Count);
    }

    private async Task ReviewAsync(string kind, SideName lead, CancellationToken cancellationToken)
    {
        var listed = await Findings.ListAsync(kind, MostListed, cancellationToken);
        if (listed.Count > 0 && await _look.ConfirmAsync(kind, lead, [.. listed], cancellationToken) is { } lost)
        {
            await Findings.RemoveAsync(kind, [.. listed.Except(lost)], cancellationToken);
        }
    }

    private async Task<List<EntityKey>> KnownAsync(CancellationToken cancellationToken)
    {
        List<EntityKey> known = [];
        foreach (var kind in runtime.Kinds.Keys)
        {
            known.AddRange((await Findings.ListAsync(kind, MostListed, cancellationToken)).Select(id => new EntityKey(kind, id)));
        }

        return known;
    }

    private WrongStageException Wrong(Stage stage) =>
        new(runtime.Context, "The search for lost obligations", stage, "DualWrite, ShadowRead or NewLeads, and no flip in between");
}
