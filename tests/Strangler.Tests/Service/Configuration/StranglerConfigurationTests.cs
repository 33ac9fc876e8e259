using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Tests.Service.Configuration;

public sealed class StranglerConfigurationTests
{
    private const string Secret = "s3cr3t-Pa55";
    private const string Legacy = $"Server=db1;User ID=strangler;Password={Secret};Database=spenden";
    private const string New = $"Server=db1;User ID=strangler;Password={Secret};Database=donations";
    private const string Key = "00112233445566778899aabbccddeeff";
    private string _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("strangler-test-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Every_error_of_the_file_is_reported_at_once_with_setting_and_value()
    {
        var errors = ErrorsOf(() => Load($$"""
            {
              "mappings": "/nope/mappings", "colour": "red", "hashKey": 7,
              "contexts": {
                "nope": {},
                "donations": {
                  "legacy": 5, "new": "{{Secret}}", "password": "{{Secret}}",
                  "options": { "pauseBudget": "soon", "relayBatch": 1.5, "maxAttempts": 1e20, "lagLimit": "0s", "shadowReadSample": 2, "speed": 1 }
                }
              }
            }
            """));
        string[] expected =
        [
            "mappings is \"/nope/mappings\"", "colour: there is no such setting", "hashKey is no text", "contexts.nope: there is no context", "contexts.donations.legacy is no text",
            "contexts.donations.password: there is no such setting", "pauseBudget is \"soon\"; expected a duration", "relayBatch is 1.5; expected a whole number",
            "maxAttempts is 1e20; expected a whole number", "LagLimit is 00:00:00", "ShadowReadSample is 2", "options.speed: there is no such setting",
        ];
        Assert.That(expected.Where(part => !errors.Any(error => error.Contains(part, StringComparison.Ordinal))), Is.Empty, string.Join('\n', errors));
        Assert.That(errors, Has.Count.EqualTo(expected.Length).And.None.Contains(Secret).And.All.Contains("strangler.json: "));
    }

    [Test]
    public void Schedules_replicas_and_how_a_context_is_reconciled_are_read_and_every_mistake_named()
    {
        var configuration = Load("""
            { "contexts": { "donations": {
                "legacyReplicas": [ "Server=r;Database=x" ],
                "schedules": [ { "cron": "0 30 2 * * ?", "timeZone": "Europe/Berlin" }, { "cron": "0 0 * * * ?", "incremental": true } ],
                "reconciliation": { "maxReplicaLag": "3s", "gentleAbove": 7, "parallelism": 1 } } } }
            """).Contexts["donations"];
        var options = new ReconciliationOptions();
        configuration.TuneReconciliation(options);
        Assert.Multiple(() =>
        {
            Assert.That(configuration.LegacyReplicas, Is.EqualTo(new[] { "Server=r;Database=x" }));
            Assert.That(configuration.Schedules.Select(schedule => schedule.Name), Is.EqualTo(new[] { "0 30 2 * * ? Europe/Berlin", "0 0 * * * ? UTC, incremental" }));
            Assert.That((options.MaxReplicaLag, options.GentleAbove, options.Parallelism), Is.EqualTo((TimeSpan.FromSeconds(3), 7, 1)));
        });

        var errors = ErrorsOf(() => Load("""
            { "contexts": { "donations": {
                "newReplicas": "one",
                "schedules": [ { "cron": "never" }, { "timeZone": "Europe/Berlin" }, { "cron": "0 0 * * * ?", "timeZone": "Mars", "often": 1 },
                    { "cron": "0 0 * * * ?" }, { "cron": "0 0 * * * ?" }, 7, { "cron": "0 0 1 * * ?", "incremental": "yes" } ],
                "reconciliation": { "gentleAbove": "much", "actor": "me", "declared": [] } } } }
            """));
        string[] expected =
        [
            "newReplicas is no list", "schedules[0].cron is \"never\"", "schedules[1].cron is missing", "schedules[2].timeZone is \"Mars\"",
            "schedules[2].often: there is no such setting", "\"0 0 * * * ? UTC\" is there twice", "schedules[5] is no JSON object", "schedules[6].incremental is \"yes\"",
            "reconciliation.gentleAbove is \"much\"; expected a whole number", "reconciliation.actor: there is no such setting", "reconciliation.declared: there is no such setting",
        ];
        Assert.That(expected.Where(part => !errors.Any(error => error.Contains(part, StringComparison.Ordinal))), Is.Empty, string.Join('\n', errors));
        Assert.That(ErrorsOf(() => Load("""{ "contexts": { "donations": { "reconciliation": { "parallelism": 99 } } } }""")),
            Has.Count.EqualTo(1).And.All.Contains("contexts.donations.reconciliation: Parallelism is 99"));
    }

    [TestCase("{ nope", "strangler.json:1: no valid JSON")]
    [TestCase("{\n\"hashKey\": s3cr3t-Pa55 }", "strangler.json:2: no valid JSON")]
    [TestCase("[]", "the file is no JSON object")]
    public void A_file_that_is_no_json_is_named_with_its_line(string text, string expected)
    {
        var errors = ErrorsOf(() => Load(text));
        Assert.That(errors, Has.Count.EqualTo(1).And.All.Contains(expected).And.None.Contains("Pa55").And.None.Contains("LineNumber"));
    }

    [Test]
    public void All_secrets_that_are_missing_are_named_at_once()
    {
        var errors = ErrorsOf(() => Open(Load("""
            { "hashKey": "env:NO_KEY", "contexts": { "donations": { "legacy": "file:/nope/legacy", "new": "env:NO_NEW" } } }
            """)));
        Assert.That(errors, Has.Count.EqualTo(3));
        Assert.That(string.Join('\n', errors), Does.Contain("NO_KEY").And.Contain("/nope/legacy").And.Contain("NO_NEW").And.Contain("openssl rand -hex 32"));
    }

    [TestCase("0123", "hashKey has 2 bytes; at least 16 are needed.")]
    [TestCase(Secret, "hashKey is not hexadecimal.")]
    public void A_hash_key_that_will_not_do_is_refused_and_not_shown(string key, string expected)
    {
        var errors = ErrorsOf(() => Open(Sides(Legacy, New, key)));
        Assert.That(errors, Has.Count.EqualTo(1).And.All.Contains(expected).And.None.Contains(key));
    }

    [TestCase($"Server=db1;Pasword={Secret};Database=x", "'pasword' is no setting")]
    [TestCase("Server=db1;Password=s3cr3t;Pa55;Database=x", "a password with a ';' in it must stand in quotes")]
    [TestCase("Server=db1;Pwd=s3cr3t;Pa55=7;Database=x", "a password with a ';' in it must stand in quotes")]
    [TestCase($"Server=db1;Port=abc;Password={Secret};Database=x", "'port' is no setting, or its value")]
    [TestCase($"Password={Secret};Database=x", "names no Server")]
    [TestCase($"Server=db1;Password={Secret}", "names no database; add Database=")]
    [TestCase(Secret, "cannot be read; it must look like Server=")]
    [TestCase(New, "they must be two databases")]
    public void A_connection_string_that_will_not_do_is_named_and_no_part_of_a_password_shown(string legacy, string expected)
    {
        var configuration = Sides(legacy, New, Key);
        var exception = Assert.Throws<ConfigurationException>(() => Open(configuration))!;
        Assert.That(exception.Errors, Has.Count.EqualTo(1));
        Assert.That(exception.Message, Does.StartWith("contexts.donations").And.Contain(expected));
        Assert.That(exception.ToString(), Does.Not.Contain("s3cr3t").IgnoreCase.And.Not.Contain("Pa55").IgnoreCase);
        Assert.ThrowsAsync<ConfigurationException>(() => MigrationPlan.StatusAsync(configuration, ["donations"], CancellationToken.None));
    }

    [TestCase("mongodb")]
    [TestCase("mongodb+srv")]
    public void A_legacy_side_in_MongoDB_is_refused_by_the_setting_that_names_it_and_no_part_of_a_password_shown(string scheme)
    {
        var error = ErrorsOf(() => Open(Load(
            $$"""{ "hashKey": "{{Key}}", "contexts": { "donations": { "legacy": "{{scheme}}://u:{{Secret}}@db2/donations", "new": "{{New}}" } } }"""))).Single();

        Assert.That(error, Does.StartWith("contexts.donations.legacy names a MongoDB server, where no legacy side can be").And.Contain("postgres:").And.Not.Contain(Secret));
    }

    [Test]
    public void A_variable_is_named_where_the_connection_string_came_from_it()
    {
        var configuration = Load(
            $$"""{ "hashKey": "{{Key}}" }""", name => name == "STRANGLER_DONATIONS_NEW" ? New : name == "STRANGLER_DONATIONS_LEGACY" ? "Server=db1" : null);
        Assert.That(ErrorsOf(() => Open(configuration)), Has.All.StartsWith("STRANGLER_DONATIONS_LEGACY: "));
    }

    [Test]
    public async Task Secrets_may_come_from_the_file_a_variable_or_a_file_of_their_own()
    {
        var secret = Path.Combine(_folder, "new");
        await File.WriteAllTextAsync(secret, New + "\n");
        var configuration = Load(
            $$"""{ "hashKey": "{{Key}}", "contexts": { "donations": { "legacy": "env:OLD", "new": "file:{{secret}}", "options": { "lagLimit": "2m" } } } }""",
            name => name == "OLD" ? Legacy : null);
        Assert.That(configuration.ConnectionString("donations", SideName.Legacy), Is.EqualTo(Legacy));
        Assert.That(configuration.ConnectionString("donations", SideName.New), Is.EqualTo(New));
        Assert.That(configuration.Contexts["donations"].Options.LagLimit, Is.EqualTo(TimeSpan.FromMinutes(2)));
        await using var host = Open(configuration);
        Assert.That(host.Name, Is.EqualTo("donations"));
    }

    [TestCase("""{ }""", null, null)]
    [TestCase("""{ "contexts": { "subscriptions": { } } }""", null, new[] { "subscriptions" })]
    [TestCase("""{ }""", "STRANGLER_DONATIONS_NEW", new[] { "donations" })]
    [TestCase("""{ "contexts": { "subscriptions": { } } }""", "STRANGLER_DONATIONS_LEGACY", new[] { "donations", "subscriptions" })]
    public void Configured_is_what_the_file_or_a_variable_names_and_all_when_nothing_does(string json, string? variable, string[]? expected) =>
        Assert.That(Load(json, name => name == variable ? Legacy : null).Configured, Is.EqualTo(expected ?? [.. ContextCatalog.Names]));

    private StranglerConfiguration Sides(string legacy, string @new, string key) =>
        Load($$"""{ "hashKey": "{{key}}", "contexts": { "donations": { "legacy": "{{legacy}}", "new": "{{@new}}" } } }""");

    private StranglerConfiguration Load(string json, Func<string, string?>? environment = null)
    {
        var file = Path.Combine(_folder, "strangler.json");
        File.WriteAllText(file, json);
        return StranglerConfiguration.Load(file, ContextCatalog.Names, environment ?? (_ => null));
    }

    private static ContextHost Open(StranglerConfiguration configuration) =>
        ContextHost.Open(configuration, "donations", NullLoggerFactory.Instance, TimeProvider.System);

    private static IReadOnlyList<string> ErrorsOf(Action action) => Assert.Throws<ConfigurationException>(() => action())!.Errors;
}
