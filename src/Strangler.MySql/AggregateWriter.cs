using System.Globalization;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// Puts the statements that bring one aggregate from one state to another into a batch: only changed columns, only changed rows. The order
/// satisfies foreign keys: referenced tables before the root and the others after it, the reverse for deletes.
/// </summary>
internal sealed class AggregateWriter(AggregateSql sql)
{
    /// <summary>The session variable that holds a root key allotted by the database.</summary>
    public static readonly Sql NewKey = new("@strangler_id");

    private readonly LookupWriter _lookups = new();

    private AggregateLayout Layout => sql.Layout;

    /// <summary>All rows of a new aggregate. A null key is allotted by the database and stands in <see cref="NewKey"/>
    /// afterwards.</summary>
    public void Insert(Batch batch, object? key, AggregateRow now)
    {
        var root = _lookups.Resolve(batch, Layout.Root, now.Root);
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            if (IsReferenced(table) && now.Tables[table].Count > 0)
            {
                root = WithReference(root, table, InsertReferenced(batch, table, now));
            }
        }

        if (key is null)
        {
            batch.Part($"{sql.Inserts[0].WithoutKey}");
            Values(batch, null, null, sql.Inserted(0, root));
            batch.End();
            batch.Add($"SET {NewKey} = LAST_INSERT_ID()");
            key = NewKey;
        }
        else if (Layout.Root.NaturalKey is not null)
        {
            // It is one of the columns.
            batch.Part($"{sql.Inserts[0].WithoutKey}");
            Values(batch, null, null, sql.Inserted(0, root));
            batch.End();
        }
        else
        {
            batch.Part($"{sql.Inserts[0].WithKey}");
            Values(batch, key, null, sql.Inserted(0, root));
            batch.End();
        }

        InsertDependents(batch, key, now);
    }

    /// <summary>The One and Many rows of a root that is there.</summary>
    public void InsertDependents(Batch batch, object key, AggregateRow now)
    {
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            if (Layout.Tables[table] is { Parent: null, Role: not TableRole.Referenced })
            {
                InsertRows(batch, table, key, now.Tables[table], 0);
            }
        }
    }

    /// <param name="batch">Takes the statements.</param>
    /// <param name="key">The root's key.</param>
    /// <param name="was">As it is.</param>
    /// <param name="now">As it shall be.</param>
    /// <param name="sparse">Many tables whose rows do not lie at 0, 1, 2 ….</param>
    /// <param name="shared">Referenced tables whose row other roots refer to as well: it stays as it is, and this root gets one of its own.</param>
    public void Update(
        Batch batch, object key, AggregateRow was, AggregateRow now, IReadOnlySet<int>? sparse, IReadOnlySet<int>? shared = null)
    {
        var root = _lookups.Resolve(batch, Layout.Root, now.Root);
        List<(int Table, object? Key)>? orphans = null;
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            if (!IsReferenced(table))
            {
                continue;
            }

            var (before, after) = (was.Tables[table].Count, now.Tables[table].Count);
            if (after > 0 && (before == 0 || (shared?.Contains(table) == true && !IsSame(was, now, table))))
            {
                root = WithReference(root, table, InsertReferenced(batch, table, now));
            }
            else if (before > 0 && after == 0)
            {
                if (shared?.Contains(table) != true)
                {
                    (orphans ??= []).Add((table, was.Root[ReferenceOf(table)]));
                }

                root = WithReference(root, table, Layout.Root.Columns[ReferenceOf(table)].Nullable ? null : 0L);
            }
            else if (before > 0)
            {
                UpdateReferenced(batch, table, was, now);
            }
        }

        UpdateRow(batch, 0, key, null, was.Root, root);
        for (var table = 1; table < Layout.Tables.Count; table++)
        {
            if (Layout.Tables[table] is { Parent: null, Role: not TableRole.Referenced })
            {
                UpdateRows(batch, table, key, was.Tables[table], now.Tables[table], sparse?.Contains(table) == true);
            }
        }

        foreach (var (table, reference) in orphans ?? [])
        {
            DeleteReferenced(batch, table, reference, was);
        }
    }

    /// <inheritdoc cref="Update"/>
    public void Delete(Batch batch, object key, AggregateRow was, IReadOnlySet<int>? shared = null)
    {
        for (var table = Layout.Tables.Count - 1; table > 0; table--)
        {
            if (Layout.Tables[table] is { Parent: null, Role: not TableRole.Referenced } && was.Tables[table].Count > 0)
            {
                DeleteRows(batch, table, key);
                batch.End();
            }
        }

        batch.Add($"DELETE FROM {sql.Root} WHERE {sql.RootKey} = {key}");
        for (var table = Layout.Tables.Count - 1; table > 0; table--)
        {
            if (IsReferenced(table) && was.Tables[table].Count > 0 && shared?.Contains(table) != true)
            {
                DeleteReferenced(batch, table, was.Root[ReferenceOf(table)], was);
            }
        }
    }

    /// <summary>One row of a multi-row insert: <c>(key, ordinal, values…)</c>, each part where given.</summary>
    public static void Values(Batch batch, object? key, int? ordinal, object?[] row)
    {
        var separator = "(";
        if (key is not null)
        {
            batch.Part($"({key}");
            separator = ", ";
        }

        if (ordinal is { } place)
        {
            batch.Raw(separator);
            batch.Value(place);
            separator = ", ";
        }

        foreach (var value in row)
        {
            batch.Raw(separator);
            separator = ", ";
            if (value is Sql raw)
            {
                batch.Raw(raw.Text);
            }
            else
            {
                batch.Value(value);
            }
        }

        batch.Raw(separator == "(" ? "()" : ")");
    }

    public bool IsReferenced(int table) => Layout.Tables[table] is { Role: TableRole.Referenced, Parent: null };

    /// <summary>The place of the root column that holds the referenced table's key.</summary>
    public int ReferenceOf(int table) => Layout.Root.IndexOf(Layout.Tables[table].ReferencedBy!);

    /// <summary>Tables that hang on a referenced table and share its key.</summary>
    public IEnumerable<int> Children(int table) =>
        Enumerable.Range(1, Layout.Tables.Count - 1).Where(child => Layout.Tables[child].Parent == Layout.Tables[table].Name);

    // By an index, forced: a scan of a small table would wait for other entities' locks.
    private void DeleteRows(Batch batch, int table, object key)
    {
        if (Layout.Tables[table].Role == TableRole.Many)
        {
            batch.Part($"DELETE x FROM {sql.Names[table]} x FORCE INDEX ({sql.ManyIndex[table]})");
            batch.Part($" WHERE x.{sql.Keys[table]} = {key}{sql.OfContext[table]}");
        }
        else
        {
            batch.Part($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {key}{sql.OfContext[table]}");
        }
    }

    private object?[] WithReference(object?[] root, int table, object? reference)
    {
        var copy = (object?[])root.Clone();
        copy[ReferenceOf(table)] = reference;
        return copy;
    }

    private Sql InsertReferenced(Batch batch, int table, AggregateRow now)
    {
        var variable = new Sql(string.Create(CultureInfo.InvariantCulture, $"@strangler_ref{table}"));
        var row = _lookups.Resolve(batch, Layout.Tables[table], now.Tables[table][0]);
        batch.Part($"{sql.Inserts[table].WithoutKey}");
        Values(batch, null, null, sql.Inserted(table, row));
        batch.End();
        batch.Add($"SET {variable} = LAST_INSERT_ID()");
        foreach (var child in Children(table))
        {
            InsertRows(batch, child, variable, now.Tables[child], 0);
        }

        return variable;
    }

    private void UpdateReferenced(Batch batch, int table, AggregateRow was, AggregateRow now)
    {
        var reference = was.Root[ReferenceOf(table)]!;
        UpdateRow(batch, table, reference, null, was.Tables[table][0], now.Tables[table][0]);
        foreach (var child in Children(table))
        {
            UpdateRows(batch, child, reference, was.Tables[child], now.Tables[child], sparse: false);
        }
    }

    private void DeleteReferenced(Batch batch, int table, object? reference, AggregateRow was)
    {
        foreach (var child in Children(table).Where(child => was.Tables[child].Count > 0))
        {
            batch.Add($"DELETE FROM {sql.Names[child]} WHERE {sql.Keys[child]} = {reference}");
        }

        if (Layout.Tables[table].IsShared)
        {
            DeleteUnlessReferred(batch, table, reference);
            return;
        }

        batch.Add($"DELETE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {reference}");
    }

    // Who else refers to it is seen only now: another root since the rows were locked, or, where a foreign key says so, another program's
    // table. IGNORE makes a foreign key's refusal a warning, and the row stays with whoever needs it.
    private void DeleteUnlessReferred(Batch batch, int table, object? reference) => batch.Add($"""
        DELETE IGNORE FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {reference}
        AND NOT EXISTS (SELECT 1 FROM {sql.Root} o WHERE o.{sql.ColumnNames[0][ReferenceOf(table)]} = {reference})
        """);

    private bool IsSame(AggregateRow was, AggregateRow now, int table) => new RecordList(was.Tables[table]).Equals(new RecordList(now.Tables[table]));

    private void InsertRows(Batch batch, int table, object key, IReadOnlyList<object?[]> rows, int from)
    {
        if (rows.Count <= from)
        {
            return;
        }

        var numbered = Layout.Tables[table].HasOrdinal;
        object?[][] resolved = [.. rows.Skip(from).Select(row => _lookups.Resolve(batch, Layout.Tables[table], row))];
        batch.Part($"{sql.Inserts[table].WithKey}");
        for (var i = 0; i < resolved.Length; i++)
        {
            batch.Raw(i == 0 ? "" : ", ");
            Values(batch, key, numbered ? from + i : null, sql.Inserted(table, resolved[i]));
        }

        batch.End();
    }

    // Places of Many rows that are not 0, 1, 2 … (another program's work) are put in order by writing all rows anew.
    private void UpdateRows(Batch batch, int table, object key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now, bool sparse)
    {
        var many = Layout.Tables[table].Role == TableRole.Many;
        if (Layout.Tables[table].Children is { } children)
        {
            UpdateChildren(batch, table, children, key, was, now);
            return;
        }

        if (sparse)
        {
            if (!new RecordList(was).Equals(new RecordList(now)))
            {
                DeleteRows(batch, table, key);
                batch.End();
                InsertRows(batch, table, key, now, 0);
            }

            return;
        }

        for (var i = 0; i < Math.Min(was.Count, now.Count); i++)
        {
            UpdateRow(batch, table, key, many ? i : null, was[i], now[i]);
        }

        if (was.Count > now.Count)
        {
            DeleteRows(batch, table, key);
            if (many && now.Count > 0)
            {
                batch.Part($" AND `ordinal` >= {now.Count}");
            }

            batch.End();
        }

        InsertRows(batch, table, key, now, was.Count);
    }

    private void UpdateChildren(
        Batch batch, int table, ChildRows children, object key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        if (children.OwnKey is null)
        {
            UpdateByContent(batch, table, key, was, now);
            return;
        }

        var kept = now.Where(row => row[0] is not null).ToDictionary(row => (long)row[0]!);
        foreach (var gone in was.Where(row => !kept.ContainsKey((long)row[0]!)))
        {
            batch.Part($"DELETE FROM {sql.Names[table]} WHERE {sql.ColumnNames[table][0]} = {gone[0]}");
            batch.Part($" AND {sql.Keys[table]} = {key}{sql.OfContext[table]}").End();
        }

        foreach (var row in was.Where(row => kept.ContainsKey((long)row[0]!)))
        {
            UpdateRow(batch, table, key, null, row, kept[(long)row[0]!], ownKey: row[0]);
        }

        InsertRows(batch, table, key, [.. now.Where(row => row[0] is null)], 0);
    }

    // Rows that are nothing but their content. Of several that are the same all go, and those that stay come again.
    private void UpdateByContent(Batch batch, int table, object key, IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        List<object?[]> added = [];
        foreach (var group in was.Concat(now).GroupBy(row => row, RowComparer.Instance))
        {
            var (before, after) = (was.Count(IsSame), now.Count(IsSame));
            if (after < before)
            {
                DeleteRows(batch, table, key);
                SameContent(batch, table, group.Key);
                batch.End();
            }

            added.AddRange(Enumerable.Repeat(group.Key, after < before ? after : after - before));

            bool IsSame(object?[] row) => RowComparer.Instance.Equals(row, group.Key);
        }

        InsertRows(batch, table, key, added, 0);
    }

    private void SameContent(Batch batch, int table, object?[] row)
    {
        var layout = Layout.Tables[table];
        for (var i = 0; i < layout.StoredColumns; i++)
        {
            batch.Raw(" AND ");
            LookupWriter.Matches(batch, new Sql($"x.{sql.ColumnNames[table][i].Text}"), layout.Columns[i], row[i]);
        }
    }

    private void UpdateRow(Batch batch, int table, object key, int? ordinal, object?[] was, object?[] wanted, object? ownKey = null)
    {
        var now = _lookups.Resolve(batch, Layout.Tables[table], wanted);
        var separator = "";
        for (var i = 0; i < Layout.Tables[table].StoredColumns; i++)
        {
            if (now[i] is not Sql && Record.ValuesEqual(was[i], now[i]))
            {
                continue;
            }

            if (separator.Length == 0)
            {
                batch.Part($"UPDATE {sql.Names[table]} SET ");
            }

            batch.Raw(separator);
            batch.Part($"{sql.ColumnNames[table][i]} = {now[i]}");
            separator = ", ";
        }

        if (separator.Length == 0)
        {
            return;
        }

        batch.Part($" WHERE {sql.Keys[table]} = {key}{sql.OfContext[table]}");
        if (ordinal is { } place)
        {
            batch.Part($" AND `ordinal` = {place}");
        }

        if (ownKey is not null)
        {
            batch.Part($" AND {sql.ColumnNames[table][0]} = {ownKey}");
        }

        batch.End();
    }
}
