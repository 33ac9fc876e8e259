using System.Globalization;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.Reconciliation;

/// <summary>
/// The table of PROTOCOL §8 as a pure function of one observation. Its order: who cannot be read, who is behind, who is ahead, who is
/// missing, what differs.
/// </summary>
internal sealed class Classifier
{
    private const int HashBytes = FieldHasher.Size;

    private readonly IRecordLens _legacyLens;
    private readonly FieldHasher _hasher;
    private readonly HashSet<int> _explained;
    private readonly TimeSpan _lagLimit;
    private readonly bool _backfilled;

    /// <param name="legacyLens">Shows what legacy would derive for the fields that it hides.</param>
    /// <param name="hasher">The context's: what its stored hashes were made with.</param>
    /// <param name="explained">Ordinals of the fields with an unexpired declared difference.</param>
    /// <param name="lagLimit">From this age on, a journal row is lag.</param>
    /// <param name="backfilled">Whether the backfill of this dual epoch is complete: a legacy row that the new side has never heard of then
    /// came past capture.</param>
    public Classifier(IRecordLens legacyLens, FieldHasher hasher, HashSet<int> explained, TimeSpan lagLimit, bool backfilled)
    {
        _legacyLens = legacyLens;
        _hasher = hasher;
        _explained = explained;
        _lagLimit = lagLimit;
        _backfilled = backfilled;
    }

    /// <summary>Whether the backfill of this dual epoch was complete when the run began.</summary>
    public bool IsBackfilled => _backfilled;

    /// <param name="pair">The observation; its lead must be known.</param>
    public Finding Classify(PairView pair)
    {
        var lead = pair.Lead ?? throw new ArgumentException("Nobody leads in this observation; read again.", nameof(pair));
        return Unreadable(pair)
            ?? Behind(pair, pair.Of(lead), pair.Of(Stages.Other(lead)))
            ?? Ahead(pair, pair.Of(lead), pair.Of(Stages.Other(lead)))
            ?? Missing(pair, lead)
            ?? Undead(pair)
            ?? Compare(pair, lead);
    }

    private static Finding? Unreadable(PairView pair)
    {
        var side = pair.Legacy.Unreadable is not null ? pair.Legacy : pair.New;
        return side.Unreadable is { } e ? Finding.Of(Verdict.Unreadable, $"{Name(side.Side)} {e.Place}: {e.Reason}") : null;
    }

    private Finding? Behind(PairView pair, SideView lead, SideView follower)
    {
        var version = LeadVersion.Of(lead.Entity, pair.DualEpoch);
        var owesOwn = IsNewer(version, follower);
        var owesForeign = pair.Legacy.ForeignSeq > pair.New.ForeignSeq;
        if (owesOwn && lead.Journal is not null)
        {
            return Waiting(lead);
        }

        if (owesForeign && pair.Legacy.Journal is not null)
        {
            return Waiting(pair.Legacy);
        }

        // A counter of 0 was never journalled: that state is the backfill's to carry, so it is judged by what the sides hold.
        if (owesOwn && version.Counter > 0)
        {
            return Finding.Of(
                Verdict.LostObligation,
                $"the lead is at {version}, the follower has accepted {Accepted(follower)}, and no journal row says so");
        }

        return owesForeign && pair.New.Entity is { } accepted && accepted.Version.Epoch >= pair.DualEpoch
            ? Finding.Of(
                Verdict.LostObligation,
                $"another program's write {pair.Legacy.ForeignSeq} to legacy is not accepted (only up to {pair.New.ForeignSeq}), "
                + "and no journal row says so")
            : null;
    }

    private static bool IsNewer(EntityVersion version, SideView follower) => follower switch
    {
        { Entity: { } accepted } => version > accepted.Version,

        // Legacy rows that were never written in a dual stage have no entity row: they are what the backfill read, (dual epoch, 0).
        { Side: SideName.Legacy } => version.Counter > 0,
        _ => true,
    };

    private Finding Waiting(SideView owing) =>
        owing.Journal!.Parked ? Finding.Of(Verdict.Lagging, "parked: its apply keeps failing")
        : owing.JournalAge > _lagLimit ? Finding.Of(Verdict.Lagging, string.Create(
            CultureInfo.InvariantCulture, $"in the journal for {owing.JournalAge.TotalSeconds:0} s"))
        : Finding.Of(Verdict.InFlight, "in the journal");

    private static Finding? Ahead(PairView pair, SideView lead, SideView follower)
    {
        var version = LeadVersion.Of(lead.Entity, pair.DualEpoch);
        if (follower.Entity is { } accepted && accepted.Version > version)
        {
            return Finding.Of(Verdict.Regression, $"the follower has accepted {accepted.Version}, the lead is at {version}");
        }

        return pair.New.ForeignSeq > pair.Legacy.ForeignSeq
            ? Finding.Of(Verdict.Regression,
                $"the new side has accepted legacy's write {pair.New.ForeignSeq}, legacy is at {pair.Legacy.ForeignSeq}")
            : null;
    }

    private Finding? Missing(PairView pair, SideName lead) => (pair.Legacy.Present, pair.New.Present) switch
    {
        (false, false) => MissingOnBoth(pair),
        (true, false) => MissingInNew(pair),
        (false, true) => MissingInLegacy(pair, lead),
        _ => null,
    };

    private static Finding MissingOnBoth(PairView pair) =>
        pair.NewId is not null && !pair.Legacy.Tombstone && !pair.New.Tombstone
            ? Finding.Of(Verdict.Unmapped, "its map row points to no row on either side, and neither side has a tombstone")
            : Finding.Gone;

    private Finding MissingInNew(PairView pair)
    {
        if (pair.Legacy.Tombstone && pair.New.Tombstone)
        {
            return Finding.Of(Verdict.Uncaptured, "deleted on both sides, then inserted into legacy past capture");
        }

        // Map rows are never deleted: with none, the new side has never had the entity.
        if (_backfilled && pair.NewId is null && pair.Legacy.Entity is null && pair.New.Entity is null)
        {
            return Finding.Of(Verdict.Uncaptured,
                "inserted into legacy past capture: the new side has never had it, and the backfill is complete");
        }

        // A row of the new side that nothing leads to is then found as well.
        if (pair.NewId is null && pair.New.Entity is { Tombstone: false })
        {
            return Finding.Of(Verdict.Unmapped, "the new side has accepted it, and its map row is gone");
        }

        return Finding.Of(Verdict.MissingInNew, pair.NewId is null ? "no map row" : "its map row points to a row that is not there");
    }

    private static Finding MissingInLegacy(PairView pair, SideName lead)
    {
        // An accepted state proves that legacy had the row once; only a delete that capture did not see leaves neither tombstone nor
        // version behind.
        var hadItOnce = pair.New.Entity is { Tombstone: false } accepted && accepted.Version.Epoch >= pair.DualEpoch
            && (lead == SideName.Legacy || pair.Legacy.Entity is not null || accepted.Version.Counter == 0);
        if (hadItOnce && !pair.Legacy.Tombstone)
        {
            return Finding.Of(Verdict.Uncaptured, "removed from legacy past capture");
        }

        return Finding.Of(Verdict.MissingInLegacy, pair.New.Tombstone || pair.Legacy.Tombstone ? "there in spite of a tombstone" : "");
    }

    // Rows on both sides, and a side that says they are deleted: of the new side's no write of ours leaves that; another program's insert
    // into legacy does, and raises the sequence.
    private static Finding? Undead(PairView pair) =>
        pair.New.Tombstone || (pair.Legacy.Tombstone && pair.Legacy.ForeignSeq == 0)
            ? Finding.Of(Verdict.Drift, $"there in spite of a tombstone of {Name(pair.New.Tombstone ? SideName.New : SideName.Legacy)}")
            : null;

    private Finding Compare(PairView pair, SideName lead)
    {
        var (legacy, @new) = (pair.Legacy.Record!, pair.New.Record!);
        var differing = Differing(legacy, @new, _legacyLens, out var richer);
        var unseen = ChangedUnseen(pair.New.Entity, legacy, @new);
        if (unseen.Count > 0)
        {
            differing = [.. differing.Union(unseen).Order()];
        }

        if (differing.Count == 0)
        {
            return richer
                ? new Finding(Verdict.NotComparable, [], [], "the new side holds values that legacy cannot express", true)
                : Finding.Matched;
        }

        var explained = differing.FindAll(_explained.Contains);
        if (explained.Count == differing.Count)
        {
            return new Finding(Verdict.Explained, [], explained, "", richer);
        }

        differing.RemoveAll(_explained.Contains);
        var (verdict, note) = WhoChanged(pair, lead, differing, unseen);
        return new Finding(verdict, differing, explained, note, richer);
    }

    /// <summary>
    /// Ordinals of the fields in which the records contradict each other. A field that legacy hides contradicts when an apply of legacy's
    /// state would change it
    /// (<see cref="RecordMerge"/>): its value rests on other evidence than legacy has now. Resting on the same, but richer, it only sets
    /// <paramref name="richer"/>.
    /// </summary>
    public static List<int> Differing(Record legacy, Record @new, IRecordLens legacyLens, out bool richer)
    {
        List<int>? differing = null;
        Record? merged = null;
        richer = false;
        for (var i = 0; i < legacy.Values.Length; i++)
        {
            var (left, right) = (legacy.Values[i], @new.Values[i]);
            if (right is Hidden)
            {
                continue;
            }

            if (left is not Hidden hidden)
            {
                if (!Record.ValuesEqual(left, right))
                {
                    (differing ??= []).Add(i);
                }
            }
            else if (!Record.ValuesEqual(hidden.Derived, right))
            {
                merged ??= RecordMerge.Fill(legacy, @new, legacyLens);
                if (Record.ValuesEqual(merged.Values[i], right))
                {
                    richer = true;
                }
                else
                {
                    (differing ??= []).Add(i);
                }
            }
        }

        return differing ?? [];
    }

    // What legacy hides has nothing to be compared with but what the new side's own entity row says that it holds there. Whoever changed the
    // row and not its hashes came past the wrapper. Hashes of another mapping version, or of another key, say nothing.
    private List<int> ChangedUnseen(EntityState? entity, Record legacy, Record @new)
    {
        List<int>? changed = null;
        for (var i = 0; i < legacy.Values.Length; i++)
        {
            if (legacy.Values[i] is Hidden && @new.Values[i] is not Hidden && entity is not null
                && AcceptedHashes.Holds(_hasher, @new.Schema, entity, i, @new.Values[i]) is false)
            {
                (changed ??= []).Add(i);
            }
        }

        return changed is null || AcceptedHashes.IsStrangerTo(_hasher, entity!, legacy, @new) ? [] : changed;
    }

    // The hashes of the last accepted state tell which side has moved away from it. Both sides stored the same ones; legacy has none for
    // rows that only the
    // backfill touched. Hashes of another mapping version match neither side, and then nobody can tell.
    private (Verdict Verdict, string Note) WhoChanged(PairView pair, SideName lead, List<int> fields, List<int> unseen)
    {
        var accepted = pair.Of(Stages.Other(lead)).Entity ?? pair.New.Entity ?? pair.Legacy.Entity;
        if (accepted is null || accepted.FieldHashes.Length / HashBytes < pair.Legacy.Record!.Values.Length)
        {
            return (Verdict.Drift, "same version, different records");
        }

        var legacyChanged = Moved(fields, _hasher.Hash(pair.Legacy.Record), accepted.FieldHashes);
        var newChanged = Moved(
            fields.FindAll(field => pair.Legacy.Record.Values[field] is not Hidden), _hasher.Hash(pair.New.Record!), accepted.FieldHashes);
        newChanged.AddRange(fields.Intersect(unseen));
        return (legacyChanged.Count, newChanged.Count) switch
        {
            ( > 0, 0) => (Verdict.Uncaptured, "legacy was changed past capture"),
            (0, > 0) when newChanged.TrueForAll(unseen.Contains)
                => (Verdict.Drift, "the new side was changed without a version, in what legacy cannot tell"),
            (0, > 0) => (Verdict.Drift, "the new side was changed without a version"),
            ( > 0, > 0) when legacyChanged.Count + newChanged.Count == fields.Count
                => (Verdict.Uncaptured, "both sides were changed without a version, in different fields"),
            _ => (Verdict.Drift, "same version, different records"),
        };
    }

    private static List<int> Moved(List<int> fields, byte[] hashes, byte[] accepted) =>
        fields.FindAll(field => !Slice(hashes, field).SequenceEqual(Slice(accepted, field)));

    private static ReadOnlySpan<byte> Slice(byte[] hashes, int field) => hashes.AsSpan(field * HashBytes, HashBytes);

    private static string Accepted(SideView follower) => follower.Entity?.Version.ToString() ?? "nothing";

    internal static string Name(SideName side) => side == SideName.Legacy ? "legacy" : "new";
}
