using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.LegacyData.BackOfficeUsers;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of <c>users</c> with every state and oddity; and each rule of its mapping.</summary>
public sealed class BackOfficeUserLawTests
{
    internal static readonly PlainRows Rows = new("back-office-users", "user");

    [TestCase(1, 4_000, 3)]
    [TestCase(2, 2_000, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        var result = await Rows.CheckLawsAsync(Generator(rows, seed), seed, trials);
        Assert.That(result.Rows, Is.EqualTo(rows));
        Assert.That(
            result.UnreadableBy.Keys.Select(entry => entry.Place).Distinct(), Is.EquivalentTo(new[] { "users.user_pass_notification", "users.user_pass_expiry" }));
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte() => Rows.AssertRebuilds(Generator(2_000, 4));

    [TestCase(null, "unknown")]
    [TestCase(0, "due")]
    [TestCase(1, "sent")]
    public void Null_is_a_code_of_its_own_and_comes_back_as_null(int? stored, string notice)
    {
        var row = Rows.First(Generator(300, 1), "active", ("user_pass_notification", stored));
        Assert.That(Rows.Get(row)["expiry_notice"], Is.EqualTo(notice));
        foreach (var (other, expected) in new (string, object?)[] { ("unknown", null), ("due", 0L), ("sent", 1L) })
        {
            Assert.That(Rows.ColumnOf(Rows.Put(row, ("expiry_notice", other)), "user_pass_notification"), Is.EqualTo(expected), other);
        }
    }

    [TestCase("1970-01-01 00:00:00", false)]
    [TestCase("1970-01-01 01:00:00", false)]
    [TestCase("0000-00-00 00:00:00", false)]
    [TestCase(null, false)]
    [TestCase("2018-08-16 12:00:00", true)]
    public void The_epoch_says_that_a_password_does_not_expire(string? stored, bool expires)
    {
        var row = Rows.First(Generator(300, 1), "active", ("user_pass_expiry", stored));
        Assert.That(Rows.Get(row)["password_expires_at"], expires ? Is.EqualTo(new DateTime(2018, 8, 16, 12, 0, 0)) : Is.Null);
        Assert.That(Rows.ColumnOf(Rows.Put(row, ("is_active", false)), "user_pass_expiry"), Is.EqualTo(stored), "nobody changed it");
    }

    [Test]
    public void An_insert_leaves_what_the_back_office_would()
    {
        var row = Rows.Mapping.Legacy.Put(Rows.Mapping.Schema.Blank().With(("name", "e.muster"), ("email", "e@example.org")), null);
        Assert.That(
            (Rows.ColumnOf(row, "user_pass_expiry"), Rows.ColumnOf(row, "user_pass_notification"), Rows.ColumnOf(row, "user_role"), Rows.ColumnOf(row, "user_active")),
            Is.EqualTo(("1970-01-01 00:00:00", (object?)null, 0L, 0L)));
    }

    [Test]
    public void The_hash_is_a_secret_and_goes_over_to_the_byte()
    {
        var field = Rows.Mapping.Schema.Fields[Rows.Mapping.Schema.OrdinalOf("password_hash")];
        Assert.That((field.Secret, field.Personal), Is.EqualTo((true, true)));
        foreach (var generated in Generator(1_000, 3).Generate().Where(row => !row.IsUnreadable))
        {
            Assert.That(Rows.Mapping.New.Get(Rows.Mapping.New.Put(Rows.Get(Rows.Of(generated)), null))["password_hash"], Is.EqualTo(generated["user_pass"]));
        }
    }

    internal static LegacyTableGenerator Generator(int rows, int seed) => LegacyUsers.Generator(new LegacyRowOptions { Rows = rows, Seed = seed });
}
