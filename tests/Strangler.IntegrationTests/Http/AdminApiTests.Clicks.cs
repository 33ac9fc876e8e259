using System.Buffers.Binary;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Http;

/// <summary>What an operator does with a mouse and a keyboard, in a browser; the same world. Runs where there is a Chromium.</summary>
public sealed partial class AdminApiTests
{
    private const float Soon = 15_000;

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    [OneTimeTearDown]
    public async Task CloseBrowserAsync()
    {
        await (_browser?.CloseAsync() ?? Task.CompletedTask);
        _playwright?.Dispose();
    }

    [Test]
    [Category("RequiresChromium")]
    public async Task Clicked_one_signs_in_and_out_and_a_wrong_key_leads_nowhere()
    {
        var page = await OpenAsync();
        await page.GotoAsync("/ui/contexts/donations");
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("/ui/sign-in$"));
        await page.GetByLabel("Key or token").FillAsync("strk_wrong");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not good (any more)");
        await SignInAsync(page, "viewer");
        await Assertions.Expect(page.GetByText("key:viewer · viewer")).ToBeVisibleAsync();
        await LookAsync(page, "overview");
        await page.GetByRole(AriaRole.Link, new() { Name = "donations" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "donations", Exact = true })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Reconcile now" })).ToHaveCountAsync(0);
        await Assertions.Expect(page.GetByText("Step to")).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.GotoAsync("/ui/contexts/donations");
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("/ui/sign-in$"));
    }

    [Test]
    [Category("RequiresChromium")]
    public async Task Clicked_drift_leads_to_its_report_its_entity_and_its_repair()
    {
        await ToAsync(Stage.DualWrite);
        await PlantAsync();
        await _world.LookAsync();
        var page = await OpenAsync(await _world.StartAsync("1500ms"));
        await SignInAsync(page, "operator");
        await page.GetByRole(AriaRole.Link, new() { Name = "donations" }).ClickAsync();
        await page.GetByLabel("What").SelectOptionAsync("full");
        await page.GetByRole(AriaRole.Button, new() { Name = "Reconcile now" }).ClickAsync();

        // It goes on by itself: nobody touches anything until it has ended.
        var running = page.GetByRole(AriaRole.Status).Filter(new() { HasText = "running" });
        await Assertions.Expect(running.GetByRole(AriaRole.Progressbar)).ToBeVisibleAsync();
        await LookAsync(page, "running");
        await Assertions.Expect(running).ToHaveCountAsync(0, new() { Timeout = Soon });
        await page.Locator("table a[href*='/reports/']").First.ClickAsync();
        await Assertions.Expect(page.GetByText("drift", new() { Exact = true }).First).ToBeVisibleAsync();
        await LookAsync(page, "report");
        var report = page.Url;

        await page.Locator("a[href*='/timeline?']").First.ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading).First).ToContainTextAsync("donation ");
        await LookAsync(page, "timeline");

        await page.GotoAsync(report);
        await page.GetByRole(AriaRole.Link, new() { Name = "See what a repair would do" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Nothing has been changed: this is the dry run.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("WouldWrite")).ToHaveCountAsync(2);
        await LookAsync(page, "repair");
        await page.GetByRole(AriaRole.Button, new() { Name = "Repair" }).ClickAsync();
        await Assertions.Expect(page.GetByText("WouldWrite")).ToHaveCountAsync(2);
        await page.GetByLabel("Reason, for the audit trail").FillAsync("planted by a test, mended by a click");
        await page.GetByRole(AriaRole.Button, new() { Name = "Repair" }).ClickAsync();
        await Assertions.Expect(page.GetByText("2 repaired; looked at again: clean")).ToBeVisibleAsync();
        await ReconcileAsync();
    }

    [Test]
    [Category("RequiresChromium")]
    public async Task Clicked_a_step_is_refused_with_its_gates_and_made_with_a_typed_name_and_a_reason()
    {
        await ToAsync(Stage.DualWrite);
        await _world.Host.Sides.Reconciliations.DisturbAsync("a test", CancellationToken.None);
        var page = await OpenAsync();
        await SignInAsync(page, "engineer");
        await page.GotoAsync("/ui/contexts/donations");
        await page.GetByRole(AriaRole.Link, new() { Name = "Step to ShadowRead" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Some gates are closed: the step would be refused.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Go to ShadowRead" })).ToHaveCountAsync(0);
        await LookAsync(page, "closed");

        await ReconcileAsync();
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByText("Every gate is open.")).ToBeVisibleAsync();
        await _world.Host.Sides.Reconciliations.DisturbAsync("a test", CancellationToken.None);
        await GoAsync("donations");
        await Assertions.Expect(page.GetByText("donations may not go to ShadowRead; nothing was changed.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("closed", new() { Exact = true }).First).ToBeVisibleAsync();
        await LookAsync(page, "refused-step");

        await ReconcileAsync();
        await page.GotoAsync("/ui/contexts/donations/stage?to=ShadowRead");
        await GoAsync("donation");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "That did not work" })).ToBeVisibleAsync();
        Assert.That((await _world.GetAsync("/contexts/donations/stage")).Json.GetProperty("stage").GetString(), Is.EqualTo("DualWrite"));
        await page.GotoAsync("/ui/contexts/donations/stage?to=ShadowRead");
        await GoAsync("donations");
        await Assertions.Expect(page.Locator("li[aria-current=step]")).ToHaveTextAsync("ShadowRead");
        await Assertions.Expect(page.GetByText("advance: DualWrite → ShadowRead").First).ToBeVisibleAsync();
        await LookAsync(page, "stepped");

        async Task GoAsync(string typed)
        {
            await page.GetByLabel("Reason, for the audit trail").FillAsync("by a click");
            await page.GetByLabel("Type donations to confirm").FillAsync(typed);
            await page.GetByRole(AriaRole.Button, new() { Name = "Go to ShadowRead" }).ClickAsync();
        }
    }

    [Test]
    [Category("RequiresChromium")]
    public async Task Clicked_a_step_that_needs_two_people_waits_for_the_second_who_is_another()
    {
        await ToAsync(Stage.DualWrite);
        await ReconcileAsync();
        var service = await _world.StartAsync(secondApprover: true);
        var (first, second) = (await OpenAsync(service), await OpenAsync(service));
        await SignInAsync(first, "engineer");
        await first.GotoAsync("/ui/contexts/donations/stage?to=ShadowRead");
        await first.GetByLabel("Reason, for the audit trail").FillAsync("asked for by a click");
        await first.GetByLabel("Type donations to confirm").FillAsync("donations");
        await first.GetByRole(AriaRole.Button, new() { Name = "Ask for ShadowRead" }).ClickAsync();
        await Assertions.Expect(first.GetByText("DualWrite → ShadowRead waits for a second person")).ToBeVisibleAsync();
        await Assertions.Expect(first.GetByText("You asked for it: somebody else approves.")).ToBeVisibleAsync();
        await Assertions.Expect(first.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("Approve") })).ToHaveCountAsync(0);
        await SignInAsync(second, "eva");
        await second.GotoAsync("/ui/contexts/donations");
        await LookAsync(second, "asked");
        await second.GetByLabel("Reason, for the audit trail").FillAsync("seen and approved");
        await second.GetByLabel("Type donations to confirm").FillAsync("donations");
        await second.GetByRole(AriaRole.Button, new() { Name = "Approve: go to ShadowRead" }).ClickAsync();
        await Assertions.Expect(second.Locator("li[aria-current=step]")).ToHaveTextAsync("ShadowRead");
        await first.ReloadAsync();
        await Assertions.Expect(first.Locator("li[aria-current=step]")).ToHaveTextAsync("ShadowRead");
        await ToAsync(Stage.DualWrite);
    }

    // A reader of its own, with its own cookies, and no script: there is none.
    private async Task<IPage> OpenAsync(int service = 0)
    {
        const string Program = "/usr/bin/chromium";
        if (!File.Exists(Program))
        {
            const string Cure = $"There is no {Program} on this machine: apt-get install chromium";
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Not.EqualTo("true"), Cure);
            Assert.Ignore(Cure);
        }

        Assertions.SetDefaultExpectTimeout(Soon);
        _playwright ??= await Playwright.CreateAsync();
        _browser ??= await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Program,
            Args = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        });
        var context = await _browser.NewContextAsync(new() { BaseURL = _world.Addresses[service].ToString(), JavaScriptEnabled = false });
        context.SetDefaultTimeout(Soon);
        return await context.NewPageAsync();
    }

    private async Task SignInAsync(IPage page, string who)
    {
        await page.GotoAsync("/ui/sign-in");
        await page.GetByLabel("Key or token").FillAsync(_world.Keys[who]);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByText($"key:{who} ·")).ToBeVisibleAsync();
    }

    // In both themes and on a phone, for whoever wants to look; nothing runs out of a phone's width.
    private static async Task LookAsync(IPage page, string name)
    {
        foreach (var (scheme, width) in new[] { (ColorScheme.Light, 1200), (ColorScheme.Dark, 390) })
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            await page.SetViewportSizeAsync(width, 900);
            var picture = await page.ScreenshotAsync(new()
            {
                FullPage = true, Path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"clicked-{name}-{scheme.ToString().ToLowerInvariant()}-{width}.png"),
            });
            Assert.That(BinaryPrimitives.ReadInt32BigEndian(picture.AsSpan(16)), Is.EqualTo(width), $"{name} is wider than {width} pixels");
        }

        await page.SetViewportSizeAsync(1200, 900);
    }
}
