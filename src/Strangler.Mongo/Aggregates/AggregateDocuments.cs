using System.Collections.Frozen;
using System.Text;
using Strangler.Mapping;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Aggregates;

/// <summary>
/// One kind's aggregates as documents: one collection, one document an entity, <c>_id</c> the new id. The mapping's tables name the places: the root
/// table is the collection, a one-to-one table an embedded document, a numbered table an array of documents in the order of the ordinals; columns are
/// fields. What is not there is left out: an absent companion, an empty list, null.
/// </summary>
/// <remarks>
/// Fields that the mapping does not name are never read nor changed, also within companions and in the elements of an array. Which element is which is told
/// by its mapped values, and where these have changed by its place; a change that would drop such fields with their element, or may give them to another, is
/// refused (<see cref="CannotHoldException"/>). With its document, or its companion, all of it goes.
/// </remarks>
internal sealed class AggregateDocuments
{
    private const string IdField = "_id";
    private static readonly object?[][] NoRows = [];

    /// <param name="kind">The kind.</param>
    /// <param name="kinds">All kinds of the context.</param>
    /// <exception cref="ArgumentException">The layout has tables that only other stores know, or names that no collection or field can have.</exception>
    public AggregateDocuments(string kind, IReadOnlyDictionary<string, AggregateLayout> kinds)
    {
        (Kind, Layout) = (kind, kinds[kind]);
        if ((Layout.Tables.Select(Problem).FirstOrDefault(problem => problem is not null) ?? PlaceTakenTwice()) is { } wrong)
        {
            throw new ArgumentException($"{kind}: {wrong}.");
        }

        References = new ReferenceColumns(Layout);
        ReferredKinds = Layout.Tables.SelectMany(table => table.Columns).Select(column => column.References).OfType<string>().ToFrozenSet();
        if (ReferredKinds.FirstOrDefault(referred => !kinds.ContainsKey(referred)) is { } unknown)
        {
            throw new ArgumentException($"{kind} refers to a kind '{unknown}' that the context does not have.");
        }
    }

    public string Kind { get; }

    public AggregateLayout Layout { get; }

    public string Collection => Layout.Root.Name;

    /// <summary>Its columns that refer to entities of the context.</summary>
    public ReferenceColumns References { get; }

    /// <summary>The kinds that they refer to.</summary>
    public IReadOnlySet<string> ReferredKinds { get; }

    /// <summary>The rows of a document.</summary>
    /// <param name="document">As stored.</param>
    /// <param name="publicId">The public id of a new id of a kind that is referred to; null when no map row leads back.</param>
    public AggregateRow Read(BsonDocument document, Func<string, long, long?>? publicId = null)
    {
        var tables = new IReadOnlyList<object?[]>[Layout.Tables.Count];
        for (var at = 0; at < tables.Length; at++)
        {
            var table = Layout.Tables[at];
            tables[at] = table.Role switch
            {
                TableRole.Root => [ReadColumns(table, document, publicId)],
                TableRole.One => ReadOne(table, document[table.Name], publicId),
                _ => ReadMany(table, document[table.Name], publicId),
            };
        }

        return new AggregateRow(Layout, tables);
    }

    /// <summary>The new ids of a kind that a document refers to.</summary>
    public IEnumerable<(string Kind, long NewId)> NewIdsOf(BsonDocument document) => Places(document)
        .Where(place => place.Column.References is not null && place.Value.TryGetInt64(out var id) && id > 0)
        .Select(place => (place.Column.References!, place.Value.TryGetInt64(out var id) ? id : 0));

    /// <summary>A new document.</summary>
    /// <param name="newId">Its <c>_id</c>.</param>
    /// <param name="row">With new ids in columns that refer to entities.</param>
    public BsonDocument Insert(long newId, AggregateRow row)
    {
        List<BsonElement> fields = [new(IdField, newId)];
        for (var at = 0; at < row.Tables.Length; at++)
        {
            var table = Layout.Tables[at];
            if (table.Role == TableRole.Root)
            {
                fields.AddRange(WriteColumns(table, row.Root));
            }
            else if (row.Tables[at].Count > 0)
            {
                fields.Add(new(table.Name, Embedded(table, row.Tables[at], default)));
            }
        }

        return BsonDocument.FromElements(fields);
    }

    /// <summary>The update operators that make one state of another; null where they are the same.</summary>
    /// <param name="stored">The document as it is.</param>
    /// <param name="was">Its rows.</param>
    /// <param name="now">What it is to say; with new ids in columns that refer to entities, as <paramref name="was"/>.</param>
    /// <exception cref="CannotHoldException">Fields of another program would be lost, or come into another element.</exception>
    public BsonDocument? Update(BsonDocument stored, AggregateRow was, AggregateRow now)
    {
        List<BsonElement> set = [];
        List<BsonElement> unset = [];
        for (var at = 0; at < now.Tables.Length; at++)
        {
            var (table, before, after) = (Layout.Tables[at], was.Tables[at], now.Tables[at]);
            if (table.Role == TableRole.Root)
            {
                ChangeColumns(table, "", before[0], after[0]);
            }
            else if (table.Role == TableRole.One && before.Count > 0 && after.Count > 0 && stored[table.Name].Type == BsonType.Document)
            {
                ChangeColumns(table, table.Name + ".", before[0], after[0]);
            }
            else if (!new RecordList(before).Equals(new RecordList(after)))
            {
                var value = Embedded(table, after, table.Role == TableRole.Many ? stored[table.Name] : default);
                Change(table.Name, after.Count == 0 ? default : value);
            }
        }

        return set.Count + unset.Count == 0 ? null : BsonDocument.FromElements(
        [
            .. set.Count > 0 ? [new BsonElement("$set", BsonDocument.FromElements(set))] : (ReadOnlySpan<BsonElement>)[],
            .. unset.Count > 0 ? [new BsonElement("$unset", BsonDocument.FromElements(unset))] : (ReadOnlySpan<BsonElement>)[],
        ]);

        void ChangeColumns(TableLayout table, string prefix, object?[] before, object?[] after)
        {
            for (var i = 0; i < after.Length; i++)
            {
                if (!Record.ValuesEqual(before[i], after[i]))
                {
                    Change(prefix + table.Columns[i].Name, Cells.Write(table.Columns[i], after[i]));
                }
            }
        }

        void Change(string path, BsonValue value)
        {
            if (value.IsMissing)
            {
                unset.Add(new(path, ""));
            }
            else
            {
                set.Add(new(path, value));
            }
        }
    }

    private string? PlaceTakenTwice() => Layout.Tables.Skip(1).Select(table => table.Name).Concat(Layout.Root.Columns.Select(column => column.Name))
        .GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? $"'{twice.Key}' would be two fields of one document; give the table or the column another name"
            : null;

    private static string? Problem(TableLayout table)
    {
        if (table.Role == TableRole.Referenced || table.Parent is not null || table.Children is not null || table.Lookups.Count > 0 || table.Fixed.Count > 0)
        {
            return $"table '{table.Name}': a new side in MongoDB knows root, one-to-one and numbered tables only";
        }

        if (table.Role == TableRole.Root && (!IsName(table.Name) || table.Name.StartsWith("system.", StringComparison.Ordinal)
            || table.Name.StartsWith("strangler_", StringComparison.Ordinal)))
        {
            return $"'{Shown(table.Name)}' cannot be the name of a collection of an aggregate";
        }

        return table.Columns.Select(column => column.Name).Append(table.Name).FirstOrDefault(name => !IsName(name) || name == IdField) is { } wrong
            ? $"'{Shown(wrong)}' cannot be the name of a field"
            : null;
    }

    private static bool IsName(string name) => name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= 120 && name[0] != '$' && name.AsSpan().IndexOfAny('.', '\0') < 0;

    private static string Shown(string name) => name.Replace('\0', '?');

    private IEnumerable<(ColumnLayout Column, BsonValue Value)> Places(BsonDocument document) => Layout.Tables.SelectMany(table =>
    {
        IEnumerable<BsonDocument> rows = table.Role == TableRole.Root ? [document] : document[table.Name] switch
        {
            { Type: BsonType.Document } one => [one.AsDocument],
            { Type: BsonType.Array } many => many.AsArray.Where(value => value.Type == BsonType.Document).Select(value => value.AsDocument),
            _ => [],
        };
        return rows.SelectMany(row => table.Columns.Select(column => (column, row[column.Name])));
    });

    private static IReadOnlyList<object?[]> ReadOne(TableLayout table, BsonValue value, Func<string, long, long?>? publicId) => value.Type switch
    {
        BsonType.Missing or BsonType.Null => NoRows,
        BsonType.Document => [ReadColumns(table, value.AsDocument, publicId)],
        _ => [Mistyped(table, value, "an embedded document")],
    };

    private static IReadOnlyList<object?[]> ReadMany(TableLayout table, BsonValue value, Func<string, long, long?>? publicId) => value.Type switch
    {
        BsonType.Missing or BsonType.Null => NoRows,
        BsonType.Array when value.AsArray.Count == 0 => NoRows,
        BsonType.Array => value.AsArray.Select(item => item.Type == BsonType.Document
            ? ReadColumns(table, item.AsDocument, publicId)
            : Mistyped(table, item, "a document in an array")).ToList(),
        _ => [Mistyped(table, value, "an array of documents")],
    };

    private static object?[] Mistyped(TableLayout table, BsonValue value, string wanted)
    {
        var row = new object?[table.Columns.Count];
        Array.Fill(row, new MistypedValue($"is not there: {table.Name} is of the type {value.Type}, and must be {wanted}"));
        return row;
    }

    private static object?[] ReadColumns(TableLayout table, BsonDocument document, Func<string, long, long?>? publicId)
    {
        var values = new object?[table.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var column = table.Columns[i];
            values[i] = Cells.Read(column, document[column.Name]);
            if (column.References is { } kind && values[i] is long newId and not 0)
            {
                // A new id that no map row leads back from reads as -1, which no lens takes for an id.
                values[i] = publicId?.Invoke(kind, newId) ?? -1L;
            }
        }

        return values;
    }

    private static IEnumerable<BsonElement> WriteColumns(TableLayout table, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            if (Cells.Write(table.Columns[i], row[i]) is { IsMissing: false } value)
            {
                yield return new(table.Columns[i].Name, value);
            }
        }
    }

    private static BsonValue Embedded(TableLayout table, IReadOnlyList<object?[]> rows, BsonValue stored)
    {
        if (table.Role == TableRole.One)
        {
            return rows.Count == 0 ? default(BsonValue) : BsonDocument.FromElements(WriteColumns(table, rows[0]));
        }

        var before = stored.Type == BsonType.Array ? stored.AsArray : BsonArray.Empty;
        var places = ElementsOf(table, before, rows);
        return BsonArray.FromDocuments(rows.Select((row, i) =>
            places[i] >= 0 ? Over(table, before[places[i]].AsDocument, row) : BsonDocument.FromElements(WriteColumns(table, row))));
    }

    /// <summary>The place before of each row's element; -1 of a new one. First where nothing has changed, then where the same is said, then by place.</summary>
    private static int[] ElementsOf(TableLayout table, BsonArray before, IReadOnlyList<object?[]> rows)
    {
        var places = Enumerable.Repeat(-1, rows.Count).ToArray();
        var free = Enumerable.Range(0, before.Count).Where(place => before[place].Type == BsonType.Document).ToHashSet();
        Take((row, place) => row == place && Says(table, before[place].AsDocument, rows[row]));
        // Of equals those first that must not be lost.
        Take((row, place) => HasMore(table, before[place].AsDocument) && Says(table, before[place].AsDocument, rows[row]));
        Take((row, place) => Says(table, before[place].AsDocument, rows[row]));
        // Where the list has become shorter, the element of a place may be the next one.
        Take((row, place) => row == place && (rows.Count >= before.Count || !HasMore(table, before[place].AsDocument)));
        return free.Any(place => HasMore(table, before[place].AsDocument))
            ? throw new CannotHoldException(table.Name, "one of its elements has fields of another program, which would be lost with it or come to another one")
            : places;

        void Take(Func<int, int, bool> isIt)
        {
            for (var row = 0; row < places.Length; row++)
            {
                if (places[row] < 0 && Enumerable.Range(0, before.Count).FirstOrDefault(place => free.Contains(place) && isIt(row, place), -1) is var found and >= 0)
                {
                    places[row] = found;
                    free.Remove(found);
                }
            }
        }
    }

    private static bool Says(TableLayout table, BsonDocument element, object?[] row) =>
        table.Columns.Index().All(column => Record.ValuesEqual(Cells.Read(column.Item, element[column.Item.Name]), row[column.Index]));

    private static bool HasMore(TableLayout table, BsonDocument element) => element.Any(field => table.Columns.All(column => column.Name != field.Name));

    // What the mapping does not know, and what is as it was, stays byte for byte.
    private static BsonDocument Over(TableLayout table, BsonDocument element, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            var column = table.Columns[i];
            if (Record.ValuesEqual(Cells.Read(column, element[column.Name]), row[i]))
            {
                continue;
            }

            element = Cells.Write(column, row[i]) is { IsMissing: false } value ? element.With(column.Name, value) : element.Without(column.Name);
        }

        return element;
    }
}
