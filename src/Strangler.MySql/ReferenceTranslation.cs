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
    private const int IdsAStatement = 1000;

    private static readonly Sql Ahead = new("@strangler_ahead");

    private readonly (int Table, int Column, string Kind)[] _columns =
    [
        .. sql.Layout.Tables.Index().SelectMany(table => table.Item.Columns.Index()
            .Where(column => column.Item.References is not null)
            .Select(column => (table.Index, column.Index, column.Item.References!))),
    ];

    /// <summary>One round trip of the transaction that is to write.</summary>
    public delegate Task<Dictionary<long, long>?> Query(
        Batch batch, Func<DbDataReader, CancellationToken, Task<Dictionary<long, long>>> read, CancellationToken cancellationToken);

    /// <summary>Whether any of the rows would write a reference.</summary>
    public bool IsNeeded(AggregateRow? was, AggregateRow? now) =>
        now is not null && _columns.Length > 0 && Ids(now).Any()
        && (was is null || !Ids(now).SequenceEqual(Ids(was)) || _columns.Any(column => sql.Layout.Tables[column.Table].Role == TableRole.Many));

    /// <summary>
    /// The rows with new ids in place of public ones, in the same order; null stays null. Ids that the map does not know are allotted ahead; they are among
    /// the pairs that come back, since a row that is about to be inserted may be what another of its kind, or it itself, refers to.
    /// </summary>
    public async Task<(AggregateRow?[] Rows, IReadOnlyDictionary<(string Kind, long Id), long> NewIds)> TranslateAsync(
        IReadOnlyList<AggregateRow?> rows, Query query, CancellationToken cancellationToken)
    {
        Dictionary<(string Kind, long Id), long> known = [];
        foreach (var wanted in rows.OfType<AggregateRow>().SelectMany(Ids).Where(reference => reference.Id > 0).Distinct().GroupBy(one => one.Kind))
        {
            foreach (var ids in wanted.Select(one => one.Id).Order().Chunk(IdsAStatement))
            {
                await FindAsync(wanted.Key, ids, known, query, cancellationToken).ConfigureAwait(false);
            }
        }

        return ([.. rows.Select(row => row is null ? null : Translate(row, known))], known);
    }

    private async Task FindAsync(
        string kind, long[] ids, Dictionary<(string Kind, long Id), long> known, Query query, CancellationToken cancellationToken)
    {
        Take(await query(Select(new Batch(), kind, ids), ReadAsync, cancellationToken).ConfigureAwait(false));
        long[] unknown = [.. ids.Where(id => !known.ContainsKey((kind, id)))];
        if (unknown.Length == 0)
        {
            return;
        }

        var batch = new Batch();
        foreach (var id in unknown)
        {
            AllotAhead(batch, kind, id);
        }

        Take(await query(Select(batch, kind, unknown), ReadAsync, cancellationToken).ConfigureAwait(false));

        void Take(Dictionary<long, long>? found)
        {
            foreach (var (id, newId) in found ?? [])
            {
                known[(kind, id)] = newId;
            }
        }
    }

    private Batch Select(Batch batch, string kind, long[] ids)
    {
        batch.Part($"SELECT public_id, new_id FROM strangler_id_map WHERE context = {context} AND kind = {kind} AND public_id IN");
        Lists.In(batch, ids);
        return batch.End();
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

    private IEnumerable<(string Kind, long Id)> Ids(AggregateRow row) =>
        _columns.SelectMany(column => row.Tables[column.Table].Select(values => (column.Kind, values[column.Column] as long? ?? 0)));

    private AggregateRow Translate(AggregateRow row, Dictionary<(string Kind, long Id), long> known)
    {
        var copy = row.Clone();
        foreach (var (table, column, kind) in _columns)
        {
            foreach (var values in copy.Tables[table])
            {
                values[column] = values[column] is long id and > 0 ? known[(kind, id)] : values[column];
            }
        }

        return copy;
    }
}
