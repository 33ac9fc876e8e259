using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.AddressChanges;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>The command line on address changes.</summary>
public sealed class AddressChangesJourneyTests : ContextJourneyContract
{
    private static readonly long _used = new LegacyAddressChangeGenerator(new LegacyAddressChangeOptions { Rows = 600 })
        .Generate().First(row => row.Kinds.Contains("used")).Id;

    private protected override IReadOnlyList<string> Explained =>
        ["address_change.external_id", "owner: external_id leads to donations/donation", "owner_is_own_id", "'company' = company"];

    private protected override IReadOnlyList<string> Quarantined =>
        ["address_change.address_type", "address_change.external_id_type", "is below 0, and ids begin at 1", "is not a time"];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples => [("address-change", _used)];

    private protected override string PlantedDrift =>
        $"UPDATE address_change_address SET street = '{Planted}' WHERE address_change_id = {NewIdOf("address-change", _used)}";

    private protected override (string Kind, long Id) PlantedIn => ("address-change", _used);

    private protected override string PlantedField => "address.street";

    private protected override string ForeignUpdate =>
        $"UPDATE address SET city = 'Umzugshausen' WHERE id = (SELECT address_id FROM address_change WHERE id = {_used})";

    private protected override string ForeignArrived => "SELECT COUNT(*) FROM address_change_address WHERE city = 'Umzugshausen'";

    private protected override string PersonalValues =>
        """
        SELECT street FROM address WHERE LENGTH(street) > 7 UNION SELECT city FROM address WHERE LENGTH(city) > 7
        UNION SELECT current_identifier FROM address_change WHERE LENGTH(current_identifier) = 36
        UNION SELECT previous_identifier FROM address_change WHERE LENGTH(previous_identifier) = 36
        """;

    private protected override async Task<ContextWorld> CreateWorldAsync() => await AddressChangesWorld.CreateAsync(migrate: false);
}
