using Strangler.Contexts.BackOfficeUsers;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.BackOfficeUsers;

/// <summary>The life cycle of the back office's users. The number is the second at which a password expires.</summary>
public sealed class BackOfficeUsersLifeCycleTests : ContextLifeCycleContract<BackOfficeUser>
{
    private static readonly DateTime Base = new(2022, 6, 1, 10, 0, 0);

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await UsersWorld.CreateAsync(options: options);

    private protected override RepositoryWrapper<BackOfficeUser> WrapperOf(ContextHost host) => host.Part<BackOfficeUsersContext>().Users;

    private protected override BackOfficeUser New(long number)
    {
        var name = Guid.NewGuid().ToString("N");
        var user = new BackOfficeUser(0, name, $"{name}@example.org", new PasswordHash("first"));
        Change(user, number);
        return user;
    }

    private protected override void Change(BackOfficeUser entity, long number) =>
        entity.ChangePassword(new PasswordHash($"$2y$10${number}"), Base.AddSeconds(number));

    private protected override long NumberOf(BackOfficeUser entity) => (long)(entity.PasswordExpiresAt!.Value - Base).TotalSeconds;

    private protected override long IdOf(BackOfficeUser entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("password_expires_at", Base.AddSeconds(number));

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO users (user_id, user_name, user_address, user_pass, user_pass_expiry) VALUES ({id}, 'foreign', 'f@example.org', 'x', {Time(number)})";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE users SET user_pass_expiry = {Time(number)} WHERE user_id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM users WHERE user_id = {id}";

    private static string Time(long number) => $"'{Base.AddSeconds(number):yyyy-MM-dd HH:mm:ss}'";
}
