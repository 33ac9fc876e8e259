using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>The legacy donation tables, exactly as production has them: <c>spenden</c> and its three companions.</summary>
public static class LegacySchema
{
    private static readonly TableScript _script = new(
        "LegacySchema.sql", ["donation_payment", "donation_payment_sofort", "spenden", "donation_notification_log"]);

    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables => _script.Tables;

    /// <summary>The statements that create them, without semicolons.</summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One of the tables is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
