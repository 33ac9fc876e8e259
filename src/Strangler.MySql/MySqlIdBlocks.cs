using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using Strangler.DualWrite;
using Strangler.IdMap;

namespace Strangler.MySql;

/// <summary>
/// Reserves public ids in legacy's own allotting: rows are inserted and rolled back, which burns their auto-increment values, and what was
/// burnt is recorded.
/// </summary>
/// <remarks>
/// An insert of a known number of rows gets consecutive values in every innodb_autoinc_lock_mode, and LAST_INSERT_ID() is the first of
/// them. The counter is kept in the redo log, which the commit of the block's record flushes with it (innodb_flush_log_at_trx_commit = 1,
/// or FLUSH ENGINE LOGS where it is not): after a crash the server goes on above it.
/// https://mariadb.com/kb/en/auto_increment-handling-in-innodb/
/// </remarks>
internal sealed class MySqlIdBlocks(MySqlSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IIdBlocks
{
    private const int Chunk = 1000;

    public Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var sql = kinds[kind];
                if (await OverlapAsync(connection, sql, token).ConfigureAwait(false) is var overlap and > 0)
                {
                    throw new SideUnavailableException(
                        side.Name,
                        $"{sql.Layout.Root.Name} would allot {overlap} reserved ids again; was it restored from a backup? "
                        + "Raise its AUTO_INCREMENT above strangler_id_block first.",
                        false,
                        new NotSupportedException());
                }

                var unique = await UniqueColumnsAsync(connection, sql, token).ConfigureAwait(false);
                var reserved = 0L;
                while (reserved < count)
                {
                    var rows = (int)Math.Min(Chunk, count - reserved);
                    var block = await BurnAsync(connection, sql, unique, rows, token).ConfigureAwait(false);
                    await RecordAsync(connection, sql, block, token).ConfigureAwait(false);
                    reserved += block.Count;
                }

                await FlushAsync(connection, token).ConfigureAwait(false);
                return reserved;
            },
            cancellationToken);

    public async Task<IReadOnlyList<IdBlock>> ListAsync(string kind, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT first_id, last_id, step FROM strangler_id_block WHERE context = {side.Context} AND kind = {kind} ORDER BY first_id
                """),
            reader => new IdBlock(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt32(2)),
            cancellationToken).ConfigureAwait(false);

    public Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) =>
        side.UseAsync(background: true, (connection, token) => OverlapAsync(connection, kinds[kind], token), cancellationToken);

    private async Task<long> OverlapAsync(DbConnection connection, AggregateSql sql, CancellationToken cancellationToken)
    {
        var blocks = await ListAsync(sql.Kind, cancellationToken).ConfigureAwait(false);
        var next = await NextIdAsync(connection, sql, cancellationToken).ConfigureAwait(false) ?? 0;
        return blocks.Sum(block => block.CountFrom(next));
    }

    private async Task FlushAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var setting =
            await ScalarAsync(connection, new Batch().Add($"SELECT @@GLOBAL.innodb_flush_log_at_trx_commit"), cancellationToken)
            .ConfigureAwait(false);
        if (setting == 1)
        {
            return;
        }

        try
        {
            await side.ExecuteAsync(connection, new Batch().Add($"FLUSH ENGINE LOGS"), true, cancellationToken).ConfigureAwait(false);
        }
        catch (DbException e) when (MySqlDriver.Classify(e) == MySqlErrorKind.AccessDenied)
        {
            throw new SideUnavailableException(
                side.Name,
                $"innodb_flush_log_at_trx_commit is {setting}, so reserved ids might not survive a crash; set it to 1, or grant RELOAD.",
                false,
                e);
        }
    }

    /// <summary>
    /// Rows of nothing but defaults, in a session that takes them: no foreign keys, no check constraints, no strictness, silent for
    /// capture. Unique columns without NULL get values of their own. Nobody ever sees the rows.
    /// </summary>
    private async Task<IdBlock> BurnAsync(
        DbConnection connection, AggregateSql sql, List<UniqueColumn> unique, int rows, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Add($"SET SESSION sql_mode = '', foreign_key_checks = 0, @strangler_own = {side.Context}");
        batch.Add($"START TRANSACTION");
        batch.Part($"INSERT INTO {sql.Root} (");
        batch.Raw(string.Join(", ", unique.Select(column => AggregateSql.Quote(column.Name))));
        batch.Raw(") VALUES ");
        var salt = RandomNumberGenerator.GetHexString(12, lowercase: true);
        for (var row = 0; row < rows; row++)
        {
            batch.Raw(row == 0 ? "(" : ", (");
            for (var i = 0; i < unique.Count; i++)
            {
                batch.Raw(i == 0 ? "" : ", ");
                batch.Value(unique[i].Make(salt, row));
            }

            batch.Raw(")");
        }

        batch.End();
        batch.Add($"SELECT CAST(LAST_INSERT_ID() AS SIGNED), @@SESSION.auto_increment_increment");
        batch.Add($"ROLLBACK");
        batch.Add($"SET SESSION foreign_key_checks = 1, @strangler_own = NULL");
        var (first, step) = await side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return (reader.GetInt64(0), Convert.ToInt32(reader.GetValue(1), CultureInfo.InvariantCulture));
            },
            true,
            cancellationToken).ConfigureAwait(false);
        return first > 0
            ? new IdBlock(first, first + ((rows - 1L) * step), step)
            : throw new InvalidOperationException($"{sql.Layout.Root.Name} allotted no ids; its key column must be AUTO_INCREMENT.");
    }

    /// <summary>Recorded only once the table says itself that it goes on above the block.</summary>
    private async Task RecordAsync(DbConnection connection, AggregateSql sql, IdBlock block, CancellationToken cancellationToken)
    {
        var next = await NextIdAsync(connection, sql, cancellationToken).ConfigureAwait(false);
        if (next is null || next <= block.LastId)
        {
            throw new SideUnavailableException(
                side.Name,
                $"{sql.Layout.Root.Name} goes on at {next} after {block.LastId} was reserved; it must be an InnoDB table.",
                false,
                new NotSupportedException());
        }

        var batch = side.WriteSession(new Batch(), background: true);
        batch.Add($"""
            INSERT INTO strangler_id_block (context, kind, first_id, last_id, step, reserved_at)
            VALUES ({side.Context}, {sql.Kind}, {block.FirstId}, {block.LastId}, {block.Step}, UTC_TIMESTAMP(6))
            """);
        batch.Add($"SET SESSION wait_timeout = DEFAULT, @strangler_own = NULL");
        await side.ExecuteAsync(connection, batch, true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The id that legacy's own allotting gives out next.</summary>
    private async Task<long?> NextIdAsync(DbConnection connection, AggregateSql sql, CancellationToken cancellationToken)
    {
        // MySQL 8 caches this column for a day; a session in which nothing is cached reads the truth. MariaDB has no such cache.
        var version = connection.ServerVersion;
        var ask = new Batch();
        if (!version.Contains("MariaDB", StringComparison.OrdinalIgnoreCase))
        {
            ask.Add($"SET SESSION information_schema_stats_expiry = 0");
        }

        ask.Add($"""
            SELECT CAST(AUTO_INCREMENT AS SIGNED) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME =
            {sql.Layout.Root.Name}
            """);
        return await ScalarAsync(connection, ask, cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<UniqueColumn>> UniqueColumnsAsync(DbConnection connection, AggregateSql sql,
        CancellationToken cancellationToken)
    {
        var columns = await side.QueryAsync(
            connection,
            new Batch().Add($"""
                SELECT DISTINCT c.COLUMN_NAME, c.DATA_TYPE, CAST(COALESCE(c.CHARACTER_MAXIMUM_LENGTH, 0) AS SIGNED)
                FROM information_schema.STATISTICS s
                JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME =
                s.COLUMN_NAME
                WHERE s.TABLE_SCHEMA = DATABASE() AND s.TABLE_NAME = {sql.Layout.Root.Name} AND s.NON_UNIQUE = 0
                AND c.COLUMN_NAME <> {sql.Layout.Root.KeyColumn} AND (c.IS_NULLABLE = 'NO' OR c.COLUMN_DEFAULT IS NOT NULL AND
                c.COLUMN_DEFAULT <> 'NULL')
                """),
            async (reader, token) =>
            {
                List<UniqueColumn> found = [];
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    found.Add(new UniqueColumn(reader.GetString(0), reader.GetString(1), reader.GetInt64(2)));
                }

                return found;
            },
            true,
            cancellationToken).ConfigureAwait(false);
        var impossible = columns.FirstOrDefault(column => !column.IsPossible);
        return impossible is null
            ? columns
            : throw new NotSupportedException(
                $"{sql.Layout.Root.Name}.{impossible.Name} ({impossible.Type}) is unique; rows that only burn ids cannot be made for it.");
    }

    private Task<long?> ScalarAsync(DbConnection connection, Batch batch, CancellationToken cancellationToken) =>
        side.ScalarAsync(connection, batch, true, cancellationToken);

    private sealed record UniqueColumn(string Name, string Type, long Length)
    {
        private const int TextLength = 16;

        public bool IsPossible => Type is "int" or "bigint" or "decimal"
            || (Type is "char" or "varchar" or "binary" or "varbinary" && Length >= TextLength);

        public object Make(string salt, int row) => Type is "int" or "bigint" or "decimal"
            ? int.MaxValue - (row + (Convert.ToInt32(salt[..6], 16) * 16L % 1_000_000_000))
            : salt + row.ToString("x4", CultureInfo.InvariantCulture);
    }
}
