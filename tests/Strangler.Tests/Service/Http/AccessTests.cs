using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Service.Http;

/// <summary>Who comes in and who does not. What was tried is listed in <c>docs/service.md</c>.</summary>
[Category("Case65")]
public sealed class AccessTests
{
    private static readonly IReadOnlyList<RouteNeed> _guarded = [.. RouteTable.All.Where(need => need is { IsFrontend: false, Role: not Role.Anyone })];

    private TestService _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _service = await TestService.StartAsync(""", "limits": { "requestsPerMinute": 100000 }""");

    [OneTimeTearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public void Every_mapped_route_is_in_the_table_and_every_route_of_the_table_is_mapped()
    {
        var mapped = _service.Server.Routes.Where(route => route.Method != "HEAD").Select(route => $"{route.Method} {route.Pattern}").ToList();
        var listed = RouteTable.All.Where(need => !need.IsFrontend).Select(need => $"{need.Method} {need.Pattern}").ToList();
        Assert.That(mapped, Is.EquivalentTo(listed));
    }

    [TestCaseSource(nameof(_guarded))]
    public async Task A_route_is_refused_without_a_token_with_a_wrong_one_and_with_too_small_a_role(RouteNeed need)
    {
        var path = PathOf(need);
        var isPage = need.IsPage && need.Method == "GET";
        Assert.That(await _service.StatusAsync(need.Method, path), Is.EqualTo(isPage ? HttpStatusCode.Redirect : HttpStatusCode.Unauthorized), "no token");
        foreach (var role in Enum.GetValues<Role>().Where(role => role != Role.Anyone && !RoleNames.May(role, need.Role)))
        {
            Assert.That(await _service.StatusAsync(need.Method, path, _service.Keys[role]), Is.EqualTo(HttpStatusCode.Forbidden), $"{role}");
        }

        foreach (var role in Enum.GetValues<Role>().Where(role => role != Role.Anyone && RoleNames.May(role, need.Role)))
        {
            Assert.That(
                await _service.StatusAsync(need.Method, path, _service.Keys[role]), Is.Not.AnyOf(HttpStatusCode.Unauthorized, HttpStatusCode.InternalServerError), $"{role}");
        }
    }

    [Test]
    public async Task A_cookie_counts_on_no_route_of_the_API()
    {
        using var signedIn = await SignInAsync(_service, _service.Keys[Role.Engineer]);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        foreach (var need in _guarded.Where(need => !need.IsPage))
        {
            using var answer = await _service.SendAsync(need.Method, PathOf(need), null, null, ("Cookie", cookie));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), need.Pattern);
        }
    }

    [TestCase("")]
    [TestCase("x")]
    [TestCase("strk_")]
    [TestCase("strk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [TestCase("sha256:00")]
    [TestCase("' OR '1'='1")]
    [TestCase("a.b.c")]
    [TestCase("..")]
    [TestCase("null")]
    public async Task What_is_no_key_is_refused(string token)
    {
        using var answer = await _service.SendAsync("GET", "/metrics", null, null, ("Authorization", $"Bearer {token}"));
        Assert.That(answer.StatusCode, Is.AnyOf(HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
    }

    [Test]
    public async Task Neither_another_scheme_nor_a_query_nor_the_hash_of_a_key_lets_anybody_in()
    {
        var key = _service.Keys[Role.Engineer];
        foreach (var (name, value) in new[]
        {
            ("Authorization", $"Basic {Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"x:{key}"))}"), ("Authorization", key), ("X-Api-Key", key),
            ("Authorization", $"Bearer {ApiKey.HashOf(key)}"), ("X-Original-URL", "/healthz"), ("X-Rewrite-URL", "/healthz"), ("X-Forwarded-For", "127.0.0.1"),
        })
        {
            using var answer = await _service.SendAsync("GET", "/metrics", null, null, (name, value));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), name);
        }

        Assert.That(await _service.StatusAsync("GET", $"/metrics?access_token={key}"), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _service.StatusAsync("GET", "/metrics", key), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("/metrics/")]
    [TestCase("//metrics")]
    [TestCase("/./metrics")]
    [TestCase("/METRICS")]
    [TestCase("/healthz/../metrics")]
    [TestCase("/healthz/..%2fmetrics")]
    [TestCase("/%6detrics")]
    [TestCase("/contexts/..%2f..%2fetc%2fpasswd/stage")]
    public async Task No_spelling_of_a_path_goes_past_the_guard(string path)
    {
        using var answer = await _service.SendAsync("GET", path);
        Assert.That(answer.StatusCode, Is.AnyOf(HttpStatusCode.Unauthorized, HttpStatusCode.NotFound, HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Every_answer_tells_browsers_to_run_nothing()
    {
        foreach (var path in new[] { "/healthz", "/metrics", "/nothing", "/ui/sign-in", "/" })
        {
            using var answer = await _service.SendAsync("GET", path);
            Assert.Multiple(() =>
            {
                Assert.That(answer.Headers.GetValues("Content-Security-Policy").Single(), Does.StartWith("default-src 'none'").And.Not.Contain("unsafe").And.Not.Contain("script"));
                Assert.That(answer.Headers.GetValues("X-Content-Type-Options").Single(), Is.EqualTo("nosniff"));
                Assert.That(answer.Headers.GetValues("X-Frame-Options").Single(), Is.EqualTo("DENY"));
                Assert.That(answer.Headers.GetValues("Referrer-Policy").Single(), Is.EqualTo("same-origin"), "with none, browsers send forms from nowhere");
                Assert.That(answer.Headers.CacheControl!.NoStore, Is.True);
                Assert.That(answer.Headers.Server, Is.Empty);
            });
        }
    }

    [Test]
    public async Task A_body_that_is_too_large_is_not_read()
    {
        using var body = JsonContent.Create(new { reason = new string('x', 100_000) });
        using var answer = await _service.SendAsync("POST", "/ui/sign-in", null, body);
        Assert.That((int)answer.StatusCode, Is.AnyOf(400, 413, 415));
    }

    [Test]
    public async Task Whoever_asks_too_often_has_to_wait_and_others_have_not()
    {
        await using var service = await TestService.StartAsync(""", "limits": { "requestsPerMinute": 12 }""");
        var statuses = new List<HttpStatusCode>();
        for (var at = 0; at < 20; at++)
        {
            statuses.Add(await service.StatusAsync("GET", "/metrics", service.Keys[Role.Viewer]));
        }

        Assert.That(statuses.Count(status => status == HttpStatusCode.TooManyRequests), Is.GreaterThan(0));
        Assert.That(await service.StatusAsync("GET", "/metrics", service.Keys[Role.Operator]), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Whoever_asks_too_often_for_what_they_may_not_has_to_wait_as_well()
    {
        await using var service = await TestService.StartAsync(""", "limits": { "requestsPerMinute": 3 }""");
        var statuses = new List<HttpStatusCode>();
        for (var at = 0; at < 6; at++)
        {
            statuses.Add(await service.StatusAsync("PUT", "/contexts/donations/stage", service.Keys[Role.Viewer]));
        }

        Assert.That(statuses, Has.Some.EqualTo(HttpStatusCode.Forbidden).And.Some.EqualTo(HttpStatusCode.TooManyRequests), "each refusal is a line in the audit trail");
    }

    [Test]
    public async Task Wrong_keys_are_answered_ever_more_rarely_and_right_ones_always()
    {
        await using var service = await TestService.StartAsync();
        var statuses = new List<HttpStatusCode>();
        for (var at = 0; at < 40; at++)
        {
            statuses.Add(await service.StatusAsync("GET", "/metrics", ApiKey.Create()));
        }

        Assert.That(statuses, Has.Some.EqualTo(HttpStatusCode.TooManyRequests).And.None.EqualTo(HttpStatusCode.OK));
        Assert.That(await service.StatusAsync("GET", "/metrics", service.Keys[Role.Viewer]), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Tokens_of_the_issuer_come_in_by_their_role_and_everything_that_is_not_quite_one_stays_out()
    {
        await using var issuer = new Issuer();
        await using var service = await TestService.StartAsync(
            $$""", "limits": { "requestsPerMinute": 100000 }, "oidc": { "issuer": "{{issuer.Address}}", "audience": "{{Issuer.Audience}}", "roles": { "sre": "operator", "reader": "viewer" } }""");
        var now = TimeProvider.System.GetUtcNow();
        var good = issuer.Token(now, new[] { "staff", "sre" });
        Assert.That(await service.StatusAsync("GET", "/metrics", good), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await service.StatusAsync("PUT", "/contexts/donations/stage", good), Is.EqualTo(HttpStatusCode.Forbidden), "an operator moves no stage");
        Assert.That(await service.StatusAsync("GET", "/metrics", issuer.Token(now, "openid reader")), Is.EqualTo(HttpStatusCode.OK), "several in one text");
        using var stranger = System.Security.Cryptography.RSA.Create(2048);
        var bad = new Dictionary<string, string>
        {
            ["no role"] = issuer.Token(now, new[] { "staff" }),
            ["no roles at all"] = issuer.Token(now, null),
            ["a role of ours that is not mapped"] = issuer.Token(now, "strangler:engineer"),
            ["expired"] = issuer.Token(now, "sre", lasts: TimeSpan.FromMinutes(-2), begins: TimeSpan.FromMinutes(-10)),
            ["not yet"] = issuer.Token(now, "sre", begins: TimeSpan.FromMinutes(5)),
            ["for ever"] = issuer.Token(now, "sre", lasts: TimeSpan.MaxValue),
            ["another audience"] = issuer.Token(now, "sre", audience: "grafana"),
            ["another issuer"] = issuer.Token(now, "sre", issuer: "https://evil.example/"),
            ["no subject"] = issuer.Token(now, "sre", subject: ""),
            ["a subject with a line break"] = issuer.Token(now, "sre", subject: "a\nb"),
            ["a subject of a thousand characters"] = issuer.Token(now, "sre", subject: new string('a', 1000)),
            ["somebody else's key"] = issuer.Token(now, "sre", credentials: new(new Microsoft.IdentityModel.Tokens.RsaSecurityKey(stranger) { KeyId = "key-1" }, "RS256")),
            ["alg none"] = issuer.Unsigned(good), ["alg None"] = issuer.Unsigned(good, "None"), ["alg NONE"] = issuer.Unsigned(good, "NONE"), ["no signature"] = issuer.Unsigned(good, "RS256"),
            ["other claims below the signature"] = Issuer.WithOtherClaims(
                good, new { iss = issuer.Address, aud = Issuer.Audience, sub = "x", roles = "sre", exp = now.AddHours(1).ToUnixTimeSeconds() }),
        };
        foreach (var (at, token) in issuer.SignedWithThePublicKey(good).Index())
        {
            bad[$"HS256 with the public key {at}"] = token;
        }

        foreach (var (what, token) in bad)
        {
            Assert.That(await service.StatusAsync("GET", "/metrics", token), Is.AnyOf(HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests), what);
        }

        for (var at = 0; at < 5; at++)
        {
            Assert.That(await service.StatusAsync("GET", "/metrics", good), Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That(issuer.KeysFetched, Is.InRange(1, 3), "the keys are kept");
    }

    [Test]
    public async Task Other_roles_limits_and_keys_count_from_the_next_request_on()
    {
        await using var issuer = new Issuer();
        await using var service = await TestService.StartAsync(
            $$""", "oidc": { "issuer": "{{issuer.Address}}", "audience": "{{Issuer.Audience}}", "roles": { "sre": "operator" } }""");
        var token = issuer.Token(TimeProvider.System.GetUtcNow(), "sre");
        Assert.That(await service.StatusAsync("GET", "/metrics", token), Is.EqualTo(HttpStatusCode.OK));
        var key = ApiKey.Create();
        var next = HttpOptions.Loopback with
        {
            Limits = new HttpLimits { RequestsPerMinute = 1 },
            Access = new AccessOptions
            {
                Keys = [new ApiKey("new", Role.Viewer, ApiKey.HashOf(key), null)],
                Oidc = new OidcOptions
                {
                    Issuer = issuer.Address, Audience = Issuer.Audience, Discovery = new Uri(issuer.Address), Roles = new Dictionary<string, Role> { ["staff"] = Role.Viewer },
                },
            },
        };
        service.Adopt(next);
        Assert.That(await service.StatusAsync("GET", "/metrics", token), Is.EqualTo(HttpStatusCode.Unauthorized), "sre is nobody any more");
        Assert.That(await service.StatusAsync("GET", "/metrics", service.Keys[Role.Viewer]), Is.EqualTo(HttpStatusCode.Unauthorized), "the key is gone");
        Assert.That(await service.StatusAsync("GET", "/metrics", key), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await service.StatusAsync("GET", "/metrics", key), Is.EqualTo(HttpStatusCode.TooManyRequests), "one a minute");
    }

    [Test]
    public async Task A_key_that_is_taken_out_of_its_file_is_good_no_longer_and_a_broken_file_changes_nothing()
    {
        var time = new TestTimeProvider();
        var file = Path.GetTempFileName();
        try
        {
            var (anna, ben) = (ApiKey.Create(), ApiKey.Create());
            Write($"[ {Entry("anna", anna)}, {Entry("ben", ben)} ]", 1);
            var ring = new KeyRing(new AccessOptions { KeysFile = file }, time, NullLoggerFactory.Instance);
            Assert.That((ring.Find(anna)?.Name, ring.Find(ben)?.Name), Is.EqualTo(("anna", "ben")));
            List<string> told = [];
            ring.OnRead = change => told.Add($"{change}");
            Write($"[ {Entry("anna", anna)} ]", 2);
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That((ring.Find(anna)?.Name, ring.Find(ben)), Is.EqualTo(("anna", (ApiKey?)null)));
            Assert.That(told, Is.EqualTo(new[] { "http.keysFile: [anna viewer, ben viewer] → [anna viewer]" }), "who, and nothing of the keys");
            Write("[ {", 3);
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That(ring.Find(anna)?.Name, Is.EqualTo("anna"));
            Write($"[ {Entry("anna", anna, ", \"expires\": \"2026-03-02\"")} ]", 4);
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That(ring.Find(anna)?.Name, Is.EqualTo("anna"));
            time.Advance(TimeSpan.FromDays(1));
            Assert.That(ring.Find(anna), Is.Null, "expired");
        }
        finally
        {
            File.Delete(file);
        }

        void Write(string text, int at)
        {
            File.WriteAllText(file, text);
            File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 1, 0, at, 0, DateTimeKind.Utc));
        }

    }

    [Test]
    public void Keys_of_a_file_that_is_adopted_are_told_where_they_are_others_and_only_then()
    {
        var time = new TestTimeProvider();
        var file = Path.GetTempFileName();
        try
        {
            var (first, second) = (ApiKey.Create(), ApiKey.Create());
            File.WriteAllText(file, $"[ {Entry("anna", first)} ]");
            var options = new AccessOptions { KeysFile = file };
            var ring = new KeyRing(options, time, NullLoggerFactory.Instance);
            List<string> told = [];
            ring.OnRead = change => told.Add($"{change}");

            File.WriteAllText(file, $"[ // Another text.\n {Entry("anna", first)}, ]");
            ring.Adopt(options, KeyRing.Check(options));
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That((ring.Find(first)?.Name, told), Is.EqualTo(("anna", (List<string>)[])));

            File.WriteAllText(file, $"[ {Entry("anna", second)} ]");
            ring.Adopt(options, KeyRing.Check(options));
            Assert.That(told, Is.EqualTo(new[] { "http.keysFile: [anna viewer], and what is not shown of it has changed" }));
            Assert.That((ring.Find(first), ring.Find(second)?.Name), Is.EqualTo(((ApiKey?)null, "anna")));

            // Checked, then revoked, then adopted: nobody comes in by what was checked.
            var read = KeyRing.Check(options);
            File.WriteAllText(file, "[]");
            ring.Adopt(options, read);
            Assert.That((ring.Find(second), told[^1]), Is.EqualTo(((ApiKey?)null, "http.keysFile: [anna viewer] → []")));

            // Or gone bad: the other keys are in force as they were told.
            var inline = new AccessOptions { KeysFile = file, Keys = [new ApiKey("ben", Role.Viewer, ApiKey.HashOf(first), null)] };
            read = KeyRing.Check(inline);
            File.WriteAllText(file, "[ {");
            ring.Adopt(inline, read);
            Assert.That(ring.Find(first)?.Name, Is.EqualTo("ben"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void A_keys_file_that_could_not_be_read_is_read_when_it_can_be_whatever_its_time_says()
    {
        var time = new TestTimeProvider();
        var (file, aside) = (Path.GetTempFileName(), Path.GetTempFileName());
        try
        {
            var (anna, ben) = (ApiKey.Create(), ApiKey.Create());
            Write(Entry("anna", anna));
            var log = new TestLog();
            var ring = new KeyRing(new AccessOptions { KeysFile = file }, time, log.Loggers);
            Write(Entry("ben", ben));
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That((ring.Find(anna), ring.Find(ben)?.Name), Is.EqualTo(((ApiKey?)null, "ben")), "in the same tick of the clock");

            // Readable again without a new time, as after chmod or when it was moved away and back.
            Write(Entry("anna", anna));
            File.Move(file, aside, overwrite: true);
            for (var at = 0; at < 3; at++)
            {
                time.Advance(TimeSpan.FromSeconds(6));
                Assert.That(ring.Find(ben)?.Name, Is.EqualTo("ben"));
            }

            Assert.That(log.Lines.Count(line => line.StartsWith("2011 ", StringComparison.Ordinal)), Is.EqualTo(1), "told once");
            File.Move(aside, file);
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.That((ring.Find(anna)?.Name, ring.Find(ben)), Is.EqualTo(("anna", (ApiKey?)null)));
        }
        finally
        {
            File.Delete(file);
            File.Delete(aside);
        }

        void Write(string entry)
        {
            File.WriteAllText(file, $"[ {entry} ]");
            File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }
    }

    [Test]
    public void A_setting_that_stands_twice_in_a_file_is_a_mistake_that_names_the_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """[ { "name": "anna", "role": "viewer", "role": "engineer", "hash": "sha256:00" } ]""");
            Assert.That(() => KeyRing.Check(new AccessOptions { KeysFile = file }), Throws.TypeOf<ConfigurationException>().With.Message.Contains(file).And.Message.Contains("'role'"));
            File.WriteAllText(file, """{ "reveal": [], "http": { "admin": true, "admin": false } }""");
            Assert.That(
                () => StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null), Throws.TypeOf<ConfigurationException>().With.Message.Contains(file).And.Message.Contains("'admin'"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Entry(string name, string key, string more = "") => $$"""{ "name": "{{name}}", "role": "viewer", "hash": "{{ApiKey.HashOf(key)}}"{{more}} }""";

    [Test]
    public void A_service_that_others_reach_does_not_start_unless_it_can_know_them()
    {
        foreach (var place in new[] { "0.0.0.0:5080", "[::]:5080", "192.0.2.7:5080" })
        {
            var options = HttpOptions.Parse([place]).Options;
            var error = Assert.Throws<ConfigurationException>(() => new AccessControl(options, new byte[32], TimeProvider.System, NullLoggerFactory.Instance).Dispose())!;
            Assert.That(error.Message, Does.Contain(place).And.Contain("strangler key new").And.Contain("\"admin\": false"));
            Assert.DoesNotThrow(() => new AccessControl(options with { Admin = false }, new byte[32], TimeProvider.System, NullLoggerFactory.Instance).Dispose());
        }

        Assert.That(HttpOptions.Loopback.IsOpenToOthers, Is.False);
    }

    [Test]
    public void Every_mistake_in_the_settings_is_told_at_once_and_no_key_is_shown()
    {
        var file = Path.GetTempFileName();
        var key = ApiKey.Create();
        File.WriteAllText(file, $$"""
            { "http": { "admin": 1, "publicUrl": "ftp://x", "limits": { "maxBody": 0 }, "colour": "red",
                "keys": [ { "name": "a b", "role": "root", "hash": "{{key}}", "expires": "soon" }, 7 ],
                "oidc": { "issuer": "http://idp.example", "roles": { "x": "boss" } } } }
            """);
        var errors = Assert.Throws<ConfigurationException>(() => StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null))!.Errors;
        File.Delete(file);
        string[] expected =
        [
            "http.admin is 1", "http.publicUrl is", "maxBody is 0", "http.colour: there is no such setting", "keys[0].name is \"a b\"", "keys[0].role is \"root\"",
            "keys[0].hash is no hash", "keys[0].expires is \"soon\"", "keys[1] is no JSON object", "oidc.audience is missing", "https://", "roles.x is \"boss\"",
        ];
        Assert.That(expected.Where(part => !errors.Any(error => error.Contains(part, StringComparison.Ordinal))), Is.Empty, string.Join('\n', errors));
        Assert.That(errors, Has.None.Contains(key));
    }

    [Test]
    public async Task The_OpenAPI_document_holds_every_route_of_the_API_with_its_parameters()
    {
        using var answer = await _service.SendAsync("GET", "/openapi.json", _service.Keys[Role.Viewer]);
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        var root = document.RootElement;
        Assert.That(root.GetProperty("openapi").GetString(), Is.EqualTo("3.1.0"));
        var paths = root.GetProperty("paths");
        var ids = new List<string>();
        foreach (var need in RouteTable.All.Where(need => !need.IsPage && !need.IsFrontend))
        {
            var operation = paths.GetProperty(need.Pattern).GetProperty(need.Method.ToLowerInvariant());
            ids.Add(operation.GetProperty("operationId").GetString()!);
            var named = operation.GetProperty("parameters").EnumerateArray().Where(one => one.GetProperty("in").GetString() == "path").Select(one => one.GetProperty("name").GetString());
            Assert.That(named, Is.EqualTo(System.Text.RegularExpressions.Regex.Matches(need.Pattern, @"\{(\w+)\}").Select(match => match.Groups[1].Value)), need.Pattern);
            Assert.That(operation.TryGetProperty("security", out _), Is.EqualTo(need.Role != Role.Anyone), need.Pattern);
            Assert.That(operation.TryGetProperty("requestBody", out var body), Is.EqualTo(need.HasBody), need.Pattern);
            Assert.That(!need.HasBody || Resolved(root, body.GetProperty("content").GetProperty("application/json").GetProperty("schema")).GetProperty("properties").EnumerateObject().Any(), need.Pattern);
            var good = operation.GetProperty("responses").GetProperty(need.Status.ToString(System.Globalization.CultureInfo.InvariantCulture));
            Assert.That(need.AnswerSchema is null || Resolved(root, good.GetProperty("content").GetProperty("application/json").GetProperty("schema")).TryGetProperty("properties", out _), need.Pattern);
            var required = operation.GetProperty("parameters").EnumerateArray().Where(one => one.GetProperty("in").GetString() == "header" && one.GetProperty("required").GetBoolean());
            Assert.That(required.Select(one => one.GetProperty("name").GetString()), Is.EqualTo(need.Headers), need.Pattern);
        }

        Assert.That(ids, Is.Unique);
        Assert.That(root.GetRawText(), Does.Contain("If-Match").And.Contain("Idempotency-Key"));
    }

    [Test]
    public void The_documentation_lists_every_route_with_its_role_and_every_test_that_it_names_exists()
    {
        var text = File.ReadAllText(SourceTree.PathOf("docs", "service.md"));
        var missing = RouteTable.All.Where(need => !text.Contains($"| {need.Method} | `{need.Pattern}` | {need.Role.ToString().ToLowerInvariant()} |", StringComparison.Ordinal));
        Assert.That(missing.Select(need => $"{need.Method} {need.Pattern}"), Is.Empty);
        var tests = string.Concat(Directory.EnumerateFiles(SourceTree.PathOf("tests"), "*Tests.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        var named = System.Text.RegularExpressions.Regex.Matches(text, @"`\w+Tests\.(\w+)`").Select(match => match.Groups[1].Value).ToList();
        Assert.That(named, Has.Count.GreaterThan(10));
        Assert.That(named.Where(name => !tests.Contains($" {name}(", StringComparison.Ordinal)), Is.Empty);
    }

    private static JsonElement Resolved(JsonElement root, JsonElement schema) => schema.TryGetProperty("$ref", out var place)
        ? place.GetString()!.Split('/')[1..].Aggregate(root, (at, name) => at.GetProperty(name)) : schema;

    internal static async Task<HttpResponseMessage> SignInAsync(TestService service, string credential)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["credential"] = credential });
        return await service.SendAsync("POST", "/ui/sign-in", null, form);
    }

    private static string PathOf(RouteNeed need) => need.Pattern.Replace("{context}", "donations", StringComparison.Ordinal).Replace("{kind}", "donation", StringComparison.Ordinal)
        .Replace("{id}", "17", StringComparison.Ordinal).Replace("{run}", "1", StringComparison.Ordinal).Replace("{later}", "2", StringComparison.Ordinal)
        .Replace("{job}", "abc", StringComparison.Ordinal);
}
