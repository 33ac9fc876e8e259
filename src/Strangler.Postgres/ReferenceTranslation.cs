using Npgsql;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>
/// Columns that refer to entities of the same context: rows carry public ids, tables hold new ids. Reading goes back through the map in the
/// select itself (<see cref="AggregateSql"/>); this is the way there.
/// </summary>
/// <remarks>
/// Whether the entity that is referred to is there is nobody's condition, as legacy has no foreign key. The pair of ids is allotted ahead: it
/// is what the entity gets when it comes, and until then its entity row is a tombstone of the epoch before, older than whatever it will be.
/// </remarks>
internal sealed class ReferenceTranslation(string context, AggregateSql sql)
{
    /// <summary>One round trip of the transaction that is to write.</summary>
    public delegate Task<Dictionary<long, long>?> Query(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<Dictionary<long, long>>> read, CancellationToken cancellationToken);

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

    private Batch Select(Batch batch, string kind, long[] ids) => batch.Add(
        $"SELECT public_id, new_id FROM strangler_id_map WHERE context = {context} AND kind = {kind} AND public_id = ANY({ids})");

    // Whoever allots the same at the same time waits at the map's key, and takes what it finds; an id that is not used becomes a gap. The
    // select behind it sees what the other one has committed.
    private Batch AllotAhead(Batch batch, string kind, long[] ids) => batch
        .Add($"""
            INSERT INTO strangler_id_map (context, kind, public_id, new_id)
            SELECT {context}, {kind}, u.id, {sql.NextIdOf(kind)} FROM unnest({ids}) AS u (id) ORDER BY u.id
            ON CONFLICT (context, kind, public_id) DO NOTHING
            """)
        .Add($"""
            INSERT INTO strangler_entity (context, kind, key, epoch, tombstone, changed_at)
            SELECT f.context, {kind}, u.id, GREATEST(f.dual_epoch, 2) - 1, true, statement_timestamp()
            FROM strangler_fence f, unnest({ids}) AS u (id) WHERE f.context = {context} ORDER BY u.id
            ON CONFLICT (context, kind, key) DO NOTHING
            """);

    private static async Task<Dictionary<long, long>> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<long, long> found = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        return found;
    }
}
