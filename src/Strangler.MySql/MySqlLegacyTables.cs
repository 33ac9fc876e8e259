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
        batch.Part($"""
            SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE, CHARACTER_SET_NAME,
                COLUMN_DEFAULT IS NULL, EXTRA, DATETIME_PRECISION
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN
            """).Raw(" (");
        var separator = "";
        foreach (var table in tables)
        {
            batch.Raw(separator);
            batch.Value(table);
            separator = ", ";
        }

        batch.Raw(")");
        batch.Part($" ORDER BY TABLE_NAME, ORDINAL_POSITION").End();
        return await side.ListAsync(batch, Read, cancellationToken, background: true).ConfigureAwait(false);
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
