using System.Globalization;
using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.AddressChanges;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>
/// Damage of earlier migrations, found row by row with its evidence; part of it lies in donations, which address changes know nothing of. And
/// what the two contexts mean for each other: resolved references, and gates.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class FindingsTests
{
    private const int Mine = 700_000;

    private TestDatabase _legacy = null!;
    private TestDatabase _new = null!;
    private string _folder = null!;
    private string _both = null!;
    private string _one = null!;
    private long _person;
    private long _company;
    private long _unreadable;

    [OneTimeSetUp]
    public async Task CreateDatabases()
    {
        (_legacy, _new) = (await TestServers.CreateDatabaseAsync("findings_legacy"), await TestServers.CreateDatabaseAsync("findings_new"));
        var donations = new LegacyDonationGenerator(new LegacyDonationOptions { Rows = 400, IncludeUnreadable = true });
        await using (var connection = await _legacy.OpenAsync())
        {
            await LegacySchema.CreateAsync(connection);
            await LegacyAddressChangeSchema.CreateAsync(connection);
        }

        await donations.WriteAsync(_legacy.Source.OpenAsync);
        await new LegacyAddressChangeGenerator(new LegacyAddressChangeOptions { Rows = 600 }).WriteAsync(_legacy.Source.OpenAsync);
        var rows = donations.Generate().ToList();
        _person = rows.First(row => row.Kinds.Contains("donor-person") && !row.IsUnreadable).Id;
        _company = rows.First(row => row.Kinds.Contains("donor-firma") && !row.IsUnreadable).Id;
        _unreadable = rows.First(row => row.IsUnreadable).Id;
        _folder = Directory.CreateTempSubdirectory("strangler-test-").FullName;
        _both = Write("both.json", "donations", "address-changes");
        _one = Write("one.json", "address-changes");
        await using (var connection = await _legacy.OpenAsync())
        {
            await connection.ExecuteAsync(
                $"""
                INSERT INTO address_change (id, address_type, external_id, external_id_type, created_at, modified_at, donation_receipt) VALUES
                    ({Mine + 1}, 'person', {_person}, 'donation', '2023-01-01 00:00:00', '2023-01-01 00:00:00', 1),
                    ({Mine + 2}, 'person', {_company}, 'donation', '2018-08-01 00:00:00', '2018-08-01 00:00:00', 1),
                    ({Mine + 3}, 'company', {_company}, 'donation', '2023-01-01 00:00:00', '2023-01-01 00:00:00', 1),
                    ({Mine + 4}, 'person', 999999999, 'donation', '2023-01-01 00:00:00', '2023-01-01 00:00:00', 1),
                    ({Mine + 5}, 'person', {Mine + 5}, 'donation', '2019-06-01 00:00:00', '2019-06-01 00:00:00', 1),
                    ({Mine + 6}, 'person', {Mine + 6}, 'donation', '2020-03-18 00:00:00', '2020-03-18 00:00:00', 1),
                    ({Mine + 7}, 'person', 17, 'membership', '2019-06-01 00:00:00', '2019-06-01 00:00:00', 1),
                    ({Mine + 8}, 'person', {_unreadable}, 'donation', '2023-01-01 00:00:00', '2023-01-01 00:00:00', 1)
                """);
        }
    }

    [OneTimeTearDown]
    public async Task DropDatabases()
    {
        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test, Order(0)]
    public async Task Each_damaged_row_is_listed_with_its_evidence()
    {
        await RunAsync("migrate", _both, ExitCodes.Ok);
        var found = await FindAsync(_both);
        Assert.That(
            found.Rows.Where(row => row.Id > Mine).Select(row => $"{row.Id - Mine} {row.Finding}: {row.Evidence}"),
            Is.EqualTo(new[]
            {
                $"2 person_by_owner_a_company: address_type is person; donations/donation {_company} has donor.type company",
                "4 owner_not_there: external_id is 999999999; donations/donation 999999999 is not there",
                $"5 owner_is_own_id: external_id is the row's own id; donations/donation {Mine + 5} is not there",
                $"6 owner_not_there: external_id is {Mine + 6}; donations/donation {Mine + 6} is not there",
            }));
        Assert.That(found.NotAsked, Is.EqualTo(new[] { "memberships is not configured here" }));
        var rows = new LegacyAddressChangeGenerator(new LegacyAddressChangeOptions { Rows = 600 }).Generate().ToList();
        AssertIds("owner_is_own_id", row => row.Kinds.Any(kind => kind is "owner-is-own-id" or "membership-owner-is-own-id"));
        AssertIds("person_by_address_a_company", row => row.Kinds.Any(kind => kind is "company-called-person" or "address-full"));
        AssertIds("address_shared", row => row.Kinds.Contains("shared-address"));
        Assert.That(found.Rows.Count(row => row.Finding == "address_unreferenced"), Is.EqualTo(7));
        Assert.That(found.Rows.First(row => row.Finding == "address_shared").Evidence, Does.Match(@"^address \d+ is also that of address-change \d+$"));

        void AssertIds(string finding, Func<LegacyAddressChange, bool> isMeant) => Assert.That(
            found.Rows.Where(row => row.Finding == finding && row.Id < Mine).Select(row => row.Id),
            Is.EquivalentTo(rows.Where(isMeant).Select(row => (long)row.Id)), finding);
    }

    [Test, Order(1)]
    public async Task What_cannot_be_asked_is_said_and_not_guessed()
    {
        var found = await FindAsync(_one);
        Assert.That(found.Rows.Where(row => row.Finding is "owner_not_there" or "person_by_owner_a_company"), Is.Empty);
        Assert.That(found.NotAsked, Is.EqualTo(new[] { "donations is not configured here", "memberships is not configured here" }).AsCollection);
        Assert.That(found.Rows.First(row => row.Id == Mine + 5).Evidence, Does.EndWith("was not asked for"));
        var verified = await RunAsync("mapping verify address-changes", _one, ExitCodes.Ok);
        Assert.That(
            verified, Does.Contain("0 violations of a law").And.Contain("Known damage, carried over as it is:").And.Contain("address_unreferenced")
                .And.Contain("not asked: donations is not configured here"));
    }

    [Test, Order(2)]
    public async Task No_evidence_holds_personal_data()
    {
        var said = await RunAsync("mapping findings address-changes --limit 100000", _both, ExitCodes.Found);
        await using var connection = await _legacy.OpenAsync();
        var personal = await connection.QueryAsync<string>(
            """
            SELECT CAST(street AS CHAR CHARACTER SET utf8mb4) FROM address WHERE LENGTH(street) > 7
            UNION ALL SELECT CAST(company AS CHAR CHARACTER SET utf8mb4) FROM address WHERE LENGTH(company) > 7
            UNION ALL SELECT CAST(name AS CHAR CHARACTER SET utf8mb4) FROM spenden WHERE LENGTH(name) > 9
            """);
        Assert.That(personal.Where(value => said.Contains(value, StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>The new side of one context needs the id map of the other: a gate says so, and is closed while it is not there.</summary>
    [Test, Order(3)]
    public async Task A_gate_shows_what_the_flip_of_one_context_means_for_the_other()
    {
        await AdvanceAsync("address-changes", "ShadowRead");
        var closed = await RunAsync("cutover advance address-changes", _both, ExitCodes.Refused);
        Assert.That(
            closed, Does.Contain("references to donations").And.Contain("donations is in LegacyOnly, and its id map lacks: donation")
                .And.Contain("strangler cutover advance donations; then: strangler backfill donations"));
        Assert.That(closed, Does.Match(@"open +references to memberships: not configured here"), "what is not configured closes nothing");
        Assert.That(
            await RunAsync($"idmap lookup address-changes {Mine + 1} --references", _both, ExitCodes.Ok),
            Does.Contain($"owner (external_id): donations/donation {_person} (donations is in LegacyOnly: it has no new ids yet)"));

        await AdvanceAsync("donations", "DualWrite");
        await RunAsync("backfill donations", _both, ExitCodes.Ok);
        await RunAsync("cutover reserve-ids address-changes", _both, ExitCodes.Ok);
        Assert.That(
            await RunAsync("cutover advance address-changes --dry-run", _both, ExitCodes.Ok),
            Does.Contain("references to donations").And.Contain("complete (donations is in DualWrite)")
                .And.Contain("not configured here: public ids stay as they are"));
        Assert.That(
            await RunAsync($"idmap lookup address-changes {Mine + 1} --references", _both, ExitCodes.Ok),
            Does.Match($@"owner \(external_id\): donations/donation {_person} ↔ new id 1\d{{9}}"));
        Assert.That(
            await RunAsync($"idmap lookup address-changes {Mine + 4} --references", _both, ExitCodes.Ok), Does.Contain("(not in its id map)"));
    }

    /// <summary>The other way round: what would be left of the other context's legacy look-ups.</summary>
    [Test, Order(4)]
    public async Task A_gate_keeps_legacy_until_nobody_looks_up_references_there()
    {
        await RunAsync("quarantine sign-off donations --all --reason reviewed", _both, ExitCodes.Ok);
        await AdvanceAsync("donations", "ShadowRead");
        await RunAsync("reconcile donations", _both, ExitCodes.Ok);
        await RunAsync("cutover reserve-ids donations", _both, ExitCodes.Ok);
        Assert.That(
            await RunAsync("cutover advance donations --dry-run", _both, ExitCodes.Ok),
            Does.Contain("referred to by address-changes").And.Contain("by public ids (external_id), which stay as they are"));
        await AdvanceAsync("donations", "NewLeads");
        await RunAsync("reconcile donations", _both, ExitCodes.Ok);
        Assert.That(
            await RunAsync("cutover advance donations --confirm donations --reason done", _both, ExitCodes.Refused),
            Does.Contain("referred to by address-changes").And.Contain("address-changes is in ShadowRead").And.Contain("strangler cutover advance address-changes"));
        await AdvanceAsync("address-changes", "NewLeads");
        await RunAsync("reconcile donations", _both, ExitCodes.Ok);
        await RunAsync("cutover advance donations --confirm donations --reason done", _both, ExitCodes.Ok);
    }

    [Test, Order(5)]
    public async Task A_mapping_that_refers_to_what_another_does_not_have_is_a_mistake()
    {
        var draft = Path.Combine(_folder, "address-changes.xml");
        var sound = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "address-changes.xml"));
        File.Copy(Path.Combine(AppContext.BaseDirectory, "legacy-mappings", "donations.xml"), Path.Combine(_folder, "donations.xml"));
        foreach (var (was, now, message) in new[]
                 {
                     ("field=\"donor.type\" value=\"company\"", "field=\"donor.kind\" value=\"company\"", "finding person_by_owner_a_company: donations/donation has no field 'donor.kind'"),
                     ("field=\"donor.type\" value=\"company\"", "field=\"donor.type\" value=\"firma\"", "donations/donation has no value 'firma' of donor.type"),
                     ("field=\"donor.type\" value=\"company\"", "field=\"donor.city\" value=\"Leer\"", "keeps 'donor.city' as personal"),
                     ("context=\"donations\" kind=\"donation\"", "context=\"donations\" kind=\"gift\"", "donations has no kind 'gift'; it has: donation"),
                     ("context=\"donations\" kind=\"donation\"", "context=\"gifts\" kind=\"donation\"", "there is no context 'gifts'"),
                 })
        {
            await File.WriteAllTextAsync(draft, sound.Replace(was, now, StringComparison.Ordinal));
            Assert.That(
                await RunAsync($"mapping lint {draft}", _both, ExitCodes.Found),
                Does.Match($@"address-changes\.xml:\d+:\d+: ").And.Contain(message.Replace("finding ", "", StringComparison.Ordinal)));
        }
    }

    private async Task<(List<(string Finding, long Id, string Evidence)> Rows, List<string> NotAsked)> FindAsync(string file)
    {
        var json = JsonDocument.Parse(await RunAsync("mapping findings address-changes --limit 100000 --json", file, ExitCodes.Found, onlyOutput: true)).RootElement;
        return (
            [.. json.GetProperty("found").EnumerateArray().Select(row => (row.GetProperty("finding").GetString()!, row.GetProperty("id").GetInt64(), row.GetProperty("evidence").GetString()!))],
            [.. json.GetProperty("not_asked").EnumerateArray().Select(reason => reason.GetString()!)]);
    }

    private async Task AdvanceAsync(string context, string to)
    {
        while (!(await RunAsync($"cutover status {context}", _both, ExitCodes.Ok)).StartsWith($"{context}: {to}", StringComparison.Ordinal))
        {
            var stage = (await RunAsync($"cutover status {context}", _both, ExitCodes.Ok)).Split(' ')[1].Trim(',', ';', '.');
            if (stage == "LegacyOnly")
            {
                await RunAsync($"capture install {context}", _both, ExitCodes.Ok);
            }
            else
            {
                await RunAsync($"backfill {context}", _both, ExitCodes.Ok);
                await RunAsync($"quarantine sign-off {context} --all --reason reviewed", _both, ExitCodes.Ok);
                await RunAsync($"relay drain {context}", _both, ExitCodes.Ok);
                await RunAsync($"reconcile {context}", _both, ExitCodes.Ok);
            }

            await RunAsync($"cutover advance {context}", _both, ExitCodes.Ok);
        }
    }

    private static async Task<string> RunAsync(string line, string configFile, int code, bool onlyOutput = false)
    {
        await using var output = new StringWriter(CultureInfo.InvariantCulture);
        await using var error = new StringWriter(CultureInfo.InvariantCulture);
        var actual = await StranglerCommandLine.RunAsync(
            [.. line.Split(' '), "--config", configFile], TextWriter.Synchronized(output), TextWriter.Synchronized(error), CancellationToken.None);
        Assert.That(actual, Is.EqualTo(code), $"strangler {line}: {output}\n{error}");
        return code == ExitCodes.Ok || onlyOutput ? output.ToString() : output.ToString() + error;
    }

    private string Write(string name, params string[] contexts)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = "00112233445566778899aabbccddeeff",
            contexts = contexts.ToDictionary(context => context, _ => new
            {
                legacy = _legacy.ConnectionString, @new = _new.ConnectionString,
                options = new { shadowReadMinimum = 0, relayPoll = "100ms", fenceLockTimeout = "5s", foreignWriterQuiet = "0s" },
            }),
        }));
        return file;
    }
}
