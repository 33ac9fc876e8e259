using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Strangler.Contexts.ChangeLog;

/// <summary>What is asked of the legacy table beside single actions.</summary>
internal static class LegacyChangeLogQueries
{
    // To the letter, as on the new side: the collation takes names for one that are two users'.
    private const string Sql =
        """
        SELECT CAST(al_id AS SIGNED) AS Id, CAST(al_timestamp AS CHAR) AS LoggedAt, al_type AS Action FROM action_log
        WHERE al_username = @userName AND CAST(al_username AS BINARY) = @bytes
        ORDER BY al_timestamp DESC, al_id DESC LIMIT @limit
        """;

    public static async Task<IReadOnlyList<ActionLine>> OfUserAsync(
        DbConnection connection, DbTransaction? transaction, string userName, int limit, CancellationToken cancellationToken) =>
        Lines.Of(await connection.QueryAsync<Lines.Row>(new CommandDefinition(
            Sql, new { userName, bytes = Encoding.UTF8.GetBytes(userName), limit }, transaction, cancellationToken: cancellationToken)).ConfigureAwait(false));
}

/// <summary>The same question to the new table, in words that MySQL and PostgreSQL understand alike.</summary>
internal static class NewChangeLogQueries
{
    private const string Sql =
        """
        SELECT m.public_id AS Id, CAST(a.logged_at AS CHAR(19)) AS LoggedAt, a.action AS Action FROM logged_action a
        JOIN strangler_id_map m ON m.context = 'change-log' AND m.kind = 'logged-action' AND m.new_id = a.id
        WHERE a.user_name_hash = @hash ORDER BY a.logged_at DESC, m.public_id DESC LIMIT @limit
        """;

    public static async Task<IReadOnlyList<ActionLine>> OfUserAsync(
        DbConnection connection, DbTransaction? transaction, string userName, int limit, CancellationToken cancellationToken) =>
        Lines.Of(await connection.QueryAsync<Lines.Row>(new CommandDefinition(
            Sql, new { hash = SHA256.HashData(Encoding.UTF8.GetBytes(userName)), limit }, transaction, cancellationToken: cancellationToken)).ConfigureAwait(false));
}

/// <summary>Rows of the two queries as lines.</summary>
internal static class Lines
{
    public static IReadOnlyList<ActionLine> Of(IEnumerable<Row> rows) =>
        [.. rows.Select(row => new ActionLine(row.Id, TimeOf(row.LoggedAt), row.Action))];

    // A zero or impossible date of old is no time.
    private static DateTime? TimeOf(string? text) =>
        DateTime.TryParseExact(text, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : null;

    public static void Check(string userName, int limit)
    {
        ArgumentException.ThrowIfNullOrEmpty(userName);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
    }

    internal sealed record Row
    {
        public long Id { get; init; }

        public string? LoggedAt { get; init; }

        public string Action { get; init; } = "";
    }
}
