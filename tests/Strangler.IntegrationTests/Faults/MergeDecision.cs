using System.Globalization;
using System.Text.RegularExpressions;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Merging;

namespace Strangler.IntegrationTests.Faults;

/// <summary>A decision of a declared owner about what both sides had changed, as the audit trail tells it.</summary>
/// <param name="Key">The entity's, as text.</param>
/// <param name="Fields">Names with winners.</param>
/// <param name="After">Writes of the new side after this version,</param>
/// <param name="UpTo">up to this one, were at stake.</param>
/// <param name="AtUtc">When, by the new side's clock.</param>
internal sealed partial record MergeDecision(string Key, string Fields, EntityVersion After, EntityVersion UpTo, DateTime AtUtc)
{
    public static MergeDecision? Of(AuditEntry entry) => entry.Action == "merge" && Text().Match(entry.Detail) is { Success: true } match
        ? new MergeDecision(match.Groups[1].Value, $", {match.Groups[2].Value},", Version(match, 3), Version(match, 5), entry.AtUtc)
        : null;

    /// <summary>Whether another program's change has kept the entity although the new side deleted it.</summary>
    public bool HasRevived => Fields.Contains($" {FieldMerge.Existence} = legacy,", StringComparison.Ordinal);

    /// <summary>Whether it says that a write of the new side to this field is gone.</summary>
    public bool GaveUp(string field, EntityVersion version) =>
        (HasRevived || Fields.Contains($" {field} = legacy,", StringComparison.Ordinal)) && version > After && version <= UpTo;

    private static EntityVersion Version(Match match, int at) => new(
        long.Parse(match.Groups[at].ValueSpan, CultureInfo.InvariantCulture), long.Parse(match.Groups[at + 1].ValueSpan, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"\A(\S+ \d+): (.*); the new side's writes after (\d+)\.(\d+) up to (\d+)\.(\d+), other programs' after \d+ up to \d+\z")]
    private static partial Regex Text();
}
