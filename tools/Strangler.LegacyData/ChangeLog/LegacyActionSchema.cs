using System.Data.Common;

namespace Strangler.LegacyData.ChangeLog;

/// <summary>The legacy table <c>action_log</c>.</summary>
public static class LegacyActionSchema
{
    private static readonly TableScript _script = new("ChangeLog.LegacyActionSchema.sql", ["action_log"]);

    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables => _script.Tables;

    /// <summary>The statements that create them, without semicolons.</summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the table in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">It is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
