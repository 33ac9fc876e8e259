using System.Data.Common;
using System.Globalization;
using Strangler.Schemas;

namespace Strangler.MySql;

/// <summary>The tables as the server's data dictionary shows them.</summary>
internal sealed class MySqlLegacyTables(MySqlSide side) : ILegacyTables
{
    public async Task<IReadOnlyList<ActualColumn>> ColumnsAsync(IReadOnlyCollection<string> tables, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        OfTables(
            batch,
            """
            SELECT TABLE_NAME, COLUMN_NAME, INDEX_NAME FROM information_schema.STATISTICS
            WHERE SEQ_IN_INDEX = 1 AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN
            """,
            tables, "TABLE_NAME, INDEX_NAME");
        OfTables(
            batch,
            """
            SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE, CHARACTER_SET_NAME,
                COLUMN_DEFAULT IS NULL, EXTRA, DATETIME_PRECISION
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN
            """,
            tables, "TABLE_NAME, ORDINAL_POSITION");
        return await side.QueryAsync(batch, ReadAsync, cancellationToken, background: true).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<TableRows>> CountAllAsync(CancellationToken cancellationToken)
    {
        var names = await side.ListAsync(
            new Batch().Add($"""
                SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'
                AND LEFT(TABLE_NAME, 10) <> 'strangler_' ORDER BY TABLE_NAME
                """),
            reader => reader.GetString(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        List<TableRows> tables = [];
        foreach (var name in names)
        {
            var quoted = new Sql($"`{name.Replace("`", "``", StringComparison.Ordinal)}`");
            var rows = await side.ListAsync(
                new Batch().Add($"SELECT COUNT(*) FROM {quoted}"), reader => reader.GetInt64(0), cancellationToken, background: true).ConfigureAwait(false);
            tables.Add(new TableRows(name, rows[0]));
        }

        return tables;
    }

    private static void OfTables(Batch batch, string select, IReadOnlyCollection<string> tables, string order)
    {
        batch.Raw(select + " (");
        var separator = "";
        foreach (var table in tables)
        {
            batch.Raw(separator);
            batch.Value(table);
            separator = ", ";
        }

        batch.Raw($") ORDER BY {order}");
        batch.End();
    }

    private static async Task<IReadOnlyList<ActualColumn>> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<(string Table, string Column, string Index)> found = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2)));
        }

        var indexes = found.ToLookup(index => (index.Table, index.Column), index => index.Index);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<ActualColumn> columns = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var column = Read(reader);
            columns.Add(column with { Indexes = [.. indexes[(column.Table, column.Name)]] });
        }

        return columns;
    }

    private static ActualColumn Read(DbDataReader reader)
    {
        var (type, full, isNullable) = (reader.GetString(2).ToLowerInvariant(), reader.GetString(3), reader.GetString(5) == "YES");
        var extra = reader.GetString(8);
        var isMade = extra.Contains("auto_increment", StringComparison.OrdinalIgnoreCase)
            || extra.Contains("GENERATED", StringComparison.OrdinalIgnoreCase);
        return new ActualColumn(
            reader.GetString(0),
            reader.GetString(1),
            type,
            LengthOf(reader, type),
            full.Contains("unsigned", StringComparison.OrdinalIgnoreCase),
            isNullable,
            reader.IsDBNull(6) ? null : reader.GetString(6),
            !isNullable && Convert.ToInt64(reader.GetValue(7), CultureInfo.InvariantCulture) != 0 && !isMade);
    }

    // Of TEXT and BLOB the type says it.
    private static long LengthOf(DbDataReader reader, string type)
    {
        int? place = type switch
        {
            "char" or "varchar" or "binary" or "varbinary" => 4,
            "datetime" or "timestamp" or "time" => 9,
            _ => null,
        };
        return place is { } at && !reader.IsDBNull(at) ? Convert.ToInt64(reader.GetValue(at), CultureInfo.InvariantCulture) : 0;
    }
}
