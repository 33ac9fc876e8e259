using Microsoft.Extensions.Logging;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>Whose state a repair copies.</summary>
public enum RepairDirection
{
    /// <summary>The follower is brought to the lead's state: the usual way.</summary>
    LeadToFollower,

    /// <summary>The follower's state becomes a new write on the lead: when it is the lead that lost something.</summary>
    FollowerToLead,
}

/// <summary>What came of one key in a repair.</summary>
public enum RepairOutcome
{
    /// <summary>There is nothing to repair, or the relay is about to.</summary>
    Nothing,

    /// <summary>Dry run: the other side would get the rows of the side that is copied.</summary>
    WouldWrite,

    /// <summary>Dry run: the follower would lose its rows.</summary>
    WouldRemove,

    /// <summary>Dry run: what another program wrote to legacy would be merged into the new side, which leads.</summary>
    WouldMerge,

    Written,

    Removed,

    Merged,

    /// <summary>A write came in since it was looked at; it stands.</summary>
    ChangedMeanwhile,

    /// <summary>A repair could destroy what nobody else has; the note says what to do instead.</summary>
    Refused,

    Failed,
}

/// <summary>One key of a repair.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Verdict">What was found; null when neither side has it and neither should.</param>
/// <param name="Outcome">What came of it.</param>
/// <param name="Fields">Where the sides differed before; masked.</param>
/// <param name="Note">Why.</param>
public sealed record RepairStep(long Id, Verdict? Verdict, RepairOutcome Outcome, IReadOnlyList<FieldDifference> Fields, string Note);

/// <summary>What a repair did.</summary>
/// <param name="DryRun">Whether nothing was written.</param>
/// <param name="Counts">Keys per outcome; every outcome is there.</param>
/// <param name="Recheck">The repaired keys, reconciled anew; null when none was. Not a full run: that must follow.</param>
public sealed record RepairResult(bool DryRun, IReadOnlyDictionary<RepairOutcome, long> Counts, ReconciliationReport? Recheck)
{
    public long Repaired => Counts[RepairOutcome.Written] + Counts[RepairOutcome.Removed] + Counts[RepairOutcome.Merged];
}

/// <summary>
/// Copies the lead's state of given keys to the follower, by the same path and locks as every apply, and only where both sides still are at
/// what was looked at: a write that comes in between stands. What another program wrote to legacy while that follows is merged instead. Every attempt is in the audit trail before it is made: key and fields, never values.
/// </summary>
public sealed class RepairJob
{
    private const int Batch = 200;

    private readonly ContextRuntime _runtime;
    private readonly ReconciliationOptions _options;
    private readonly FollowerApplier _applier;
    private readonly ReverseRepair _reverse;
    private readonly MergeRepair _merge;
    private readonly ValueMask _mask;
    private readonly TransientRetry _retry;
    private readonly ILogger _log;

    /// <param name="runtime">The context.</param>
    /// <param name="options">Declared differences (they are not repaired) and how the keys are re-checked; null: the defaults.</param>
    public RepairJob(ContextRuntime runtime, ReconciliationOptions? options = null)
    {
        _runtime = runtime;
        _options = options ?? new ReconciliationOptions();
        _options.Validate();
        _applier = new FollowerApplier(runtime);
        _reverse = new ReverseRepair(runtime);
        _merge = new MergeRepair(runtime);
        _mask = new ValueMask(runtime.Hasher);
        _log = runtime.Loggers.CreateLogger<RepairJob>();
        _retry = new TransientRetry(runtime.Time, 5, TimeSpan.FromMilliseconds(200));
    }

    /// <summary>Whose state is copied.</summary>
    public RepairDirection Direction { get; init; }

    /// <summary>
    /// The boolean field that says that personal data was erased; null: there is none. From follower to lead, what the lead has erased is
    /// never brought back.
    /// </summary>
    public string? ErasedBy { get; init; }

    /// <summary>
    /// Repairs the keys given. Throws <see cref="WrongStageException"/> in LegacyOnly and NewOnly, <see cref="ReplicaException"/> where a
    /// side is a replica, and <see cref="ArgumentException"/>
    /// without actor or
    /// reason. A real run is a disturbance: gates ask for a full clean reconciliation that began after it.
    /// </summary>
    public async Task<RepairResult> RunAsync(
        string kind,
        IReadOnlyList<long> ids,
        bool dryRun,
        string actor,
        string reason,
        IProgress<RepairStep>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        using var background = Lane.EnterBackground();
        var entities = _runtime.Kind(kind);
        var reader = new PairReader(_runtime, entities);
        var (_, fence) = await reader.RequireDualAsync("Repair", cancellationToken);
        await ReplicaException.RequirePrimariesAsync(_runtime, cancellationToken);
        var now = await _runtime.Sides.Reconciliations.UtcNowAsync(cancellationToken);
        var classifier = await Reconciler.CreateClassifierAsync(_runtime, entities, _options, fence, now, cancellationToken);
        if (!dryRun)
        {
            await _runtime.Sides.Reconciliations.DisturbAsync($"repair of {ids.Count} keys of {kind} by {actor}", cancellationToken);
        }

        var shared = await _runtime.Sides.New.Store.SharedAsync(kind, ReconciliationPass.MostShared, cancellationToken);
        var counts = Enum.GetValues<RepairOutcome>().ToDictionary(outcome => outcome, _ => 0L);
        List<long> repaired = [];
        foreach (var batch in ids.Distinct().Order().Chunk(Batch))
        {
            foreach (var pair in await reader.ReadKeysAsync(batch, withClocks: true, cancellationToken))
            {
                var finding = pair.Lead is null ? Finding.Gone
                    : SharedWith(shared, pair.Id) is { } other ? ReconciliationPass.Sharing(pair, other)
                    : classifier.Classify(pair);
                var step = await RepairAsync(pair, finding, entities, dryRun, (actor, reason), cancellationToken);
                counts[step.Outcome]++;
                progress?.Report(step);
                if (!dryRun && step.Outcome != RepairOutcome.Nothing)
                {
                    _log.Repaired(_runtime.Context, kind, step.Id, actor, step.Outcome);
                }

                if (step.Outcome is RepairOutcome.Written or RepairOutcome.Removed or RepairOutcome.Merged)
                {
                    repaired.Add(pair.Id);
                }
            }
        }

        return new RepairResult(dryRun, counts, await RecheckAsync(kind, repaired, cancellationToken));
    }

    // Of two public ids on one row, either could write over what is the other's.
    private static long? SharedWith(IReadOnlyDictionary<long, long> shared, long id) =>
        shared.TryGetValue(id, out var first) ? first
        : shared.Where(pair => pair.Value == id).Select(pair => (long?)pair.Key).FirstOrDefault();

    private async Task<RepairStep> RepairAsync(
        PairView pair, Finding finding, EntityKind kind, bool dryRun, (string Actor, string Reason) by, CancellationToken cancellationToken)
    {
        var (plan, why) = Direction == RepairDirection.LeadToFollower
            ? RepairRules.Decide(pair, finding)
            : RepairRules.DecideReverse(pair, finding, ErasedBy);
        var fields = finding.Verdict is null ? [] : Findings.Describe(pair, finding, kind.Legacy.Lens.Schema, _mask).Fields;
        var step = new RepairStep(pair.Id, finding.Verdict, RepairOutcome.Nothing, fields, why.Length > 0 ? why : finding.Note);
        return plan switch
        {
            RepairPlan.Nothing => step,
            RepairPlan.Refuse => step with { Outcome = RepairOutcome.Refused },
            _ when dryRun => step with { Outcome = Outcome(plan, dryRun: true) },
            _ => await ApplyAsync(pair, kind, step, plan, by, cancellationToken),
        };
    }

    private async Task<RepairStep> ApplyAsync(
        PairView pair, EntityKind kind, RepairStep step, RepairPlan plan, (string Actor, string Reason) by,
        CancellationToken cancellationToken)
    {
        var (lead, follower) = (pair.Lead!.Value, Stages.Other(pair.Lead.Value));
        var key = new EntityKey(kind.Name, pair.Id);
        var seen = new SeenStates(pair.Of(lead).Present, pair.Of(lead).Entity, pair.Of(follower).Entity);
        await AuditAsync(pair, step, key, by, cancellationToken);
        try
        {
            var result = await _retry.RunAsync(
                () => Direction == RepairDirection.LeadToFollower && plan != RepairPlan.Merge
                    ? _applier.RepairAsync(key, follower, seen, cancellationToken)
                    : WriteOnLeadAsync(
                        key, lead,
                        plan == RepairPlan.Merge
                            ? _merge.RunAsync(key, seen, by.Actor, cancellationToken)
                            : _reverse.RunAsync(key, lead, seen, by.Actor, cancellationToken),
                        cancellationToken),
                _ => { },
                cancellationToken);
            return result switch
            {
                ApplyResult.Applied => step with { Outcome = Outcome(plan, dryRun: false) },
                ApplyResult.ChangedMeanwhile =>
                    step with { Outcome = RepairOutcome.ChangedMeanwhile, Note = "changed meanwhile; look again" },
                _ => step with { Outcome = RepairOutcome.Failed, Note = "a flip came in between; try again" },
            };
        }
        catch (Exception exception) when (exception is not OperationCanceledException
            && (Failures.IsPermanent(exception) || Failures.IsTransient(exception)))
        {
            return step with { Outcome = RepairOutcome.Failed, Note = Failures.Describe(exception) };
        }
    }

    private static RepairOutcome Outcome(RepairPlan plan, bool dryRun) => plan switch
    {
        RepairPlan.Write => dryRun ? RepairOutcome.WouldWrite : RepairOutcome.Written,
        RepairPlan.Merge => dryRun ? RepairOutcome.WouldMerge : RepairOutcome.Merged,
        _ => dryRun ? RepairOutcome.WouldRemove : RepairOutcome.Removed,
    };

    // The write has happened with the lead's commit; what the follower misses of it is the relay's, should it fail now.
    private async Task<ApplyResult> WriteOnLeadAsync(EntityKey key, SideName lead, Task<ApplyResult> write, CancellationToken cancellationToken)
    {
        var result = await write;
        if (result == ApplyResult.Applied)
        {
            await _runtime.InlineApply.RunAsync(key, Stages.Other(lead), new CarriedWrite(default, null), cancellationToken);
        }

        return result;
    }

    private Task AuditAsync(
        PairView pair, RepairStep step, EntityKey key, (string Actor, string Reason) by, CancellationToken cancellationToken)
    {
        var fields = string.Join(", ", step.Fields.Select(field => field.Field));
        var stage = pair.Fence.Stage.ToString();
        var way = Direction == RepairDirection.LeadToFollower ? "" : "follower to lead, ";
        var detail = $"{key}: {way}{step.Verdict}{(fields.Length > 0 ? $" in {fields}" : "")}";
        return _runtime.Sides.Of(pair.Lead!.Value).Audit.AppendAsync(
            new AuditEntry(default, by.Actor, "repair", stage, stage, pair.Fence.Epoch, false, by.Reason, detail), cancellationToken);
    }

    private async Task<ReconciliationReport?> RecheckAsync(string kind, List<long> repaired, CancellationToken cancellationToken) =>
        repaired.Count == 0
            ? null
            : await new Reconciler(_runtime, _options).RunAsync(
                new ReconciliationScope { Kind = kind, Keys = repaired }, progress: null, cancellationToken);
}
