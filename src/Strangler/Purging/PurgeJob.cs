using System.Globalization;
using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Purging;

/// <summary>
/// Removes for good what was deleted long enough ago while its rows stayed: through the wrapper's own path, a delete with its version, journal row and
/// tombstone, so that both sides lose it and no replay brings it back. In batches; what was done stays done, and a run whose process died is taken up
/// where it was. Writes nothing while a gate is closed, and leaves alone what a journal row still owes.
/// </summary>
public sealed class PurgeJob(ContextRuntime runtime)
{
    private const int ChunkRows = 1000;

    private readonly DualWriter _writer = new(runtime);
    private readonly CutoverService _cutover = new(runtime);
    private readonly GateKeeper _gates = new(runtime);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<PurgeJob>();
    private readonly Dictionary<PurgeOutcome, long> _counts = Enum.GetValues<PurgeOutcome>().ToDictionary(outcome => outcome, _ => 0L);
    private long _lookedAt;
    private long _unreadable;

    /// <summary>
    /// One run of one object. Throws <see cref="WrongStageException"/> in LegacyOnly, where nothing keeps tombstones; what it meets beside is told in the
    /// result.
    /// </summary>
    public async Task<PurgeResult> RunAsync(PurgeRequest request, IProgress<PurgeStep>? progress, CancellationToken cancellationToken)
    {
        request.Validate();
        using var background = Lane.EnterBackground();
        var checkpoint = request.DryRun ? null : await runtime.Sides.Purges.ReadAsync(request.Kind, cancellationToken);
        var (closed, view) = await LookAsync(request, cancellationToken);
        var from = checkpoint?.NextId ?? (await StoreOf(view).BoundsAsync(request.Kind, cancellationToken)).From;
        while ((closed.Count == 0 || request.DryRun) && await StoreOf(view).ChunkEndAsync(request.Kind, from, ChunkRows, cancellationToken) is { } end)
        {
            var closedSince = await ChunkAsync(request, view, from, end, progress, cancellationToken);
            if (closedSince.Count > 0 || end == long.MaxValue)
            {
                closed = request.DryRun ? closed : closedSince;
                break;
            }

            from = end + 1;
            if (!request.DryRun)
            {
                await SaveAsync(request, from, checkpoint, cancellationToken);
                (closed, view) = await LookAsync(request, cancellationToken);
            }
        }

        await EndAsync(request, view, closed, cancellationToken);
        return new PurgeResult(request.DryRun, request.Before, _lookedAt, _unreadable, _counts, checkpoint?.NextId, closed);
    }

    private ISideStore StoreOf(StageView view) => runtime.Sides.Of(view.Lead).Store;

    private async Task<(IReadOnlyList<Gate> Closed, StageView View)> LookAsync(PurgeRequest request, CancellationToken cancellationToken)
    {
        var view = await _cutover.StatusAsync(cancellationToken);
        return view.Stage == Stage.LegacyOnly
            ? throw new WrongStageException(runtime.Context, "A purge", view.Stage, "DualWrite or a later stage")
            : ([.. (await _gates.OfPurgeAsync(request.Kind, view, cancellationToken)).Where(gate => !gate.Passed)], view);
    }

    private async Task<IReadOnlyList<Gate>> ChunkAsync(
        PurgeRequest request, StageView view, long from, long end, IProgress<PurgeStep>? progress, CancellationToken cancellationToken)
    {
        var items = (await StoreOf(view).ReadRangeAsync(request.Kind, from, end, cancellationToken)).Items.Where(item => item.Row is not null).ToList();
        _lookedAt += items.Count;
        var lens = runtime.Kind(request.Kind).Of(view.Lead).Lens;
        var isFirst = true;
        foreach (var batch in items.Where(item => IsDue(lens, item.Row!, request)).Select(item => item.Id).ToList().Chunk(request.Batch))
        {
            if (!isFirst && !request.DryRun && (await LookAsync(request, cancellationToken)).Closed is { Count: > 0 } closed)
            {
                return closed;
            }

            isFirst = false;
            await BatchAsync(request, view, batch, progress, cancellationToken);
        }

        return [];
    }

    private bool IsDue(IRecordLens lens, AggregateRow row, PurgeRequest request)
    {
        try
        {
            return IsDue(lens.Get(row), request);
        }
        catch (UnreadableException)
        {
            _unreadable++;
            return false;
        }
    }

    private static bool IsDue(Record record, PurgeRequest request) => record.Visible(request.DeletedAt) is DateTime at && at < request.Before;

    private async Task BatchAsync(PurgeRequest request, StageView view, long[] ids, IProgress<PurgeStep>? progress, CancellationToken cancellationToken)
    {
        var owed = await OwedAsync(request.Kind, view, ids, cancellationToken);
        if (!request.DryRun && ids.Length > owed.Count)
        {
            await AuditAsync(request, view, $"{ids.Length - owed.Count} deleted before {Text(request)}: {string.Join(' ', ids.Except(owed))}", cancellationToken);
        }

        foreach (var id in ids)
        {
            var outcome = owed.Contains(id) ? PurgeOutcome.Owed
                : request.DryRun ? PurgeOutcome.WouldPurge
                : await PurgeAsync(request, id, cancellationToken);
            _counts[outcome]++;
            progress?.Report(new PurgeStep(id, outcome));
        }
    }

    // The leading side's own writes that the other lacks, and what another program wrote to legacy that is not merged yet.
    private async Task<HashSet<long>> OwedAsync(string kind, StageView view, long[] ids, CancellationToken cancellationToken)
    {
        HashSet<long> owed = [];
        foreach (var side in view.Stage == Stage.NewOnly ? [view.Lead] : Enum.GetValues<SideName>())
        {
            owed.UnionWith(await runtime.Sides.Of(side).Journal.OwedAsync(kind, ids, cancellationToken));
        }

        return owed;
    }

    // The delete rests on what was read here: whoever restores or changes it in between makes it stale, and is not undone.
    private async Task<PurgeOutcome> PurgeAsync(PurgeRequest request, long id, CancellationToken cancellationToken)
    {
        var key = new EntityKey(request.Kind, id);
        try
        {
            var (record, token) = await _writer.ReadAsync(key, cancellationToken);
            if (record is null || !IsDue(record, request))
            {
                return PurgeOutcome.ChangedMeanwhile;
            }

            var command = new WriteCommand
            {
                Key = key,
                Loaded = token,
                Actor = $"purge by {request.Actor}",
                Write = async (lead, transaction, saved, ct) => (saved.Id, await lead.PutAsync(transaction, saved, null, ct)),
            };
            await _writer.WriteAsync(command, cancellationToken);
            _log.Purged(runtime.Context, request.Kind, id, request.Actor);
            return PurgeOutcome.Purged;
        }
        catch (Exception exception) when (exception is ConflictException or UnreadableException or QuarantinedException)
        {
            return PurgeOutcome.ChangedMeanwhile;
        }
    }

    private Task SaveAsync(PurgeRequest request, long next, PurgeCheckpoint? earlier, CancellationToken cancellationToken) =>
        runtime.Sides.Purges.SaveAsync(
            request.Kind, new PurgeCheckpoint(next, (earlier?.Purged ?? 0) + _counts[PurgeOutcome.Purged]), cancellationToken);

    private async Task EndAsync(PurgeRequest request, StageView view, IReadOnlyList<Gate> closed, CancellationToken cancellationToken)
    {
        if (request.DryRun)
        {
            return;
        }

        var counts = string.Join(", ", _counts.Where(count => count.Value > 0).Select(count => $"{count.Value} {count.Key}"));
        var how = closed.Count == 0 ? "ended" : $"stopped by closed gates ({string.Join(", ", closed.Select(gate => gate.Name))})";
        await AuditAsync(request, view, $"{how}; deleted before {Text(request)}: {(counts.Length > 0 ? counts : "nothing")}", cancellationToken);
        if (closed.Count == 0)
        {
            await runtime.Sides.Purges.EndAsync(request.Kind, cancellationToken);
        }
    }

    private Task AuditAsync(PurgeRequest request, StageView view, string what, CancellationToken cancellationToken)
    {
        var stage = view.Stage.ToString();
        return runtime.Sides.Of(view.Lead).Audit.AppendAsync(
            new AuditEntry(default, request.Actor, "purge", stage, stage, view.Epoch, false, request.Reason, $"{request.Kind}: {what}"), cancellationToken);
    }

    private static string Text(PurgeRequest request) => request.Before.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
}
