using System.Text;

namespace Strangler.Migrations;

/// <summary>Just enough of SQL's surface to look at a statement: comments, and what stands in quotes.</summary>
public static class SqlText
{
    /// <summary>Without <c>-- …</c>, <c># …</c> and <c>/* … */</c>; quoted text stays.</summary>
    public static string WithoutComments(string sql) => Scan(sql, keepQuoted: true);

    /// <summary>Without comments, and with what stands in quotes emptied: for looking at keywords and separators.</summary>
    public static string Skeleton(string sql) => Scan(sql, keepQuoted: false);

    private static string Scan(string sql, bool keepQuoted)
    {
        var text = new StringBuilder(sql.Length);
        for (var i = 0; i < sql.Length;)
        {
            var end = EndOfComment(sql, i);
            if (end > i)
            {
                text.Append(' ');
                i = end;
                continue;
            }

            if (sql[i] is '\'' or '"' or '`')
            {
                end = EndOfQuoted(sql, i);
                text.Append(keepQuoted ? sql.AsSpan(i, end - i) : $"{sql[i]}{sql[i]}");
                i = end;
                continue;
            }

            text.Append(sql[i++]);
        }

        return text.ToString();
    }

    private static int EndOfComment(string sql, int from)
    {
        var rest = sql.AsSpan(from);
        var isLine = rest[0] == '#' || (rest.StartsWith("--") && (rest.Length == 2 || char.IsWhiteSpace(rest[2])));
        var terminator = isLine ? "\n" : rest.StartsWith("/*") ? "*/" : null;
        if (terminator is null)
        {
            return from;
        }

        var end = sql.IndexOf(terminator, from, StringComparison.Ordinal);
        return end < 0 ? sql.Length : isLine ? end : end + terminator.Length;
    }

    private static int EndOfQuoted(string sql, int from)
    {
        var quote = sql[from];
        for (var i = from + 1; i < sql.Length; i++)
        {
            if (sql[i] == '\\' && quote != '`')
            {
                i++;
            }
            else if (sql[i] == quote)
            {
                return i + 1;
            }
        }

        return sql.Length;
    }
}
