using NUnit.Framework;
using Strangler.Contexts.AddressChanges;
using Strangler.Mapping;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.AddressChanges;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class AddressChangeTests
{
    private const string First = "3ab0d1a4-8b5f-4b0c-9c5f-3e2a1d6f7a01";
    private const string Second = "3ab0d1a4-8b5f-4b0c-9c5f-3e2a1d6f7a02";
    private const string Third = "3ab0d1a4-8b5f-4b0c-9c5f-3e2a1d6f7a03";

    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);
    private static readonly PostalAddress Leer = PostalAddress.OfPerson("Herr", "", "Hanno", "Nym", "Schöne Wiese 99", "26789", "Leer", "DE");

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back()
    {
        var records = new AddressChangeRecords(AddressChangeRows.Mapping);
        foreach (var row in AddressChangeRows.Generate(1_500, 5).Where(row => !row.IsUnreadable))
        {
            var record = AddressChangeRows.Get(AddressChangeRows.Of(row));
            var back = records.Apply(records.ToEntity(row.Id, record), record);
            foreach (var field in record.Schema.Fields)
            {
                Assert.That(Record.ValuesEqual(back.Values[field.Ordinal], record.Values[field.Ordinal]), $"{string.Join(' ', row.Kinds)}: {field.Name}");
            }
        }
    }

    [Test]
    public void Each_answer_makes_a_new_identifier_and_is_to_be_handed_on_once_more()
    {
        var change = New();
        Assert.That((change.PreviousIdentifier, change.IsModified, change.ExportState), Is.EqualTo((First, false, ExportState.NoData)));
        change.ChangeAddress(Leer, Second, Now.AddDays(1));
        Assert.That((change.CurrentIdentifier, change.PreviousIdentifier, change.IsModified), Is.EqualTo((Second, First, true)));
        Assert.That(change.ExportState, Is.EqualTo(ExportState.UsedNotExported));
        change.MarkExported(Now.AddDays(2));
        Assert.That(change.ExportState, Is.EqualTo(ExportState.UsedExported));
        change.OptOutOfReceipt(Third, Now.AddDays(3));
        Assert.That(
            (change.WantsReceipt, change.ExportState, change.CurrentIdentifier, change.PreviousIdentifier),
            Is.EqualTo((false, ExportState.UsedNotExported, Third, Second)));
    }

    [Test]
    public void Two_answers_of_one_request_void_one_identifier()
    {
        var change = New();
        change.ChangeAddress(Leer, Second, Now);
        change.OptOutOfReceipt(Second, Now);
        Assert.That((change.CurrentIdentifier, change.PreviousIdentifier), Is.EqualTo((Second, First)));
    }

    [Test]
    public void An_address_is_told_once_and_handed_on_once()
    {
        var change = New();
        change.ChangeAddress(Leer, Second, Now.AddDays(1));
        Assert.That(() => change.ChangeAddress(Leer, Third, Now), Throws.InvalidOperationException);
        Assert.That(change.CurrentIdentifier, Is.EqualTo(Second), "a refused answer voids nothing");
        change.MarkExported(Now);
        Assert.That(() => change.MarkExported(Now), Throws.InvalidOperationException);
        change.RemoveAddress();
        change.RemoveAddress();
        Assert.That((change.Address, change.ExportState, change.IsExported, change.IsModified), Is.EqualTo(((PostalAddress?)null, ExportState.NoData, false, true)));
    }

    [TestCase("")]
    [TestCase("no uuid")]
    [TestCase("3ab0d1a48b5f4b0c9c5f3e2a1d6f7a01")]
    public void What_is_no_uuid_is_refused(string identifier)
    {
        Assert.That(() => new AddressChange(0, AddressType.Person, new Owner(OwnerType.Donation, 1), identifier, Now), Throws.ArgumentException);
        Assert.That(() => New().OptOutOfReceipt(identifier, Now), Throws.ArgumentException);
    }

    [Test]
    public void Only_old_records_lack_a_type_or_an_owner()
    {
        Assert.That(() => new AddressChange(0, AddressType.Unknown, new Owner(OwnerType.Donation, 1), First, Now), Throws.ArgumentException);
        Assert.That(() => new AddressChange(0, AddressType.Person, new Owner(OwnerType.Unknown, 1), First, Now), Throws.ArgumentException);
        Assert.That(() => new AddressChange(0, AddressType.Person, new Owner(OwnerType.Donation, 0), First, Now), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new AddressChange(-1, AddressType.Person, new Owner(OwnerType.Donation, 1), First, Now), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => PostalAddress.OfCompany("", "a", "b", "c", "DE"), Throws.ArgumentException);
    }

    [Test]
    public void An_id_is_given_once()
    {
        var change = New();
        change.AssignId(7);
        change.AssignId(7);
        Assert.That(() => change.AssignId(8), Throws.InvalidOperationException);
        Assert.That(change.Id, Is.EqualTo(7));
    }

    private static AddressChange New() => new(0, AddressType.Person, new Owner(OwnerType.Donation, 4711), First, Now);
}
