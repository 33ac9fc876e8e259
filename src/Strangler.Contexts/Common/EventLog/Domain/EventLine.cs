using System.Text.RegularExpressions;

namespace Strangler.Contexts.Common.EventLog;

/// <summary>
/// One line of the history that an entity carries, taken apart: who did what, when, from which program. The programs write text; what a text does not
/// say is "", and the text itself is always there.
/// </summary>
/// <param name="At">Civil time of the organisation, in whole seconds.</param>
/// <param name="What">What was done, in the program's own words.</param>
/// <param name="Who">The user who did it; "" when nobody is named.</param>
/// <param name="Program">Which program wrote it; "" when it does not say.</param>
/// <param name="Text">The line as it was written.</param>
public sealed partial record EventLine(DateTime At, string What, string Who, string Program, string Text)
{
    /// <summary>What the back office is called: its lines name a user and no program.</summary>
    public const string BackOffice = "back_office";

    /// <summary>What was done, without what differs from line to line: in brackets, or behind a colon.</summary>
    public string Act => What.AsSpan().IndexOfAny('(', ':') is var end and >= 0 ? What[..end].TrimEnd() : What;

    /// <summary>Takes any text.</summary>
    public static EventLine Of(DateTime at, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return ByUser().Match(text) is { Success: true } user ? new(at, user.Groups["what"].Value, user.Groups["who"].Value, BackOffice, text)
            : ByProgram().Match(text) is { Success: true } program ? new(at, program.Groups["what"].Value, "", program.Groups["program"].Value, text)
            : new(at, text, "", "", text);
    }

    // "marked as approved and anonymized by user: erika". A name may hold anything, so that the first "by user" decides.
    [GeneratedRegex(@"\A(?<what>.+?) by user: (?<who>.+)\z", RegexOptions.Singleline)]
    private static partial Regex ByUser();

    // "paypal_handler: booked". Only what the programs call themselves: a note that begins with a word and a colon names none.
    [GeneratedRegex(@"\A(?<program>frontend|[a-z][a-z0-9_]*_(?:handler|use_case)): (?<what>.+)\z", RegexOptions.Singleline)]
    private static partial Regex ByProgram();
}
