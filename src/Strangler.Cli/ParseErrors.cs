using System.CommandLine;
using System.Text.RegularExpressions;

namespace Strangler.Cli;

/// <summary>What is wrong with a command line, in sentences that name the thing.</summary>
internal static partial class ParseErrors
{
    public static IEnumerable<string> Of(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var named = parsed.UnmatchedTokens.Count > 0;
        foreach (var message in parsed.Errors.Select(problem => problem.Message).Distinct())
        {
            if (message.StartsWith("Required command", StringComparison.Ordinal))
            {
                yield return $"{(named ? $"There is no command '{parsed.UnmatchedTokens[0]}'" : "No command is given")}; "
                    + $"there are: {string.Join(", ", command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name))}.";
            }
            else if (message.StartsWith("Required argument missing for command", StringComparison.Ordinal))
            {
                var missing = command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument)?.Tokens.Count is null or 0);
                yield return $"Missing: {string.Join(", ", missing.Select(argument => $"<{argument.Name}> ({argument.Description})"))}.";
            }
            else if (message.StartsWith("Unrecognized", StringComparison.Ordinal))
            {
                // Said by the first branch where subcommands are wanted.
                if (!command.Subcommands.Any(sub => !sub.Hidden) || command.Action is not null)
                {
                    yield return $"{message.TrimEnd('.')}.".Replace("Unrecognized command or argument", "Not understood:", StringComparison.Ordinal);
                }
            }
            else
            {
                yield return NumberType().Replace(message, ": a whole number is expected");
            }
        }
    }

    [GeneratedRegex(@" as expected type 'System\.(Nullable`1\[)?(System\.)?U?Int\d+\]?'")]
    private static partial Regex NumberType();
}
