using System.Text.Json;
using Spectre.Console;

namespace Strangler.Cli.Terminal;

/// <summary>Where a command's results go: a terminal with colours and bars, plain lines when piped, or one JSON document.</summary>
internal sealed class Output
{
    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() },
    };

    public Output(bool json, TextWriter standard, TextWriter error, bool interactive)
    {
        IsJson = json;
        Standard = standard;
        Error = error;
        IsInteractive = interactive && !json;
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(standard),
            Ansi = IsInteractive ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = Colours(Environment.GetEnvironmentVariable),
            Interactive = IsInteractive ? InteractionSupport.Yes : InteractionSupport.No,
        });
        if (!IsInteractive)
        {
            Console.Profile.Width = 160;
        }
    }

    /// <summary>No colours where <c>NO_COLOR</c> is set to anything (no-color.org); else what the terminal can.</summary>
    internal static ColorSystemSupport Colours(Func<string, string?> environment) =>
        string.IsNullOrEmpty(environment("NO_COLOR")) ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors;

    public bool IsJson { get; }

    /// <summary>Whether bars may be drawn and questions asked.</summary>
    public bool IsInteractive { get; }

    public TextWriter Standard { get; }

    public TextWriter Error { get; }

    public IAnsiConsole Console { get; }

    /// <summary>A line for people; nothing under --json.</summary>
    public void Line(string text)
    {
        if (!IsJson)
        {
            Standard.WriteLine(text);
        }
    }

    /// <summary>A step of long work; goes to the error stream when the result is JSON, so that the result stays clean.</summary>
    public void Step(string text) => (IsJson ? Error : Standard).WriteLine(text);

    /// <summary>The result as JSON.</summary>
    public void Json(object value) => Standard.WriteLine(JsonSerializer.Serialize(value, JsonOptions));

    /// <summary>The result under --json, a line for people otherwise.</summary>
    public void Result(object json, string line)
    {
        if (IsJson)
        {
            Json(json);
        }
        else
        {
            Standard.WriteLine(line);
        }
    }

    /// <summary>A table for people: cells wrap on a terminal; when piped, columns are as wide as they need, so that nothing is cut.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (!IsInteractive)
        {
            PlainTable([headings, .. rows]);
            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        foreach (var heading in headings)
        {
            table.AddColumn(Markup.Escape(heading));
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(cell => (Spectre.Console.Rendering.IRenderable)new Text(cell))]);
        }

        Console.Write(table);
    }

    private void PlainTable(IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Count).Select(column => rows.Max(row => row[column].Length)).ToList();
        foreach (var row in rows)
        {
            Standard.WriteLine(string.Join("  ", row.Select((cell, column) => cell.ReplaceLineEndings(" ").PadRight(widths[column]))).TrimEnd());
        }
    }
}
