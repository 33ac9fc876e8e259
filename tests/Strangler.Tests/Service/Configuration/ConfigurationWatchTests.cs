using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;
using Strangler.Tests.Doubles;
using Strangler.Tests.Service.Http;

namespace Strangler.Tests.Service.Configuration;

/// <summary>A configuration file that changes under a service whose trails come and go.</summary>
[Category("Case65")]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConfigurationWatchTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("strangler-test-").FullName;
    private readonly TestLog _log = new();
    private readonly List<string> _told = [];
    private readonly List<ContextHost> _hosts = [];
    private readonly HashSet<string> _mute = [];

    private string File => Path.Combine(_folder, "strangler.json");

    [TearDown]
    public async Task EndAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task A_change_of_which_one_context_is_not_told_yet_is_taken_back_with_the_file()
    {
        var original = Both("30s");
        using var watch = Start(original);
        _mute.Add("subscriptions");
        await SaveAsync(watch, Both("17s"));
        Assert.That(Limits(), Is.EqualTo(new[] { 17, 30 }), "what cannot be told waits");
        _mute.Clear();
        await SaveAsync(watch, original);
        Assert.That(Limits(), Is.EqualTo(new[] { 30, 30 }));
        Assert.That(_told, Is.EqualTo(new[] { "donations: contexts.donations.options.lagLimit: \"30s\" → \"17s\"", "donations: contexts.donations.options.lagLimit: \"17s\" → \"30s\"" }));

        IEnumerable<int> Limits() => _hosts.Select(host => (int)host.Runtime.Options.LagLimit.TotalSeconds);

        static string Both(string limit) =>
            $$"""{ "hashKey": "00112233445566778899aabbccddeeff", "contexts": { {{Context("donations", $"\"lagLimit\": \"{limit}\"")}}, {{Context("subscriptions", $"\"lagLimit\": \"{limit}\"")}} } }""";
    }

    [Test]
    public async Task Limits_that_come_with_another_database_wait_for_it_and_are_named_with_it()
    {
        using var watch = Start(Of("db", "30s"));
        await SaveAsync(watch, Of("another", "17s"));
        Assert.That(_hosts[0].Runtime.Options.LagLimit, Is.EqualTo(TimeSpan.FromSeconds(30)));
        Assert.That(_told, Is.Empty);
        Assert.That(_log.Take().Where(line => line.StartsWith("2082 ", StringComparison.Ordinal)).Select(line => line.Split(" has changed")[0].Split(": ")[1]), Is.EqualTo(new[]
        {
            "contexts.donations.legacy", "contexts.donations.options.lagLimit",
        }));
        await SaveAsync(watch, Of("db", "17s"));
        Assert.That(_hosts[0].Runtime.Options.LagLimit, Is.EqualTo(TimeSpan.FromSeconds(17)));

        static string Of(string database, string limit) =>
            $$"""{ "hashKey": "00112233445566778899aabbccddeeff", "contexts": { {{Context("donations", $"\"lagLimit\": \"{limit}\"", database)}} } }""";
    }

    [Test]
    public async Task Roles_of_another_issuers_tokens_are_not_given_to_this_ones()
    {
        await using var issuer = new Issuer();
        var key = ApiKey.Create();
        using var watch = Start(Of(issuer.Address, "operator"), out var web);
        await SaveAsync(watch, Of("https://another.example", "engineer", $$"""{ "name": "anna", "role": "viewer", "hash": "{{ApiKey.HashOf(key)}}" }"""));
        var access = web!.Access;
        Assert.That((await access.IdentifyAsync(key))?.Caller.Name, Is.EqualTo("key:anna"), "what hangs upon nothing is taken");
        Assert.That((await access.IdentifyAsync(issuer.Token(TimeProvider.System.GetUtcNow(), "sre")))?.Caller.Role, Is.EqualTo(Role.Operator));
        Assert.That(_log.Lines.Where(line => line.StartsWith("2082 ", StringComparison.Ordinal)), Has.Some.Contains("http.oidc.issuer").And.Some.Contains("http.oidc.roles"));
        Assert.That(string.Join('\n', _told), Does.Contain("http.keys").And.Not.Contain("oidc"));
        await SaveAsync(watch, Of(issuer.Address, "engineer"));
        Assert.That((await access.IdentifyAsync(issuer.Token(TimeProvider.System.GetUtcNow(), "sre")))?.Caller.Role, Is.EqualTo(Role.Engineer));
        web.Dispose();

        static string Of(string issuer, string role, string keys = "") => $$"""
            { "hashKey": "00112233445566778899aabbccddeeff", "contexts": { {{Context("donations", "")}} },
              "http": { "listen": [ "127.0.0.1:0" ], "keys": [ {{keys}} ], "oidc": { "issuer": "{{issuer}}", "audience": "{{Issuer.Audience}}", "roles": { "sre": "{{role}}" } } } }
            """;
    }

    [Test]
    public async Task A_file_with_mistakes_that_are_cured_elsewhere_is_taken_then_and_its_mistakes_are_told_once()
    {
        var secret = Path.Combine(_folder, "secret");
        using var watch = Start(Of("30s", "00112233445566778899aabbccddeeff"));
        await SaveAsync(watch, Of("17s", $"file:{secret}"));
        for (var look = 0; look < 5; look++)
        {
            await watch.LookAsync(default);
        }

        Assert.That(_log.Take(), Has.Count.EqualTo(1).And.Some.Contains(secret));
        await System.IO.File.WriteAllTextAsync(secret, "00112233445566778899aabbccddeeff");
        await watch.LookAsync(default);
        Assert.That(_hosts[0].Runtime.Options.LagLimit, Is.EqualTo(TimeSpan.FromSeconds(17)));

        static string Of(string limit, string key) => $$"""{ "hashKey": "{{key}}", "contexts": { {{Context("donations", $"\"lagLimit\": \"{limit}\"")}} } }""";
    }

    [Test]
    public async Task A_file_that_stays_away_is_told_once_after_a_few_looks()
    {
        using var watch = Start($$"""{ "hashKey": "00112233445566778899aabbccddeeff", "contexts": { {{Context("donations", "")}} } }""");
        var aside = $"{File}.aside";
        System.IO.File.Move(File, aside);
        await watch.LookAsync(default);
        System.IO.File.Move(aside, File);
        await watch.LookAsync(default);
        Assert.That(_log.Take(), Is.Empty, "an editor at work");
        System.IO.File.Move(File, aside);
        for (var look = 0; look < 10; look++)
        {
            await watch.LookAsync(default);
        }

        Assert.That(_log.Take(), Has.Count.EqualTo(1).And.Some.StartsWith("2081 "));
    }

    private static string Context(string name, string options, string server = "db") =>
        $$"""
        "{{name}}": { "legacy": "Server={{server}};User ID=u;Password=p;Database=l", "new": "Server=db;User ID=u;Password=p;Database=n", "options": { {{options}} } }
        """;

    private ConfigurationWatch Start(string json) => Start(json, out _);

    private ConfigurationWatch Start(string json, out WebService? web)
    {
        System.IO.File.WriteAllText(File, json);
        var configuration = StranglerConfiguration.Load(File, ContextCatalog.Names, _ => null);
        _hosts.AddRange(configuration.Configured.Select(name => ContextHost.Open(configuration, name, _log.Loggers, TimeProvider.System)));
        web = configuration.Http is null ? null : new WebService(configuration, _hosts, TimeProvider.System, _log.Loggers);
        return new ConfigurationWatch(configuration, _hosts, web, new TestTimeProvider(), _log.Loggers)
        {
            Append = (host, _, _, _, what, _) =>
            {
                if (_mute.Contains(host.Name))
                {
                    throw new SideUnavailableException(SideName.Legacy, "away", isTransient: true, new IOException());
                }

                _told.Add($"{host.Name}: {what}");
                return Task.CompletedTask;
            },
        };
    }

    // Seen, then taken.
    private async Task SaveAsync(ConfigurationWatch watch, string json)
    {
        await System.IO.File.WriteAllTextAsync(File, json);
        await watch.LookAsync(default);
        await watch.LookAsync(default);
    }
}
