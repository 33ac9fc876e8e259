using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using System.Xml.Linq;

namespace Strangler.Service.Http.Dashboard;

/// <summary>
/// Pages as trees: every text and every attribute's value is encoded when the tree is written, in this one place, so that what comes out of a database is
/// shown and never interpreted.
/// </summary>
internal static class Html
{
    private static readonly FrozenSet<string> Void = FrozenSet.Create(StringComparer.Ordinal, "meta", "link", "input", "br", "rect", "line", "path", "hr");

    // Letters of all scripts stay as they are; what has a meaning in HTML does not.
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <param name="name">The element.</param>
    /// <param name="content">Attributes (<see cref="A"/>), elements, texts; null is nothing.</param>
    public static XElement E(string name, params ReadOnlySpan<object?> content) => new(name, content.ToArray());

    /// <summary>An attribute; null: there is none.</summary>
    public static XAttribute? A(string name, object? value) => value is null or false ? null
        : new XAttribute(name, value is true ? name : Convert.ToString(value, CultureInfo.InvariantCulture)!);

    public static XAttribute Class(string names) => new("class", names);

    public static XElement Link(string href, object text) => E("a", A("href", href), text);

    public static string N(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A span of time for people.</summary>
    public static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } when span > TimeSpan.Zero => "< 1 s",
        { TotalSeconds: < 120 } => Text($"{span.TotalSeconds:0} s"),
        { TotalMinutes: < 120 } => Text($"{span.TotalMinutes:0} min"),
        { TotalHours: < 48 } => Text($"{span.TotalHours:0} h"),
        _ => Text($"{span.TotalDays:0} d"),
    };

    /// <summary>
    /// A table; on a phone each row stands by itself, with its headings at its cells. What it is to a screen reader is said, since a style that takes a table apart
    /// takes that away as well.
    /// </summary>
    /// <param name="headings">With # before those of numbers.</param>
    /// <param name="rows">A cell for each heading.</param>
    /// <param name="classes">Of the table.</param>
    public static XElement Table(IEnumerable<string> headings, IEnumerable<IEnumerable<object?>> rows, string? classes = null) => E(
        "div", Class("scroll"), E(
            "table", A("class", classes), A("role", "table"),
            E("thead", E("tr", A("role", "row"), headings.Select(heading => E(
                "th", A("scope", "col"), A("role", "columnheader"), heading.StartsWith('#') ? Class("n") : null, heading.TrimStart('#'))))),
            E("tbody", rows.Select(row => E("tr", A("role", "row"), row.Zip(headings, (cell, heading) => E(
                "td", A("role", "cell"), A("data-label", heading.TrimStart('#')), heading.StartsWith('#') ? Class("n") : null, cell)))))));

    public static string Render(XElement page)
    {
        var text = new StringBuilder("<!DOCTYPE html>\n");
        Write(text, page);
        return text.Append('\n').ToString();
    }

    private static void Write(StringBuilder text, XElement element)
    {
        text.Append('<').Append(element.Name.LocalName);
        foreach (var attribute in element.Attributes())
        {
            text.Append(' ').Append(attribute.Name.LocalName).Append("=\"").Append(Encoder.Encode(attribute.Value)).Append('"');
        }

        text.Append('>');
        if (Void.Contains(element.Name.LocalName))
        {
            if (element.Name.LocalName is "rect" or "line" or "path")
            {
                text.Append("</").Append(element.Name.LocalName).Append('>');
            }

            return;
        }

        foreach (var node in element.Nodes())
        {
            if (node is XElement child)
            {
                Write(text, child);
            }
            else if (node is XText inner)
            {
                text.Append(Encoder.Encode(inner.Value));
            }
        }

        text.Append("</").Append(element.Name.LocalName).Append('>');
    }
}
