using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Strangler.DualWrite;

namespace Strangler.Contexts.Subscriptions;

/// <summary>What is asked of the legacy table beside single subscriptions.</summary>
internal sealed class LegacySubscriptionQueries(SqlDialect dialect)
{
    // The comparison is the column's own: its collation is the rule for what is a duplicate.
    private readonly string _similar = dialect == SqlDialect.Postgres
        ? """SELECT COUNT(*) FROM subscription WHERE email = @email AND "createdAt" > @after"""
        : "SELECT COUNT(*) FROM subscription WHERE email = @email AND createdAt > @after";

    // By the bytes, since one column holds both forms.
    private readonly string _byCode = dialect == SqlDialect.Postgres
        ? """SELECT id FROM subscription WHERE "confirmationCode" = ANY(@forms) ORDER BY id LIMIT 1"""
        : "SELECT id FROM subscription WHERE CAST(confirmationCode AS BINARY) IN @forms ORDER BY id LIMIT 1";

    public Task<long> CountSimilarAsync(
        DbConnection connection, DbTransaction? transaction, string email, DateTime after, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(_similar, new { email, after }, transaction, cancellationToken: cancellationToken));

    public Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, ConfirmationCode code, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(
            new CommandDefinition(_byCode, new { forms = code.LegacyForms.ToArray() }, transaction, cancellationToken: cancellationToken));
}

/// <summary>The same questions to the new tables, in words that MySQL and PostgreSQL understand alike.</summary>
internal static class NewSubscriptionQueries
{
    // utf8mb4_unicode_ci weighs all that legacy's utf8_unicode_ci can hold alike, blanks at the end included.
    private const string Similar = "SELECT COUNT(*) FROM subscription WHERE email = @email AND created_at > @after";

    private const string ByCode =
        """
        SELECT m.public_id FROM subscription_confirmation_code c
        JOIN strangler_id_map m ON m.context = 'subscriptions' AND m.kind = 'subscription' AND m.new_id = c.subscription_id
        WHERE c.code_hash = @hash ORDER BY m.public_id LIMIT 1
        """;

    public static Task<long> CountSimilarAsync(
        DbConnection connection, DbTransaction? transaction, string email, DateTime after, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(Similar, new { email, after }, transaction, cancellationToken: cancellationToken));

    public static Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, ConfirmationCode code, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(
            new CommandDefinition(ByCode, new { hash = code.Hash }, transaction, cancellationToken: cancellationToken));
}

/// <summary>A code as someone shows it, and how it may be stored. Compared by its bytes: it is a secret, not a word.</summary>
internal sealed class ConfirmationCode
{
    private const int Size = 16;

    private readonly byte[] _text;

    private ConfirmationCode(byte[] text, IReadOnlyList<byte[]> forms) => (_text, LegacyForms) = (text, forms);

    /// <summary>The bytes that the legacy column may hold of it.</summary>
    public IReadOnlyList<byte[]> LegacyForms { get; }

    /// <summary>As the new side finds it.</summary>
    public byte[] Hash => SHA256.HashData(_text);

    /// <summary>Null for what cannot be a code.</summary>
    public static ConfirmationCode? Of(string code)
    {
        ArgumentNullException.ThrowIfNull(code);
        var text = Encoding.UTF8.GetBytes(code);
        if (text.Length == 2 * Size && code.All(digit => digit is (>= '0' and <= '9') or (>= 'a' and <= 'f')))
        {
            return new ConfirmationCode(text, [text, Convert.FromHexString(code)]);
        }

        // A text of the secret's own length would find secrets that happen to have its bytes.
        return text.Length is 0 or Size ? null : new ConfirmationCode(text, [text]);
    }
}
