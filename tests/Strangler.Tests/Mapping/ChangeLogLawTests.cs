using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.LegacyData.ChangeLog;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of <c>action_log</c> with every oddity; and what of them goes nowhere.</summary>
public sealed class ChangeLogLawTests
{
    internal static readonly PlainRows Rows = new("change-log", "logged-action");

    [TestCase(1, 3_000, 3)]
    [TestCase(2, 1_500, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials) => Assert.That(
        (await Rows.CheckLawsAsync(Generator(rows, seed), seed, trials)).UnreadableBy.Keys.Select(entry => entry.Place).Distinct(),
        Is.EqualTo(new[] { "action_log.al_timestamp" }));

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte() => LawCheck.AssertRebuilds(
        Rows.Mapping,
        Generator(1_000, 4).Generate().Where(row => !row.IsUnreadable && !row.Kinds.Contains("zero-date"))
            .Select(row => (row.Kinds, Rows.Of(row))));

    [Test]
    public void A_time_that_nobody_knows_stays_where_it_is_and_is_refused_in_a_new_row()
    {
        var row = Rows.First(Generator(300, 1), "zero-date");
        Assert.That(Rows.Get(row)["logged_at"], Is.Null);
        Assert.That(Rows.Mapping.Legacy.Put(Rows.Get(row), row).SameAs(row));
        Assert.That(
            () => Rows.Mapping.Legacy.Put(Rows.Get(row), null),
            Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo("logged_at"));
    }

    [Test]
    public void What_was_typed_as_a_password_is_in_no_record_and_in_no_row_that_we_write()
    {
        Assert.That(Rows.Mapping.Legacy.Layout.Root.Columns.Select(column => column.Name), Has.None.EqualTo("al_password"));
        Assert.That(Rows.Mapping.LegacyTables.Single().Staying, Is.EqualTo(new[] { "al_password" }));
        Assert.That(Rows.Mapping.Explain().ToText(), Does.Contain("al_password: What somebody typed"));
    }

    [Test]
    public void Names_are_personal_and_a_session_is_a_secret()
    {
        var fields = Rows.Mapping.Schema.Fields.ToDictionary(field => field.Name);
        Assert.That((fields["session_id"].Secret, fields["user_name"].Personal, fields["remote_address"].Personal), Is.EqualTo((true, true, true)));
        Assert.That((fields["action"].Personal, fields["logged_at"].Personal), Is.EqualTo((false, false)));
    }

    internal static LegacyTableGenerator Generator(int rows, int seed) => LegacyActions.Generator(new LegacyRowOptions { Rows = rows, Seed = seed });
}
