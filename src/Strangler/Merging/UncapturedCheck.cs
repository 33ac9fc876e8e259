using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>
/// Whether somebody has changed a legacy row, while legacy follows, without any trigger's having seen it (triggers off, a cascade): told by
/// the hashes of what legacy last accepted, just before an apply would write over it. A row that is gone is not looked at: the lead has it,
/// and gives it back.
/// </summary>
/// <remarks>
/// Blind where legacy has accepted nothing yet: what only the backfill brought over, and what legacy itself wrote last as lead. What it accepted
/// before a time in LegacyOnly says nothing either: there the row was written, also by us, and nothing hashed. That is the reconciliation's to find.
/// </remarks>
internal sealed class UncapturedCheck(ContextRuntime runtime, EntityKey key)
{
    private readonly EntityKind _kind = runtime.Kind(key.Kind);

    /// <summary>The fields that were changed; null: none, or nobody can tell.</summary>
    /// <param name="legacy">Read under lock, with all that was captured merged.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public async Task<IReadOnlyList<string>?> FindAsync(SideState legacy, CancellationToken cancellationToken)
    {
        if (runtime.Options.ForeignWritersNone || legacy.Row is null || legacy.Entity is not { IsSigned: false, Tombstone: false, FieldHashes.Length: > 0 } accepted
            || accepted.Version.Epoch < legacy.Fence.DualEpoch
            || await BaseAsync(accepted, cancellationToken) is not { } known || Read(legacy.Row) is not { } record)
        {
            return null;
        }

        var changed = record.Schema.Fields.Where(field => !known.IsUnchanged(SideName.Legacy, field.Ordinal, record.Values[field.Ordinal]))
            .Select(field => field.Name).ToList();

        // All of them: these are hashes of another mapping version, or of another key.
        return changed.Count == 0 || changed.Count == record.Values.Length ? null : changed;
    }

    // What was merged since legacy accepted something stands in its row already. Without a captured write there was no merge.
    private async Task<MergeBase?> BaseAsync(EntityState accepted, CancellationToken cancellationToken)
    {
        var merged = accepted.ForeignSeq == 0 ? null : await runtime.Sides.Merges.BaseAsync(key, cancellationToken);
        var (hashes, by) = merged is not null && merged.Version >= accepted.Version ? (merged.Hashes, SideName.New) : (accepted.FieldHashes, SideName.Legacy);
        return MergeBase.Of(runtime.Hasher, _kind.New.Lens.Schema, hashes, by);
    }

    // What cannot be read is told by whoever has to write it.
    private Record? Read(AggregateRow row)
    {
        try
        {
            return _kind.Legacy.Lens.Get(row);
        }
        catch (UnreadableException)
        {
            return null;
        }
    }
}
