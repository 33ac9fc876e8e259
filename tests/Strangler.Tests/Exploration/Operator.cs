using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>Moves the context to and fro, without asking what another operator is doing.</summary>
internal sealed class Operator(World world, int number)
{
    private readonly Random _random = world.Random;

    public async Task RunAsync(int acts)
    {
        while (acts-- > 0)
        {
            await world.DelayAsync(_random.Next(3) == 0 ? _random.Next(8_000) : _random.Next(400));
            var process = world.Any();
            var act = _random.Next(20);
            world.Trace?.Say($"< operator {number} goes to {process.Memory.Name}, act {act}");
            try
            {
                await process.TryAsync(ActAsync(process, act));
            }
            catch (Exception exception) when (IsExpected(exception))
            {
                world.Trace?.Say($"> operator {number} meets {exception.GetType().Name}: {exception.Message}");
            }
        }
    }

    public static bool IsExpected(Exception exception) =>
        exception is CutoverException or GateException or FenceBusyException or SideUnavailableException or CommitOutcomeUnknownException
            or WrongStageException or SwitchingException or InvalidOperationException { Message: "odd" };

    public static Task<BackfillResult> BackfillAsync(ModelProcess process, Random random) =>
        new BackfillJob(process.Runtime, new BackfillOptions
        {
            FirstChunk = random.Next(1, 4), MaxChunk = 4, Attempts = 3, PauseForLag = false,
        }).RunAsync(TestLens.Kind, null, default);

    private async Task ActAsync(ModelProcess process, int act)
    {
        var request = new CutoverRequest
        {
            Actor = $"o{number}", Reason = "model", Force = act is 0 or 9 || (world.Lead().Journal.Exists(row => row.Parked) && _random.Next(2) == 0),
            TypedConfirmation = _random.Next(6) == 0 ? "notes" : null,
        };
        switch (act)
        {
            case < 9:
                await ForwardAsync(process, request);
                break;
            case < 15:
                await process.Cutover.BackAsync(request, null, default);
                break;
            case < 17:
                await process.Cutover.ResumeAsync(request, null, default);
                break;
            case < 19:
                await process.Cutover.AbortAsync(request, default);
                break;
            default:
                await BackfillAsync(process, _random);
                break;
        }

        if (act % 4 == 0)
        {
            await new JournalThinning(process.Runtime).ThinAsync(_random.Next(2) == 0 ? SideName.Legacy : SideName.New, default);
        }
    }

    private async Task ForwardAsync(ModelProcess process, CutoverRequest request)
    {
        var status = await process.Cutover.StatusAsync(default);
        if (status.Stage is Stage.DualWrite or Stage.ShadowRead && _random.Next(4) > 0)
        {
            await BackfillAsync(process, _random);
        }

        ReconcileOnPaper();

        // Force never replaces the backfill: that a flip without it loses what it would have brought is known.
        var isFilled = status.Legacy is { } fence
            && world.Of(SideName.New).Checkpoints.GetValueOrDefault(TestLens.Kind) is { Phase: BackfillPhase.Done } done
            && done.DualEpoch == fence.DualEpoch;
        await process.Cutover.AdvanceAsync(
            new CutoverRequest
            {
                Actor = request.Actor, Reason = request.Reason, TypedConfirmation = request.TypedConfirmation,
                Force = request.Force && isFilled && status.Stage == Stage.ShadowRead, Target = status.Stage + 1,
            },
            null, default);
    }

    // Reconciliation has tests of its own; here only its gate has to open.
    private void ReconcileOnPaper()
    {
        var database = world.Of(SideName.New);
        var now = database.UtcNow + TimeSpan.FromMilliseconds(1);
        var latest = database.LastDisturbance is { } disturbed && disturbed >= now ? disturbed + TimeSpan.FromMilliseconds(1) : now;
        database.Runs.Add((new ReconciliationRun(database.Runs.Count + 1, latest, latest, true, "clean", "{}"), ""));
    }
}
