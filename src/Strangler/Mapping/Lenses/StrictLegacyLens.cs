namespace Strangler.Mapping.Lenses;

/// <summary>
/// A legacy side in a store that holds less than MySQL does: no character 0 in a text, no zero date and no 30th of February. What a record would
/// write of those is refused before anything is written, by the name of the column.
/// </summary>
internal sealed class StrictLegacyLens(IRecordLens lens) : IRecordLens
{
    public RecordSchema Schema => lens.Schema;

    public AggregateLayout Layout => lens.Layout;

    public Record Get(AggregateRow row) => lens.Get(row);

    public AggregateRow Put(Record record, AggregateRow? was)
    {
        var now = lens.Put(record, was);
        for (var table = 0; table < now.Tables.Length; table++)
        {
            foreach (var row in now.Tables[table])
            {
                Check(Layout.Tables[table], row);
            }
        }

        return now;
    }

    private static void Check(TableLayout table, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            var problem = (table.Columns[i].Type, row[i]) switch
            {
                (ColumnType.Text, string text) when text.Contains('\0', StringComparison.Ordinal) => "cannot hold the character 0, which PostgreSQL's text has not",
                (ColumnType.DateTime, string time) when !Values.TryDateTime(time, out _) && !Values.TryDate(time, out _) =>
                    "cannot hold a time that no calendar has",
                _ => null,
            };
            if (problem is not null)
            {
                throw new CannotHoldException($"{table.Name}.{table.Columns[i].Name}", problem);
            }
        }
    }
}
