using System.Globalization;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// Finds the shared rows that a row refers to, or inserts those that nobody has needed yet, within the statements of the writing
/// transaction.
/// </summary>
/// <remarks>
/// <para>Legacy has no unique key on what such a row says, so two writers that both find nothing would both insert. Whoever finds nothing
/// takes a lock (a row
/// of <c>strangler_lookup</c>, held to the end of the transaction), looks again and only then inserts. Under READ COMMITTED that second
/// look sees what the
/// writer before has committed. A row that is there costs one look and no lock.</para>
/// <para>Other programs do not take that lock; where they insert the same row twice, the lower id is taken. What a shared row says is
/// compared by its bytes:
/// under a collation another one could be found than the one that was meant.</para>
/// </remarks>
internal sealed class LookupWriter
{
    private int _count;

    /// <summary>The row with each reference that is to be found as a session variable; the statements that find it are appended.</summary>
    public object?[] Resolve(Batch batch, TableLayout table, object?[] row)
    {
        foreach (var lookup in table.Lookups)
        {
            var reference = table.IndexOf(lookup.ReferencedBy);
            object?[] natural = [.. row.Skip(lookup.First).Take(lookup.Columns.Count)];
            if (row[reference] is null && (!table.Columns[reference].Nullable || natural.Any(value => value is not (null or ""))))
            {
                row = (object?[])row.Clone();
                row[reference] = FindOrInsert(batch, lookup, natural);
            }
        }

        return row;
    }

    /// <summary>A condition that holds for exactly that value: text by its bytes, NULL like any other.</summary>
    public static void Matches(Batch batch, Sql place, ColumnLayout column, object? value)
    {
        if (value is null)
        {
            batch.Part($"{place} IS NULL");
        }
        else if (column.Type == ColumnType.Text)
        {
            // The first half may use an index.
            batch.Part($"{place} = {value} AND CAST(CONVERT({place} USING utf8mb4) AS BINARY) = CAST(CONVERT({value} USING utf8mb4) AS BINARY)");
        }
        else
        {
            batch.Part($"{place} = {value}");
        }
    }

    private Sql FindOrInsert(Batch batch, LookupLayout lookup, object?[] natural)
    {
        var found = new Sql(string.Create(CultureInfo.InvariantCulture, $"@strangler_look{_count++}"));
        var table = new Sql(AggregateSql.Quote(lookup.Table));
        batch.Add($"SET {found} = NULL");
        Find(batch, found, lookup, table, natural);
        batch.Add($"""
            INSERT INTO strangler_lookup (table_name) SELECT {lookup.Table} FROM DUAL WHERE {found} IS NULL
            ON DUPLICATE KEY UPDATE table_name = strangler_lookup.table_name
            """);
        Find(batch, found, lookup, table, natural);
        batch.Part($"INSERT INTO {table} (");
        batch.Raw(string.Join(", ", lookup.Columns.Select(column => AggregateSql.Quote(column.Name))));
        batch.Raw(") SELECT ");
        for (var i = 0; i < natural.Length; i++)
        {
            batch.Raw(i == 0 ? "" : ", ");
            batch.Value(natural[i]);
        }

        batch.Part($" FROM DUAL WHERE {found} IS NULL").End();
        batch.Add($"SET {found} = COALESCE({found}, LAST_INSERT_ID())");
        return found;
    }

    // SELECT … INTO reads what is committed and locks nothing; SET … = (SELECT …) would take share locks and wait for whoever is inserting
    // another one.
    private static void Find(Batch batch, Sql found, LookupLayout lookup, Sql table, object?[] natural)
    {
        batch.Part($"SELECT COALESCE({found}, MIN(l.{new Sql(AggregateSql.Quote(lookup.KeyColumn))})) INTO {found} FROM {table} l WHERE ");
        for (var i = 0; i < natural.Length; i++)
        {
            batch.Raw(i == 0 ? "" : " AND ");
            Matches(batch, new Sql($"l.{AggregateSql.Quote(lookup.Columns[i].Name)}"), lookup.Columns[i], natural[i]);
        }

        batch.End();
    }
}

/// <summary>Rows by their raw values.</summary>
internal sealed class RowComparer : IEqualityComparer<object?[]>
{
    public static readonly RowComparer Instance = new();

    public bool Equals(object?[]? left, object?[]? right) =>
        ReferenceEquals(left, right) || (left is not null && right is not null && left.Length == right.Length
            && left.Index().All(value => Record.ValuesEqual(value.Item, right[value.Index])));

    public int GetHashCode(object?[] row) => row is [string or long, ..] ? row[0]!.GetHashCode() : row.Length;
}
