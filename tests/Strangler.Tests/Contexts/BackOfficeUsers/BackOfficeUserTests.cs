using NUnit.Framework;
using Strangler.Contexts.BackOfficeUsers;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.BackOfficeUsers;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class BackOfficeUserTests
{
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back() =>
        BackOfficeUserLawTests.Rows.AssertGivesBack(
            BackOfficeUserLawTests.Generator(1_500, 5), new BackOfficeUserRecords(BackOfficeUserLawTests.Rows.Mapping));

    [Test]
    public void A_new_user_may_not_enter_and_each_state_changes_by_itself()
    {
        var user = New();
        Assert.That((user.IsActive, user.Role, user.ExpiryNotice, user.PasswordExpiresAt), Is.EqualTo((false, 0, ExpiryNotice.Unknown, (DateTime?)null)));
        user.Activate();
        user.ChangeRole(1);
        user.ChangePassword(new PasswordHash("other"), Now);
        Assert.That((user.IsActive, user.Role, user.ExpiryNotice, user.PasswordExpiresAt), Is.EqualTo((true, 1, ExpiryNotice.Due, (DateTime?)Now)));
        user.NoteExpiryNotice();
        user.Deactivate();
        Assert.That((user.IsActive, user.ExpiryNotice, user.PasswordHash), Is.EqualTo((false, ExpiryNotice.Sent, new PasswordHash("other"))));
        user.ChangePassword(new PasswordHash("third"), null);
        Assert.That(user.ExpiryNotice, Is.EqualTo(ExpiryNotice.Due), "a notice about the old one says nothing any more");
        Assert.That(user.NoteExpiryNotice, Throws.InvalidOperationException, "it does not expire");
    }

    [Test]
    public void A_hash_shows_itself_to_nobody_who_does_not_ask_for_it()
    {
        var hash = new PasswordHash("$2y$10$abcdef");
        Assert.That($"{hash} {new { hash }}", Does.Not.Contain("abcdef"));
        Assert.That(hash.Reveal(), Is.EqualTo("$2y$10$abcdef"));
        Assert.That((hash.Equals(new PasswordHash("$2y$10$abcdef")), hash.Equals(new PasswordHash("$2Y$10$abcdef"))), Is.EqualTo((true, false)));
        Assert.That(System.Text.Json.JsonSerializer.Serialize(hash), Does.Not.Contain("abcdef"));
    }

    [Test]
    public void What_cannot_be_is_refused()
    {
        Assert.That(() => new BackOfficeUser(0, "", "e@example.org", new PasswordHash("x")), Throws.ArgumentException);
        Assert.That(() => new BackOfficeUser(0, "e", " ", new PasswordHash("x")), Throws.ArgumentException);
        Assert.That(() => new BackOfficeUser(-1, "e", "e@example.org", new PasswordHash("x")), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => New().ChangeRole(-1), Throws.InstanceOf<ArgumentException>());
    }

    private static BackOfficeUser New() => new(0, "e.muster", "e@example.org", new PasswordHash("first"));
}
