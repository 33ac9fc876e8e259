using System.Globalization;

namespace Strangler.Mongo.Bson;

/// <summary>Bytes that are no BSON document, or text that is no Extended JSON. The message has the place and what is wrong there, never a
/// value.</summary>
public sealed class BsonFormatException : FormatException
{
    private const int LongestPath = 200;

    /// <param name="problem">What is wrong.</param>
    /// <param name="offset">Bytes from the start of the outermost document, or of the text.</param>
    /// <param name="path">Field names to the place, separated by dots; empty for the outermost document itself.</param>
    /// <param name="cause">What was thrown below.</param>
    public BsonFormatException(string problem, long offset, string path, Exception? cause = null)
        : base(Compose(problem, offset, path), cause) => (Problem, Offset, Path) = (problem, offset, Shown(path));

    /// <summary>What is wrong, without the place.</summary>
    public string Problem { get; }

    /// <summary>Bytes from the start of the outermost document, or of the text.</summary>
    public long Offset { get; }

    /// <summary>Field names to the place, separated by dots; empty for the outermost document itself.</summary>
    public string Path { get; }

    private static string Compose(string problem, long offset, string path) => string.Create(CultureInfo.InvariantCulture,
        $"{problem} (at byte {offset}{(path.Length == 0 ? "" : ", in " + Shown(path))})");

    // Names come from whoever wrote the bytes.
    private static string Shown(string path)
    {
        var shown = path.Length <= LongestPath ? path : path[..LongestPath] + "…";
        return string.Concat(shown.Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }
}
