using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>Writes rows with INSERTs of many rows each; one transaction per INSERT, so an interrupted run leaves whole batches.</summary>
internal static class LegacyDonationWriter
{
    public static async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IEnumerable<LegacyDonation> rows,
        int rowsPerInsert,
        IProgress<int>? progress,
        CancellationToken cancellationToken)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
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

        Task InsertAsync<T>(string table, IReadOnlyList<string> columns, T[] rows, Func<T, IReadOnlyList<object?>> values) =>
            RowInserter.InsertAsync(transaction, table, columns, rows, values, cancellationToken);
    }
}
