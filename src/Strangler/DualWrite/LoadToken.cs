using System.Globalization;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// What a caller had before its eyes when it loaded an entity. It travels beside the entity (weakly keyed by instance in the wrapper; as an
/// ETag over HTTP) and shows a stale save. Says no values; <see cref="ContentHash"/> is unkeyed, so a token goes only to
/// those who may read the entity.
/// </summary>
/// <param name="Side">The side that answered.</param>
/// <param name="Stage">The stage it answered in.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Version">The version of the state; frozen in LegacyOnly, where nothing raises it.</param>
public sealed record LoadToken(SideName Side, Stage Stage, long Epoch, EntityVersion Version)
{
    private Record? _content;
    private byte[]? _hash;

    /// <summary>A token with the hash from its tag.</summary>
    internal LoadToken(SideName side, Stage stage, long epoch, EntityVersion version, byte[] hash)
        : this(side, stage, epoch, version) => _hash = hash;

    /// <summary>A token that rests on what was loaded: most entities are only read, so it is hashed when a save asks.</summary>
    internal LoadToken(SideName side, Stage stage, long epoch, EntityVersion version, Record? content)
        : this(side, stage, epoch, version) => _content = content;

    /// <summary>16 bytes of the record as loaded; empty when there was none.</summary>
    public byte[] ContentHash
    {
        get
        {
            // Content before hash: the other way round, what is let go of below could be missed. Two threads may both hash, to the same end.
            var content = Volatile.Read(ref _content);
            if (Volatile.Read(ref _hash) is { } known)
            {
                return known;
            }

            var hash = RecordEncoding.ContentHash(content);
            Volatile.Write(ref _hash, hash);
            Volatile.Write(ref _content, null);
            return hash;
        }
    }

    /// <summary>The other programs' writes that the state had taken in: they do not raise the version.</summary>
    public long ForeignSeq { get; init; }

    /// <summary>
    /// What the caller of a save wanted the entity to be, which its instance still is; not in the tag. The side may hide some of it.
    /// </summary>
    internal Record? Given { get; init; }

    /// <summary>For messages: the version, with the beginning of the content's hash where versions alone do not tell.</summary>
    public string Display => ContentHash.Length == 0
        ? $"{Version} (absent)"
        : Side == SideName.Legacy ? $"{Version}/{Convert.ToHexStringLower(ContentHash.AsSpan(0, 4))}" : Version.ToString();

    /// <summary>The token as ASCII text without blanks, for an ETag.</summary>
    public string ToTag() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(int)Side}.{(int)Stage}.{Epoch}.{Version.Epoch}.{Version.Counter}.{ForeignSeq}.{Convert.ToHexStringLower(ContentHash)}");

    /// <summary>Null when the text is not a token.</summary>
    public static LoadToken? FromTag(string tag)
    {
        var parts = tag.Split('.');
        var numbers = new long[6];
        if (parts.Length != 7 || (parts[6].Length != 0 && parts[6].Length != 32))
        {
            return null;
        }

        for (var i = 0; i < numbers.Length; i++)
        {
            if (!long.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return null;
            }
        }

        var hash = new byte[parts[6].Length / 2];
        return numbers[0] > (int)SideName.New || numbers[1] > (int)Stage.NewOnly
            || Convert.FromHexString(parts[6], hash, out _, out _) != System.Buffers.OperationStatus.Done
            ? null
            : new LoadToken((SideName)numbers[0], (Stage)numbers[1], numbers[2], new EntityVersion(numbers[3], numbers[4]), hash)
            {
                ForeignSeq = numbers[5],
            };
    }

    /// <summary>
    /// Whether it stands for the same state as a token that was read later, in whichever stage and from whichever side: for those who look before they
    /// save. The save itself is checked under lock.
    /// </summary>
    /// <param name="present">What was read now.</param>
    public bool IsStill(LoadToken present) => !IsStale(present, present.Version.Epoch);

    /// <summary>
    /// Whether a save that was loaded at this token must be refused. Versions decide wherever they exist. While legacy leads the content
    /// decides, too: it catches stale saves in LegacyOnly, where nothing counts, and other programs' writes that nobody captured.
    /// </summary>
    /// <param name="present">What the lead holds now, read under lock; its Side is the lead's.</param>
    /// <param name="dualEpoch">The dual epoch of the lead's fence.</param>
    internal bool IsStale(LoadToken present, long dualEpoch)
    {
        if (present.Side == SideName.New)
        {
            // A token of LegacyOnly is stale by its version alone: DualWrite, which lies in between, began a new dual epoch.
            return Version != present.Version || ForeignSeq != present.ForeignSeq;
        }

        if (Side == SideName.New)
        {
            // The new side shows what legacy hides, so contents cannot be compared across the sides; in LegacyOnly nothing is left that
            // could.
            return present.Stage == Stage.LegacyOnly || Version != present.Version || ForeignSeq != present.ForeignSeq;
        }

        return !ContentHash.AsSpan().SequenceEqual(present.ContentHash)
            || (present.Stage != Stage.LegacyOnly && Counted(dualEpoch) != present.Version);
    }

    public bool Equals(LoadToken? other) =>
        other is not null && (Side, Stage, Epoch, Version, ForeignSeq) == (other.Side, other.Stage, other.Epoch, other.Version, other.ForeignSeq)
        && ContentHash.AsSpan().SequenceEqual(other.ContentHash);

    public override int GetHashCode() => HashCode.Combine(Side, Stage, Epoch, Version, ForeignSeq);

    // A version from before DualWrite was last entered counts as (dual epoch, 0): nothing has been counted since.
    private EntityVersion Counted(long dualEpoch) =>
        Stage == Stage.LegacyOnly || Version.Epoch < dualEpoch ? new EntityVersion(dualEpoch, 0) : Version;
}
