using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.DataSets;

/// <summary>
/// A context whose legacy tables another program loads anew as a whole (its mapping says data-set="yes"). Row triggers note what it inserts, changes
/// and deletes, but see no TRUNCATE; and what they note is merged key by key, which readers of the new side must not see half done.
/// </summary>
/// <remarks>
/// While the new side leads: before a relay merges anything that may be a part of more, it keeps the data set as it is on the shelf, from which readers are
/// served then. What went unseen (keys that the new side has, and legacy no more) is put into the journal once nothing has come for a while. When
/// nothing is owed any more, nothing has come for a while and nothing is missing, the tables are published again.
/// <para>
/// Why nobody publishes while another replica merges: that one has claimed journal rows, which are open, before it asks for the shelf; and whoever publishes
/// looks for open rows behind the shelf's lock. Either it sees them, or the other one waits for the lock, finds nothing kept, and keeps anew.
/// </para>
/// One changed key is no data set: it is merged and seen at once.
/// </remarks>
internal sealed class DataSetRefresh(ContextRuntime runtime)
{
    private const int Most = 1000;

    private readonly ILogger _log = runtime.Loggers.CreateLogger<DataSetRefresh>();
    private long? _looked;
    private long _newsAt = runtime.Time.GetTimestamp();
    private string? _emptyTold;
    private bool _isKept;

    private bool IsMeant => runtime is { IsDataSet: true, Options.ForeignWritersNone: false } && runtime.Sides is { Capture: not null, Shelf: not null };

    private IDataSetShelf Shelf => runtime.Sides.Shelf!;

    /// <summary>Before claimed writes of other programs are merged. Throws what the new side throws; nothing may be merged then.</summary>
    public async Task BeforeMergingAsync(CancellationToken cancellationToken)
    {
        if (!IsMeant)
        {
            return;
        }

        _newsAt = runtime.Time.GetTimestamp();
        var open = await OpenAsync(cancellationToken);
        var isKept = await Shelf.IsKeptAsync(cancellationToken);
        if (isKept || open > 1 || await SurplusAsync(cancellationToken) > open)
        {
            await KeepAsync(cancellationToken);
            _isKept = true;
        }
    }

    /// <summary>
    /// Looks now, and returns whether a data set is kept still: whoever waits for the new one waits for that.
    /// </summary>
    public async Task<bool> IsKeptStillAsync(StageHint hint, CancellationToken cancellationToken)
    {
        if (!IsMeant || !await Shelf.IsKeptAsync(cancellationToken))
        {
            return false;
        }

        _isKept = true;
        await LookAsync(hint, cancellationToken);
        return _isKept;
    }

    // Between passes: notes what went unseen, and publishes what is whole. A shelf that another replica has filled is seen at the next look in full.
    private async Task LookAsync(StageHint hint, CancellationToken cancellationToken)
    {
        var isDue = _looked is not { } looked || runtime.Time.GetElapsedTime(looked) >= runtime.Options.CaptureCheckInterval;
        if ((!_isKept && !isDue) || (Stages.IsDual(hint.Stage) && !await IsQuietAsync(cancellationToken)))
        {
            return;
        }

        _looked = runtime.Time.GetTimestamp();
        if (!Stages.IsDual(hint.Stage) || !await NoteVanishedAsync(hint, cancellationToken))
        {
            await PublishAsync(hint, cancellationToken);
        }
    }

    // Nothing comes from legacy any more once the new side is alone.
    private async Task PublishAsync(StageHint hint, CancellationToken cancellationToken)
    {
        var wasKept = hint.Stage != Stage.LegacyOnly && await Shelf.IsKeptAsync(cancellationToken);
        _isKept = wasKept && !await Shelf.PublishAsync(
            async token => !Stages.IsDual(hint.Stage) || await OpenAsync(token) == 0, cancellationToken);
        if (wasKept && !_isKept)
        {
            _log.Published(runtime.Context);
        }
    }

    /// <summary>The same of a loop: what fails is told and tried again.</summary>
    public async Task TryLookAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (IsMeant && runtime.Stage.Current is { } hint)
            {
                await LookAsync(hint, cancellationToken);
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.NotSeen(runtime.Context, Failures.Describe(exception), exception);
        }
    }

    // Returns whether it was not kept before.
    private async Task<bool> KeepAsync(CancellationToken cancellationToken)
    {
        var isNew = await Shelf.KeepAsync(cancellationToken);
        if (isNew)
        {
            _log.Kept(runtime.Context);
        }

        return isNew;
    }

    private async Task<long> OpenAsync(CancellationToken cancellationToken) => (await runtime.Sides.Legacy.Journal.DepthAsync(cancellationToken)).Open;

    private async Task<bool> IsQuietAsync(CancellationToken cancellationToken)
    {
        if (await OpenAsync(cancellationToken) > 0)
        {
            _newsAt = runtime.Time.GetTimestamp();
            return false;
        }

        return runtime.Time.GetElapsedTime(_newsAt) >= runtime.Options.DataSetQuiet;
    }

    // How many more entities the new side has than legacy, over all kinds that it has more of.
    private async Task<long> SurplusAsync(CancellationToken cancellationToken)
    {
        var surplus = 0L;
        foreach (var kind in runtime.Kinds.Keys)
        {
            surplus += Math.Max(0, await SurplusAsync(kind, cancellationToken));
        }

        return surplus;
    }

    private async Task<long> SurplusAsync(string kind, CancellationToken cancellationToken)
    {
        var legacy = await runtime.Sides.Legacy.Store.CountAsync(kind, cancellationToken);
        var unreadable = (await runtime.Sides.Quarantine.CountAsync(kind, cancellationToken)).All;
        return await runtime.Sides.New.Store.CountAsync(kind, cancellationToken) - Math.Max(0, legacy - unreadable);
    }

    // What has gone unseen is noted as the triggers would have; a false alarm (an entity that the new side has just made) does no harm: a merge finds nothing
    // to do. Returns whether it is to be waited for.
    private async Task<bool> NoteVanishedAsync(StageHint hint, CancellationToken cancellationToken)
    {
        var waits = false;
        foreach (var kind in runtime.Kinds.Keys.Order(StringComparer.Ordinal))
        {
            if (await SurplusAsync(kind, cancellationToken) <= 0)
            {
                continue;
            }

            if (await runtime.Sides.Legacy.Store.CountAsync(kind, cancellationToken) == 0)
            {
                Tell(kind);
                waits = true;
                continue;
            }

            waits |= await NoteVanishedAsync(kind, hint, cancellationToken);
        }

        return waits;
    }

    private async Task<bool> NoteVanishedAsync(string kind, StageHint hint, CancellationToken cancellationToken)
    {
        var vanished = await VanishedAsync(kind, cancellationToken);
        if (vanished.Count == 0)
        {
            return false;
        }

        if (hint.Lead == SideName.New && await KeepAsync(cancellationToken))
        {
            _isKept = true;
        }

        foreach (var some in vanished.Chunk(Most))
        {
            await runtime.Sides.Capture!.NoteAsync(kind, some, "(gone unseen)", cancellationToken);
        }

        _log.Vanished(runtime.Context, vanished.Count, kind);
        runtime.Wake();
        return true;
    }

    // The new side first: what it makes in between is in legacy by the time that is looked at, or owed by the new side's journal.
    private async Task<List<long>> VanishedAsync(string kind, CancellationToken cancellationToken)
    {
        List<long> vanished = [];
        var (legacy, @new) = (runtime.Sides.Legacy.Store, runtime.Sides.New);
        for (var from = 1L; await @new.Store.ChunkEndAsync(kind, from, Most, cancellationToken) is { } end; from = end + 1)
        {
            var known = await @new.Store.MarksAsync(kind, from, end, cancellationToken);
            var there = (await legacy.MarksAsync(kind, from, end, cancellationToken)).Keys.Where(mark => mark.Present).Select(mark => mark.Id).ToHashSet();
            long[] gone = [.. known.Keys.Where(mark => mark.Present && !there.Contains(mark.Id)).Select(mark => mark.Id)];
            vanished.AddRange(gone.Except(gone.Length == 0 ? [] : await @new.Journal.OwedAsync(kind, gone, cancellationToken)));
            if (end == long.MaxValue)
            {
                break;
            }
        }

        return vanished;
    }

    private void Tell(string kind)
    {
        if (_emptyTold != kind)
        {
            _log.Empty(runtime.Context, kind);
        }

        _emptyTold = kind;
    }
}
