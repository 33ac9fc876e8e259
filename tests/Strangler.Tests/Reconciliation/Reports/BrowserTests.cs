using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Reconciliation;

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
        var colours = Png.Colours(File.ReadAllBytes(picture));
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

    private string Run(params string[] arguments)
    {
        var browser = new[] { "chromium", "chromium-browser", "google-chrome" }
            .SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
        if (browser is null)
        {
            Assert.Ignore("There is no Chromium on this machine: apt-get install chromium");
        }

        var start = new ProcessStartInfo(browser!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            $"--user-data-dir={Path.Combine(_folder, "profile")}" }.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors.Result);
        return output;
    }

    /// <summary>As much of PNG as a browser's screenshot uses: 8 bits a channel, three or four of them, no interlace.</summary>
    private static class Png
    {
        public static Dictionary<int, int> Colours(byte[] file)
        {
            var (width, height, channels) = (Number(file, 16), Number(file, 20), file[25] == 6 ? 4 : 3);
            Assert.That((file[24], file[28]), Is.EqualTo(((byte)8, (byte)0)));
            using var data = new ZLibStream(new MemoryStream(Data(file)), CompressionMode.Decompress);
            var (above, row) = (new byte[width * channels], new byte[width * channels]);
            Dictionary<int, int> colours = [];
            for (var y = 0; y < height; y++)
            {
                var filter = data.ReadByte();
                data.ReadExactly(row);
                Unfilter(filter, row, above, channels);
                for (var x = 0; x < row.Length; x += channels)
                {
                    var colour = (row[x] << 16) | (row[x + 1] << 8) | row[x + 2];
                    colours[colour] = colours.GetValueOrDefault(colour) + 1;
                }

                (above, row) = (row, above);
            }

            return colours;
        }

        private static int Number(byte[] file, int at) => BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));

        private static byte[] Data(byte[] file)
        {
            using var data = new MemoryStream();
            for (var at = 8; at < file.Length; at += Number(file, at) + 12)
            {
                if (file.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8))
                {
                    data.Write(file, at + 8, Number(file, at));
                }
            }

            return data.ToArray();
        }

        private static void Unfilter(int filter, byte[] row, byte[] above, int channels)
        {
            for (var i = 0; i < row.Length; i++)
            {
                var (left, up, corner) = (i < channels ? 0 : row[i - channels], above[i], i < channels ? 0 : above[i - channels]);
                row[i] += (byte)(filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, 4 => Paeth(left, up, corner), _ => 0 });
            }
        }

        private static int Paeth(int left, int up, int corner)
        {
            var guess = left + up - corner;
            var (a, b, c) = (Math.Abs(guess - left), Math.Abs(guess - up), Math.Abs(guess - corner));
            return a <= b && a <= c ? left : b <= c ? up : corner;
        }
    }
}
