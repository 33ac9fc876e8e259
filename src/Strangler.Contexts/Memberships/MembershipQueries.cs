using System.Data.Common;
using Dapper;

namespace Strangler.Contexts.Memberships;

/// <summary>What is asked of one side beside single applications.</summary>
internal sealed class MembershipQueries
{
    private readonly string _similar;
    private readonly string _list;
    private readonly IReadOnlyDictionary<MembershipList, string> _conditions;

    private MembershipQueries(string similar, string list, IReadOnlyDictionary<MembershipList, string> conditions) =>
        (_similar, _list, _conditions) = (similar, list, conditions);

    /// <summary>
    /// The legacy table. Of the status the number alone counts: 1 is confirmed in either scheme; -2 is held back, or an old record of which
    /// nobody can tell;
    /// -6 is the older scheme's held back and aborted. -7 and below are cancelled, -3 is in both.
    /// </summary>
    public static MembershipQueries Legacy { get; } = new(
        // The comparison is the column's own: its collation is the rule for what is a duplicate.
        "SELECT COUNT(*) FROM request WHERE email = @email AND `timestamp` > @after",
        """
        SELECT r.id AS Id, CAST(r.`timestamp` AS CHAR) AS CreatedAt, COALESCE(r.firma, '') AS Company, r.vorname AS FirstName, r.nachname AS LastName,
            CAST(r.membership_fee AS SIGNED) * 100 AS FeeInCents, CAST(COALESCE(r.membership_fee_interval, 0) AS SIGNED) AS IntervalInMonths
        FROM request r WHERE r.export IS NULL AND r.id > @after AND
        """,
        new Dictionary<MembershipList, string>
        {
            [MembershipList.ToBeExported] = "r.status = 1",
            [MembershipList.HeldBack] = "r.status IN (-2, -6)",
        });

    /// <summary>The same questions to the new tables, in words that MySQL and PostgreSQL understand alike.</summary>
    public static MembershipQueries New { get; } = new(
        """
        SELECT COUNT(*) FROM membership_applicant a JOIN membership d ON d.id = a.membership_id WHERE a.email = @email AND d.created_at > @after
        """,
        """
        SELECT m.public_id AS Id, CAST(r.created_at AS CHAR(19)) AS CreatedAt, COALESCE(a.company, '') AS Company, COALESCE(a.first_name, '') AS FirstName,
            COALESCE(a.last_name, '') AS LastName, r.fee AS FeeInCents, r.interval_months AS IntervalInMonths
        FROM strangler_id_map m JOIN membership r ON r.id = m.new_id LEFT JOIN membership_applicant a ON a.membership_id = r.id
        WHERE m.context = 'memberships' AND m.kind = 'membership' AND r.is_exported = FALSE AND m.public_id > @after AND
        """,
        new Dictionary<MembershipList, string>
        {
            [MembershipList.ToBeExported] =
                "r.is_confirmed = TRUE AND r.is_cancelled = FALSE AND r.is_moderated = FALSE AND r.is_aborted = FALSE AND r.status_evidence NOT IN ('undecided', 'missing')",
            [MembershipList.HeldBack] =
                """
                (r.is_moderated = TRUE AND r.is_cancelled = FALSE AND r.status_evidence NOT IN ('undecided', 'missing')
                    OR r.status_evidence = 'undecided' AND r.undecided_status = -2)
                """,
        });

    public Task<long> CountSimilarAsync(
        DbConnection connection, DbTransaction? transaction, string email, DateTime after, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(
            new CommandDefinition(_similar, new { email, after }, transaction, cancellationToken: cancellationToken));

    public async Task<IReadOnlyList<ListedApplication>> ListAsync(
        DbConnection connection, DbTransaction? transaction, MembershipList list, long after, int limit, CancellationToken cancellationToken)
    {
        var sql = $"{_list} {_conditions[list]} ORDER BY Id LIMIT @limit";
        var command = new CommandDefinition(sql, new { after, limit }, transaction, cancellationToken: cancellationToken);
        var rows = await connection.QueryAsync<Row>(command).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new ListedApplication(
                row.Id, CivilTime(row.CreatedAt), row.Company, row.FirstName, row.LastName, row.FeeInCents, (int)row.IntervalInMonths)),
        ];
    }

    // A zero date is none.
    private static DateTime? CivilTime(string? text) => DateTime.TryParseExact(
        text, "yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.None, out var time)
        ? time
        : null;

    private sealed record Row
    {
        public long Id { get; init; }

        public string? CreatedAt { get; init; }

        public string Company { get; init; } = "";

        public string FirstName { get; init; } = "";

        public string LastName { get; init; } = "";

        public long FeeInCents { get; init; }

        public long IntervalInMonths { get; init; }
    }
}

/// <summary>What every repository of applications does beside reading and writing one.</summary>
internal static class MembershipRules
{
    private const int LongestList = 1_000;

    public static void CheckList(MembershipList list, long after, int limit)
    {
        if (!Enum.IsDefined(list))
        {
            throw new ArgumentOutOfRangeException(nameof(list), list, "There is no such list.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(after);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, LongestList);
    }

    public static MembershipApplication? Open(MembershipApplication? application) => application switch
    {
        { IsAnonymized: true } or { IsExported: true } => throw new ApplicationClosedException(application.Id, application.IsAnonymized),
        _ => application,
    };
}
