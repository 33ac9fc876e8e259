using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Telemetry;

namespace Strangler.Merging;

/// <summary>What a merge came to.</summary>
public enum MergeResult
{
    /// <summary>The new side has what the other program wrote, as a version of its own; legacy has to be brought along.</summary>
    Merged,

    /// <summary>It had it already.</summary>
    Nothing,

    /// <summary>The new side does not lead (any more, or it is being switched).</summary>
    NotLead,

    /// <summary>An operator's decision: since it was shown to him, either side has changed. Nothing was written.</summary>
    ChangedMeanwhile,
}

/// <summary>An operator's decision about what was shown to him.</summary>
internal sealed record SeenConflict(EntityVersion Version, long ForeignSeq, MergeDecision Decision);

/// <summary>
/// Takes a write of another program to legacy into the new side while that leads (PROTOCOL §4): one transaction on the lead, with its
/// fence's shared lock and its entity lock; legacy's rows and entity row are read under it in one snapshot; version + 1, journal row, and
/// the foreign write counts as seen. Legacy is then brought along as after any other write, by an apply that compares (version,
/// foreign_seq) under legacy's own lock.
/// </summary>
/// <remarks>
/// Why nothing is lost: what comes into legacy after the snapshot raises foreign_seq beyond the one merged, so the apply refuses to write
/// over it, and its journal row stands. Why nothing goes to and fro: our own writes to legacy raise no foreign_seq. Killed anywhere, it
/// is repeated: until the COMMIT nothing has happened, and after it foreign_seq says that it has.
/// <para>
/// Why a flip cannot slip in between: only a fence that says lead is accepted, and the flip's first step waits for the shared lock. While
/// the new side is being switched nothing is written there, or the drained journal would not stay empty; then <see cref="FollowerMerge"/>
/// brings what it owes into legacy around the foreign changes, and these are ordinary news of legacy as soon as that leads.
/// </para>
/// <para>
/// Which state both sides last agreed on: the one that the new side accepted, or last merged, unless legacy has since accepted one of the
/// new side's own. Of an entity that legacy had before anything was written (the backfill's), legacy has no hashes; the new side keeps
/// those of what it accepted beside its own.
/// </para>
/// </remarks>
internal sealed class ForeignMerge(ContextRuntime runtime)
{
    private readonly ILogger _log = runtime.Loggers.CreateLogger<ForeignMerge>();

    private ContextSides Sides => runtime.Sides;

    /// <summary>
    /// Throws <see cref="MergeConflictException"/> (after listing the key), <see cref="UnreadableException"/> (after listing it in
    /// quarantine) and <see cref="RegressionException"/>: those do not pass by themselves.
    /// </summary>
    public async Task<MergeResult> MergeAsync(EntityKey key, SeenConflict? seen, CancellationToken cancellationToken)
    {
        var (result, foreignSeq) = await TryAsync(key, seen, cancellationToken);
        if (result is MergeResult.Merged or MergeResult.Nothing)
        {
            await Sides.Legacy.Journal.SettleForeignAsync(key, foreignSeq, cancellationToken);
            await runtime.ReachAsync(HookPoint.MergeSettled, SideName.Legacy);
        }

        return result;
    }

    private async Task<(MergeResult Result, long ForeignSeq)> TryAsync(EntityKey key, SeenConflict? seen, CancellationToken cancellationToken)
    {
        await runtime.ReachAsync(HookPoint.MergeBeforeBegin, SideName.New);
        var states = new MergeStates(runtime, key);
        MergeOutcome outcome;
        await using (var transaction = await Sides.New.Store.BeginAsync(new WriteIntent(key), cancellationToken))
        {
            await runtime.ReachAsync(HookPoint.MergeBegun, SideName.New);
            var state = transaction.State;
            if (state.Fence.Role != FenceRole.Lead || !Stages.IsDual(state.Fence.Stage))
            {
                return (MergeResult.NotLead, 0);
            }

            var legacy = await Sides.Legacy.Store.ReadAsync(key, cancellationToken);
            await runtime.ReachAsync(HookPoint.MergeLegacyRead, SideName.Legacy);
            var (mine, theirs) = (state.Entity?.ForeignSeq ?? 0, legacy.Entity?.ForeignSeq ?? 0);
            if (theirs <= mine)
            {
                // Legacy's journal rows go on the strength of it.
                await transaction.ConfirmAsync(cancellationToken);
                return (MergeResult.Nothing, mine);
            }

            if (seen is not null && (seen.ForeignSeq != theirs || seen.Version != state.Version(state.Fence.DualEpoch)))
            {
                return (MergeResult.ChangedMeanwhile, 0);
            }

            outcome = await states.DecideAsync(state, legacy, seen?.Decision, cancellationToken);
            if (outcome.Conflicts.Count == 0)
            {
                if (seen is null)
                {
                    await states.TellAsync(outcome, _log, cancellationToken);
                }

                await WriteAsync(transaction, states, outcome, legacy, cancellationToken);
                EngineMeter.Merged(runtime.Context, seen is not null ? "resolved" : outcome.Decided.Count > 0 ? "decided" : "merged");
                return (MergeResult.Merged, theirs);
            }
        }

        throw await states.ListAsync(outcome, _log, cancellationToken);
    }

    private async Task WriteAsync(
        ISideTransaction transaction, MergeStates states, MergeOutcome outcome, SideState legacy, CancellationToken cancellationToken)
    {
        var (key, state) = (states.Key, transaction.State);
        var kind = runtime.Kind(key.Kind);
        var held = await kind.New.PutAsync(transaction, key, outcome.Record, cancellationToken);
        var version = state.Version(state.Fence.DualEpoch).Next();
        var foreignSeq = legacy.Entity!.ForeignSeq;
        var writer = $"foreign {await states.WriterAsync(cancellationToken)}";
        var hashes = EntityState.Sign(held is null ? [] : runtime.Hasher.Hash(held), runtime.Random);
        var merged = states.Legacy is null ? [] : AcceptedHashes.Of(runtime.Hasher, states.Legacy, held, states.Base);
        await transaction.SetEntityAsync(
            key,
            new EntityState(version, foreignSeq, held is null, hashes)
            {
                Writer = writer, Base = new AcceptedBase(states.AgreedVersion(state, legacy), merged),
            },
            cancellationToken);
        await transaction.AppendJournalAsync(key, version, writer, cancellationToken, foreignSeq);
        await transaction.ForgetConflictAsync(key, cancellationToken);
        if (state.IsQuarantined)
        {
            await transaction.LiftQuarantineAsync(key, cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        await runtime.ReachAsync(HookPoint.MergeBeforeCommit, SideName.New);
        await transaction.CommitAsync(CancellationToken.None);
        await runtime.ReachAsync(HookPoint.MergeCommitted, SideName.New);
    }
}

/// <summary>Both sides of one key as a merge has read them.</summary>
internal sealed class MergeStates(ContextRuntime runtime, EntityKey key)
{
    private readonly EntityKind _kind = runtime.Kind(key.Kind);
    private SideState? _new;
    private SideState? _legacyState;
    private string? _writer;

    public EntityKey Key => key;

    public Record? Legacy { get; private set; }

    public Record? New { get; private set; }

    /// <summary>What both sides had agreed on before; null where that is not known, or was nothing.</summary>
    public MergeBase? Base { get; private set; }

    /// <summary>
    /// Throws <see cref="UnreadableException"/> and <see cref="RegressionException"/>.
    /// </summary>
    public async Task<MergeOutcome> DecideAsync(SideState @new, SideState legacy, MergeDecision? decision, CancellationToken cancellationToken)
    {
        (_new, _legacyState) = (@new, legacy);
        var agreed = @new.Entity is { IsSigned: true } ? await runtime.Sides.Merges.BaseAsync(key, cancellationToken) : null;
        RefuseRegression(agreed);
        Legacy = await LegacyRows.ReadAsync(runtime, key, _legacyState.Row, cancellationToken);
        New = DualWriter.Decode(_kind.New.Lens, key, @new.Row);
        var input = WithBase(
            new MergeInput(Legacy, New, _kind.Merging, _kind.Legacy.Lens)
            {
                IsNewUntouched = @new.Entity is { IsSigned: false }, Decision = decision,
            },
            agreed);
        Base = input.Base;
        var outcome = FieldMerge.Decide(input);
        if (outcome.AsksTimes)
        {
            outcome = FieldMerge.Decide(input with { Later = await LaterAsync(cancellationToken) });
        }

        return outcome.Conflicts.Count > 0 ? outcome : WhatLegacyCanHold(outcome);
    }

    /// <summary>The version of legacy's state that the merge has taken in: from here on that is what both sides agree on.</summary>
    public EntityVersion AgreedVersion(SideState @new, SideState legacy)
    {
        var known = legacy.Entity!.Version;
        var floor = new EntityVersion(@new.Fence.DualEpoch, 0);
        return known > floor ? known : floor;
    }

    /// <summary>The database user who wrote to legacy last; empty when that is not known any more.</summary>
    public async Task<string> WriterAsync(CancellationToken cancellationToken) =>
        _writer ??= (await runtime.Sides.Legacy.Journal.ForeignWritesAsync(key, above: 0, cancellationToken))?.Actor ?? "";

    /// <summary>
    /// Lost is only what somebody has declared; log and audit trail say so, by names of fields. Before it happens: killed in between, it
    /// is told twice. What was at stake are the new side's versions that legacy had not accepted, and the other programs' writes that the
    /// new side had not seen: of these the loser's are gone, in the fields named. Of an entity that one side had deleted these are all of
    /// its fields, for no image is kept.
    /// </summary>
    public async Task TellAsync(MergeOutcome outcome, ILogger log, CancellationToken cancellationToken)
    {
        if (outcome.Decided.Count == 0)
        {
            return;
        }

        var decided = string.Join(", ", outcome.Decided.Select(field => $"{field.Field} = {field.Winner.ToString().ToLowerInvariant()}"));
        log.Decided(runtime.Context, key.Kind, key.Id, decided);
        var atStake = $"the new side's writes after {AgreedVersion(_new!, _legacyState!)} up to {_new!.Version(_new.Fence.DualEpoch)}, "
            + $"other programs' after {_new.Entity?.ForeignSeq ?? 0} up to {_legacyState!.Entity!.ForeignSeq}";
        var stage = _new.Fence.Stage.ToString();
        await runtime.Sides.New.Audit.AppendAsync(
            new AuditEntry(
                default, runtime.Replica, "merge", stage, stage, _new.Fence.Epoch, false, "both sides had changed it; the declared owner decides",
                $"{key}: {decided}; {atStake}"),
            cancellationToken);
    }

    /// <summary>Lists the key; what is to be thrown then.</summary>
    public async Task<MergeConflictException> ListAsync(MergeOutcome outcome, ILogger log, CancellationToken cancellationToken)
    {
        var mask = new ValueMask(runtime.Hasher);
        var fields = outcome.Conflicts.Select(name => name == FieldMerge.Existence
            ? new ConflictField(name, Legacy is null ? null : ConflictValues.Encode(Legacy, mask), New is null ? null : ConflictValues.Encode(New, mask))
            : Clash(New!.Schema.Fields[New.Schema.OrdinalOf(name)])).ToList();
        var version = _new!.Version(_new.Fence.DualEpoch);
        await runtime.Sides.Merges.PutAsync(
            new Conflict(key, version, _legacyState!.Entity!.ForeignSeq, outcome.Reason, fields, default, await WriterAsync(cancellationToken)), cancellationToken);
        await runtime.ReachAsync(HookPoint.MergeConflictListed, SideName.New);
        EngineMeter.Merged(runtime.Context, "conflict");
        log.InConflict(
            runtime.Context, key.Kind, key.Id, string.Join(", ", outcome.Conflicts), outcome.Reason.Length > 0 ? outcome.Reason : "no owner is declared");
        return new MergeConflictException(runtime.Context, key, outcome.Conflicts, outcome.Reason);

        ConflictField Clash(RecordField field) => new(
            field.Name, ConflictValues.Encode(field, Legacy!.Values[field.Ordinal], mask), ConflictValues.Encode(field, New!.Values[field.Ordinal], mask));
    }

    // Legacy's own write as lead that the new side never got, or two of the same version: a forced flip left it behind.
    private void RefuseRegression(AcceptedBase? agreed)
    {
        var (mine, theirs) = (_new!.Version(_new.Fence.DualEpoch), _legacyState!.Entity!);
        var isTheirs = theirs.IsSigned && (_new.Entity is not { } entity || (entity.IsSigned && (agreed is null || theirs.Version > agreed.Version)));
        if (theirs.Version > mine || isTheirs)
        {
            throw new RegressionException(key, mine, theirs.Version);
        }
    }

    private MergeInput WithBase(MergeInput input, AcceptedBase? agreed)
    {
        if (input.IsNewUntouched)
        {
            return input;
        }

        var theirs = _legacyState!.Entity!;
        var isTheirs = !theirs.IsSigned && theirs.Version.Epoch > 0 && (theirs.Tombstone || theirs.FieldHashes.Length > 0)
            && (agreed is null || theirs.Version > agreed.Version);
        var (hashes, by) = isTheirs ? (theirs.FieldHashes, SideName.Legacy) : (agreed?.Hashes ?? [], SideName.New);
        return hashes.Length == 0
            ? input with { WasAbsent = true }
            : input with { Base = MergeBase.Of(runtime.Hasher, _kind.New.Lens.Schema, hashes, by) };
    }

    // As the apply will do it: better a conflict before anything is written than a key that can never be brought along.
    private MergeOutcome WhatLegacyCanHold(MergeOutcome outcome)
    {
        if (outcome.Record is not { } record)
        {
            return outcome;
        }

        try
        {
            _kind.Legacy.Lens.Put(record, _legacyState!.Row);
            return outcome;
        }
        catch (CannotHoldException exception) when (Legacy is not null && New is not null && New.Schema.Has(exception.Field))
        {
            return outcome with { Conflicts = [exception.Field], Reason = $"legacy cannot hold the two changes together: {exception.Reason}" };
        }
    }

    // By ages, each told by its own server: their clocks need not agree. Ours are told a little later, hence the time that it took to ask.
    // Only where every write of the one side is later than every one of the other: with writes to and fro nobody knows which was the field's.
    private async Task<SideName?> LaterAsync(CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        var theirs = await runtime.Sides.Legacy.Journal.ForeignWritesAsync(key, _new!.Entity?.ForeignSeq ?? 0, cancellationToken);
        var ours = await runtime.Sides.New.Journal.OwnWritesAsync(key, _legacyState!.Entity!.Version, cancellationToken);
        var asking = runtime.Time.GetElapsedTime(began);
        return theirs is null || ours is null ? null
            : theirs.Oldest + asking < ours.Youngest ? SideName.Legacy
            : ours.Oldest < theirs.Youngest ? SideName.New
            : null;
    }
}
