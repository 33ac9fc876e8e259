using System.Data.Common;

namespace Strangler.LegacyData.Memberships;

/// <summary>The legacy table <c>request</c> and its companions.</summary>
public static class LegacyMembershipSchema
{
    private static readonly TableScript _script = new(
        "Memberships.LegacyMembershipSchema.sql",
        ["request", "incentive", "membership_incentive", "membership_moderation_reason", "memberships_moderation_reasons"]);

    /// <summary>
    /// The statements that create them, without semicolons; that of <c>legacy_auth_tokens</c>, which other contexts share, passes over one
    /// that is there.
    /// </summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
