using Strangler.Contexts.BackOfficeUsers;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.BackOfficeUsers;

namespace Strangler.IntegrationTests.BackOfficeUsers;

/// <summary>The states of the back office's users.</summary>
public sealed class BackOfficeUserStatesTests : ContextStatesContract<BackOfficeUser>
{
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);
    private static readonly LegacyTableGenerator _all = LegacyUsers.Generator(new LegacyRowOptions());

    private protected override int Rows => 450;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds.Except(_all.UnreadableKinds);

    private protected override IReadOnlyList<(string Name, Func<BackOfficeUser, bool> May, Action<BackOfficeUser> Act, string[] Fields)> AllChanges =>
    [
        ("activate", one => !one.IsActive, one => one.Activate(), ["is_active"]),
        ("deactivate", one => one.IsActive, one => one.Deactivate(), ["is_active"]),
        ("role", _ => true, one => one.ChangeRole(one.Role == 3 ? 4 : 3), ["role"]),
        ("notice", one => one.PasswordExpiresAt is not null, one => one.NoteExpiryNotice(), ["expiry_notice"]),
        (
            "password", _ => true, one => one.ChangePassword(new PasswordHash("$argon2id$v=19$straße"), Now),
            ["password_hash", "password_expires_at", "expiry_notice"]),
        (
            "password for ever", _ => true, one => one.ChangePassword(new PasswordHash("x"), null),
            ["password_hash", "password_expires_at", "expiry_notice"]),
        ("name", _ => true, one => one.Rename($"neuer Name {one.Id}"), ["name"]),
        ("email", _ => true, one => one.ChangeEmail($"straße{one.Id}@example.org"), ["email"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await UsersWorld.CreateAsync();

    private protected override RepositoryWrapper<BackOfficeUser> WrapperOf(ContextWorld world) => world.Host.Part<BackOfficeUsersContext>().Users;
}
