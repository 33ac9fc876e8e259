using System.Data.Common;
using System.Text.RegularExpressions;

namespace Strangler.LegacyData.HealthRegions;

/// <summary>The legacy tables <c>provinces</c>, <c>health_regions</c>, <c>locations</c>, <c>mobility</c> and <c>cases</c>, and the rows that the first two came with.</summary>
public static partial class LegacyHealthRegionSchema
{
    private static readonly TableScript _script = new(
        "HealthRegions.LegacyHealthRegionSchema.sql", ["provinces", "health_regions", "locations", "mobility", "cases"]);

    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables => _script.Tables;

    /// <summary>The provinces and health regions of the old client.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<string, object?>> RowsOf(string table) =>
    [
        .. new TableScript("HealthRegions.LegacyHealthRegionRows.sql", []).Statements.Where(text => text.StartsWith($"INSERT INTO {table} ", StringComparison.Ordinal))
            .Select(text => Assignment().Matches(text).ToDictionary(match => match.Groups[1].Value, Value)),
    ];

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One of them is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);

    private static object? Value(Match assignment) => assignment.Groups[3].Success
        ? long.Parse(assignment.Groups[3].Value, System.Globalization.CultureInfo.InvariantCulture)
        : assignment.Groups[2].Value;

    [GeneratedRegex("""(\w+)=(?:"([^"]*)"|(\d+))""")]
    private static partial Regex Assignment();
}
