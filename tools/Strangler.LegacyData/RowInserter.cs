using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Strangler.LegacyData;

/// <summary>INSERTs of many rows each, in a session that takes what the tables of old hold.</summary>
internal static class RowInserter
{
    // Strict, so that nothing is cut silently; without NO_ZERO_DATE, so that the zero dates of old can be stored.
    private const string SessionMode = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'";

    public static Task PrepareAsync(DbConnection connection, CancellationToken cancellationToken) =>
        TableScript.ExecuteAsync(connection, SessionMode, cancellationToken);

    public static async Task InsertAsync<T>(
        DbTransaction transaction,
        string table,
        IReadOnlyList<string> columns,
        T[] rows,
        Func<T, IReadOnlyList<object?>> values,
        CancellationToken cancellationToken)
    {
        if (rows.Length == 0)
        {
            return;
        }

        using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = InsertText(table, columns, rows.Length);
        Bind(command, rows.SelectMany(values));
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void Bind(DbCommand command, IEnumerable<object?> values)
    {
        var number = 0;
        foreach (var value in values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = "@p" + number.ToString(CultureInfo.InvariantCulture);
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
            number++;
        }
    }

    private static string InsertText(string table, IReadOnlyList<string> columns, int rows)
    {
        var text = new StringBuilder($"INSERT INTO `{table}` (`{string.Join("`, `", columns)}`) VALUES ");
        var number = 0;
        for (var row = 0; row < rows; row++)
        {
            text.Append(row == 0 ? "(" : ", (");
            for (var column = 0; column < columns.Count; column++)
            {
                text.Append(column == 0 ? "@p" : ", @p").Append(number++);
            }

            text.Append(')');
        }

        return text.ToString();
    }
}
