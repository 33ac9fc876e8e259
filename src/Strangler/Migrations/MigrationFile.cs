using System.Security.Cryptography;
using System.Text;
using Strangler.DualWrite;

namespace Strangler.Migrations;

/// <summary>Where a migration is applied, by its header <c>-- side: legacy|new|both</c>. Without the header: new.</summary>
[Flags]
public enum MigrationSides
{
    Legacy = 1,
    New = 2,
    Both = Legacy | New,
}

/// <summary>
/// A file <c>migrations/&lt;context&gt;/&lt;store&gt;/NNNN_name.sql</c>: steps of one statement each, separated by lines <c>-- step</c>.
/// Once applied it is never edited.
/// </summary>
/// <param name="Context">The folder's context; <c>strangler</c> holds the side tables.</param>
/// <param name="Name">The file's name without its extension; files of a context are applied in its order.</param>
/// <param name="Path">Where it was read.</param>
/// <param name="Sides">Where it is applied.</param>
/// <param name="Steps">The statements.</param>
public sealed record MigrationFile(string Context, string Name, string Path, MigrationSides Sides, IReadOnlyList<string> Steps)
{
    private const string StepLine = "-- step";
    private const string SideHeader = "-- side:";

    /// <summary>SHA-256 of the steps, in hexadecimal. Line ends and blanks at line ends don't count: git may change them.</summary>
    public string Checksum { get; } = ChecksumOf(Steps);

    /// <summary>Of the first <paramref name="steps"/> steps: what is left of a file that was interrupted may still be corrected.</summary>
    public string PrefixChecksum(int steps) => ChecksumOf(Steps.Take(steps));

    public bool AppliesTo(SideName side) => Sides.HasFlag(side == SideName.Legacy ? MigrationSides.Legacy : MigrationSides.New);

    /// <summary>Parses a file's text. Throws <see cref="MigrationException"/> for an unknown side or an empty step.</summary>
    public static MigrationFile Parse(string context, string name, string path, string text)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd()).ToList();
        var sides = MigrationSides.New;
        List<string> steps = [];
        List<string> step = [];
        foreach (var line in lines)
        {
            if (line.StartsWith(SideHeader, StringComparison.OrdinalIgnoreCase))
            {
                sides = SidesOf(line[SideHeader.Length..].Trim(), path);
            }
            else if (line.Equals(StepLine, StringComparison.OrdinalIgnoreCase))
            {
                End();
            }
            else
            {
                step.Add(line);
            }
        }

        End();
        return new MigrationFile(context, name, path, sides, steps);

        void End()
        {
            var statement = string.Join('\n', step).Trim().TrimEnd(';').TrimEnd();
            step.Clear();
            if (SqlText.WithoutComments(statement).Trim().Length == 0)
            {
                throw new MigrationException($"{path}: step {steps.Count + 1} has no statement.");
            }

            steps.Add(statement);
        }
    }

    private static MigrationSides SidesOf(string word, string path) => word.ToLowerInvariant() switch
    {
        "legacy" => MigrationSides.Legacy,
        "new" => MigrationSides.New,
        "both" => MigrationSides.Both,
        _ => throw new MigrationException($"{path}: '-- side: {word}'; it must be legacy, new or both."),
    };

    private static string ChecksumOf(IEnumerable<string> steps) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join($"\n{StepLine}\n", steps))));
}

/// <summary>A migration that cannot be read, planned or applied. The message names the file and what to do.</summary>
public sealed class MigrationException : Exception
{
    public MigrationException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
