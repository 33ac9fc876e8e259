using System.Globalization;
using Strangler.Cli.Terminal;

namespace Strangler.Cli.Demo;

/// <summary>The computed end of the demo: each line compares what was found with what must be.</summary>
internal sealed class DemoSummary
{
    private readonly List<(string What, string Found, string Expected, bool Good)> _lines = [];

    public bool AllGood => _lines.All(line => line.Good);

    public void Check(string what, long found, long expected) =>
        _lines.Add((what, found.ToString("N0", CultureInfo.InvariantCulture), expected.ToString("N0", CultureInfo.InvariantCulture), found == expected));

    public void Check(string what, string found, string expected) => _lines.Add((what, found, expected, found == expected));

    /// <summary>A line that holds when the number is above 0.</summary>
    public void Some(string what, long found) => _lines.Add((what, found.ToString("N0", CultureInfo.InvariantCulture), "> 0", found > 0));

    public void AtMost(string what, long found, long limit, string unit) => _lines.Add(
        (what, string.Create(CultureInfo.InvariantCulture, $"{found:N0} {unit}"), string.Create(CultureInfo.InvariantCulture, $"≤ {limit:N0} {unit}"), found <= limit));

    public void Write(Output output)
    {
        if (output.IsJson)
        {
            output.Json(_lines.Select(line => new { what = line.What, found = line.Found, expected = line.Expected, good = line.Good }));
            return;
        }

        output.Table(["ok", "what", "found", "expected"], _lines.Select(line => (IReadOnlyList<string>)[line.Good ? "yes" : "NO", line.What, line.Found, line.Expected]));
    }
}
