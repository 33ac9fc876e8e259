using System.Data.Common;

namespace Strangler.LegacyData.Impressions;

/// <summary>The legacy tables <c>backend_banner</c> and <c>backend_impressions</c>.</summary>
public static class LegacyImpressionSchema
{
    private static readonly TableScript _script = new("Impressions.LegacyImpressionSchema.sql", ["backend_banner", "backend_impressions"]);

    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables => _script.Tables;

    /// <summary>The statements that create them, without semicolons.</summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One of them is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
