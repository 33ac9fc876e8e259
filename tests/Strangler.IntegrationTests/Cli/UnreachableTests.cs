using Dapper;
using Strangler.Cli;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Cli;

/// <summary>Servers, passwords, databases and migrations that are not there: one line that names the thing and the cure, on every verb; nothing is written.</summary>
public sealed class UnreachableTests
{
    private static readonly string[] Verbs =
    [
        "status", "cutover status donations", "cutover advance donations", "cutover advance donations --dry-run", "cutover back donations", "cutover resume donations",
        "cutover abort donations", "cutover history donations", "cutover reserve-ids donations", "backfill donations", "backfill donations --dry-run", "quarantine list donations",
        "capture install donations", "capture install donations --dry-run", "capture remove donations", "capture status donations", "capture check donations",
        "quarantine sign-off donations --all --reason x", "reconcile donations", "repair donations --keys 1", "repair donations --keys 1 --apply --reason x",
        "repair donations --from-report 1", "relay run donations", "relay drain donations", "relay status donations", "relay status donations --check", "relay retry donations --all", "relay drop donations 1 --reason x --apply", "idmap lookup donations 1",
        "report list donations", "report show donations 1", "report diff donations 1 2",
            "report export donations 1 --report csv=/tmp/nowhere.csv", "timeline donations 1",
    ];

    private DonationsWorld _world = null!;
    private CommandLine _cli = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync(migrate: false);
        _cli = new CommandLine(_world);
    }

    [OneTimeTearDown]
    public async Task DropWorld()
    {
        Assert.That(_cli.EverythingSaid, Does.Not.Contain(_cli.Password).And.Not.Contain(_cli.HashKey));
        await _world.DisposeAsync();
    }

    [TestCaseSource(nameof(Verbs))]
    public async Task Without_migrations_every_verb_names_the_command_that_is_missing(string verb)
    {
        var spoken = await _cli.RunAsync(verb, ExitCodes.CouldNotRun);
        AssertOneLine(spoken, "strangler migrate --context donations");
    }

    [Test]
    public async Task In_LegacyOnly_a_new_side_that_is_not_migrated_yet_is_no_error()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var cli = new CommandLine(world);
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("DROP TABLE strangler_fence, strangler_backfill");
        }

        var status = await cli.RunAsync("status --json", ExitCodes.Ok);
        Assert.That(status.Output, Does.Contain("not begun, the new side is not migrated yet"), status.ToString());
    }

    [TestCase("legacy", "Port", "1", "no connection to ")]
    [TestCase("new", "Port", "1", "no connection to ")]
    [TestCase("legacy", "Password", "wr0ng-Pa55", "refuses access; check user, password and grants")]
    [TestCase("new", "Password", "wr0ng-Pa55", "refuses access; check user, password and grants")]
    [TestCase("legacy", "Database", "no_such_database", "there is no such database; create it")]
    [TestCase("new", "Database", "no_such_database", "there is no such database; create it")]
    public async Task A_side_that_cannot_be_reached_is_named_by_every_verb(string side, string setting, string value, string expected)
    {
        await using var world = await DonationsWorld.CreateAsync();
        var cli = new CommandLine(world);
        var good = cli.ConfigFile;
        var file = side == "legacy" ? cli.Write(CommandLine.With(cli.Legacy, setting, value), cli.New) : cli.Write(cli.Legacy, CommandLine.With(cli.New, setting, value));

        // What looks at that side first: the rest says it in the same words, by the same translation.
        string[] verbs = side == "legacy"
            ? ["migrate", "migrate --dry-run", "migrate status", "cutover reserve-ids donations", "mapping verify donations", "mapping verify donations --verbose"]
            : ["migrate", "migrate --dry-run", "migrate status", "status", "quarantine list donations", "idmap lookup donations 1", "idmap lookup donations 1 --verbose"];
        foreach (var verb in verbs)
        {
            var spoken = await cli.RunAsync(verb, file, CancellationToken.None);
            Assert.That(spoken.Code, Is.EqualTo(ExitCodes.CouldNotRun), $"{verb}: {spoken}");
            var last = spoken.Error.TrimEnd().Split('\n')[^1];
            Assert.That(last, Does.StartWith($"error: The {side} side: ").And.Contain(expected), verb);
        }

        Assert.That(cli.EverythingSaid, Does.Not.Contain("wr0ng-Pa55").And.Not.Contain(cli.Password).And.Not.Contain(cli.HashKey));
        Assert.That((await cli.RunAsync("cutover advance donations", file, CancellationToken.None)).Code, Is.Not.Zero, "nothing advances towards a side that is not there");
        Assert.That((await cli.RunAsync("cutover status donations", good, CancellationToken.None)).Output, Does.Contain("LegacyOnly"));
    }

    [Test]
    public async Task A_migration_onto_one_database_for_both_sides_writes_nothing()
    {
        var spoken = await _cli.RunAsync("migrate", _cli.Write(_cli.Legacy, _cli.Legacy), CancellationToken.None);
        AssertOneLine(spoken, "they must be two databases");
        Assert.That((await _cli.RunAsync("migrate status", ExitCodes.Found)).Output, Does.Not.Contain("applied"));
    }

    private static void AssertOneLine(Spoken spoken, string expected)
    {
        Assert.That(spoken.Output.Replace("Relaying", "", StringComparison.Ordinal), Does.Not.Contain("donation:"));
        Assert.That(spoken.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), spoken.ToString());
        Assert.That(spoken.Error, Does.StartWith("error: ").And.Contain(expected));
    }
}
