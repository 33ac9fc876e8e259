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
    private const int IdsAStatement = 1000;

    private readonly (int Table, int Column, string Kind)[] _columns =
    [
        .. sql.Layout.Tables.Index().SelectMany(table => table.Item.Columns.Index()
            .Where(column => column.Item.References is not null)
            .Select(column => (table.Index, column.Index, column.Item.References!))),
    ];

    /// <summary>One round trip of the transaction that is to write.</summary>
    public delegate Task<Dictionary<long, long>?> Query(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<Dictionary<long, long>>> read, CancellationToken cancellationToken);

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
        if (unknown.Length > 0)
        {
            Take(await query(Select(AllotAhead(new Batch(), kind, unknown), kind, unknown), ReadAsync, cancellationToken).ConfigureAwait(false));
        }

        void Take(Dictionary<long, long>? found)
        {
            foreach (var (id, newId) in found ?? [])
            {
                known[(kind, id)] = newId;
            }
        }
    }

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
