using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>The legacy donation tables, exactly as production has them: <c>spenden</c> and its three companions.</summary>
public static class LegacySchema
{
    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables { get; } =
        ["donation_payment", "donation_payment_sofort", "spenden", "donation_notification_log"];

    /// <summary>The statements that create them, without semicolons.</summary>
    public static IReadOnlyList<string> Statements { get; } = ReadStatements();

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One of the tables is already there; nothing has been changed.</exception>
    public static async Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default)
    {
        var present = await FindPresentAsync(connection, cancellationToken).ConfigureAwait(false);
        if (present.Count > 0)
        {
            throw new InvalidOperationException(
                $"The database '{connection.Database}' already has {string.Join(", ", present)}. " +
                "Name an empty database, or drop these tables yourself.");
        }

        foreach (var statement in Statements)
        {
            await ExecuteAsync(connection, statement, cancellationToken).ConfigureAwait(false);
        }
    }

    internal static async Task ExecuteAsync(DbConnection connection, string sql, CancellationToken cancellationToken)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<List<string>> FindPresentAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
        using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        List<string> present = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            present.Add(reader.GetString(0));
        }

        return [.. Tables.Where(table => present.Contains(table, StringComparer.OrdinalIgnoreCase))];
    }

    private static string[] ReadStatements()
    {
        using var stream = typeof(LegacySchema).Assembly.GetManifestResourceStream("Strangler.LegacyData.LegacySchema.sql")!;
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().ReplaceLineEndings("\n").Split('\n').Where(line => !line.StartsWith("--", StringComparison.Ordinal));
        return [.. string.Join('\n', lines).Split(";\n").Select(text => text.Trim()).Where(text => text.Length > 0)];
    }
}
