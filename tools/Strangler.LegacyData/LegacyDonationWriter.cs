using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Strangler.LegacyData;

/// <summary>Writes rows with INSERTs of many rows each; one transaction per INSERT, so an interrupted run leaves whole batches.</summary>
internal static class LegacyDonationWriter
{
    // Strict, so that nothing is cut silently; without NO_ZERO_DATE, so that the zero dates of old can be stored.
    private const string SessionMode = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'";

    public static async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IEnumerable<LegacyDonation> rows,
        int rowsPerInsert,
        IProgress<int>? progress,
        CancellationToken cancellationToken)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await LegacySchema.ExecuteAsync(connection, SessionMode, cancellationToken).ConfigureAwait(false);
        var written = 0;
        foreach (var batch in rows.Chunk(rowsPerInsert))
        {
            await WriteBatchAsync(connection, batch, cancellationToken).ConfigureAwait(false);
            written += batch.Length;
            progress?.Report(written);
        }
    }

    private static async Task WriteBatchAsync(DbConnection connection, LegacyDonation[] batch, CancellationToken cancellationToken)
    {
        var payments = batch.Where(row => row.Payment is not null).Select(row => row.Payment!).ToArray();
        var sent = batch.Where(row => row.IsConfirmationSent).ToArray();
        using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await InsertAsync("donation_payment", ["id", "payment_type"], payments, row => [row.Id, "SUB"]).ConfigureAwait(false);
        await InsertAsync("donation_payment_sofort", ["id", "confirmed_at"], payments, row => [row.Id, row.ConfirmedAt])
            .ConfigureAwait(false);
        await InsertAsync("spenden", LegacyDonation.ColumnNames, batch, row => row.Values).ConfigureAwait(false);
        await InsertAsync("donation_notification_log", ["donation_id"], sent, row => [row.Id]).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);

        async Task InsertAsync<T>(string table, IReadOnlyList<string> columns, T[] rows, Func<T, IReadOnlyList<object?>> values)
        {
            if (rows.Length == 0)
            {
                return;
            }

            using var command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = InsertText(table, columns, rows.Length);
            Bind(command, rows.SelectMany(values));
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
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
