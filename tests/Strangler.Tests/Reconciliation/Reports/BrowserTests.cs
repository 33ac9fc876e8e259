using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation.Reports;

/// <summary>The page as a browser shows it, without network. Runs where there is a Chromium.</summary>
[TestFixture]
[Category("RequiresChromium")]
public sealed class BrowserTests
{
    private string _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("strangler-page-").FullName;

    [TearDown]
    public void DropFolder() => Directory.Delete(_folder, recursive: true);

    // Ink, paper, and the bars of what is clean, drifts and is open, by the page's own style sheet.
    [TestCase("light", 1200, new[] { 0x1c2128, 0xffffff, 0x1a7f37, 0xb3261e, 0x9a6700 })]
    [TestCase("dark", 1200, new[] { 0xe6edf3, 0x0d1117, 0x3fb950, 0xff7b72, 0xd29922 })]
    [TestCase("light", 420, new[] { 0x1c2128, 0xffffff, 0x1a7f37, 0xb3261e, 0x9a6700 })]
    public void The_page_shows_its_charts_and_text_without_network(string scheme, int width, int[] expected)
    {
        var world = Harm.OfEveryKind();
        world.Reconcile();
        var page = Write(ReportHtml.Render(world.Reconcile(),
            world.Run(() => world.Runtime.Sides.Reconciliations.SummariesAsync(9, default))));
        var picture = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"report-{scheme}-{width}.png");

        Run($"--window-size={width},3600", $"--blink-settings=preferredColorScheme={(scheme == "dark" ? 0 : 1)}", $"--screenshot={picture}", page);

        TestContext.AddTestAttachment(picture);
        var colours = Browser.Colours(File.ReadAllBytes(picture));
        Assert.Multiple(() =>
        {
            foreach (var colour in expected)
            {
                Assert.That(colours.GetValueOrDefault(colour), Is.GreaterThan(100), $"#{colour:x6} of {colours.Count} colours");
            }

            // Also on a narrow one the charts are there, not pushed away by a column of single letters.
            Assert.That(colours.GetValueOrDefault(expected[3]), Is.GreaterThan(2000), "bars of what drifts");
        });
    }

    [Test]
    public void What_looks_like_a_script_is_not_run()
    {
        var world = World.Filled();
        world.Options.Declared =
        [
            new DeclaredDifference(
                "amount", "<script>document.title='taken over'</script>", "<img src=\"x\" onerror=\"document.title='taken over'\">",
                    DateOnly.MaxValue),
        ];
        var page = Write(ReportHtml.Render(world.Reconcile(), []));

        var shown = Run("--dump-dom", page);

        Assert.That(shown, Does.Contain("<title>Reconciliation 1 of notes, note: all: clean</title>").And.Contain(
            "&lt;script&gt;document.title"));
        File.WriteAllText(page["file://".Length..],
            "<html><head><title>x</title><script>document.title='taken over'</script></head></html>");
        Assert.That(Run("--dump-dom", page), Does.Contain("<title>taken over</title>"), "a script would have been run");
    }

    private string Write(string html)
    {
        var path = Path.Combine(_folder, "page.html");
        File.WriteAllText(path, html);
        return $"file://{path}";
    }

    private string Run(params string[] arguments) => Browser.Run(_folder, arguments);
}
