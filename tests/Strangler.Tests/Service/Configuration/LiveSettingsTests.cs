using System.Reflection;
using System.Text.Json;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;

namespace Strangler.Tests.Service.Configuration;

/// <summary>Which settings may change while a service runs, and what is told of them.</summary>
public sealed class LiveSettingsTests
{
    // Each has been looked at: who needs it asks for it at that moment, or it cannot be so.
    private static readonly string[] _fixed = ["foreignWritersNone", "oneTransaction"];

    [Test]
    public void Of_every_limit_of_a_context_somebody_has_decided_whether_it_may_change()
    {
        var all = typeof(ContextOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite)
            .Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).ToList();
        Assert.That(all.Where(name => !LiveSettings.Contains($"contexts.donations.options.{name}")), Is.EquivalentTo(_fixed));
    }

    [Test]
    public void What_is_adopted_is_every_one_that_may_change_and_no_other()
    {
        var (next, running) = (new ContextOptions(), new ContextOptions());
        foreach (var property in typeof(ContextOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite))
        {
            property.SetValue(next, property.GetValue(next) switch
            {
                TimeSpan time => time + TimeSpan.FromTicks(17), bool flag => !flag, int number => number + 1, long number => number + 1, double number => number + 0.5, var other => other,
            });
        }

        LiveSettings.Adopt(next, running);

        var same = typeof(ContextOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite)
            .ToLookup(property => Equals(property.GetValue(next), property.GetValue(running)), property => JsonNamingPolicy.CamelCase.ConvertName(property.Name));
        Assert.That(same[false], Is.EquivalentTo(_fixed));
    }

    [TestCase("hashKey")]
    [TestCase("mappings")]
    [TestCase("migrations")]
    [TestCase("traces.share")]
    [TestCase("http.listen")]
    [TestCase("http.admin")]
    [TestCase("http.repositories")]
    [TestCase("http.publicUrl")]
    [TestCase("http.limits.maxBody")]
    [TestCase("http.oidc.issuer")]
    [TestCase("contexts.donations.legacy")]
    [TestCase("contexts.donations.options.aSettingOfTomorrow")]
    public void What_a_process_is_built_upon_needs_a_restart(string path) => Assert.That(LiveSettings.Contains(path), Is.False);

    [Test]
    public void Two_files_are_told_apart_setting_by_setting_and_secrets_are_never_shown()
    {
        var (first, second) = (ApiKey.HashOf("first"), ApiKey.HashOf("second"));
        var before = Of($$"""
            { "hashKey": "00112233445566778899aabbccddeeff", "http": { "keys": [ { "name": "anna", "role": "viewer", "hash": "{{first}}" } ] },
              "contexts": { "donations": { "legacy": "Server=a;Password=secret1", "options": { "lagLimit": "30s", "maxAttempts": 10 }, "schedules": [ { "cron": "0 0 * * * ?" } ] } } }
            """);
        var after = Of($$"""
            { // A comment, and another order.
              "contexts": { "donations": { "schedules": [ { "cron":   "0 0 * * * ?" } ], "options": { "lagLimit": "1m", "secondApprover": true }, "legacy": "Server=a;Password=secret2" } },
              "http": { "keys": [ { "name": "anna", "role": "viewer", "hash": "{{second}}" } ], "oidc": { "issuer": "https://i", "audience": "a" } }, "hashKey": "ffeeddccbbaa99887766554433221100", }
            """);

        var told = FileSettings.Changes(before, after).Select(change => change.ToString()).ToList();

        Assert.That(told, Is.EqualTo(new[]
        {
            "contexts.donations.legacy: given, and what is not shown of it has changed",
            "contexts.donations.options.lagLimit: \"30s\" → \"1m\"",
            "contexts.donations.options.maxAttempts: 10 → (not given)",
            "contexts.donations.options.secondApprover: (not given) → true",
            "hashKey: given, and what is not shown of it has changed",
            "http.keys: [anna viewer], and what is not shown of it has changed",
            "http.oidc: (not given) → given",
            "http.oidc.audience: (not given) → \"a\"",
            "http.oidc.issuer: (not given) → \"https://i\"",
        }));
        Assert.That(string.Join('\n', told), Does.Not.Contain("secret").And.Not.Contain("sha256").And.Not.Contain("0011").And.Not.Contain("ffee"));
        Assert.That(FileSettings.Changes(before, before), Is.Empty);
    }

    private static IReadOnlyDictionary<string, FileSetting> Of(string json)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, json);
            return StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null).Settings;
        }
        finally
        {
            File.Delete(file);
        }
    }
}
