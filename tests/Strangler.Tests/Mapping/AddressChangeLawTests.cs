using NUnit.Framework;
using Strangler.LegacyData.AddressChanges;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of <c>address_change</c> and <c>address</c> with every state and oddity; and each rule of their mapping.</summary>
public sealed class AddressChangeLawTests
{
    [TestCase(1, 6_000, 3)]
    [TestCase(2, 3_000, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        var generated = AddressChangeRows.Generate(rows, seed).Select(row => ((long)row.Id, row.IsUnreadable, row.Kinds, AddressChangeRows.Of(row)));
        var result = await LawCheck.RunAsync(AddressChangeRows.Mapping, generated, LegacyAddressChangeGenerator.Kinds, seed, trials);
        Assert.That(result.Rows, Is.EqualTo(rows));
        Assert.That(
            result.UnreadableBy.Keys.Select(entry => entry.Place).Distinct(),
            Is.EquivalentTo(new[]
            {
                "address_change.address_type", "address_change.external_id_type", "address_change.external_id", "address_change.created_at",
                "address_change.export_date",
            }));
    }

    // A creation time is never NULL in legacy: what has none there shows a zero date, which an insert does not make.
    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte() => LawCheck.AssertRebuilds(
        AddressChangeRows.Mapping,
        AddressChangeRows.Generate(2_000, 4).Where(row => !row.IsUnreadable && !row.Kinds.Contains("zero-creation-time"))
            .Select(row => (row.Kinds, AddressChangeRows.Of(row))));

    [Test]
    public void No_address_an_empty_one_and_one_that_is_gone_are_told_apart()
    {
        foreach (var (kind, isGiven) in new[] { ("unused", false), ("address-gone", false), ("address-empty", true), ("address-null", true), ("used", true) })
        {
            var row = AddressChangeRows.First(kind);
            var record = AddressChangeRows.Get(row);
            Assert.That(record["address.is_given"], Is.EqualTo(isGiven), kind);
            var changed = AddressChangeRows.Put(row, ("wants_receipt", false));
            Assert.That(AddressChangeRows.ColumnOf(changed, "address_id"), Is.EqualTo(AddressChangeRows.ColumnOf(row, "address_id")), kind);
            Assert.That(changed.Tables[1], Has.Count.EqualTo(isGiven ? 1 : 0), kind);
        }
    }

    [Test]
    public void An_address_is_told_and_removed_as_a_row_of_its_own()
    {
        var told = AddressChangeRows.Put(AddressChangeRows.First("unused"), ("address.is_given", true), ("address.street", "Schöne Wiese 99"));
        Assert.That(told.Tables[1].Single()[told.Layout.Tables[1].IndexOf("street")], Is.EqualTo("Schöne Wiese 99"));
        Assert.That(told.Tables[1].Single()[told.Layout.Tables[1].IndexOf("country")], Is.EqualTo(""), "what an insert leaves");
        Assert.That(told.Tables[1].Single()[told.Layout.Tables[1].IndexOf("company")], Is.Null);

        var blank = AddressChangeRows.Mapping.Schema.Blank();
        var removed = AddressChangeRows.Put(
            AddressChangeRows.First("used"),
            [.. blank.Schema.Fields.Where(field => field.Name.StartsWith("address.", StringComparison.Ordinal)).Select(field => (field.Name, field.Default))]);
        Assert.That(removed.Tables[1], Is.Empty);
        Assert.That(AddressChangeRows.ColumnOf(removed, "address_id"), Is.Null);
        Assert.That(
            () => AddressChangeRows.Put(AddressChangeRows.First("unused"), ("address.street", "nowhere")),
            Throws.TypeOf<CannotHoldException>(), "an address that is not given has no street");
    }

    [TestCase("external_id", -1L)]
    [TestCase("address.postcode", "123456789")]
    [TestCase("current_identifier", "0123456789012345678901234567890123456")]
    [TestCase("address.city", "\U0001F431")]
    public void What_legacy_cannot_hold_is_refused_by_name(string field, object value) => Assert.That(
        () => AddressChangeRows.Put(AddressChangeRows.First("used"), (field, value)),
        Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo(field));

    [Test]
    public void The_owner_is_a_reference_to_other_contexts()
    {
        var owner = AddressChangeRows.Mapping.References.Single();
        Assert.That(
            owner.Targets, Is.EqualTo(new[] { new ReferenceTarget("donation", "donations", "donation"), new ReferenceTarget("membership", "memberships", "membership") }));
        Assert.That(owner.Of(AddressChangeRows.Get(AddressChangeRows.First("used-membership")))!.Value.Target.Context, Is.EqualTo("memberships"));
        Assert.That(owner.Of(AddressChangeRows.Get(AddressChangeRows.First("no-owner"))), Is.Null);
        Assert.That(
            AddressChangeRows.Mapping.New.Layout.Root.Columns.Where(column => column.References is not null), Is.Empty, "the public id is stored as it is");
    }
}
