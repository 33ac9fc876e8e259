using Microsoft.AspNetCore.Http;
using Strangler.Contexts.AddressChanges;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>
/// Address changes. They are found by their identifiers, with which whoever has them may answer; so these stand in bodies, never in
/// addresses of requests.
/// </summary>
internal sealed class AddressChangeResource : ResourceDescription<AddressChange>
{
    public override string Context => AddressChangesContext.Name;

    public override string Kind => AddressChangesContext.AddressChangeKind;

    public override IReadOnlyList<Member<AddressChange>> Members { get; } =
    [
        Shown("id", change => change.Id),
        Made("created_at", change => change.CreatedAt, isNeeded: false),
        Made("type", change => change.Type),
        Made("owner", change => change.Owner),
        Made("current_identifier", change => change.CurrentIdentifier, isNeeded: false),
        Shown("previous_identifier", change => change.PreviousIdentifier),
        Shown("modified_at", change => change.ModifiedAt),
        Changed("address", change => change.Address, Tell, isNullable: true, takesNull: true),
        Changed("wants_receipt", change => change.WantsReceipt, OptOut),
        Shown("export_state", change => change.ExportState),
        Flag("is_exported", change => change.IsExported, (change, act) => change.MarkExported(act.Now)),
        Shown("exported_at", change => change.ExportedAt),
    ];

    public override IReadOnlyList<Question> Questions =>
    [
        new(HttpMethods.Post, "/searches", "the one that has either identifier (\"\" for none)", ByIdentifiersAsync)
        {
            Body = Asked(("current_identifier", typeof(string)), ("previous_identifier", typeof(string))), Schema = "address_change_search",
            FindsOne = true,
        },
        new(HttpMethods.Post, "/owners/searches", "the one that was made for an owner", ByOwnerAsync)
        {
            Body = Asked(("owner", typeof(Owner))), Schema = "address_change_owner_search", FindsOne = true,
        },
    ];

    public override RepositoryWrapper<AddressChange> Of(ContextHost host) => host.Part<AddressChangesContext>().AddressChanges;

    /// <summary>None of it is ever erased: its address goes, or the whole of it.</summary>
    public override AddressChange Make(Given given, Act act) => new(
        0, given.Get<AddressType>("type"), given.Get<Owner>("owner"), given.Find<string>("current_identifier") ?? Guid.NewGuid().ToString(),
        given.Find<DateTime?>("created_at") ?? act.Now);

    private static void Tell(AddressChange change, PostalAddress? address, Act act)
    {
        if (address is null)
        {
            change.RemoveAddress();
            return;
        }

        var told = change.Type == AddressType.Company
            ? PostalAddress.OfCompany(address.Company, address.Street, address.Postcode, address.City, address.Country)
            : PostalAddress.OfPerson(
                address.Salutation, address.Title, address.FirstName, address.LastName, address.Street, address.Postcode, address.City,
                address.Country);
        change.ChangeAddress(
            told == address ? told
                : throw new ArgumentException("A company's address has no person in it, and a person's no company.", nameof(address)),
            act.Uuid, act.Now);
    }

    private static void OptOut(AddressChange change, bool wants, Act act)
    {
        if (wants)
        {
            throw new InvalidOperationException("Who wanted no receipt cannot be given one again here.");
        }

        change.OptOutOfReceipt(act.Uuid, act.Now);
    }

    private static async Task<object?> ByIdentifiersAsync(Inquiry asked, CancellationToken cancellationToken) =>
        await asked.Host.Part<AddressChangesContext>().AddressChanges.FindByIdentifiersAsync(
            asked.Given.Get<string>("current_identifier"), asked.Given.Get<string>("previous_identifier"), cancellationToken)
            .ConfigureAwait(false);

    private static async Task<object?> ByOwnerAsync(Inquiry asked, CancellationToken cancellationToken) =>
        await asked.Host.Part<AddressChangesContext>().AddressChanges.FindByOwnerAsync(asked.Given.Get<Owner>("owner"), cancellationToken)
            .ConfigureAwait(false);
}
