using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// Finds out whether a commit happened whose reply was lost. The look-up begins a transaction on the key: it waits for the locks of the
/// lost one, which the server may still be committing or rolling back, so the answer is final.
/// </summary>
internal sealed class CommitDetective(ContextRuntime runtime)
{
    private const int Tries = 5;
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

    /// <summary>Throws the attempt's <see cref="CommitOutcomeUnknownException"/> when it cannot be found out.</summary>
    public async Task<bool> HappenedAsync(SideName side, WriteAttempt attempt, WriteCommand command)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                // The caller's token does not count: an answer "cancelled" would say that nothing was written.
                await using var transaction = await runtime.Sides.Of(side).Store.BeginAsync(
                    new WriteIntent(attempt.Key, command.RequestKey), CancellationToken.None);
                var happened = Judge(side, attempt, command, transaction) ?? throw attempt.Unknown!;
                await transaction.ConfirmAsync(CancellationToken.None);
                return happened;
            }
            catch (SideUnavailableException exception)
            {
                if (failures >= Tries || !exception.IsTransient)
                {
                    throw attempt.Unknown!;
                }

                await Task.Delay(Waits.After(failures, runtime.Random.NextDouble()), runtime.Time, CancellationToken.None);
            }
        }
    }

    private bool? Judge(SideName side, WriteAttempt attempt, WriteCommand command, ISideTransaction transaction)
    {
        if (command.RequestKey is not null)
        {
            // Not any result: a retry of the same request may have been carried out instead of this attempt, with another id.
            return transaction.Request == new RequestResult(attempt.Key.Id, attempt.Result!.Version);
        }

        var state = transaction.State;
        if (attempt.Created && state.Entity?.Version != attempt.Entity!.Version)
        {
            // The id was allotted to this write alone; but another program can have taken it: then the same version bears no signature of ours.
            return state.Row is not null || (state.Entity?.Version >= attempt.Entity!.Version && attempt.Fence.Stage != Stage.LegacyOnly);
        }

        return attempt.Fence.Stage == Stage.LegacyOnly
            ? JudgeByContent(runtime.Kind(attempt.Key.Kind).Of(side).Lens, attempt, state)
            : JudgeByVersion(attempt, state);
    }

    private static bool? JudgeByVersion(WriteAttempt attempt, SideState state)
    {
        var present = state.Version(attempt.Fence.DualEpoch);
        return present.CompareTo(attempt.Entity!.Version) switch
        {
            < 0 => false,
            0 => state.Entity!.Tombstone == attempt.Entity.Tombstone
                && state.Entity.FieldHashes.AsSpan().SequenceEqual(attempt.Entity.FieldHashes),
            _ => null, // Others have written since: over ours, or instead of it.
        };
    }

    // Nothing is counted in LegacyOnly: the content that ours would have left may be another's who made the same of the same state, and the
    // content from before may be what another has made of ours. Only what needs no write at all is certain.
    private static bool? JudgeByContent(IRecordLens lens, WriteAttempt attempt, SideState state)
    {
        if (attempt.Record is null)
        {
            return state.Row is null ? true : null;
        }

        var isUnchanged = attempt.Before is not null && state.Row is not null && state.Row.SameAs(attempt.Before);
        return isUnchanged && RecordEncoding.ContentHash(lens.Get(attempt.Before!)).AsSpan().SequenceEqual(RecordEncoding.ContentHash(attempt.Record))
            ? true
            : null;
    }
}
