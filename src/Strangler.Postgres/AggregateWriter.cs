using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>
/// Puts the statements that bring one aggregate from one state to another into a batch: only changed columns, only changed rows. The root
/// comes before the tables that hang on it, and after them for a delete, as foreign keys demand.
/// </summary>
internal sealed class AggregateWriter(AggregateSql sql)
{
    private AggregateLayout Layout => sql.Layout;

    /// <summary>All rows of a new aggregate. A null key is allotted by the database; <see cref="AggregateSql.AllottedId"/> is it
    /// afterwards.</summary>
    public void Insert(Batch batch, long? key, AggregateRow now)
    {
        object allotted = key is { } known ? known : sql.AllottedId;
        batch.Part($"INSERT INTO {sql.Root} ({sql.RootKey}");
        foreach (var column in sql.ColumnNames[0])
        {
            batch.Part($", {column}");
        }

        batch.Raw(") VALUES (");
        batch.Part($"{(key is null ? sql.NextId : allotted)}");
        Values(batch, Layout.Root, now.Root);
        batch.Raw(")").End();
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            InsertRows(batch, table, allotted, now.Tables[table], 0);
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
                batch.Add($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}");
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
        foreach (var column in sql.ColumnNames[table])
        {
            batch.Part($", {column}");
        }

        batch.Raw(") VALUES ");
        for (var i = from; i < rows.Count; i++)
        {
            batch.Raw(i == from ? "(" : ", (").Part($"{key}");
            if (layout.HasOrdinal)
            {
                batch.Part($", {i}");
            }

            Values(batch, layout, rows[i]);
            batch.Raw(")");
        }

        batch.End();
    }

    private static void Values(Batch batch, TableLayout table, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            batch.Part($", {AggregateSql.Parameter(table.Columns[i], row[i])}");
        }
    }

    // Places of Many rows that are not 0, 1, 2 … (somebody else's work) are put in order by writing all rows anew.
    private void UpdateRows(Batch batch, int table, long key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now, bool sparse)
    {
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
            batch.Part($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}");
            if (isNumbered)
            {
                batch.Part($" AND ordinal >= {now.Count}");
            }

            batch.End();
        }

        InsertRows(batch, table, key, now, was.Count);
    }

    private void UpdateRow(Batch batch, int table, long key, int? ordinal, object?[] was, object?[] now)
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

        batch.Part($" WHERE {sql.Keys[table]} = {key}");
        if (ordinal is { } place)
        {
            batch.Part($" AND ordinal = {place}");
        }

        batch.End();
    }
}
