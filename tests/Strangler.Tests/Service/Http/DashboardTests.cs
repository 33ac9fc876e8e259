using System.Net;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Dashboard;
using Strangler.Service.Telemetry;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Service.Http;

/// <summary>The dashboard as browsers have it: sessions, forms, and what it looks like.</summary>
public sealed partial class DashboardTests
{
    private static readonly IReadOnlyDictionary<string, long> _nothing = new Dictionary<string, long>();

    private TestService _service = null!;
    private string _folder = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("strangler-page-").FullName;
        _service = await TestService.StartAsync(""", "limits": { "requestsPerMinute": 100000 }""");
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Whoever_has_a_key_signs_in_and_out_again()
    {
        Assert.That(await _service.StatusAsync("GET", "/"), Is.EqualTo(HttpStatusCode.Redirect));
        using var wrong = await AccessTests.SignInAsync(_service, ApiKey.Create());
        Assert.That((wrong.StatusCode, wrong.Headers.Contains("Set-Cookie")), Is.EqualTo((HttpStatusCode.Unauthorized, false)));
        using var right = await AccessTests.SignInAsync(_service, _service.Keys[Role.Viewer]);
        var set = right.Headers.GetValues("Set-Cookie").Single();
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.SeeOther));
        Assert.That(set.ToLowerInvariant(), Does.Contain("httponly").And.Contain("samesite=strict").And.Contain("path=/"));
        Assert.That(set, Does.Not.Contain(_service.Keys[Role.Viewer]));
        var page = await PageAsync("/", set.Split(';')[0]);
        Assert.That(page, Does.Contain("key:Viewer · viewer").And.Not.Contain("<script"));
        using var form = Form(("form_token", FormToken().Match(page).Groups[1].Value));
        using var left = await _service.SendAsync("POST", "/ui/sign-out", null, form, ("Cookie", set.Split(';')[0]));
        Assert.That((left.StatusCode, left.Headers.GetValues("Set-Cookie").Single().Contains("1970", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.SeeOther, true)));
    }

    [Test]
    public async Task Behind_TLS_the_cookie_goes_no_other_way()
    {
        await using var service = await TestService.StartAsync(""", "publicUrl": "https://strangler.example.org" """);
        using var answer = await AccessTests.SignInAsync(service, service.Keys[Role.Viewer]);
        Assert.That(answer.Headers.GetValues("Set-Cookie").Single(), Does.StartWith("__Host-strangler=").And.Contain("secure"));
        Assert.That(answer.Headers.Contains("Strict-Transport-Security"), Is.True);
    }

    [Test]
    [Category("Case65")]
    public async Task A_form_that_this_session_was_not_sent_is_refused()
    {
        var (mine, page) = await SignedInAsync(Role.Engineer);
        var (_, others) = await SignedInAsync(Role.Engineer);
        var (good, foreign) = (FormToken().Match(page).Groups[1].Value, FormToken().Match(others).Groups[1].Value);
        Assert.That(good, Is.Not.EqualTo(foreign));
        foreach (var (what, token, headers) in new (string, string?, (string, string)[])[]
        {
            ("no token", null, []), ("empty", "", []), ("another session's", foreign, []), ("cut", good[..^1], []),
            ("another site's", good, [("Origin", "https://evil.example")]), ("no site's", good, [("Origin", "null")]), ("told by the browser", good, [("Sec-Fetch-Site", "cross-site")]),
        })
        {
            using var form = token is null ? Form() : Form(("form_token", token));
            using var answer = await _service.SendAsync("POST", "/ui/sign-out", null, form, [("Cookie", mine), .. headers]);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden), what);
        }

        using var text = new StringContent($"form_token={good}", System.Text.Encoding.UTF8, "text/plain");
        using var plain = await _service.SendAsync("POST", "/ui/sign-out", null, text, ("Cookie", mine));
        Assert.That(plain.StatusCode, Is.EqualTo(HttpStatusCode.UnsupportedMediaType));
        using var last = Form(("form_token", good));
        using var right = await _service.SendAsync("POST", "/ui/sign-out", null, last, ("Cookie", mine), ("Origin", _service.Address.GetLeftPart(UriPartial.Authority)));
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.SeeOther));
    }

    [Test]
    [Category("Case65")]
    public async Task A_cookie_that_is_not_quite_ours_is_none()
    {
        var (cookie, _) = await SignedInAsync(Role.Viewer);
        var (name, body, signature) = cookie.Split('=', 2) is [var left, var right] ? (left, right.Split('.')[0], right.Split('.')[1]) : throw new InvalidOperationException();
        var (engineer, _) = await SignedInAsync(Role.Engineer);
        foreach (var forged in new[]
        {
            $"{name}={body}.", $"{name}={body}", $"{name}=.{signature}", $"{name}={body}.{signature}.x", $"{name}={body}.{new string('A', signature.Length)}",
            $"{name}={engineer.Split('=', 2)[1].Split('.')[0]}.{signature}", $"{name}=%00", $"{name}=!!!.???", $"other={body}.{signature}",
        })
        {
            using var answer = await _service.SendAsync("GET", "/", null, null, ("Cookie", forged));
            Assert.That((answer.StatusCode, answer.Headers.Location?.ToString()), Is.EqualTo((HttpStatusCode.Redirect, "/ui/sign-in")), forged);
        }
    }

    [Test]
    public void A_session_ends_with_its_key_and_after_its_time()
    {
        var time = new TestTimeProvider();
        var key = ApiKey.Create();
        var entry = new ApiKey("anna", Role.Engineer, ApiKey.HashOf(key), new DateOnly(2026, 3, 2));
        var ring = new KeyRing(new AccessOptions { Keys = [entry] }, time, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        var sessions = new Sessions(new byte[32], isSecure: false, ring, time);
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        sessions.Begin(http, ring.Find(key)!.Caller, entry.Hash);
        var cookie = Uri.UnescapeDataString(http.Response.Headers.SetCookie.ToString().Split(';')[0]);
        var next = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        next.Request.Headers.Cookie = cookie;
        Assert.That(sessions.Find(next)?.Caller.Name, Is.EqualTo("key:anna"));
        Assert.That(new Sessions(new byte[32], false, ring, time).Find(next), Is.Not.Null, "another replica of the installation knows it");
        Assert.That(new Sessions([1, .. new byte[31]], false, ring, time).Find(next), Is.Null, "another installation does not");
        var without = new KeyRing(new AccessOptions(), time, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        Assert.That(new Sessions(new byte[32], false, without, time).Find(next), Is.Null, "its key is gone");
        time.Advance(TimeSpan.FromHours(8));
        Assert.That(sessions.Find(next), Is.Null, "eight hours");
    }

    [Test]
    [Category("Case65")]
    public void What_a_database_holds_is_shown_and_never_interpreted()
    {
        const string Evil = "</td><script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">\" ' & \u0000 \u202e";
        var page = Html.Render(Html.E(
            "html", Html.E("head", Html.E("title", "mine")), Html.E(
                "body", Pieces.Gates([new Gate(Evil, false, Evil, Evil, Evil)]), Html.Link($"/ui/{Evil}", Evil), Html.E("input", Html.A("value", Evil)), Html.Table([Evil], [[Evil]]))));
        Assert.That(page, Does.Not.Contain("<script").And.Not.Contain("<img").And.Contain("&lt;script&gt;"));
        Assert.That(Browser.Run(_folder, "--dump-dom", Write(page)), Does.Contain("<title>mine</title>"));
    }

    /// <summary>Looked at by people, and here: that something is painted in the colours of each theme, and nothing runs out of a phone's width.</summary>
    [TestCase("empty", "light", 1200, 0x2456c7)]
    [TestCase("empty", "dark", 1200, 0x7ba5ff)]
    [TestCase("busy", "light", 1200, 0x1a7f37)]
    [TestCase("busy", "dark", 1200, 0x4cc267)]
    [TestCase("alarmed", "light", 1200, 0xb3261e)]
    [TestCase("alarmed", "dark", 1200, 0xff8279)]
    [TestCase("alarmed", "dark", 500, 0xff8279)]
    [TestCase("sign-in", "light", 500, 0x2456c7)]
    [Category("RequiresChromium")]
    public async Task The_first_page_in_both_themes(string state, string scheme, int width, int colour)
    {
        _service.Samples = SamplesOf(state);
        var (cookie, _) = await SignedInAsync(Role.Engineer);
        var html = state == "sign-in" ? await PageAsync("/ui/sign-in", "") : await PageAsync("/", cookie);
        var picture = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"dashboard-{state}-{scheme}-{width}.png");
        Browser.Run(
            _folder, $"--window-size={width},1500", $"--blink-settings=preferredColorScheme={(scheme == "dark" ? 0 : 1)}", $"--screenshot={picture}", Write(WithStyle(html)));
        TestContext.AddTestAttachment(picture);
        Assert.That(Browser.Colours(File.ReadAllBytes(picture)).GetValueOrDefault(colour), Is.GreaterThan(30), $"#{colour:x6}");
    }

    [TestCase("light", 1200, 0x2456c7)]
    [TestCase("dark", 1200, 0x7ba5ff)]
    [TestCase("dark", 500, 0x7ba5ff)]
    [Category("RequiresChromium")]
    public void A_contexts_charts_in_both_themes(string scheme, int width, int colour)
    {
        var html = Html.Render(Html.E(
            "html", Html.E("head", Html.E("meta", Html.A("name", "color-scheme"), Html.A("content", "light dark")), Html.E("link", Html.A("rel", "stylesheet"), Html.A("href", "/ui/style.css"))),
            Html.E("body", Html.E("main", Charts.Of(ChartsTests.Busy())))));
        var picture = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"charts-{scheme}-{width}.png");
        Browser.Run(
            _folder, $"--window-size={width},2000", $"--blink-settings=preferredColorScheme={(scheme == "dark" ? 0 : 1)}", $"--screenshot={picture}", Write(WithStyle(html)));
        TestContext.AddTestAttachment(picture);
        Assert.That(Browser.Colours(File.ReadAllBytes(picture)).GetValueOrDefault(colour), Is.GreaterThan(100), $"#{colour:x6}");
    }

    internal static string WithStyle(string html) => html.Replace("""<link rel="stylesheet" href="/ui/style.css">""", $"<style>{Style.Sheet}</style>", StringComparison.Ordinal);

    private static IReadOnlyList<ContextSample> SamplesOf(string state) => state switch
    {
        "busy" => [Sample("donations", Stage.NewLeads, 12, 1.5), Sample("memberships", Stage.ShadowRead, 3, 0.2), Sample("subscriptions", Stage.DualWrite, 0, 0),
            Sample("address-changes", Stage.NewOnly, 0, 0), Sample("buckets", Stage.LegacyOnly, 0, 0) with { Kinds = [], NextGates = null }],
        "alarmed" => [Sample("donations", Stage.NewLeads, 10_001, 900) with { Parked = 7, Conflicts = 2, Kinds = [Kind(41)] }, Sample("memberships", Stage.ShadowRead, 40, 75),
            new ContextSample { Context = "subscriptions", IsKnown = false }, Sample("impressions", Stage.ShadowRead, 1, 0.1) with { Switching = true }],
        _ => [],
    };

    private static ContextSample Sample(string context, Stage stage, long open, double lag) => new()
    {
        Context = context, IsKnown = true, Stage = stage, Lead = Stages.LeadOf(stage), JournalOpen = open, LagSeconds = lag, Kinds = [Kind(0)], NextGates = stage == Stage.NewOnly ? null : (11, 14),
    };

    private static KindSample Kind(long drift) => new("entity", 60, drift > 0 ? 1 : 0, new Dictionary<string, long> { ["Drift"] = drift }, _nothing, 0);

    private async Task<(string Cookie, string Page)> SignedInAsync(Role role)
    {
        using var answer = await AccessTests.SignInAsync(_service, _service.Keys[role]);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        return (cookie, await PageAsync("/", cookie));
    }

    private async Task<string> PageAsync(string path, string cookie)
    {
        using var answer = await _service.SendAsync("GET", path, null, null, ("Cookie", cookie));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await answer.Content.ReadAsStringAsync();
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));

    private string Write(string html)
    {
        var path = Path.Combine(_folder, "page.html");
        File.WriteAllText(path, html);
        return $"file://{path}";
    }

    [GeneratedRegex("name=\"form_token\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
