using System.Xml;
using System.Xml.Linq;

namespace Strangler.Mapping;

/// <summary>Where something stands in a mapping file.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
public sealed record MappingPlace(string File, int Line, int Column)
{
    /// <summary>The place of an element that was read with its lines; 0 where it was not.</summary>
    public static MappingPlace Of(string file, XElement at) =>
        at is IXmlLineInfo place ? new(file, place.LineNumber, place.LinePosition) : new(file, 0, 0);
}

/// <summary>A legacy column as the mapping file declares it.</summary>
/// <param name="Name">As in the database.</param>
/// <param name="SqlType">The declared type without its length, in lower case: <c>varchar</c>.</param>
/// <param name="Length">Of <c>char</c>, <c>varchar</c>, <c>binary</c> and <c>varbinary</c>; 0 for others.</param>
/// <param name="Unsigned">Of whole numbers.</param>
/// <param name="Nullable">Whether it may be NULL.</param>
/// <param name="At">Its place in the file.</param>
public sealed record DeclaredColumn(string Name, string SqlType, int Length, bool Unsigned, bool Nullable, MappingPlace At);

/// <summary>A legacy table as the mapping file declares it.</summary>
/// <param name="Name">As in the database.</param>
/// <param name="KeyColumn">A whole number, not among <paramref name="Columns"/>; or a natural key, which is.</param>
/// <param name="CharacterSet"><c>utf8</c> (three bytes) or <c>utf8mb4</c>; null where the file does not say.</param>
/// <param name="Columns">In the order of the file.</param>
/// <param name="At">Its place in the file.</param>
public sealed record DeclaredTable(
    string Name, string KeyColumn, string? CharacterSet, IReadOnlyList<DeclaredColumn> Columns, MappingPlace At)
{
    /// <summary>Columns that stay in legacy by declaration: known, and none of the mapping's business.</summary>
    public IReadOnlyList<string> Staying { get; init; } = [];

    /// <summary>
    /// A column that the database allots to each row that is inserted: the own key of a table of many rows, the key of shared rows.
    /// </summary>
    public string? OwnKey { get; init; }

    /// <summary>The index that must begin with <see cref="KeyColumn"/>; null where none is needed.</summary>
    public string? Index { get; init; }
}

/// <summary>A program that may go on writing legacy tables, since someone answers for it until a day.</summary>
/// <param name="User">The database user, <c>foc</c>, or with the host it comes from, <c>foc@10.0.*</c>; <c>*</c> stands for
/// anything.</param>
/// <param name="Owner">Who answers for it.</param>
/// <param name="Reason">Why it still writes.</param>
/// <param name="Until">The last day (UTC), inclusive.</param>
public sealed record DeclaredWriter(string User, string Owner, string Reason, DateOnly Until)
{
    /// <summary>Whether the writer is meant; a pattern without a host means any host.</summary>
    public bool Covers(string writer, DateOnly day) =>
        day <= Until && Matches(User.Contains('@', StringComparison.Ordinal) ? User : User + "@*", writer);

    private static bool Matches(string pattern, string text)
    {
        var parts = pattern.Split('*');
        if (parts.Length == 1)
        {
            return text == pattern;
        }

        if (!text.StartsWith(parts[0], StringComparison.Ordinal))
        {
            return false;
        }

        var at = parts[0].Length;
        foreach (var part in parts[1..^1])
        {
            if (text.IndexOf(part, at, StringComparison.Ordinal) is var found && found < 0)
            {
                return false;
            }

            at = found + part.Length;
        }

        return text.Length - at >= parts[^1].Length && text.EndsWith(parts[^1], StringComparison.Ordinal);
    }
}
