using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Repositories;

namespace Strangler.Tests.Service.Http;

/// <summary>Entities over HTTP, as far as no database is needed.</summary>
public sealed class RepositoryTests
{
    private static readonly (Exception Exception, int Status, string Told)[] _failures =
    [
        (new ConflictException(new EntityKey("donation", 1), "secret", "secret"), 412, "Read it again"),
        (new CannotHoldException("donor.city", "longer than the 250 characters of ort"), 422, "donor.city"),
        (new RequestKeyException(new EntityKey("donation", 1), 2), 422, "a key of its own"),
        (new DuplicateKeyException(new EntityKey("donation", 1), new IOException("Duplicate entry 'secret'")), 409, "the same value"),
        (new QuarantinedException(new EntityKey("donation", 1), "secret"), 409, "quarantine"),
        (new UnreadableException("spenden.data", "secret"), 409, "quarantine"),
        (new CommitOutcomeUnknownException(SideName.New, new IOException("secret")), 503, "same Idempotency-Key"),
        (new IdsExhaustedException("donations", "donation"), 503, "has written nothing"),
        (new SwitchingException("donations", TimeSpan.FromSeconds(5)), 503, "has written nothing"),
        (new FenceBusyException(SideName.Legacy, TimeSpan.FromSeconds(1)), 503, "has written nothing"),
        (new SideUnavailableException(SideName.Legacy, "secret", true, new IOException("secret")), 503, "has written nothing"),
        (new NotMigratedException("donations", SideName.New), 503, "try again"),
        (new TimeoutException("secret"), 503, "try again"),
        (new ArgumentException("secret"), 500, "same Idempotency-Key"),
        (new InvalidDataException("secret"), 500, "same Idempotency-Key"),
    ];

    [TestCaseSource(nameof(_failures))]
    public void A_failure_has_its_status_says_what_to_do_and_quotes_nothing((Exception Exception, int Status, string Told) failure)
    {
        var told = new RepositoryProblems(NullLogger.Instance).Translate(failure.Exception);
        Assert.That((told.Status, told.Message), Is.EqualTo((failure.Status, told.Message)));
        Assert.That(told.Message, Does.Contain(failure.Told).And.Not.Contain("secret"));
    }

    [Test]
    public async Task A_frontend_gets_the_document_of_what_it_may_reach_and_nobody_else_does()
    {
        await using var service = await TestService.StartAsync();
        using var answer = await service.SendAsync("GET", "/v1/openapi.json", service.Keys[Role.Frontend]);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.That(document.RootElement.GetProperty("paths").EnumerateObject().Select(path => path.Name), Has.All.StartsWith("/v1/"));
        var donation = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty("new_donation");
        Assert.That(donation.GetProperty("required").EnumerateArray().Select(name => name.GetString()), Is.EqualTo(new[] { "amount_in_cents", "interval_in_months", "donor", "payment" }));
        Assert.That(donation.GetProperty("properties").GetProperty("amount_in_cents").GetProperty("type").GetString(), Is.EqualTo("integer"));
        var donors = donation.GetProperty("properties").GetProperty("donor").GetProperty("anyOf").EnumerateArray().Select(one => one.GetProperty("properties").GetProperty("type").GetProperty("const").GetString());
        Assert.That(donors, Is.EqualTo(new[] { "person", "company", "email", "anonymous", "anonymized", "unclassified" }));
        Assert.That(await service.StatusAsync("GET", "/openapi.json", service.Keys[Role.Frontend]), Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That(await service.StatusAsync("GET", "/v1/openapi.json", service.Keys[Role.Engineer]), Is.EqualTo(HttpStatusCode.Forbidden));
    }

    [Test]
    public void The_schema_of_every_value_says_what_it_is()
    {
        foreach (var (name, schema) in RepositoryCatalog.Schemas)
        {
            Assert.That(Vague(schema, name), Is.Empty, schema.ToJsonString());
        }

        // Nothing that is left open, and no pointer that leads nowhere once it stands in another document.
        static IEnumerable<string> Vague(System.Text.Json.Nodes.JsonNode? node, string path) => node switch
        {
            System.Text.Json.Nodes.JsonObject one => (one.ContainsKey("$ref") ? [path] : Array.Empty<string>())
                .Concat(one.SelectMany(member => Vague(member.Value, $"{path}.{member.Key}"))),
            System.Text.Json.Nodes.JsonArray all => all.SelectMany((each, at) => Vague(each, $"{path}[{at}]")),
            System.Text.Json.Nodes.JsonValue value when value.GetValueKind() == JsonValueKind.True => [path],
            _ => [],
        };
    }

    [Test]
    public void A_key_for_single_contexts_is_a_frontend_s_and_names_those_that_there_are()
    {
        List<string> errors = [];
        using var keys = JsonDocument.Parse($$"""
            [ { "name": "a", "role": "frontend", "hash": "{{ApiKey.HashOf("a")}}", "contexts": [ "donations" ] }, { "name": "b", "role": "viewer", "hash": "{{ApiKey.HashOf("b")}}", "contexts": [ "donations" ] },
              { "name": "c", "role": "frontend", "hash": "{{ApiKey.HashOf("c")}}", "contexts": [ "health-regions", 7 ] }, { "name": "d", "role": "frontend", "hash": "{{ApiKey.HashOf("d")}}", "contexts": [] } ]
            """);
        Assert.That(AccessReader.Keys("keys", keys.RootElement, errors).Single().Contexts, Is.EqualTo(new[] { "donations" }));
        Assert.That(errors, Has.Count.EqualTo(4), string.Join('\n', errors));
        Assert.That(errors, Has.Some.Contains("keys[1].contexts: only").And.Some.Contains("keys[2].contexts[0] is \"health-regions\"").And.Some.Contains("keys[3].contexts is no list"));
    }

    [Test]
    public void A_setting_that_names_what_cannot_be_served_is_told()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{ "http": { "repositories": [ "donations", "health-regions", "memberships" ] }, "contexts": { "donations": {} } }""");
            var errors = Assert.Throws<ConfigurationException>(() => StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null))!.Errors;
            Assert.That(errors, Has.Count.EqualTo(2));
            Assert.That(errors, Has.Some.Contains("http.repositories[1] is \"health-regions\"; expected one of: donations, memberships, subscriptions, address-changes"));
            Assert.That(errors, Has.Some.Contains("http.repositories names memberships, and there is no contexts.memberships"));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
