using System.Globalization;
using System.Xml.Linq;

namespace Strangler.Reconciliation;

/// <summary>
/// Charts as inline SVG: no script, no other file; each number stands beside its bar, so that nothing has to be guessed from lengths.
/// </summary>
public static class HtmlCharts
{
    private const int Width = 760;
    private const int RowHeight = 24;
    private const int LabelWidth = 250;
    private const int NumberWidth = 110;

    /// <summary>One horizontal bar a row.</summary>
    public static XElement Bars(string title, IReadOnlyList<(string Label, long Value, string Class)> rows)
    {
        var most = Math.Max(1, rows.Max(row => row.Value));
        var svg = Svg(title, (rows.Count * RowHeight) + 4);
        foreach (var (at, (label, value, kind)) in rows.Index())
        {
            var y = (at * RowHeight) + 4;
            var length = value == 0 ? 0 : Math.Max(2, (double)value / most * (Width - LabelWidth - NumberWidth));
            svg.Add(
                Text(LabelWidth - 10, y + 14, label, "end"),
                new XElement("rect", new XAttribute("x", LabelWidth), Number("y", y), Number("width", length), Number("height", 18),
                    new XAttribute("class", kind)),
                Text(LabelWidth + length + 6, y + 14, value.ToString("N0", CultureInfo.InvariantCulture), "start"));
        }

        return svg;
    }

    /// <summary>One column a run, oldest first, with the number above and the run's id below.</summary>
    public static XElement Columns(string title, IReadOnlyList<(string Label, long Value, string Class, string Hint)> columns)
    {
        const int height = 200, top = 24, bottom = 26;
        var most = Math.Max(1, columns.Max(column => column.Value));
        var step = (double)Width / Math.Max(columns.Count, 12);
        var svg = Svg(title, height);
        svg.Add(new XElement("line", Number("x1", 0), Number("x2", Width), Number("y1", height - bottom), Number("y2", height - bottom),
            new XAttribute("class", "axis")));
        foreach (var (at, (label, value, kind, hint)) in columns.Index())
        {
            var length = value == 0 ? 2 : Math.Max(3, (double)value / most * (height - top - bottom));
            var middle = (at + 0.5) * step;
            svg.Add(
                new XElement("rect", Number("x", (at * step) + (step * 0.15)), Number("y", height - bottom - length),
                    Number("width", step * 0.7), Number("height", length),
                    new XAttribute("class", kind), new XElement("title", hint)),
                Text(middle, height - bottom - length - 6, value.ToString("N0", CultureInfo.InvariantCulture), "middle"),
                Text(middle, height - 8, label, "middle"));
        }

        return svg;
    }

    /// <summary>
    /// Lines over time, oldest on the left; a point that is not known interrupts its line, one that stands alone is a dot. The highest value stands at the axis,
    /// each line's name and last value beside its colour below: a colour is never all that tells two lines apart.
    /// </summary>
    /// <param name="title">What is shown.</param>
    /// <param name="description">What there is to see, in words.</param>
    /// <param name="from">Below the axis, on the left.</param>
    /// <param name="until">Likewise on the right.</param>
    /// <param name="lines">Up to six, each with as many points; of <c>class</c> <c>a</c> to <c>f</c>, dashed differently.</param>
    /// <param name="show">A value for people.</param>
    public static XElement Lines(
        string title, string description, string from, string until, IReadOnlyList<(string Name, IReadOnlyList<double?> Points)> lines, Func<double, string> show)
    {
        const int height = 190, top = 26, bottom = 26, left = 4;
        var most = lines.SelectMany(line => line.Points).Max() is { } highest and > 0 ? highest : 1;
        var svg = Svg(title, height + (lines.Count * RowHeight), description);
        svg.Add(
            Axis(height - bottom), Axis(top), Text(left, top - 8, show(most), "start"), Text(left, height - 6, from, "start"), Text(Width - left, height - 6, until, "end"));
        foreach (var (at, (name, points)) in lines.Index())
        {
            var kind = new XAttribute("class", $"line {(char)('a' + at)}");
            var y = height + (at * RowHeight);
            svg.Add(Pieces(points, most, top, height - bottom).Select(path => new XElement("path", kind, new XAttribute("d", path))));
            svg.Add(new XElement("path", kind, new XAttribute("d", string.Create(CultureInfo.InvariantCulture, $"M{left} {y + 8}h28"))));
            svg.Add(Text(left + 36, y + 13, $"{name}: {(points is [.., { } last] ? show(last) : "not known")}", "start"));
        }

        return svg;
    }

    private static XElement Axis(int y) =>
        new("line", Number("x1", 0), Number("x2", Width), Number("y1", y), Number("y2", y), new XAttribute("class", "axis"));

    private static IEnumerable<string> Pieces(IReadOnlyList<double?> points, double most, int top, int bottom)
    {
        var step = (double)Width / Math.Max(1, points.Count - 1);
        List<string> piece = [];
        foreach (var (at, value) in points.Append(null).Index())
        {
            if (value is { } known)
            {
                piece.Add(string.Create(CultureInfo.InvariantCulture, $"{at * step:0.#} {bottom - (known / most * (bottom - top)):0.#}"));
            }
            else if (piece.Count > 0)
            {
                yield return $"M{string.Join('L', piece)}{(piece.Count == 1 ? "h2" : "")}";
                piece = [];
            }
        }
    }

    private static XElement Svg(string title, int height, string? description = null) => new(
        "svg",
        new XAttribute("role", "img"),
        new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {Width} {height}")),
        new XElement("title", title), description is null ? null : new XElement("desc", description));

    private static XElement Text(double x, double y, string text, string anchor) =>
        new("text", Number("x", x), Number("y", y), new XAttribute("text-anchor", anchor), text);

    private static XAttribute Number(string name, double value) => new(name, value.ToString("0.##", CultureInfo.InvariantCulture));
}
