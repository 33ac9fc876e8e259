using System.Data.Common;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// Columns of the new side that refer to entities of the same context: rows carry public ids, tables hold new ids. Reading goes back
/// through the map in the select itself (<see cref="AggregateSql"/>); this is the way there.
/// </summary>
/// <remarks>
/// Whether the entity that is referred to is there is nobody's condition: legacy has no foreign key, so that a child may come before its
/// parent, or refer to what was deleted, could never be read, or never was. PROTOCOL §2 has the child wait for its parent; a child whose parent
/// never comes would wait for ever, listed nowhere. Instead the pair of ids is allotted ahead: it is what the parent gets when it comes, and
/// until then its entity row is a tombstone of the epoch before, older than whatever the parent will be. A foreign key cannot say that, and
/// there is none.
/// </remarks>
internal sealed class ReferenceTranslation(string context, AggregateSql sql)
{
    private static readonly Sql Ahead = new("@strangler_ahead");

    /// <summary>One round trip of the transaction that is to write.</summary>
    public delegate Task<Dictionary<long, long>?> Query(
        Batch batch, Func<DbDataReader, CancellationToken, Task<Dictionary<long, long>>> read, CancellationToken cancellationToken);

    /// <summary>Whether any of the rows would write a reference.</summary>
    public bool IsNeeded(AggregateRow? was, AggregateRow? now) => sql.References.IsNeeded(was, now);

    /// <summary>As <see cref="ReferenceColumns.TranslateAsync"/>.</summary>
    public Task<(AggregateRow?[] Rows, IReadOnlyDictionary<(string Kind, long Id), long> NewIds)> TranslateAsync(
        IReadOnlyList<AggregateRow?> rows, Query query, CancellationToken cancellationToken) =>
        sql.References.TranslateAsync(
            rows,
            (kind, ids, token) => query(Select(new Batch(), kind, ids), ReadAsync, token),
            (kind, ids, token) => query(Select(AllotAhead(new Batch(), kind, ids), kind, ids), ReadAsync, token),
            cancellationToken);

    private Batch Select(Batch batch, string kind, long[] ids)
    {
        batch.Part($"SELECT public_id, new_id FROM strangler_id_map WHERE context = {context} AND kind = {kind} AND public_id IN");
        Lists.In(batch, ids);
        return batch.End();
    }

    private Batch AllotAhead(Batch batch, string kind, long[] ids)
    {
        foreach (var id in ids)
        {
            AllotAhead(batch, kind, id);
        }

        return batch;
    }

    // The new id comes from where all of the kind's do, and is burnt there. Whoever allots the same at the same time waits at the map's key,
    // and takes what it finds: an id that is not used becomes a gap.
    private void AllotAhead(Batch batch, string kind, long id)
    {
        var (root, key) = sql.RootOf(kind);
        batch.Add($"INSERT INTO {root} () VALUES ()");
        batch.Add($"SET {Ahead} = LAST_INSERT_ID()");
        batch.Add($"DELETE FROM {root} WHERE {key} = {Ahead}");
        batch.Add($"""
            INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ({context}, {kind}, {id}, {Ahead})
            ON DUPLICATE KEY UPDATE new_id = strangler_id_map.new_id
            """);
        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, `key`, epoch, tombstone)
            SELECT f.context, {kind}, {id}, GREATEST(f.dual_epoch, 2) - 1, 1 FROM strangler_fence f WHERE f.context = {context}
            ON DUPLICATE KEY UPDATE counter = strangler_entity.counter
            """);
    }

    private static async Task<Dictionary<long, long>> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<long, long> found = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        return found;
    }
}
