using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using NUnit.Framework;

namespace Strangler.Tests.Doubles;

/// <summary>A Chromium that shows a file. Without one on the machine the test is ignored.</summary>
internal static class Browser
{
    /// <summary>One run without network; what it prints.</summary>
    /// <param name="folder">For its profile.</param>
    /// <param name="arguments">What it is to do.</param>
    public static string Run(string folder, params IEnumerable<string> arguments)
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
            $"--user-data-dir={Path.Combine(folder, "profile")}" }.Concat(arguments))
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

    /// <summary>How many pixels of each colour a screenshot has: as much of PNG as a browser's uses, 8 bits a channel, three or four of them, no interlace.</summary>
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
