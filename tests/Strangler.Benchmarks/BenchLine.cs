using System.Globalization;
using System.Text.Json;

namespace Strangler.Benchmarks;

/// <summary>One line of the table.</summary>
/// <param name="What">Ours / the bare way.</param>
/// <param name="Target">In words; empty for figures that are only shown.</param>
/// <param name="Good">Whether a ratio meets the target; null without one.</param>
/// <param name="Ratio">The median.</param>
/// <param name="Low">The lowest round's.</param>
/// <param name="High">The highest round's.</param>
/// <param name="Detail">The absolute figures.</param>
internal sealed record BenchLine(string What, string Target, Func<double, bool>? Good, double? Ratio, double? Low, double? High, string Detail)
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public string Word => Good is null || Ratio is null ? "" : Good(Ratio.Value) ? "pass" : "MISS";

    public static BenchLine AtMost(string what, double target, Turns turns, string detail) =>
        new(what, string.Create(CultureInfo.InvariantCulture, $"≤ {target:0.00}"), ratio => ratio <= target, turns.Ratio, turns.Low, turns.High, detail);

    public static BenchLine AtLeast(string what, double target, Turns turns, string detail) =>
        new(what, string.Create(CultureInfo.InvariantCulture, $"≥ {target:0.00}"), ratio => ratio >= target, turns.Ratio, turns.Low, turns.High, detail);

    public static BenchLine Shown(string what, Turns turns, string detail) => new(what, "", null, turns.Ratio, turns.Low, turns.High, detail);

    public static BenchLine Shown(string what, string detail) => new(what, "", null, null, null, null, detail);

    public static void Write(IReadOnlyList<BenchLine> lines)
    {
        string[][] cells =
        [
            ["what", "target", "measured", "rounds", "", "figures"],
            .. lines.Select(line => new[] { line.What, line.Target, Number(line.Ratio), Spread(line), line.Word, line.Detail }),
        ];
        var widths = Enumerable.Range(0, cells[0].Length).Select(column => cells.Max(row => row[column].Length)).ToArray();
        foreach (var row in cells)
        {
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => column == row.Length - 1 ? cell : cell.PadRight(widths[column]))));
        }
    }

    private static string Number(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";

    private static string Spread(BenchLine line) => line.Low is null ? "" : $"{Number(line.Low)} – {Number(line.High)}";
}
