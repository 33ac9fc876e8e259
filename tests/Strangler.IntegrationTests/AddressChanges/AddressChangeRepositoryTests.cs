using System.Text;
using Dapper;
using Strangler.Contexts.AddressChanges;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>What only address changes have: identifiers, owners, addresses that are shared, what is left of a removed one.</summary>
public sealed class AddressChangeRepositoryTests
{
    private static readonly DateTime Noon = new(2022, 6, 1, 12, 0, 0);

    [Test]
    public async Task An_identifier_is_found_to_the_letter_in_every_stage()
    {
        const string Unused = "0b0c9c5f-8b5f-4b0c-9c5f-3e2a1d6f7a01";
        const string Before = "0b0c9c5f-8b5f-4b0c-9c5f-3e2a1d6f7a02";
        const string Present = "0b0c9c5f-8b5f-4b0c-9c5f-3e2a1d6f7a03";
        await using var world = await AddressChangesWorld.CreateAsync();
        await world.RunForeignAsync(
            $"""
            INSERT INTO address_change (id, current_identifier, previous_identifier, address_type, external_id, external_id_type, donation_receipt) VALUES
                (11, '{Unused}', '{Unused}', 'person', 1, 'donation', 1), (12, '{Present}', '{Before}', 'person', 2, 'donation', 1),
                (13, NULL, NULL, 'person', 3, 'donation', 1), (14, '', NULL, 'person', 4, 'donation', 1), (15, 'Straße', NULL, 'person', 5, 'donation', 1)
            """);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (current, expected) in new (string, long?)[]
                     {
                         (Unused, 11), (Present, 12), (Before, null), ("", null), (Present.ToUpperInvariant(), null), (Present + " ", null), ("Straße", 15), ("Strasse", null),
                         ("' OR 1=1 -- ", null),
                     })
            {
                Assert.That((await world.AddressChanges.FindByIdentifierAsync(current, CancellationToken.None))?.Id, Is.EqualTo(expected), $"'{current}' in {stage}");
            }

            Assert.That((await world.AddressChanges.FindByIdentifiersAsync("", Before, CancellationToken.None))?.Id, Is.EqualTo(12), $"{stage}");
            Assert.That((await world.AddressChanges.FindByIdentifiersAsync(Before, Before, CancellationToken.None))?.Id, Is.EqualTo(12), $"{stage}");
            Assert.That((await world.AddressChanges.FindByIdentifiersAsync(Present, Unused, CancellationToken.None))?.Id, Is.EqualTo(11), $"either, the first, in {stage}");
            Assert.That(await world.AddressChanges.FindByIdentifiersAsync("", "", CancellationToken.None), Is.Null);
        }

        foreach (var bare in new IAddressChangeRepository[] { world.Host.Part<AddressChangesContext>().Legacy, world.Host.Part<AddressChangesContext>().New })
        {
            Assert.That((await bare.FindByIdentifierAsync(Present, CancellationToken.None))?.Id, Is.EqualTo(12));
            Assert.That((await bare.FindByIdentifiersAsync("", Before, CancellationToken.None))?.Id, Is.EqualTo(12));
            Assert.That((await bare.FindByOwnerAsync(new Owner(OwnerType.Donation, 3), CancellationToken.None))?.Id, Is.EqualTo(13));
        }
    }

    [Test]
    public async Task An_owner_is_found_by_kind_and_id_in_every_stage()
    {
        await using var world = await AddressChangesWorld.CreateAsync();
        await world.RunForeignAsync(
            """
            INSERT INTO address_change (id, address_type, external_id, external_id_type, donation_receipt) VALUES
                (21, 'person', 7, 'donation', 1), (22, 'person', 7, 'membership', 1), (23, 'person', 7, 'donation', 1), (24, '', 0, '', 1)
            """);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (owner, expected) in new (Owner, long?)[]
                     {
                         (new Owner(OwnerType.Donation, 7), 21), (new Owner(OwnerType.Membership, 7), 22), (new Owner(OwnerType.Donation, 8), null),
                         (new Owner(OwnerType.Unknown, 0), null),
                     })
            {
                Assert.That((await world.AddressChanges.FindByOwnerAsync(owner, CancellationToken.None))?.Id, Is.EqualTo(expected), $"{owner} in {stage}");
            }
        }
    }

    /// <summary>Two rows refer to one address. A change for one must not be a change for the other, which no version would tell.</summary>
    [Test]
    public async Task A_shared_address_stays_with_whoever_was_not_changed([Values(Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await AddressChangesWorld.CreateAsync();
        await InsertSharingAsync(world, 1, 31, 32, 33);
        await world.MoveToAsync(stage);
        var first = (await world.AddressChanges.FindAsync(31, CancellationToken.None))!;
        first.RemoveAddress();
        await world.AddressChanges.StoreAsync(first, CancellationToken.None);
        await world.AddressChanges.DeleteAsync(32, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.AddressChanges.FindAsync(33, CancellationToken.None))!.Address!.City, Is.EqualTo("Leer"));
        Assert.That(await AddressesAsync(world), Is.EqualTo("1"));

        // Nobody else refers to it by now.
        await world.AddressChanges.DeleteAsync(33, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await AddressesAsync(world), Is.EqualTo(""));
        if (stage != Stage.LegacyOnly)
        {
            await AssertCleanAsync(world);
        }
    }

    /// <summary>A change of the shared row by another program is news of every entity that shares it.</summary>
    [Test]
    public async Task What_another_program_writes_into_a_shared_address_reaches_all_who_share_it()
    {
        await using var world = await AddressChangesWorld.CreateAsync();
        await InsertSharingAsync(world, 1, 41, 42);
        await world.MoveToAsync(Stage.ShadowRead);
        await world.RunForeignAsync("UPDATE address SET city = 'Berlin' WHERE id = 1");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        foreach (var id in new[] { 41, 42 })
        {
            Assert.That((await world.RecordAsync(SideName.New, id))!["address.city"], Is.EqualTo("Berlin"));
        }

        await AssertCleanAsync(world);
    }

    /// <summary>A table of another context that refers to an address keeps it, by its foreign key.</summary>
    [Test]
    public async Task An_address_that_a_subscription_refers_to_stays([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await AddressChangesWorld.CreateAsync(alter: connection => connection.ExecuteAsync(
            """
            CREATE TABLE subscription (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, address_id INT NULL, FOREIGN KEY (address_id) REFERENCES address (id))
            """));
        await InsertSharingAsync(world, 1, 51);
        await InsertSharingAsync(world, 2, 52);
        await world.RunForeignAsync("INSERT INTO subscription (address_id) VALUES (1)");
        await world.MoveToAsync(stage);
        await world.AddressChanges.DeleteAsync(51, CancellationToken.None);
        await world.AddressChanges.DeleteAsync(52, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await AddressesAsync(world), Is.EqualTo("1"));
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task Of_a_removed_address_nothing_is_left_on_either_side([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        const string Mark = "Qxz";
        await using var world = await AddressChangesWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var change = new AddressChange(0, AddressType.Person, new Owner(OwnerType.Donation, 1), Guid.NewGuid().ToString(), Noon);
        change.ChangeAddress(PostalAddress.OfPerson("Herr", Mark, Mark, Mark, Mark, Mark, Mark, "DE"), Guid.NewGuid().ToString(), Noon);
        await world.AddressChanges.StoreAsync(change, CancellationToken.None, "request");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await PlacesOfAsync(world, Mark), Is.Not.Empty, "the search finds what is there");
        change.MarkExported(Noon);
        change.RemoveAddress();
        await world.AddressChanges.StoreAsync(change, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await PlacesOfAsync(world, Mark), Is.Empty);
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Mark, StringComparison.Ordinal)), Is.Empty);
        await AssertCleanAsync(world);
    }

    private static Task<int> InsertSharingAsync(AddressChangesWorld world, int address, params int[] ids) => world.RunForeignAsync(
        $"INSERT INTO address (id, salutation, first_name, last_name, street, postcode, city, country) VALUES ({address}, 'Herr', 'Hanno', 'Nym', 'Schöne Wiese 99', '26789', 'Leer', 'DE');"
        + string.Concat(ids.Select(id =>
            $"""
            INSERT INTO address_change (id, address_id, address_type, external_id, external_id_type, donation_receipt, export_date)
                VALUES ({id}, {address}, 'person', {id}, 'donation', 1, '2022-01-01 00:00:00');
            """)));

    private static async Task<string> AddressesAsync(AddressChangesWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return string.Join(',', await connection.QueryAsync<long>("SELECT id FROM address ORDER BY id"));
    }

    private static async Task<List<string>> PlacesOfAsync(AddressChangesWorld world, string mark)
    {
        List<string> found = [];
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            var columns = await connection.QueryAsync<(string Table, string Column)>(
                """
                SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()
                AND data_type IN ('char', 'varchar', 'text', 'mediumtext', 'longtext', 'binary', 'varbinary', 'blob', 'mediumblob', 'longblob')
                """);
            foreach (var (table, column) in columns)
            {
                if (await connection.ExecuteScalarAsync<long>(
                        $"SELECT COUNT(*) FROM `{table}` WHERE INSTR(CAST(`{column}` AS BINARY), @text) > 0", new { text = Encoding.ASCII.GetBytes(mark) }) > 0)
                {
                    found.Add($"{database.Name}.{table}.{column}");
                }
            }
        }

        return found;
    }

    private static async Task AssertCleanAsync(AddressChangesWorld world)
    {
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
