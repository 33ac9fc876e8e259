using System.Data.Common;
using System.Globalization;

namespace Strangler.MySql;

/// <summary>What a server must be and what its user must be allowed, asked before anything is written.</summary>
internal static class MySqlPreflight
{
    private static readonly Version LeastMariaDb = new(10, 6);
    private static readonly Version LeastMySql = new(8, 0);
    private static readonly string[] Privileges =
        ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "REFERENCES"];

    public static async Task<IReadOnlyList<string>> CheckAsync(MySqlSide side, DbConnection connection, CancellationToken cancellationToken)
    {
        List<string> problems = [];
        var batch = new Batch()
            .Add($"SELECT VERSION(), COALESCE(DATABASE(), ''), @@GLOBAL.log_bin, @@SESSION.binlog_format, @@GLOBAL.read_only")
            .Add($"SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE REPLACE(GRANTEE, '''', '') = CURRENT_USER()")
            .Add($"""
                SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES
                WHERE REPLACE(GRANTEE, '''', '') = CURRENT_USER() AND DATABASE() LIKE TABLE_SCHEMA
                """);
        return await side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                CheckServer(reader, problems);
                HashSet<string> granted = [];
                for (var result = 0; result < 2; result++)
                {
                    await reader.NextResultAsync(token).ConfigureAwait(false);
                    while (await reader.ReadAsync(token).ConfigureAwait(false))
                    {
                        granted.Add(reader.GetString(0));
                    }
                }

                CheckPrivileges(side, granted, problems);
                return problems;
            },
            true,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Null when the version will do.</summary>
    public static string? CheckVersion(string text)
    {
        var isMariaDb = text.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
        var least = isMariaDb ? LeastMariaDb : LeastMySql;
        // MariaDB behind some proxies says 5.5.5-10.6.1-MariaDB.
        var number = text.StartsWith("5.5.5-", StringComparison.Ordinal) ? text[6..] : text;
        var digits = string.Concat(number.TakeWhile(letter => letter == '.' || char.IsAsciiDigit(letter))).TrimEnd('.');
        return Version.TryParse(digits, out var version) && version >= least
            ? null
            : $"the server is {text}; {(isMariaDb ? "MariaDB" : "MySQL")} {least} or newer is needed "
                + "(SKIP LOCKED, AUTO_INCREMENT kept over restarts).";
    }

    private static void CheckServer(DbDataReader reader, List<string> problems)
    {
        if (CheckVersion(reader.GetString(0)) is { } tooOld)
        {
            problems.Add(tooOld);
        }

        if (reader.GetString(1).Length == 0)
        {
            problems.Add("the connection string names no database; add Database=….");
        }

        if (Flag(reader, 2) && reader.GetString(3).Equals("STATEMENT", StringComparison.OrdinalIgnoreCase))
        {
            problems.Add("binlog_format is STATEMENT, which does not allow READ COMMITTED; set it to ROW or MIXED.");
        }

        if (Flag(reader, 4))
        {
            problems.Add("the server is read_only; connect to the primary.");
        }
    }

    /// <summary>A user whose rights come from a role shows none of his own; then the server will say itself what is missing.</summary>
    private static void CheckPrivileges(MySqlSide side, HashSet<string> granted, List<string> problems)
    {
        granted.Remove("USAGE");
        var missing = Privileges.Except(granted).ToList();
        if (granted.Count > 0 && missing.Count > 0)
        {
            var list = string.Join(", ", missing);
            problems.Add($"the user of {side.Database.Display} lacks {list}; run: GRANT {list} ON its database to it.");
        }
    }

    private static bool Flag(DbDataReader reader, int ordinal) =>
        Convert.ToString(reader.GetValue(ordinal), CultureInfo.InvariantCulture) is "1" or "ON" or "True";
}
