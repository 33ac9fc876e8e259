using System.Data.Common;
using System.Globalization;
using Dapper;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Donations;

/// <summary>The public comment list as the legacy programs query it: not deleted, and only the two states that were ever shown.</summary>
public static class LegacyComments
{
    private const string Sql =
        """
        SELECT id AS DonationId, COALESCE(betrag, '') AS Amount, eintrag AS Author, kommentar AS Text, CAST(dt_new AS CHAR) AS DonatedAt
        FROM spenden
        WHERE is_public = 1 AND dt_del IS NULL AND status IN ('N', 'B') AND kommentar <> ''
        ORDER BY dt_new DESC, id DESC
        LIMIT @limit OFFSET @offset
        """;

    public static async Task<IReadOnlyList<PublicComment>> FindAsync(
        DbConnection connection, DbTransaction? transaction, int limit, int offset, CancellationToken cancellationToken)
    {
        var command = new CommandDefinition(Sql, new { limit, offset }, transaction, cancellationToken: cancellationToken);
        var rows = await connection.QueryAsync<LegacyRow>(command).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new PublicComment(row.DonationId, CentsOf(row.Amount), row.Author, row.Text, CivilTime.Parse(row.DonatedAt))),
        ];
    }

    // Of cents, as many as fit.
    private const decimal Most = long.MaxValue / 100;

    // The list shows what the amount's text says up to the first character that is no number; texts that the mapping cannot read count as 0.
    private static long CentsOf(string amount) =>
        decimal.TryParse(amount, NumberStyles.Float, CultureInfo.InvariantCulture, out var euros) && Math.Abs(euros) < Most
            ? (long)decimal.Round(euros * 100, MidpointRounding.AwayFromZero)
            : 0;

    private sealed record LegacyRow
    {
        public long DonationId { get; init; }

        public string Amount { get; init; } = "";

        public string Author { get; init; } = "";

        public string Text { get; init; } = "";

        public string DonatedAt { get; init; } = "";
    }
}

/// <summary>The same list from the new tables, in words that MySQL and PostgreSQL understand alike.</summary>
public static class NewComments
{
    private const string Sql =
        """
        SELECT m.public_id AS DonationId, d.amount AS AmountInCents, c.author AS Author, c.text AS Text,
               CAST(d.created_at AS CHAR(19)) AS DonatedAt
        FROM donation_comment c
        JOIN donation d ON d.id = c.donation_id
        JOIN strangler_id_map m ON m.context = 'donations' AND m.kind = 'donation' AND m.new_id = d.id
        WHERE c.is_public = TRUE AND d.is_deleted = FALSE AND d.is_cancelled = FALSE AND d.is_moderated = FALSE
          AND d.payment_state IN ('new', 'booked') AND c.text <> ''
        ORDER BY d.created_at IS NULL, d.created_at DESC, m.public_id DESC
        LIMIT @limit OFFSET @offset
        """;

    public static async Task<IReadOnlyList<PublicComment>> FindAsync(
        DbConnection connection, DbTransaction? transaction, int limit, int offset, CancellationToken cancellationToken)
    {
        var command = new CommandDefinition(Sql, new { limit, offset }, transaction, cancellationToken: cancellationToken);
        var rows = await connection.QueryAsync<NewRow>(command).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new PublicComment(row.DonationId, row.AmountInCents, row.Author, row.Text, CivilTime.Parse(row.DonatedAt))),
        ];
    }

    private sealed record NewRow
    {
        public long DonationId { get; init; }

        public long AmountInCents { get; init; }

        public string Author { get; init; } = "";

        public string Text { get; init; } = "";

        public string DonatedAt { get; init; } = "";
    }
}

/// <summary>The same list from a new side that is no SQL store.</summary>
internal sealed class NewCommentRows(AggregateLayout layout)
{
    private const string Root = "donation";
    private const string Comment = "donation_comment";

    private static readonly IReadOnlyList<RowCondition> Shown =
    [
        new(Comment, "is_public", [1L]), new(Comment, "text", [""], IsNot: true), new(Root, "is_deleted", [0L]), new(Root, "is_cancelled", [0L]),
        new(Root, "is_moderated", [0L]), new(Root, "payment_state", ["new", "booked"]),
    ];

    private readonly Func<AggregateRow, object?> _amount = Column(layout, Root, "amount");
    private readonly Func<AggregateRow, object?> _at = Column(layout, Root, "created_at");
    private readonly Func<AggregateRow, object?> _author = Column(layout, Comment, "author");
    private readonly Func<AggregateRow, object?> _text = Column(layout, Comment, "text");

    public async Task<(FenceRow Fence, IReadOnlyList<PublicComment> Result)> FindAsync(
        IRowQueries queries, int limit, int offset, CancellationToken cancellationToken)
    {
        var page = new RowPage(DonationsContext.DonationKind, Shown, "created_at", offset, limit);
        var (fence, rows) = await queries.ListAsync(page, cancellationToken).ConfigureAwait(false);
        return (fence, [.. rows.Select(one => Of(one.Id, one.Row))]);
    }

    // What somebody has put there of another type is shown as nothing, as a text that is no number is in the other lists.
    private PublicComment Of(long id, AggregateRow row) => new(
        id, _amount(row) as long? ?? 0, _author(row) as string ?? "", _text(row) as string ?? "", CivilTime.Parse(_at(row) as string ?? ""));

    private static Func<AggregateRow, object?> Column(AggregateLayout layout, string table, string column)
    {
        var at = layout.Tables.Select((one, i) => (one, i)).First(pair => pair.one.Name == table);
        var place = at.one.Columns.Select((one, i) => (one, i)).First(pair => pair.one.Name == column).i;
        return row => row.Tables[at.i] is [var only, ..] ? only[place] : null;
    }
}

/// <summary>The comment list in every stage: asked of the side that leads, in one snapshot with its fence.</summary>
public sealed class CommentFinder : ICommentFinder
{
    private readonly LeadQueries _queries;
    private readonly NewCommentRows _rows;

    /// <param name="queries">Asks the side that leads.</param>
    /// <param name="layout">Of the new side.</param>
    public CommentFinder(LeadQueries queries, AggregateLayout layout) => (_queries, _rows) = (queries, new NewCommentRows(layout));

    public Task<IReadOnlyList<PublicComment>> FindPublicAsync(int limit, int offset, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return _queries.AskAsync(
            (connection, transaction, token) => LegacyComments.FindAsync(connection, transaction, limit, offset, token),
            (connection, transaction, token) => NewComments.FindAsync(connection, transaction, limit, offset, token),
            cancellationToken,
            rows: (rows, token) => _rows.FindAsync(rows, limit, offset, token));
    }
}

/// <summary>Times as the databases cast them to text.</summary>
internal static class CivilTime
{
    /// <summary>Zero and impossible dates become <see cref="DateTime.MinValue"/>: the list shows them last.</summary>
    public static DateTime Parse(string text) =>
        DateTime.TryParseExact(text, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : default;
}
