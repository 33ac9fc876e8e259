using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>
/// Puts the statements that bring one aggregate from one state to another into a batch: only changed columns, only changed rows. The root
/// comes before the tables that hang on it, and after them for a delete, as foreign keys demand.
/// </summary>
internal sealed class AggregateWriter(AggregateSql sql)
{
    // Legacy may have said GENERATED ALWAYS, and the key is known all the same.
    private const string Overriding = " OVERRIDING SYSTEM VALUE";

    private AggregateLayout Layout => sql.Layout;

    /// <summary>All rows of a new aggregate. A null key is allotted by the database; <see cref="AggregateSql.AllottedId"/> is it
    /// afterwards.</summary>
    public void Insert(Batch batch, long? key, AggregateRow now)
    {
        object allotted = key is { } known ? known : sql.AllottedId;
        if (Layout.Root.NaturalKey is null)
        {
            batch.Part($"INSERT INTO {sql.Root} ({sql.RootKey}");
            Names(batch, 0, ", ");
            batch.Raw(Overriding).Raw(" VALUES (").Part($"{(key is null ? sql.NextId : allotted)}");
            Values(batch, 0, now.Root, ", ");
        }
        else
        {
            // It is one of the columns.
            batch.Part($"INSERT INTO {sql.Root} (");
            Names(batch, 0, "");
            batch.Raw(" VALUES (");
            Values(batch, 0, now.Root, "");
        }

        batch.Raw(")").End();
        InsertDependents(batch, allotted, now);
    }

    /// <summary>The root alone; its key is allotted as the table does it for everybody, and is the result.</summary>
    public void InsertAllotted(Batch batch, AggregateRow now)
    {
        batch.Part($"INSERT INTO {sql.Root} (");
        Names(batch, 0, "");
        batch.Raw(" VALUES (");
        Values(batch, 0, now.Root, "");
        batch.Part($") RETURNING CAST({sql.RootKey} AS bigint)").End();
    }

    /// <summary>What hangs on a root that is there.</summary>
    public void InsertDependents(Batch batch, object key, AggregateRow now)
    {
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            InsertRows(batch, table, key, now.Tables[table], 0);
        }
    }

    /// <param name="batch">Takes the statements.</param>
    /// <param name="key">The root's key.</param>
    /// <param name="was">As it is.</param>
    /// <param name="now">As it shall be.</param>
    /// <param name="sparse">Many tables whose rows do not lie at 0, 1, 2 ….</param>
    public void Update(Batch batch, long key, AggregateRow was, AggregateRow now, IReadOnlySet<int>? sparse)
    {
        UpdateRow(batch, 0, key, null, was.Root, now.Root);
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            UpdateRows(batch, table, key, was.Tables[table], now.Tables[table], sparse?.Contains(table) == true);
        }
    }

    public void Delete(Batch batch, long key, AggregateRow was)
    {
        for (var table = Layout.Tables.Count - 1; table > 0; table--)
        {
            if (was.Tables[table].Count > 0)
            {
                batch.Add($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}{sql.OfContext[table]}");
            }
        }

        batch.Add($"DELETE FROM {sql.Root} WHERE {sql.RootKey} = {key}");
    }

    private void InsertRows(Batch batch, int table, object key, IReadOnlyList<object?[]> rows, int from)
    {
        if (rows.Count <= from)
        {
            return;
        }

        var layout = Layout.Tables[table];
        batch.Part($"INSERT INTO {sql.Names[table]} ({sql.Keys[table]}").Raw(layout.HasOrdinal ? ", ordinal" : "");
        Names(batch, table, ", ");
        batch.Raw(" VALUES ");
        for (var i = from; i < rows.Count; i++)
        {
            batch.Raw(i == from ? "(" : ", (").Part($"{key}");
            if (layout.HasOrdinal)
            {
                batch.Part($", {i}");
            }

            Values(batch, table, rows[i], ", ");
            batch.Raw(")");
        }

        batch.End();
    }

    // An own key the database allots; what all rows have of one value comes last.
    private static int FirstGiven(TableLayout table) => table.Children is { OwnKey: not null } ? 1 : 0;

    private void Names(Batch batch, int table, string separator)
    {
        var layout = Layout.Tables[table];
        foreach (var column in sql.ColumnNames[table].Skip(FirstGiven(layout)).Concat(layout.Fixed.Select(column => new Sql(AggregateSql.Quote(column.Name)))))
        {
            batch.Raw(separator).Part($"{column}");
            separator = ", ";
        }

        batch.Raw(")");
    }

    private void Values(Batch batch, int table, object?[] row, string separator)
    {
        var layout = Layout.Tables[table];
        for (var i = FirstGiven(layout); i < row.Length; i++)
        {
            batch.Raw(separator).Part($"{AggregateSql.Parameter(layout.Columns[i], row[i])}");
            separator = ", ";
        }

        foreach (var column in layout.Fixed)
        {
            batch.Raw(separator).Part($"{column.Value}");
            separator = ", ";
        }
    }

    // Places of Many rows that are not 0, 1, 2 … (somebody else's work) are put in order by writing all rows anew.
    private void UpdateRows(Batch batch, int table, long key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now, bool sparse)
    {
        if (Layout.Tables[table].Children is not null)
        {
            UpdateChildren(batch, table, key, was, now);
            return;
        }

        if (sparse)
        {
            if (!new RecordList(was).Equals(new RecordList(now)))
            {
                batch.Add($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}");
                InsertRows(batch, table, key, now, 0);
            }

            return;
        }

        var isNumbered = Layout.Tables[table].HasOrdinal;
        for (var i = 0; i < Math.Min(was.Count, now.Count); i++)
        {
            UpdateRow(batch, table, key, isNumbered ? i : null, was[i], now[i]);
        }

        if (was.Count > now.Count)
        {
            batch.Part($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}{sql.OfContext[table]}");
            if (isNumbered)
            {
                batch.Part($" AND ordinal >= {now.Count}");
            }

            batch.End();
        }

        InsertRows(batch, table, key, now, was.Count);
    }

    // Rows with keys of their own are known by them; one without is new.
    private void UpdateChildren(Batch batch, int table, long key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        var kept = now.Where(row => row[0] is not null).ToDictionary(row => (long)row[0]!);
        foreach (var row in was)
        {
            if (kept.TryGetValue((long)row[0]!, out var changed))
            {
                UpdateRow(batch, table, key, null, row, changed, ownKey: (long)row[0]!);
            }
            else
            {
                batch.Add($"""
                    DELETE FROM {sql.Names[table]} WHERE {sql.ColumnNames[table][0]} = {row[0]} AND {sql.Keys[table]} = {key}{sql.OfContext[table]}
                    """);
            }
        }

        InsertRows(batch, table, key, [.. now.Where(row => row[0] is null)], 0);
    }

    private void UpdateRow(Batch batch, int table, long key, int? ordinal, object?[] was, object?[] now, long? ownKey = null)
    {
        var layout = Layout.Tables[table];
        var separator = "";
        for (var i = 0; i < layout.Columns.Count; i++)
        {
            if (Record.ValuesEqual(was[i], now[i]))
            {
                continue;
            }

            if (separator.Length == 0)
            {
                batch.Part($"UPDATE {sql.Names[table]} SET ");
            }

            batch.Raw(separator).Part($"{sql.ColumnNames[table][i]} = {AggregateSql.Parameter(layout.Columns[i], now[i])}");
            separator = ", ";
        }

        if (separator.Length == 0)
        {
            return;
        }

        batch.Part($" WHERE {sql.Keys[table]} = {key}{sql.OfContext[table]}");
        if (ordinal is { } place)
        {
            batch.Part($" AND ordinal = {place}");
        }

        if (ownKey is { } own)
        {
            batch.Part($" AND {sql.ColumnNames[table][0]} = {own}");
        }

        batch.End();
    }
}
