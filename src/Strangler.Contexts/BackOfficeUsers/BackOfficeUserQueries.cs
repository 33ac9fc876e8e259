using System.Data.Common;
using Dapper;
using Strangler.DualWrite;

namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>
/// Who has a name or an address, on either side. The collation decides, as it does in legacy's unique keys: utf8mb4_unicode_ci weighs all that
/// legacy's utf8_unicode_ci can hold alike.
/// </summary>
internal static class BackOfficeUserQueries
{
    private const string LegacyByName = "SELECT user_id FROM users WHERE user_name = @text ORDER BY user_id LIMIT 1";
    private const string LegacyByEmail = "SELECT user_id FROM users WHERE user_address = @text ORDER BY user_id LIMIT 1";

    private const string NewByName =
        """
        SELECT m.public_id FROM back_office_user u
        JOIN strangler_id_map m ON m.context = 'back-office-users' AND m.kind = 'user' AND m.new_id = u.id
        WHERE u.name = @text ORDER BY m.public_id LIMIT 1
        """;

    private const string NewByEmail =
        """
        SELECT m.public_id FROM back_office_user u
        JOIN strangler_id_map m ON m.context = 'back-office-users' AND m.kind = 'user' AND m.new_id = u.id
        WHERE u.email = @text ORDER BY m.public_id LIMIT 1
        """;

    public static Func<DbConnection, DbTransaction?, CancellationToken, Task<long?>> Find(SideName side, UserKey by, string text) =>
        (connection, transaction, cancellationToken) => connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            (side, by) switch
            {
                (SideName.Legacy, UserKey.Name) => LegacyByName,
                (SideName.Legacy, _) => LegacyByEmail,
                (_, UserKey.Name) => NewByName,
                _ => NewByEmail,
            },
            new { text },
            transaction,
            cancellationToken: cancellationToken));
}

/// <summary>By what a user is known.</summary>
internal enum UserKey
{
    Name,
    Email,
}
