using Strangler.Contexts.BackOfficeUsers;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.BackOfficeUsers;

namespace Strangler.IntegrationTests.BackOfficeUsers;

/// <summary>The back office's users on two fresh databases.</summary>
internal sealed class UsersWorld : PlainWorld<UsersWorld>
{
    private UsersWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(BackOfficeUsersContext.Name, BackOfficeUsersContext.UserKind, legacy, @new, options, "users", "user_id")
    {
    }

    public BackOfficeUserRepositoryWrapper Users => Host.Part<BackOfficeUsersContext>().Users;

    public static Task<UsersWorld> CreateAsync(bool migrate = true, string? options = null) => CreateAsync(
        "users", (legacy, @new) => new UsersWorld(legacy, @new, options), connection => LegacyUserSchema.CreateAsync(connection), migrate);

    protected override IReadOnlyList<LegacyTableGenerator> Generators(LegacyRowOptions options) => [LegacyUsers.Generator(options)];
}
