using Strangler.Contexts.AddressChanges;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.AddressChanges;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>The states of address changes.</summary>
public sealed class AddressChangeStatesTests : ContextStatesContract<AddressChange>
{
    private static readonly DateTime Now = new(2025, 6, 1, 12, 30, 0);

    private static readonly string[] Answer = ["current_identifier", "previous_identifier", "modified_at", "is_exported", "exported_at"];

    private protected override int Rows => 900;

    private protected override IEnumerable<string> ReadableKinds =>
        LegacyAddressChangeGenerator.Kinds.Except(LegacyAddressChangeGenerator.UnreadableKinds);

    private protected override IReadOnlyList<(string Name, Func<AddressChange, bool> May, Action<AddressChange> Act, string[] Fields)> AllChanges =>
    [
        ("opt out", _ => true, one => one.OptOutOfReceipt(Guid.NewGuid().ToString(), Now), ["wants_receipt", .. Answer]),
        ("export", one => !one.IsExported, one => one.MarkExported(Now), ["is_exported", "exported_at"]),
        ("remove", one => one.Address is not null, one => one.RemoveAddress(), ["address.", "is_exported", "exported_at"]),
        (
            "address", one => one.Address is null,
            one => one.ChangeAddress(
                PostalAddress.OfCompany("Käsekontor & Söhne KG", "Straße des 17. Juni 1", "10963", "Berlin", "DE"), Guid.NewGuid().ToString(), Now),
            ["address.", .. Answer]),
        ("export the address", one => !one.IsExported, one => one.MarkExported(Now), ["is_exported", "exported_at"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await AddressChangesWorld.CreateAsync();

    private protected override RepositoryWrapper<AddressChange> WrapperOf(ContextWorld world) => world.Host.Part<AddressChangesContext>().AddressChanges;
}
