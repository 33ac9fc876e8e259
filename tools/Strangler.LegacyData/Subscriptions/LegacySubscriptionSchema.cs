using System.Data.Common;

namespace Strangler.LegacyData.Subscriptions;

/// <summary>The legacy table <c>subscription</c>.</summary>
public static class LegacySubscriptionSchema
{
    private static readonly TableScript _script = new("Subscriptions.LegacySubscriptionSchema.sql", ["subscription"]);

    /// <summary>The statements that create it, without semicolons.</summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the table in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">It is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
