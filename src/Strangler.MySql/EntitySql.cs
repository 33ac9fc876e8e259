using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>The entity row as columns of a select.</summary>
internal static class EntitySql
{
    public const int Width = 5;

    public static readonly Sql Columns = new("e.epoch, e.counter, e.foreign_seq, e.tombstone, e.field_hashes");

    /// <summary>Null when the (left-joined) row is missing, or only there to be locked.</summary>
    public static EntityState? Read(DbDataReader reader, int ordinal) =>
        reader.IsDBNull(ordinal) || IsPlaceholder(reader, ordinal)
            ? null
            : new EntityState(
                new EntityVersion(reader.GetInt64(ordinal), reader.GetInt64(ordinal + 1)),
                reader.GetInt64(ordinal + 2),
                reader.GetInt64(ordinal + 3) != 0,
                reader.GetFieldValue<byte[]>(ordinal + 4));

    /// <summary>Made by a transaction's beginning as something to lock; never outlives it without a version or a trigger's mark.</summary>
    public static bool IsPlaceholder(DbDataReader reader, int ordinal) =>
        !reader.IsDBNull(ordinal) && reader.GetInt64(ordinal) == 0 && reader.GetInt64(ordinal + 2) == 0;

    // On the new side a write of its own (its hashes are signed) over an accepted state keeps that state's hashes. Assignments run from
    // left to right, so these come first: they are of what was there.
    private static readonly Sql KeepBase = new("""
        base_epoch = IF(LENGTH(VALUES(field_hashes)) % 8 = 7 AND LENGTH(field_hashes) % 8 <> 7, epoch, base_epoch),
        base_counter = IF(LENGTH(VALUES(field_hashes)) % 8 = 7 AND LENGTH(field_hashes) % 8 <> 7, counter, base_counter),
        base_hashes = IF(LENGTH(VALUES(field_hashes)) % 8 = 7 AND LENGTH(field_hashes) % 8 <> 7, field_hashes, base_hashes),
        """);

    public static void Upsert(Batch batch, SideName side, string context, EntityKey key, EntityState state)
    {
        var keepBase = side == SideName.New ? KeepBase : new Sql("");
        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes, writer)
            VALUES ({context}, {key.Kind}, {key.Id}, {state.Version.Epoch}, {state.Version.Counter}, {state.ForeignSeq},
            {(state.Tombstone ? 1 : 0)}, {state.FieldHashes},
            {Texts.Cut(state.Writer, 190)})
            ON DUPLICATE KEY UPDATE {keepBase} epoch = VALUES(epoch), counter = VALUES(counter), foreign_seq = VALUES(foreign_seq),
                tombstone = VALUES(tombstone), field_hashes = VALUES(field_hashes), writer = VALUES(writer)
            """);
        if (state.Base is { } agreed)
        {
            batch.Add($"""
                UPDATE strangler_entity SET base_epoch = {agreed.Version.Epoch}, base_counter = {agreed.Version.Counter}, base_hashes = {agreed.Hashes}
                WHERE context = {context} AND kind = {key.Kind} AND `key` = {key.Id}
                """);
        }
    }
}
