using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// Every verb of the command line on a context, as an operator goes through them, from the mapping to the last stage; and nothing that is ever said
/// holds personal data or a secret. One subclass a context.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public abstract class ContextJourneyContract
{
    private ContextWorld _world = null!;
    private CommandLine _cli = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await CreateWorldAsync();
        await _world.FillExamplesAsync(Rows, includeUnreadable: true);
        _cli = new CommandLine(_world);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test, Order(0)]
    public async Task From_the_mapping_to_dual_write()
    {
        await _cli.RunAsync("migrate", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("mapping lint --against-database", ExitCodes.Ok)).Output, Does.Contain("no mistakes"));
        var explained = (await _cli.RunAsync($"mapping explain {Name}", ExitCodes.Ok)).Output;
        Assert.That(Explained.Where(text => !explained.Contains(text, StringComparison.Ordinal)), Is.Empty, explained);
        var verified = await _cli.RunAsync($"mapping verify {Name}", ExitCodes.Ok);
        Assert.That(verified.Output, Does.Contain(" 0 violations of a law"));
        await _cli.RunAsync($"capture install {Name}", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"capture status {Name}", ExitCodes.Ok)).Output, Does.Contain("installed"));
        await _cli.RunAsync($"capture check {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"cutover advance {Name}", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"cutover advance {Name}", ExitCodes.Refused)).Error, Does.Contain($"strangler backfill {Name}"));
    }

    [Test, Order(1)]
    public async Task Backfill_and_quarantine()
    {
        await _cli.RunAsync($"backfill {Name}", ExitCodes.Ok);
        var listed = (await _cli.RunAsync($"quarantine list {Name} --limit 1000", ExitCodes.Ok)).Output;
        Assert.That(Quarantined.Where(text => !listed.Contains(text, StringComparison.Ordinal)), Is.Empty, listed);
        await _cli.RunAsync($"quarantine sign-off {Name} --all --reason reviewed", ExitCodes.Ok);
        foreach (var (kind, id) in Examples)
        {
            Assert.That(
                (await _cli.RunAsync($"idmap lookup {Name} {id} --kind {kind} --json", ExitCodes.Ok)).Json.GetProperty("new_id").GetInt64(),
                Is.GreaterThan(1_000_000_000), kind);
        }
    }

    [Test, Order(2)]
    public async Task Reconcile_report_repair()
    {
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        await using (var connection = await _world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync(PlantedDrift);
        }

        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Found);
        var run = await DriftedRunAsync();
        Assert.That((await _cli.RunAsync($"report show {Name} {run}", ExitCodes.Ok)).Output, Does.Contain(PlantedField).And.Not.Contain(Planted));
        Assert.That((await _cli.RunAsync($"report list {Name}", ExitCodes.Ok)).Output, Does.Contain($"{run}"));
        var html = Path.Combine(Path.GetDirectoryName(_cli.ConfigFile)!, "report.html");
        await _cli.RunAsync($"report export {Name} {run} --report html={html}", ExitCodes.Ok);

        // A context of several kinds names the kind in the file.
        var written = Directory.GetFiles(Path.GetDirectoryName(html)!, "report*.html").Single();
        Assert.That(await File.ReadAllTextAsync(written), Does.Contain(Name).And.Not.Contain(Planted));
        await _cli.RunAsync($"repair {Name} --from-report {run}", ExitCodes.Ok);
        await _cli.RunAsync($"repair {Name} --from-report {run} --apply --reason planted", ExitCodes.Ok);
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        var (kind, id) = PlantedIn;
        Assert.That((await _cli.RunAsync($"timeline {Name} {id} --kind {kind}", ExitCodes.Ok)).Output, Does.Contain("repair").IgnoreCase);
    }

    [Test, Order(3)]
    public async Task What_another_program_writes_is_captured_and_relayed()
    {
        await _world.RunForeignAsync(ForeignUpdate);
        Assert.That((await _cli.RunAsync($"relay status {Name} --json", ExitCodes.Ok)).Json.GetProperty("open").GetInt64(), Is.Positive);
        Assert.That((await _cli.RunAsync($"relay drain {Name} --json", ExitCodes.Ok)).Json.GetProperty("applied").GetInt64(), Is.Positive);
        await using var connection = await _world.NewDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>(ForeignArrived), Is.Positive);
        Assert.That((await _cli.RunAsync($"census {Name}", ExitCodes.Found)).Output, Does.Contain("UPDATE").IgnoreCase);
        await _cli.RunAsync($"conflicts list {Name}", ExitCodes.Ok);
    }

    [Test, Order(4)]
    public async Task All_stages_and_back()
    {
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"cutover advance {Name}", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"cutover status {Name}", ExitCodes.Ok)).Output, Does.StartWith($"{Name}: ShadowRead"));
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"cutover reserve-ids {Name} --count 100", ExitCodes.Ok);
        await _cli.RunAsync($"cutover advance {Name}", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"cutover status {Name}", ExitCodes.Ok)).Output, Does.StartWith($"{Name}: NewLeads"));
        await _cli.RunAsync($"cutover back {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"cutover advance {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"reconcile {Name}", ExitCodes.Ok);
        await _cli.RunAsync($"cutover advance {Name} --confirm {Name} --reason done", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("status", ExitCodes.Ok)).Output, Does.Contain("NewOnly"));
        Assert.That((await _cli.RunAsync($"cutover history {Name} --json", ExitCodes.Ok)).Json.GetArrayLength(), Is.GreaterThan(4));
    }

    [Test, Order(5)]
    public async Task Nothing_ever_said_holds_personal_data_or_a_secret()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var personal = (await connection.QueryAsync<string>(PersonalValues)).Append(_cli.Password).Append(_cli.HashKey).ToList();
        Assert.That(personal, Has.Count.GreaterThan(LeastPersonalValues));
        Assert.That(personal.Where(value => _cli.EverythingSaid.Contains(value, StringComparison.Ordinal)), Is.Empty);
    }

    private protected virtual int Rows => 600;

    private protected virtual int LeastPersonalValues => 50;

    private protected string Name => _world.Name;

    /// <summary>A world whose legacy tables are there, and nothing else.</summary>
    private protected abstract Task<ContextWorld> CreateWorldAsync();

    /// <summary>What the explanation of the mapping must hold.</summary>
    private protected abstract IReadOnlyList<string> Explained { get; }

    /// <summary>What the list of the quarantine must hold.</summary>
    private protected abstract IReadOnlyList<string> Quarantined { get; }

    /// <summary>Public ids that can be read, by kind.</summary>
    private protected abstract IReadOnlyList<(string Kind, long Id)> Examples { get; }

    /// <summary>What is planted: a value that no report may show.</summary>
    private protected const string Planted = "planted.person@example.org";

    /// <summary>SQL for the new tables that changes one entity behind the wrapper's back.</summary>
    private protected abstract string PlantedDrift { get; }

    private protected abstract (string Kind, long Id) PlantedIn { get; }

    private protected abstract string PlantedField { get; }

    /// <summary>SQL of another program on the legacy tables, and what to count on the new side to see that it has arrived.</summary>
    private protected abstract string ForeignUpdate { get; }

    private protected abstract string ForeignArrived { get; }

    /// <summary>SQL for the values of legacy that must never be said; of five characters and more.</summary>
    private protected abstract string PersonalValues { get; }

    /// <summary>A sub-select of the new id of a public one.</summary>
    private protected string NewIdOf(string kind, long id) =>
        $"(SELECT new_id FROM strangler_id_map WHERE context = '{Name}' AND kind = '{kind}' AND public_id = {id})";

    private async Task<long> DriftedRunAsync()
    {
        var runs = (await _cli.RunAsync($"report list {Name} --json", ExitCodes.Ok)).Json;
        return runs.GetProperty("runs").EnumerateArray().First(one => one.GetProperty("outcome").GetString() is not "clean").GetProperty("id").GetInt64();
    }
}
