using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.BackOfficeUsers;

namespace Strangler.IntegrationTests.BackOfficeUsers;

/// <summary>The command line on the back office's users.</summary>
public sealed class BackOfficeUsersJourneyTests : ContextJourneyContract
{
    private static readonly long _active = LegacyUsers.Generator(new LegacyRowOptions { Rows = 600 })
        .Generate().First(row => row.Kinds.Contains("active")).Id;

    private protected override IReadOnlyList<string> Explained => ["users.user_pass", "password_hash **", "never shown in clear", "NULL in users.user_pass_notification is unknown"];

    private protected override IReadOnlyList<string> Quarantined => ["users.user_pass_notification: unknown code '2'".Split(": ")[1], "users.user_pass_expiry"];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples => [("user", _active)];

    private protected override string PlantedDrift =>
        $"UPDATE back_office_user SET email = '{Planted}', password_hash = '$2y$10$planted-secret' WHERE id = {NewIdOf("user", _active)}";

    private protected override (string Kind, long Id) PlantedIn => ("user", _active);

    private protected override string PlantedField => "password_hash";

    private protected override string ForeignUpdate => $"UPDATE users SET user_role = 42 WHERE user_id = {_active}";

    private protected override string ForeignArrived => "SELECT COUNT(*) FROM back_office_user WHERE role = 42";

    private protected override string PersonalValues =>
        """
        SELECT user_pass FROM users WHERE LENGTH(user_pass) > 5 UNION ALL SELECT user_address FROM users WHERE LENGTH(user_address) > 5
        UNION ALL SELECT '$2y$10$planted-secret' UNION ALL SELECT 'planted-secret'
        """;

    private protected override async Task<ContextWorld> CreateWorldAsync() => await UsersWorld.CreateAsync(migrate: false);
}
