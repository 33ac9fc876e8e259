namespace Strangler.Mapping.Lenses;

/// <summary>A column of the new side with the field that stands in it.</summary>
internal sealed record NewColumn(int Field, string Name, object? Default, NewValue Value);

/// <summary>A table of the new side.</summary>
/// <param name="List">For Many tables: the list field; -1 otherwise.</param>
/// <param name="Columns">One a column of the layout, in its order. For Many tables <c>Field</c> counts the items of a row.</param>
internal sealed record NewTable(TableRole Role, int List, NewColumn[] Columns);

/// <summary>
/// The new side: a field is a column. A companion row exists only while one of its fields is not default, so that nothing
/// optional comes into being by a load and a save.
/// </summary>
internal sealed class NewLens(RecordSchema schema, AggregateLayout layout, NewTable[] tables) : IRecordLens
{
    public RecordSchema Schema { get; } = schema;

    public AggregateLayout Layout { get; } = layout;

    /// <summary>The same for a store whose text cannot hold the character 0.</summary>
    public NewLens RefusingNul() => new(
        Schema, Layout, [.. tables.Select(table => table with { Columns = [.. table.Columns.Select(column => column with { Value = column.Value.RefusingNul() })] })]);

    public Record Get(AggregateRow row)
    {
        var values = new object?[Schema.Fields.Count];
        for (var at = 0; at < tables.Length; at++)
        {
            if (tables[at].List >= 0)
            {
                values[tables[at].List] = Schema.Fields[tables[at].List].InOrder(ReadList(tables[at], row.Tables[at]));
            }
            else
            {
                ReadRow(tables[at], row.Tables[at], values);
            }
        }

        return new Record(Schema, values);
    }

    public AggregateRow Put(Record record, AggregateRow? was) => was is null ? Create(record) : Change(record, was);

    private static void ReadRow(NewTable table, IReadOnlyList<object?[]> rows, object?[] values)
    {
        var row = rows.Count > 0 ? rows[0] : null;
        for (var i = 0; i < table.Columns.Length; i++)
        {
            var column = table.Columns[i];
            values[column.Field] = row is null ? column.Default : column.Value.Get(row[i]);
        }
    }

    private static RecordList ReadList(NewTable table, IReadOnlyList<object?[]> rows)
    {
        if (rows.Count == 0)
        {
            return RecordList.Empty;
        }

        var items = new object?[rows.Count][];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = new object?[table.Columns.Length];
            for (var c = 0; c < table.Columns.Length; c++)
            {
                items[i][table.Columns[c].Field] = table.Columns[c].Value.Get(rows[i][c]);
            }
        }

        return new RecordList(items);
    }

    private AggregateRow Create(Record record)
    {
        var rows = new IReadOnlyList<object?[]>[tables.Length];
        for (var at = 0; at < tables.Length; at++)
        {
            var table = tables[at];
            rows[at] = table.List >= 0 ? WriteList(table, record)
                : table.Role == TableRole.Root || HasAny(table, record.Values) ? [WriteRow(table, record.Values)]
                : [];
        }

        return new AggregateRow(Layout, rows);
    }

    // Only what changed is touched; a row as it was keeps its raw values.
    private AggregateRow Change(Record record, AggregateRow was)
    {
        var shown = Get(was).Values;
        var wanted = (object?[])record.Values.Clone();
        IReadOnlyList<object?[]>[]? rows = null;
        for (var i = 0; i < wanted.Length; i++)
        {
            wanted[i] = wanted[i] is Hidden ? shown[i] : wanted[i];
        }

        foreach (var list in tables.Where(table => table.List >= 0))
        {
            wanted[list.List] = Schema.Fields[list.List].Canonical(wanted[list.List]);
        }

        for (var at = 0; at < tables.Length; at++)
        {
            if (Differs(tables[at], shown, wanted))
            {
                rows ??= (IReadOnlyList<object?[]>[])was.Tables.Clone();
                rows[at] = Rewrite(tables[at], was.Tables[at], shown, wanted);
            }
        }

        return rows is null ? was : new AggregateRow(Layout, rows);
    }

    private static bool Differs(NewTable table, object?[] shown, object?[] wanted)
    {
        if (table.List >= 0)
        {
            return !Record.ValuesEqual(shown[table.List], wanted[table.List]);
        }

        foreach (var column in table.Columns)
        {
            if (!Record.ValuesEqual(shown[column.Field], wanted[column.Field]))
            {
                return true;
            }
        }

        return false;
    }

    private IReadOnlyList<object?[]> Rewrite(NewTable table, IReadOnlyList<object?[]> rows, object?[] shown, object?[] wanted)
    {
        if (table.List >= 0)
        {
            return WriteItems(table, Values.Expect<RecordList>(Schema.Fields[table.List].Name, wanted[table.List]));
        }

        if (table.Role != TableRole.Root && !HasAny(table, wanted))
        {
            return [];
        }

        if (rows.Count == 0)
        {
            return [WriteRow(table, wanted)];
        }

        var row = (object?[])rows[0].Clone();
        for (var i = 0; i < table.Columns.Length; i++)
        {
            var column = table.Columns[i];
            if (!Record.ValuesEqual(shown[column.Field], wanted[column.Field]))
            {
                row[i] = column.Value.Write(column.Name, wanted[column.Field]);
            }
        }

        return [row];
    }

    private static bool HasAny(NewTable table, object?[] values)
    {
        foreach (var column in table.Columns)
        {
            if (!Record.ValuesEqual(Values.Resolve(values[column.Field]), column.Default))
            {
                return true;
            }
        }

        return false;
    }

    private static object?[] WriteRow(NewTable table, object?[] values)
    {
        var row = new object?[table.Columns.Length];
        for (var i = 0; i < row.Length; i++)
        {
            var column = table.Columns[i];
            row[i] = column.Value.Write(column.Name, Values.Resolve(values[column.Field]));
        }

        return row;
    }

    private IReadOnlyList<object?[]> WriteList(NewTable table, Record record)
    {
        var field = Schema.Fields[table.List];
        return WriteItems(table, Values.Expect<RecordList>(field.Name, field.Canonical(Values.Resolve(record.Values[table.List]))));
    }

    private static IReadOnlyList<object?[]> WriteItems(NewTable table, RecordList list)
    {
        if (list.Count == 0)
        {
            return [];
        }

        var rows = new object?[list.Count][];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = WriteRow(table, list.Rows[i]);
        }

        return rows;
    }
}
