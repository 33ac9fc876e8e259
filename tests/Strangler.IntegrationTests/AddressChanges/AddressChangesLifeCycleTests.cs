using System.Globalization;
using Strangler.Contexts.AddressChanges;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>The life cycle of address changes. The number is the second of the last answer.</summary>
public sealed class AddressChangesLifeCycleTests : ContextLifeCycleContract<AddressChange>
{
    private static readonly DateTime Base = new(2022, 6, 1, 10, 0, 0);

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await AddressChangesWorld.CreateAsync(options: options);

    private protected override RepositoryWrapper<AddressChange> WrapperOf(ContextHost host) => host.Part<AddressChangesContext>().AddressChanges;

    private protected override AddressChange New(long number)
    {
        var change = new AddressChange(0, AddressType.Person, new Owner(OwnerType.Donation, 4711), Guid.NewGuid().ToString(), Base);
        change.ChangeAddress(
            PostalAddress.OfPerson("Herr", "", "Hanno", "Nym", "Schöne Wiese 99", "26789", "Leer", "DE"), Guid.NewGuid().ToString(), Base);
        Change(change, number);
        return change;
    }

    private protected override void Change(AddressChange entity, long number) =>
        entity.OptOutOfReceipt(Guid.NewGuid().ToString(), Base.AddSeconds(number));

    private protected override long NumberOf(AddressChange entity) => (long)(entity.ModifiedAt!.Value - Base).TotalSeconds;

    private protected override long IdOf(AddressChange entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("modified_at", Base.AddSeconds(number));

    private protected override string ForeignInsert(long id, long number) =>
        $"""
        INSERT INTO address (id, salutation, first_name, last_name) VALUES ({id}, 'Frau', 'Martha', 'Muster');
        INSERT INTO address_change (id, address_id, current_identifier, address_type, external_id, external_id_type, created_at, modified_at, donation_receipt)
            VALUES ({id}, {id}, UUID(), 'person', 17, 'membership', '2020-01-01 12:00:00', {Time(number)}, 1)
        """;

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE address_change SET modified_at = {Time(number)} WHERE id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM address_change WHERE id = {id}";

    private static string Time(long number) => $"'{Base.AddSeconds(number).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}'";
}
