using Microsoft.Extensions.Logging;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>
/// Reads and writes of one context in whatever stage it is in (PROTOCOL §2 and §5). The stage that this process believes in is only a hint:
/// the side that is asked says in the same snapshot, or the same transaction, whether it leads.
/// </summary>
public sealed class DualWriter
{
    private const int MaxRetries = 5;
    private static readonly BackOff Retries = new(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(500));

    private readonly ContextRuntime _runtime;
    private readonly CommitDetective _detective;
    private readonly JointWrite _joint;
    private readonly ILogger _log;

    public DualWriter(ContextRuntime runtime)
    {
        _runtime = runtime;
        _detective = new CommitDetective(runtime);
        _joint = new JointWrite(runtime);
        _log = runtime.Loggers.CreateLogger<DualWriter>();
    }

    private ContextSides Sides => _runtime.Sides;

    /// <summary>
    /// The lead's state of an entity; a null record when it is not there. Throws <see cref="QuarantinedException"/> or
    /// <see cref="UnreadableException"/> (with its id) when it is there and cannot be read, <see cref="SwitchingException"/> when no side
    /// answered within the pause budget.
    /// </summary>
    public async Task<(Record? Record, LoadToken Token)> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var kind = _runtime.Kind(key.Kind);
        var patience = new Patience(_runtime);
        var hint = await LeadAsync(patience, cancellationToken);
        while (true)
        {
            try
            {
                var store = Sides.Of(hint.Lead).Store;
                var state = await Reread.OnceAsync(_log, _runtime.Context, () => store.ReadAsync(key, cancellationToken));
                if (state.Fence.AnswersReads)
                {
                    _runtime.Stage.Learn(hint.Lead, state.Fence);
                    return await AnswerAsync(kind, key, hint.Lead, state, cancellationToken);
                }

                hint = await OtherLeadAsync(hint, fence => fence.AnswersReads, patience, cancellationToken);
            }
            catch (SideUnavailableException exception) when (MayHaveMoved(exception, hint))
            {
                hint = await MovedAsync(_runtime, hint, cancellationToken) ?? throw Again(exception);
            }
        }
    }

    /// <summary>
    /// Carries out a write on the side that leads, then brings the other side along. Throws <see cref="ConflictException"/> for a stale load,
    /// <see cref="SwitchingException"/> and <see cref="IdsExhaustedException"/> (both retryable), <see cref="CannotHoldException"/> (either
    /// side's), <see cref="RequestKeyException"/>, <see cref="QuarantinedException"/> or <see cref="UnreadableException"/> for an entity that cannot be read, and
    /// <see cref="CommitOutcomeUnknownException"/> only when even afterwards nobody can tell whether it happened: after all others nothing
    /// was written.
    /// </summary>
    public async Task<WriteResult> WriteAsync(WriteCommand command, CancellationToken cancellationToken)
    {
        var began = _runtime.Time.GetTimestamp();
        var outcome = "failed";
        using var span = EngineTrace.Begin("strangler.write", _runtime.Context, command.Key.Kind);
        try
        {
            var result = await WriteOnLeadAsync(command, cancellationToken);
            outcome = result.Replayed ? "replayed" : "written";
            return result;
        }
        catch (ConflictException)
        {
            outcome = "conflict";
            throw;
        }
        catch (SwitchingException)
        {
            outcome = "switching";
            throw;
        }
        finally
        {
            span.EndsAs(outcome, isError: outcome == "failed");
            EngineMeter.Written(_runtime.Context, outcome, _runtime.Time.GetElapsedTime(began));
        }
    }

    internal static LoadToken TokenOf(SideName side, SideState state, Record? record) =>
        new(side, state.Fence.Stage, state.Fence.Epoch, state.Version(state.Fence.DualEpoch), record)
        {
            ForeignSeq = state.Entity?.ForeignSeq ?? 0,
        };

    internal static Record? Decode(IRecordLens lens, EntityKey key, AggregateRow? row)
    {
        try
        {
            return row is null ? null : lens.Get(row);
        }
        catch (UnreadableException exception) when (exception.Id is null)
        {
            throw new UnreadableException(exception.Place, exception.Reason, exception) { Id = key.Id };
        }
    }

    private async Task<(Record? Record, LoadToken Token)> AnswerAsync(
        EntityKind kind, EntityKey key, SideName side, SideState state, CancellationToken cancellationToken)
    {
        await RefuseQuarantinedAsync(side, key, state, cancellationToken);
        var record = Decode(kind.Of(side).Lens, key, state.Row);
        if (state.Fence.IsShadowed)
        {
            _runtime.Shadow.Offer(key, side, state.Fence.Epoch);
        }

        return (record, TokenOf(side, state, record));
    }

    private async Task<WriteResult> WriteOnLeadAsync(WriteCommand command, CancellationToken cancellationToken)
    {
        var patience = new Patience(_runtime);
        var hint = await LeadAsync(patience, cancellationToken);
        var failures = 0;
        long reserved = 0;
        while (true)
        {
            try
            {
                var key = command.Key;
                if (key.Id == 0 && hint.Lead == SideName.New)
                {
                    // Once a command: a retry goes on with the id it has. Taken and not used, it becomes a gap.
                    reserved = reserved != 0 ? reserved : await TakeIdAsync(key.Kind, cancellationToken);
                    key = key with { Id = reserved };
                }

                // What has failed once is not tried jointly again: the joint part may be the reason.
                var joins = failures == 0 && await _joint.IsReadyAsync(hint.Stage, cancellationToken);
                var attempt = await AttemptAsync(hint.Lead, key, command, joins, cancellationToken);
                if (attempt.Result is { } written)
                {
                    await BringAlongAsync(hint.Lead, attempt, command, cancellationToken);
                    return written;
                }

                if (attempt.IsTaken)
                {
                    _log.IdTaken(_runtime.Context, key.Kind, key.Id);
                    reserved = 0;
                    continue;
                }

                if (attempt.Request is { } known)
                {
                    RefuseOtherEntity(command.Key, known);
                    return await ReplayAsync(hint.Lead, attempt.Fence, command.Key with { Id = known.Id }, known, cancellationToken);
                }

                hint = await OtherLeadAsync(hint, fence => fence.Role == FenceRole.Lead, patience, cancellationToken);
            }
            catch (SideUnavailableException exception) when (
                exception.IsTransient && exception.Side == hint.Lead && ++failures <= MaxRetries && !patience.IsSpent)
            {
                _log.WriteRetried(_runtime.Context, command.Key.Kind, failures, exception);
                await Task.Delay(Retries.After(failures, _runtime.Random.NextDouble()), _runtime.Time, cancellationToken);
            }
            catch (SideUnavailableException exception) when (MayHaveMoved(exception, hint))
            {
                hint = await MovedAsync(_runtime, hint, cancellationToken) ?? throw Again(exception);
            }
            catch (IdsExhaustedException)
            {
                // What was carried out before needs no id.
                if (await FindRequestAsync(hint.Lead, command, cancellationToken) is var (fence, known))
                {
                    return await ReplayAsync(hint.Lead, fence, command.Key with { Id = known.Id }, known, cancellationToken);
                }

                // No fence was asked for the id: legacy may lead again, and allots its own.
                if (await MovedAsync(_runtime, hint, cancellationToken) is not { } moved)
                {
                    throw;
                }

                hint = moved;
            }
        }
    }

    private async Task<long> TakeIdAsync(string kind, CancellationToken cancellationToken)
    {
        var id = await Sides.PublicIds.TakeAsync(kind, cancellationToken);
        await _runtime.ReachAsync(HookPoint.IdTaken, SideName.New);
        return id;
    }

    private async Task<(FenceRow Fence, RequestResult Known)?> FindRequestAsync(SideName side, WriteCommand command, CancellationToken cancellationToken)
    {
        if (command.RequestKey is null)
        {
            return null;
        }

        await using var transaction = await Sides.Of(side).Store.BeginAsync(new WriteIntent(command.Key, command.RequestKey), cancellationToken);
        if (transaction is not { State.Fence.Role: FenceRole.Lead, Request: { } known })
        {
            return null;
        }

        await transaction.ConfirmAsync(cancellationToken);
        return (transaction.State.Fence, known);
    }

    private async Task<WriteAttempt> AttemptAsync(
        SideName side, EntityKey key, WriteCommand command, bool joins, CancellationToken cancellationToken)
    {
        WriteAttempt attempt;
        await _runtime.ReachAsync(HookPoint.WriteBeforeBegin, side);
        await using (var transaction = await Sides.Of(side).Store.BeginAsync(new WriteIntent(key, command.RequestKey), cancellationToken))
        {
            var (state, fence) = (transaction.State, transaction.State.Fence);
            await _runtime.ReachAsync(HookPoint.WriteBegun, side);
            if (fence.Role != FenceRole.Lead)
            {
                return new WriteAttempt(fence);
            }

            if (transaction.Request is { } known)
            {
                await transaction.ConfirmAsync(cancellationToken);
                return new WriteAttempt(fence) { Request = known };
            }

            _runtime.Stage.Learn(side, fence);
            if (IsTaken(key, command, state))
            {
                return new WriteAttempt(fence) { IsTaken = true };
            }

            await RefuseQuarantinedAsync(side, key, state, cancellationToken);
            RefuseStale(side, key, state, command.Loaded);
            attempt = await PrepareAsync(side, key, command, transaction, cancellationToken);
            if (attempt.Nothing)
            {
                await transaction.ConfirmAsync(cancellationToken);
                return attempt;
            }

            attempt = await OweOrJoinAsync(side, attempt, command, transaction, joins, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                // From here on the caller's token no longer counts: half a commit cannot be taken back.
                await _runtime.ReachAsync(HookPoint.WriteBeforeCommit, side);
                if (attempt.IsJoint && !await CommitJointAsync(attempt, transaction))
                {
                    attempt = await OweOrJoinAsync(side, attempt, command, transaction, joins: false, CancellationToken.None);
                }

                if (!attempt.IsJoint)
                {
                    await transaction.CommitAsync(CancellationToken.None);
                }

                await _runtime.ReachAsync(HookPoint.WriteCommitted, side);
                return attempt;
            }
            catch (CommitOutcomeUnknownException exception)
            {
                _log.CommitUnknown(_runtime.Context, key.Kind, exception);
                attempt = attempt with { Unknown = exception };
            }
        }

        // Outside of the transaction, whose locks the look-up would wait for.
        return await _detective.HappenedAsync(side, attempt, command)
            ? attempt
            : throw new SideUnavailableException(
                side, "the connection was lost during COMMIT, and nothing was committed", isTransient: true, attempt.Unknown!);
    }

    // Another program has inserted a row with an id that is reserved for us, and it was merged. Nothing of ours can be there: a lost COMMIT
    // was looked for before the id was tried again.
    private static bool IsTaken(EntityKey key, WriteCommand command, SideState state) =>
        command.Key.Id == 0 && key.Id != 0 && (state.Row is not null || state.Entity is not null || state.IsQuarantined);

    // What the follower does not get in this very transaction, the journal owes it.
    private async Task<WriteAttempt> OweOrJoinAsync(
        SideName side, WriteAttempt attempt, WriteCommand command, ISideTransaction transaction, bool joins, CancellationToken cancellationToken)
    {
        if (!Stages.IsDual(attempt.Fence.Stage))
        {
            return attempt;
        }

        if (joins && await _joint.TryAsync(transaction, side, attempt, command.RequestKey, cancellationToken))
        {
            return attempt with { IsJoint = true };
        }

        await transaction.AppendJournalAsync(attempt.Key, attempt.Result!.Version, command.Actor, cancellationToken);
        return attempt with { IsJoint = false };
    }

    // False: the follower's part failed at the last moment; the rest is as it was, and not committed.
    private async Task<bool> CommitJointAsync(WriteAttempt attempt, ISideTransaction transaction)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
            return true;
        }
        catch (FollowerPartException exception)
        {
            _joint.Report(attempt.Key, exception);
            return false;
        }
    }

    // What legacy holds is not known: a write would end as one over it, and a delete as none of it.
    private async Task RefuseQuarantinedAsync(SideName side, EntityKey key, SideState state, CancellationToken cancellationToken)
    {
        if (side == SideName.New && state.IsQuarantined)
        {
            var entry = await Reread.OnceAsync(_log, _runtime.Context, () => Sides.Quarantine.FindAsync(key, cancellationToken));
            throw new QuarantinedException(key, entry is null ? "listed a moment ago" : $"{entry.Place}: {entry.Reason}");
        }
    }

    private void RefuseStale(SideName side, EntityKey key, SideState state, LoadToken? loaded)
    {
        if (loaded is null)
        {
            return;
        }

        var present = TokenOf(side, state, side == SideName.Legacy ? Decode(_runtime.Kind(key.Kind).Of(side).Lens, key, state.Row) : null);
        if (loaded.IsStale(present, state.Fence.DualEpoch))
        {
            var shown = side == SideName.New ? present.Version.ToString() : present.Display;
            throw new ConflictException(key, loaded.Display, shown);
        }
    }

    private async Task<WriteAttempt> PrepareAsync(
        SideName side, EntityKey key, WriteCommand command, ISideTransaction transaction, CancellationToken cancellationToken)
    {
        var (state, fence) = (transaction.State, transaction.State.Fence);
        var written = await command.Write(_runtime.Kind(key.Kind).Of(side), transaction, key, cancellationToken);
        var (id, record) = written;

        // Decoded once, and not for most writes: they hide nothing.
        var before = HidesAny(record) ? Decode(_runtime.Kind(key.Kind).Of(side).Lens, key, state.Row) : null;
        RefuseWhatLeadHides(key, state, before, command.Loaded, written);
        RefuseWhatFollowerCannotHold(side, key, state, record);
        var present = state.Version(fence.DualEpoch);
        var nothing = record is null && state.Row is null;
        var counted = fence.Stage != Stage.LegacyOnly && !nothing;
        var version = counted ? present.Next() : present;
        var saved = key with { Id = id };
        var entity = new EntityState(
            version, state.Entity?.ForeignSeq ?? 0, record is null,
            counted ? EntityState.Sign(record is null ? [] : Hashes(state, before, command.Loaded, written, version), _runtime.Random) : [])
        {
            Writer = command.Actor,
        };
        var attempt = new WriteAttempt(fence)
        {
            Key = saved,
            Created = command.Key.Id == 0,
            Before = state.Row,
            Record = record,
            Entity = entity,
            Nothing = nothing,
            Result = new WriteResult(
                id, version, TokenOf(side, state with { Entity = counted ? entity : state.Entity }, record) with { Given = written.Wanted },
                Replayed: false) { Held = record },
        };
        if (nothing)
        {
            return attempt;
        }

        if (counted)
        {
            await transaction.SetEntityAsync(saved, entity, cancellationToken);
            if (side == SideName.New && (record is null || _runtime.Kind(key.Kind).Merging.IsErased(record)))
            {
                // Values that are to be erased may stand in a conflict record, too.
                await transaction.ForgetConflictAsync(saved, cancellationToken);
            }
        }

        if (command.RequestKey is not null)
        {
            await transaction.SaveRequestAsync(command.RequestKey, id, version, cancellationToken);
        }

        return attempt;
    }

    private static bool HidesAny(Record? held) => held?.Values.Any(value => value is Hidden) ?? false;

    private void RefuseWhatLeadHides(EntityKey key, SideState state, Record? before, LoadToken? loaded, LeadResult written)
    {
        if (written is { Held: { } held, Wanted: { } wanted } && HidesAny(held))
        {
            LeadCapacity.Check(
                _runtime.Hasher, before ?? wanted.Schema.Blank(), loaded?.Given, state.Entity, wanted, held, _runtime.Kind(key.Kind).Merging.ErasedBy);
        }
    }

    private byte[] Hashes(SideState state, Record? before, LoadToken? loaded, LeadResult written, EntityVersion version)
    {
        var hashes = _runtime.Hasher.Hash(written.Held!);
        return HidesAny(written.Held)
            ? [.. hashes, .. HiddenWishes.Entries(_runtime.Hasher, state.Entity, before, loaded, written.Wanted, written.Held!, version)]
            : hashes;
    }

    // Rolled back with the transaction: a write refused is on neither side.
    private void RefuseWhatFollowerCannotHold(SideName side, EntityKey key, SideState state, Record? record)
    {
        if (record is null || !Stages.IsDual(state.Fence.Stage))
        {
            return;
        }

        var kind = _runtime.Kind(key.Kind);
        FollowerCapacity.Check(
            kind.Of(side).Lens, kind.Of(Stages.Other(side)).Lens, Decode(kind.Of(side).Lens, key, state.Row), record);
    }

    private async Task BringAlongAsync(SideName side, WriteAttempt attempt, WriteCommand command, CancellationToken cancellationToken)
    {
        if (attempt.IsJoint)
        {
            _joint.Committed();
        }
        else if (!attempt.Nothing && Stages.IsDual(attempt.Fence.Stage))
        {
            await _runtime.InlineApply.RunAsync(
                attempt.Key, Stages.Other(side), new CarriedWrite(attempt.Result!.Version, command.RequestKey, attempt.Created), cancellationToken);
        }
    }

    private async Task<WriteResult> ReplayAsync(
        SideName side, FenceRow fence, EntityKey key, RequestResult known, CancellationToken cancellationToken)
    {
        // The entity may have moved on since: a save that rests on this result must then be refused, so the token keeps the version of back
        // then.
        var (_, present) = await ReadAsync(key, cancellationToken);
        var token = present with { Version = fence.Stage == Stage.LegacyOnly ? present.Version : known.Version };
        _log.RequestReplayed(_runtime.Context, key.Kind, side);
        return new WriteResult(known.Id, known.Version, token, Replayed: true);
    }

    // A create has no id yet, whatever it is called with: there the first result is the answer.
    private static void RefuseOtherEntity(EntityKey key, RequestResult known)
    {
        if (key.Id != 0 && key.Id != known.Id)
        {
            throw new RequestKeyException(key, known.Id);
        }
    }

    private async Task<StageHint> LeadAsync(Patience patience, CancellationToken cancellationToken)
    {
        var hint = _runtime.Stage.Current ?? await _runtime.Stage.RefreshAsync(cancellationToken);
        while (hint is null)
        {
            hint = await patience.LookAsync(cancellationToken);
        }

        return hint;
    }

    // The side that was asked does not take it (any more). Asks the fences; waits only when the same side is still the one to ask.
    private async Task<StageHint> OtherLeadAsync(
        StageHint asked, Func<FenceRow, bool> takesIt, Patience patience, CancellationToken cancellationToken)
    {
        var hint = await _runtime.Stage.RefreshAsync(cancellationToken);
        while (hint is null || !takesIt(hint.Fence))
        {
            hint = await patience.LookAsync(cancellationToken);
        }

        if (hint.Lead == asked.Lead)
        {
            // Denied a moment ago, lead again now: the flip was aborted. Bounded all the same, should a fence contradict itself.
            await patience.WaitAsync(cancellationToken);
        }

        return hint;
    }

    // The side that is believed to lead does not answer. It may have stopped leading long ago; but from LegacyOnly nobody goes straight to
    // the new side, and there the new side is not to be asked for anything.
    internal static bool MayHaveMoved(SideUnavailableException exception, StageHint hint) =>
        exception.Side == hint.Lead && hint.Stage != Stage.LegacyOnly;

    internal static async Task<StageHint?> MovedAsync(ContextRuntime runtime, StageHint asked, CancellationToken cancellationToken) =>
        await runtime.Stage.RefreshAsync(cancellationToken) is { } hint && hint.Lead != asked.Lead ? hint : null;

    internal static Exception Again(SideUnavailableException exception) =>
        new SideUnavailableException(exception.Side, "does not answer, and leads", exception.IsTransient, exception);
}

/// <summary>One try of a write: what was about to be committed, or why nothing was.</summary>
internal sealed record WriteAttempt(FenceRow Fence)
{
    public EntityKey Key { get; init; }

    public bool Created { get; init; }

    public AggregateRow? Before { get; init; }

    public Record? Record { get; init; }

    public EntityState? Entity { get; init; }

    /// <summary>There was nothing to delete.</summary>
    public bool Nothing { get; init; }

    /// <summary>The id that was taken for a create is another's by now.</summary>
    public bool IsTaken { get; init; }

    /// <summary>The follower's part is in the same transaction: no journal row, and nothing is left to apply.</summary>
    public bool IsJoint { get; init; }

    public WriteResult? Result { get; init; }

    public RequestResult? Request { get; init; }

    public CommitOutcomeUnknownException? Unknown { get; init; }
}
