using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>The DDL of some legacy tables, from a file in this assembly.</summary>
/// <param name="resource">The file: lines that begin with <c>--</c> are left out, a statement ends where a line ends with a semicolon.</param>
/// <param name="tables">The tables that it creates, in order.</param>
internal sealed class TableScript(string resource, IReadOnlyList<string> tables)
{
    public IReadOnlyList<string> Tables => tables;

    public IReadOnlyList<string> Statements { get; } = Read(resource);

    /// <exception cref="InvalidOperationException">One of the tables is already there; nothing has been changed.</exception>
    public async Task CreateAsync(DbConnection connection, CancellationToken cancellationToken)
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

    public static async Task ExecuteAsync(DbConnection connection, string sql, CancellationToken cancellationToken)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<string>> FindPresentAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
        using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        List<string> present = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            present.Add(reader.GetString(0));
        }

        return [.. tables.Where(table => present.Contains(table, StringComparer.OrdinalIgnoreCase))];
    }

    private static string[] Read(string resource)
    {
        using var stream = typeof(TableScript).Assembly.GetManifestResourceStream($"Strangler.LegacyData.{resource}")!;
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().ReplaceLineEndings("\n").Split('\n').Where(line => !line.StartsWith("--", StringComparison.Ordinal));
        return [.. string.Join('\n', lines).Split(";\n").Select(text => text.Trim()).Where(text => text.Length > 0)];
    }
}
