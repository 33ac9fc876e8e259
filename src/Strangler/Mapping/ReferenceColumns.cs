namespace Strangler.Mapping;

/// <summary>New ids by public id, of one kind; null for none.</summary>
public delegate Task<Dictionary<long, long>?> FindNewIds(string kind, long[] ids, CancellationToken cancellationToken);

/// <summary>
/// The columns of a layout that refer to entities of the same context: rows carry public ids, tables of the new side hold new ids. A store
/// asks here which ids a row refers to, and puts the new ones in their place.
/// </summary>
public sealed class ReferenceColumns(AggregateLayout layout)
{
    private const int IdsAtATime = 1000;

    private readonly (int Table, int Column, string Kind)[] _columns =
    [
        .. layout.Tables.Index().SelectMany(table => table.Item.Columns.Index()
            .Where(column => column.Item.References is not null)
            .Select(column => (table.Index, column.Index, column.Item.References!))),
    ];

    /// <summary>Whether any of the rows would write a reference.</summary>
    public bool IsNeeded(AggregateRow? was, AggregateRow? now) =>
        now is not null && _columns.Length > 0 && Ids(now).Any()
        && (was is null || !Ids(now).SequenceEqual(Ids(was)) || _columns.Any(column => layout.Tables[column.Table].Role == TableRole.Many));

    /// <summary>
    /// The rows with new ids in place of public ones, in the same order; null stays null. All pairs come back too, since a row that is about to
    /// be inserted may be what another of its kind, or it itself, refers to.
    /// </summary>
    /// <param name="rows">With public ids.</param>
    /// <param name="find">The new ids of at most 1,000 public ids of one kind, as far as the id map knows them.</param>
    /// <param name="allot">Allots new ids to those that it does not know, and returns them.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<(AggregateRow?[] Rows, IReadOnlyDictionary<(string Kind, long Id), long> NewIds)> TranslateAsync(
        IReadOnlyList<AggregateRow?> rows, FindNewIds find, FindNewIds allot, CancellationToken cancellationToken)
    {
        Dictionary<(string Kind, long Id), long> known = [];
        foreach (var wanted in rows.OfType<AggregateRow>().SelectMany(Ids).Where(reference => reference.Id > 0).Distinct().GroupBy(one => one.Kind))
        {
            foreach (var ids in wanted.Select(one => one.Id).Order().Chunk(IdsAtATime))
            {
                await TakeAsync(wanted.Key, ids, find);
                long[] unknown = [.. ids.Where(id => !known.ContainsKey((wanted.Key, id)))];
                if (unknown.Length > 0)
                {
                    await TakeAsync(wanted.Key, unknown, allot);
                }
            }
        }

        return ([.. rows.Select(row => row is null ? null : Translate(row, known))], known);

        async Task TakeAsync(string kind, long[] ids, FindNewIds from)
        {
            foreach (var (id, newId) in await from(kind, ids, cancellationToken) ?? [])
            {
                known[(kind, id)] = newId;
            }
        }
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
