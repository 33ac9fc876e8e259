using System.Globalization;
using Strangler.Findings;
using Strangler.Mapping;

namespace Strangler.Cli.Terminal;

/// <summary>A mapping verification for people and as JSON: counts, places and reasons, never values.</summary>
internal static class VerificationText
{
    public static IEnumerable<string> Lines(string kind, MappingVerification result, int limit)
    {
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{kind}: {result.Rows:N0} rows, {result.Readable:N0} readable, {result.Unreadable:N0} unreadable, {result.Violations:N0} violations of a law");
        foreach (var line in Counts("Unreadable (quarantine):", result.UnreadableBy.Select(entry => ($"{entry.Key.Place}: {entry.Key.Reason}", entry.Value)), limit)
                     .Concat(Counts("Hidden by legacy's form:", result.HiddenBy.Select(entry => (entry.Key, entry.Value)), limit))
                     .Concat(Counts("Copies that disagree with their field:", result.DisagreeingMirrors.Select(entry => (entry.Key, entry.Value)), limit))
                     .Concat(Counts("The new side cannot hold:", result.RefusedByNew.Select(entry => (entry.Key, entry.Value)), limit))
                     .Concat(Counts("Trial changes that legacy refused by name:", result.TrialsRefused.Select(entry => (entry.Key, entry.Value)), limit)))
        {
            yield return line;
        }

        foreach (var row in result.Quarantined.Take(limit))
        {
            yield return $"  ! id {row.Id}: {row.Place}: {row.Reason}";
        }

        if (result.Unreadable + result.RefusedByNew.Values.Sum() - Math.Min(limit, result.Quarantined.Count) is > 0 and var unlisted)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"  … and {unlisted:N0} more");
        }

        foreach (var violation in result.Samples.Take(limit))
        {
            yield return $"  ✗ id {violation.Id}: {violation.Law} at {violation.Field}";
        }
    }

    /// <summary>Damage that the mapping declares; nothing where it declares none.</summary>
    public static IEnumerable<string> Lines(string context, FindingsResult damage)
    {
        foreach (var line in Counts("Known damage, carried over as it is:", damage.Counts.Select(one => (one.Key, one.Value)), int.MaxValue))
        {
            yield return line;
        }

        foreach (var reason in damage.NotAsked)
        {
            yield return $"  not asked: {reason}";
        }

        if (damage.Total > 0)
        {
            yield return $"  row by row: strangler mapping findings {context}";
        }
    }

    public static object Json(string context, string kind, MappingVerification result, FindingsResult damage) => new
    {
        context,
        kind,
        result.Rows,
        result.Readable,
        result.Unreadable,
        result.Violations,
        unreadable_by = result.UnreadableBy.Select(entry => new { entry.Key.Place, entry.Key.Reason, count = entry.Value }),
        quarantined = result.Quarantined,
        hidden_by = result.HiddenBy,
        disagreeing_mirrors = result.DisagreeingMirrors,
        refused_by_new = result.RefusedByNew,
        trials_refused = result.TrialsRefused,
        samples = result.Samples,
        findings = damage.Counts,
        findings_not_asked = damage.NotAsked,
    };

    private static IEnumerable<string> Counts(string heading, IEnumerable<(string What, long Count)> counts, int limit)
    {
        var ordered = counts.OrderByDescending(entry => entry.Count).ThenBy(entry => entry.What, StringComparer.Ordinal).ToList();
        if (ordered.Count > 0)
        {
            yield return heading;
        }

        foreach (var (what, count) in ordered.Take(limit))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"  {count,9:N0}  {what}");
        }

        if (ordered.Count > limit)
        {
            yield return $"  … and {ordered.Count - limit} more";
        }
    }
}
