using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.AddressChanges;

/// <summary>Between address changes and their records.</summary>
/// <param name="mapping">The context's mapping: it knows which raw legacy values a change makes void.</param>
public sealed class AddressChangeRecords(CompiledMapping mapping) : IEntityConverter<AddressChange>
{
    private static readonly (AddressType Value, string Code)[] _types =
        [(AddressType.Unknown, "unknown"), (AddressType.Person, "person"), (AddressType.Company, "company")];

    private static readonly (OwnerType Value, string Code)[] _owners =
        [(OwnerType.Unknown, "unknown"), (OwnerType.Donation, "donation"), (OwnerType.Membership, "membership")];

    public RecordSchema Schema => mapping.Schema;

    public long IdOf(AddressChange entity) => entity.Id;

    public void AssignId(AddressChange entity, long id) => entity.AssignId(id);

    /// <summary>The code of an owner's kind, as both sides' queries need it.</summary>
    internal static string CodeOf(OwnerType type) => _owners.First(known => known.Value == type).Code;

    public AddressChange ToEntity(long id, Record record) => AddressChange.Recall(new AddressChangeState
    {
        Id = id,
        Type = _types.First(known => known.Code == record.Text("address_type")).Value,
        Owner = new Owner(_owners.First(known => known.Code == record.Text("external_type")).Value, record.Integer("external_id")),
        CurrentIdentifier = record.Text("current_identifier"),
        PreviousIdentifier = record.Text("previous_identifier"),
        CreatedAt = record.Timestamp("created_at"),
        ModifiedAt = record.Timestamp("modified_at"),
        Address = AddressOf(record),
        WantsReceipt = record.Boolean("wants_receipt"),
        IsExported = record.Boolean("is_exported"),
        ExportedAt = record.Timestamp("exported_at"),
    });

    public Record Apply(AddressChange entity, Record present)
    {
        var record = present;
        Set("created_at", entity.CreatedAt);
        Set("modified_at", entity.ModifiedAt);
        Set("current_identifier", entity.CurrentIdentifier);
        Set("previous_identifier", entity.PreviousIdentifier);
        Set("address_type", _types.First(known => known.Value == entity.Type).Code);
        Set("external_type", CodeOf(entity.Owner.Type));
        Set("external_id", entity.Owner.Id);
        Set("wants_receipt", entity.WantsReceipt);
        Set("is_exported", entity.IsExported);
        Set("exported_at", entity.ExportedAt);
        var address = entity.Address ?? new PostalAddress();
        Set("address.is_given", entity.Address is not null);
        Set("address.salutation", address.Salutation);
        Set("address.company", address.Company);
        Set("address.title", address.Title);
        Set("address.first_name", address.FirstName);
        Set("address.last_name", address.LastName);
        Set("address.street", address.Street);
        Set("address.postcode", address.Postcode);
        Set("address.city", address.City);
        Set("address.country", address.Country);
        return record;

        void Set(string field, object? value)
        {
            if (!Record.ValuesEqual(record.Visible(field), value))
            {
                record = mapping.Change(record, field, value);
            }
        }
    }

    private static PostalAddress? AddressOf(Record record) => !record.Boolean("address.is_given") ? null : new PostalAddress
    {
        Salutation = record.Text("address.salutation"),
        Company = record.Text("address.company"),
        Title = record.Text("address.title"),
        FirstName = record.Text("address.first_name"),
        LastName = record.Text("address.last_name"),
        Street = record.Text("address.street"),
        Postcode = record.Text("address.postcode"),
        City = record.Text("address.city"),
        Country = record.Text("address.country"),
    };
}
