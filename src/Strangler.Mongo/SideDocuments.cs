using Strangler.DualWrite;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>The names of our collections.</summary>
internal static class Names
{
    public const string Prefix = "strangler_";
    public const string Fence = "strangler_fence";
    public const string Slot = "strangler_fence_slot";
    public const string Entity = "strangler_entity";
    public const string Journal = "strangler_journal";
    public const string Request = "strangler_request";
    public const string Audit = "strangler_audit";
    public const string Sequence = "strangler_sequence";
    public const string IdMap = "strangler_id_map";
    public const string IdPool = "strangler_id_pool";
    public const string Quarantine = "strangler_quarantine";
    public const string Backfill = "strangler_backfill";
    public const string Conflict = "strangler_conflict";
    public const string Walk = "strangler_obligation_walk";
    public const string Lost = "strangler_lost_obligation";
    public const string Reconciliation = "strangler_reconciliation";
    public const string Disturbance = "strangler_disturbance";
    public const string Shadow = "strangler_shadow";
    public const string ShadowMismatch = "strangler_shadow_mismatch";
    public const string Lease = "strangler_reconciliation_lease";
    public const string Checkpoint = "strangler_reconciliation_checkpoint";
    public const string Schedule = "strangler_reconciliation_schedule";
    public const string Purge = "strangler_purge";
    public const string TextPart = "strangler_text_part";
    public const string Answer = "strangler_answer";
}

/// <summary>
/// Keys of our collections: documents of always the same fields in the same order, so that equality is that of their bytes, and the order of <c>_id</c>
/// that of context, kind and number.
/// </summary>
internal static class Keys
{
    public static BsonDocument Of(string context, string kind, long key) => BsonDocument.Of(("context", context), ("kind", kind), ("key", key));

    public static BsonDocument Of(string context, EntityKey key) => Of(context, key.Kind, key.Id);

    public static BsonDocument Kind(string context, string kind) => BsonDocument.Of(("context", context), ("kind", kind));

    /// <summary><c>{_id: key}</c>.</summary>
    public static BsonDocument Filter(BsonValue id) => BsonDocument.Of(("_id", id));

    /// <summary>Ids in [from, to].</summary>
    public static BsonDocument Between(string context, string kind, long from, long to) => Filter(BsonDocument.Of(
        ("$gte", Of(context, kind, from)), ("$lte", Of(context, kind, to))));

    /// <summary>Ids above one.</summary>
    public static BsonDocument Above(string context, string kind, long after) => Filter(BsonDocument.Of(
        ("$gt", Of(context, kind, after)), ("$lte", Of(context, kind, long.MaxValue))));

    public static BsonDocument Any(string context, string kind, IEnumerable<long> ids) => Filter(BsonDocument.Of(
        ("$in", BsonArray.FromDocuments(ids.Select(id => Of(context, kind, id))))));

    /// <summary>The number within a key of ours.</summary>
    public static long Id(BsonDocument document, string field = "_id") => document.Number($"{field}.key");
}

/// <summary>Reading documents of ours.</summary>
internal static class Fields
{
    public static long Number(this BsonDocument document, string path) => document.At(path).TryGetInt64(out var number) ? number : 0;

    public static string Text(this BsonDocument document, string name) => document[name] is { Type: BsonType.String } text ? text.AsString : "";

    public static string? TextOrNull(this BsonDocument document, string name) => document[name] is { Type: BsonType.String } text ? text.AsString : null;

    public static bool Flag(this BsonDocument document, string name) => document[name] is { Type: BsonType.Boolean, AsBoolean: true };

    public static byte[] Bytes(this BsonDocument document, string name) => document[name] is { Type: BsonType.Binary } bytes ? bytes.AsBinary.Bytes.ToArray() : [];

    public static DateTime Utc(this BsonDocument document, string name) => document.UtcOrNull(name) ?? default;

    public static DateTime? UtcOrNull(this BsonDocument document, string name) => document[name].TryGetDate(out var date) ? date.UtcDateTime : null;

    public static EntityVersion Version(this BsonDocument document) => new(document.Number("epoch"), document.Number("counter"));

    /// <summary>The first document of an array that a lookup has made; null when it is empty.</summary>
    public static BsonDocument? First(this BsonDocument document, string name) =>
        document[name] is { Type: BsonType.Array } array && array.AsArray.Count > 0 ? array.AsArray[0].AsDocument : null;
}

internal static class Texts
{
    /// <summary>At most so many UTF-16 units, and no half of a pair at the end.</summary>
    public static string Cut(string text, int length) => text.Length <= length
        ? text
        : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
}

/// <summary>Times as the server keeps them: in whole milliseconds.</summary>
internal static class Times
{
    public static BsonValue Of(DateTime utc) => BsonValue.FromDate(DateTime.SpecifyKind(utc, DateTimeKind.Utc));

    /// <summary>A later time by the same clock, rounded up: a lease is never shorter than was asked for.</summary>
    public static BsonValue After(DateTime utc, TimeSpan time) => BsonValue.FromMilliseconds(
        Of(utc).AsMilliseconds + (long)Math.Ceiling(Math.Min(time.TotalMilliseconds, TimeSpan.FromDays(36_500).TotalMilliseconds)));
}

/// <summary>The fence row as a document.</summary>
internal static class FenceDocuments
{
    public static string Of(FenceRole role) => role.ToString().ToLowerInvariant();

    /// <summary>The fields, without the deadline where there is none.</summary>
    public static BsonDocument Of(FenceRow fence)
    {
        var document = BsonDocument.Of(
            ("role", Of(fence.Role)), ("stage", fence.Stage.ToString()), ("epoch", fence.Epoch), ("dual_epoch", fence.DualEpoch));
        return fence.Deadline is { } deadline ? document.With("deadline", Times.Of(deadline)) : document;
    }

    /// <summary>The fields of a fence's document as they are, known to this build or not.</summary>
    public static IEnumerable<BsonElement> Copy(BsonDocument fence) =>
        fence.Where(field => field.Name is "role" or "stage" or "epoch" or "dual_epoch" or "deadline");

    /// <exception cref="SideUnavailableException">A newer program wrote a role or stage that this build does not know; nothing is
    /// guessed.</exception>
    public static FenceRow Read(BsonDocument document, SideName side)
    {
        var (role, stage) = (document.Text("role"), document.Text("stage"));
        return Enum.TryParse<FenceRole>(role, ignoreCase: true, out var knownRole) && Enum.IsDefined(knownRole)
            && Enum.TryParse<Stage>(stage, out var knownStage) && Enum.IsDefined(knownStage)
            ? new FenceRow(knownRole, knownStage, document.Number("epoch"), document.Number("dual_epoch"), document.UtcOrNull("deadline"))
            : throw new SideUnavailableException(
                side, $"its fence says {role}/{stage}, which this build does not know; deploy the newer build.", false, new FormatException(stage));
    }
}

/// <summary>The entity row as a document.</summary>
internal static class EntityDocuments
{
    /// <summary>Null when it is missing, or only there to be locked.</summary>
    public static EntityState? Read(BsonDocument? document) => document is null || IsPlaceholder(document)
        ? null
        : new EntityState(document.Version(), document.Number("foreign_seq"), document.Flag("tombstone"), document.Bytes("field_hashes"));

    /// <summary>Made by a transaction's beginning as something to lock; never outlives it.</summary>
    public static bool IsPlaceholder(BsonDocument document) => document.Number("epoch") == 0 && document.Number("foreign_seq") == 0;

    /// <summary>What a missing one begins with.</summary>
    public static BsonDocument Empty { get; } = BsonDocument.Of(
        ("epoch", 0L), ("counter", 0L), ("foreign_seq", 0L), ("tombstone", false), ("field_hashes", new BsonBinary([])), ("writer", ""));

    /// <summary>The fields of a state that is written over another one (null: over none).</summary>
    public static BsonDocument Of(EntityState state, EntityState? over)
    {
        var document = BsonDocument.Of(
            ("epoch", state.Version.Epoch), ("counter", state.Version.Counter), ("foreign_seq", state.ForeignSeq), ("tombstone", state.Tombstone),
            ("field_hashes", new BsonBinary(state.FieldHashes)), ("writer", Texts.Cut(state.Writer, 190)));
        // A write of the new side's own (its hashes are signed) over an accepted state keeps that state's hashes.
        var agreed = state.Base is { } given ? (given.Version, given.Hashes)
            : state.IsSigned && over is { IsSigned: false } accepted ? (accepted.Version, accepted.FieldHashes)
            : ((EntityVersion, byte[])?)null;
        return agreed is not var (version, hashes) ? document : document.With(
            "base", BsonDocument.Of(("epoch", version.Epoch), ("counter", version.Counter), ("field_hashes", new BsonBinary(hashes))));
    }
}
