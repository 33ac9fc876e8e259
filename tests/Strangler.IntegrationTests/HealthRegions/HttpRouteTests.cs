using System.Net;
using System.Text;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.Service.Http;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>What clients get over HTTP: to the byte what they always got, in every stage.</summary>
public sealed class HttpRouteTests
{
    private const string Json = "application/json; charset=utf-8";
    private const string Problem = "application/problem+json";

    private const string Ottawa =
        """{"hr_uid":3551,"province_code":35,"name_en":"City of Ottawa Health Unit","name_fr":"Circonscription sanitaire de la ville d'Ottawa","website_en":"http://www.ottawapublichealth.ca/","website_fr":""}""";

    private const string Canada = """{"hr_uid":1,"province_code":1,"name_en":"Canada","name_fr":"Canada","website_en":null,"website_fr":null}""";

    private const string Merged =
        """{"hr_uid":9004,"province_code":null,"name_en":"Old \"merged\" unit\t","name_fr":"Ancienne unité <&> 😀","website_en":"ttps://broken.example/","website_fr":null}""";

    private const string Elsewhere = """{"hr_uid":9101,"province_code":77,"name_en":"North","name_fr":"Nord","website_en":null,"website_fr":null}""";

    private const string Ontario = """{"province_code":35,"full_name":"Ontario","alpha_code":"ON","region":"Ontario"}""";

    private const string WholeWeek =
        """{"hr_uid":3551,"date":"2021-11-27","w_o_y":47,"year":2021,"max_dist_25":0.1,"max_dist_50":1234570,"max_dist_75":-0.00000123,"sum_dist_25":0,"sum_dist_50":1e+30,"sum_dist_75":1e-7,"prop_at_home":0.333333,"percent_stay":null,"base_max":null,"base_percent_change_max":null,"base_sum":null,"base_percent_change_sum":null,"base_prop_at_home":null,"base_percent_change_prop_at_home":null,"base_percent_stay":null,"base_percent_change_percent_stay":null,"percent_change_prev_week_max_dist_50":null,"percent_change_prev_week_sum_dist_50":null,"percent_change_prev_week_prop_at_home":null,"percent_change_prev_week_percent_stay":-3.5,"avg_num_devices":12,"sum_num_devices":84,"mobility":null,"pct_change_mobility":2.25,"prev_mobility":null}""";

    private const string ShortWeek = """{"percent_change_prev_week_percent_stay":-3.5,"pct_change_mobility":2.25}""";

    private static readonly (string Path, int Status, string Type, string Body)[] _golden =
    [
        ("/health-regions", 200, Json, $"[{Canada},{Ottawa},{Merged},{Elsewhere}]"),
        ("/health-regions/3551", 200, Json, Ottawa),
        ("/health-regions/9004", 200, Json, Merged),
        ("/health-regions/3552", 404, Problem, """{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no health region 3552."}"""),
        ("/health-regions/abc", 400, Problem,
            """{"type":"about:blank","title":"Bad Request","status":400,"detail":"A health region is named by its hr_uid, a whole number such as 3551."}"""),
        ("/fsa/K1A", 200, Json, $"[{Ottawa}]"),
        ("/fsa/%20k1a%20", 200, Json, $"[{Ottawa}]"),
        ("/fsa/Z0E", 200, Json, $"[{Merged}]"),
        ("/fsa/Z0B", 404, Problem, """{"type":"about:blank","title":"Not Found","status":404,"detail":"No health region is known for Z0B."}"""),
        ("/fsa/X9X", 404, Problem, """{"type":"about:blank","title":"Not Found","status":404,"detail":"No health region is known for X9X."}"""),
        ("/fsa/K1", 400, Problem, BadPostcode), ("/fsa/K1A0B1", 400, Problem, BadPostcode), ("/fsa/%27%20OR%201", 400, Problem, BadPostcode), ("/fsa/22", 400, Problem, BadPostcode),
        ("/api/locations/K1A", 200, Json, $"[{Location("K1A", 4927809, 3551, 35, Ottawa, ShortWeek, Ontario)}]"),
        ("/api/locations/k1a", 200, Json, $"[{Location("K1A", 4927809, 3551, 35, Ottawa, ShortWeek, Ontario)}]"),
        ("/api/locations/X9X", 200, Json, "[]"),
        ("/api/locations/%C3%A91A", 200, Json, "[]"),
        ("/api/locations/Z0B", 200, Json, """[{"id":5910594,"forward_sortation_area":"Z0B","hr_uid":null,"province_code":null,"HealthRegion":null,"Province":null}]"""),
        ("/api/locations/get-all", 200, Json, $"[{string.Join(',',
            Location("K1A", 4927809, 3551, 35, Ottawa, WholeWeek, Ontario),
            """{"id":5910594,"forward_sortation_area":"Z0B","hr_uid":null,"province_code":null,"HealthRegion":null,"Province":null}""",
            """{"id":5910596,"forward_sortation_area":"Z0D","hr_uid":9554,"province_code":35,"HealthRegion":null,"Province":""" + Ontario + "}",
            Location("z0e", 8007781, 9004, 77, Merged, "null", "null"))}]"),
        ("/api/provinces/", 200, Json, $$"""[{"province_code":1,"full_name":"Canada","alpha_code":"CA","region":"National"},{{Ontario}}]"""),
        ("/api/provinces", 200, Json, $$"""[{"province_code":1,"full_name":"Canada","alpha_code":"CA","region":"National"},{{Ontario}}]"""),
        ("/api/health-regions/get-all", 200, Json, $"[{Canada},{Ottawa},{Merged},{Elsewhere}]"),
        ("/api/health-regions/3551", 200, Json, Ottawa),
        ("/api/health-regions/3552", 200, Json, "null"),
        ("/api/health-regions/abc", 200, Json, "null"),
    ];

    private const string BadPostcode =
        """{"type":"about:blank","title":"Bad Request","status":400,"detail":"A postcode is named by its first three characters: a letter, a digit and a letter, such as K1A."}""";

    private const string Rows =
        """
        SET foreign_key_checks = 0;
        INSERT INTO provinces VALUES (35, 'Ontario', 'ON', 'Ontario'), (1, 'Canada', 'CA', 'National');
        INSERT INTO health_regions VALUES (3551, 35, 'City of Ottawa Health Unit', 'Circonscription sanitaire de la ville d''Ottawa', 'http://www.ottawapublichealth.ca/', ''),
            (1, 1, 'Canada', 'Canada', NULL, NULL), (9101, 77, 'North', 'Nord', NULL, NULL),
            (9004, NULL, 'Old "merged" unit\t', 'Ancienne unité <&> 😀', 'ttps://broken.example/', NULL);
        INSERT INTO locations VALUES ('z0e', 9004, 77), ('Z0D', 9554, 35), ('K1A', 3551, 35), ('Z0B', NULL, NULL);
        INSERT INTO mobility (id, hr_uid, date, percent_change_prev_week_percent_stay) VALUES (7, 3551, '2021-11-20', 1), (8, 9554, '2021-11-20', 1);
        INSERT INTO mobility (id, hr_uid, date, w_o_y, year, max_dist_25, max_dist_50, max_dist_75, sum_dist_25, sum_dist_50, sum_dist_75, prop_at_home,
            percent_change_prev_week_percent_stay, avg_num_devices, sum_num_devices, pct_change_mobility)
            VALUES (9, 3551, '2021-11-27', 47, 2021, 0.1, 1234567.9, -0.00000123, 0, 1e30, 1e-7, 0.33333334, -3.5, 12, 84, 2.25);
        INSERT INTO cases (hr_uid, province, health_region, date_report, cases) VALUES (NULL, 'NL', 'Not Reported', '05-01-2022', 2);
        """;

    [Test]
    public async Task The_same_bytes_in_every_stage()
    {
        await using var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);
        await world.RunForeignAsync(Rows);
        await using var server = await Server.StartAsync(world);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            await AssertGoldenAsync(server, $"{stage}");
        }
    }

    /// <summary>What legacy has no room for shows on the route that promises an array, and on no other.</summary>
    [Test]
    public async Task Further_regions_show_on_the_documented_route_alone()
    {
        await using var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);
        await world.RunForeignAsync(Rows);
        await using var server = await Server.StartAsync(world);
        await world.MoveToAsync(Stage.NewLeads);
        var postcode = (await world.Context.Postcodes.FindAsync("K1A", CancellationToken.None))!;
        postcode.DivideInto([new PostcodePart(9004, null), new PostcodePart(3551, 12), new PostcodePart(9554, 3), new PostcodePart(9004, null)]);
        await world.Context.Postcodes.StoreAsync(postcode, CancellationToken.None);
        Assert.That((await server.GetAsync("/fsa/K1A")).Body, Is.EqualTo($"[{Ottawa},{Merged}]"), "9554 is known to nobody");
        await AssertGoldenAsync(server, "further regions", path => !path.StartsWith("/fsa/K1A", StringComparison.OrdinalIgnoreCase) && !path.Contains("%20k1a", StringComparison.Ordinal));

        // Legacy, and whoever leads after a flip back, knows the first one; the new side keeps the others.
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await world.MoveToAsync(Stage.ShadowRead);
        await AssertGoldenAsync(server, "back");
        await world.MoveToAsync(Stage.NewLeads);
        Assert.That((await server.GetAsync("/fsa/K1A")).Body, Is.EqualTo($"[{Ottawa},{Merged}]"));
    }

    [Test]
    public async Task While_the_lead_does_not_answer_each_route_says_so_as_its_clients_know_it()
    {
        await using var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);
        await using var server = await Server.StartAsync(world);
        await world.LegacyDatabase.DisposeAsync();
        var documented = await server.GetAsync("/health-regions");
        Assert.That((documented.Status, documented.Type), Is.EqualTo((503, Problem)));
        Assert.That((await server.GetAsync("/api/locations/K1A")).Status, Is.EqualTo(503));
        foreach (var path in new[] { "/api/provinces/", "/api/health-regions/get-all", "/api/health-regions/3551" })
        {
            var old = await server.GetAsync(path);
            Assert.That((old.Status, old.Type), Is.EqualTo((422, Json)), path);
        }
    }

    [Test]
    public async Task Head_has_the_length_and_nothing_else_and_other_methods_are_refused()
    {
        await using var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);
        await world.RunForeignAsync(Rows);
        await using var server = await Server.StartAsync(world);
        using var head = await server.SendAsync(HttpMethod.Head, "/health-regions/3551");
        Assert.That(head.Content.Headers.ContentLength, Is.EqualTo(Encoding.UTF8.GetByteCount(Ottawa)));
        Assert.That(await head.Content.ReadAsStringAsync(), Is.Empty);
        using var posted = await server.SendAsync(HttpMethod.Post, "/health-regions/3551");
        Assert.That(posted.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(head.Headers.Server, Is.Empty);
    }

    private static async Task AssertGoldenAsync(Server server, string what, Func<string, bool>? of = null)
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (var (path, status, type, body) in _golden.Where(one => of?.Invoke(one.Path) ?? true))
            {
                Assert.That(await server.GetAsync(path), Is.EqualTo((status, type, body)), $"{what}: {path}");
            }
        }
    }

    private static string Location(string code, long id, long region, long province, string healthRegion, string mobility, string ofProvince) =>
        $$"""{"id":{{id}},"forward_sortation_area":"{{code}}","hr_uid":{{region}},"province_code":{{province}},"HealthRegion":{{healthRegion[..^1]}},"Mobility":{{mobility}}},"Province":{{ofProvince}}}""";

    internal sealed class Server : IAsyncDisposable
    {
        private readonly HttpService _service;
        private readonly HttpClient _client;

        private Server(HttpService service) => (_service, _client) = (service, new HttpClient { BaseAddress = new Uri(service.Addresses[0]) });

        public static async Task<Server> StartAsync(HealthRegionsWorld world)
        {
            var service = new HttpService(HttpOptions.Parse(["127.0.0.1:0"]).Options, HttpSurfaces.Of([world.Host]), world.Logs);
            await service.StartAsync(CancellationToken.None);
            return new Server(service);
        }

        public async Task<(int Status, string? Type, string Body)> GetAsync(string path)
        {
            using var answer = await SendAsync(HttpMethod.Get, path);
            return ((int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString(), await answer.Content.ReadAsStringAsync());
        }

        public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path)
        {
            using var request = new HttpRequestMessage(method, path);
            return await _client.SendAsync(request);
        }

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            await _service.StopAsync(CancellationToken.None);
            _service.Dispose();
        }
    }
}
