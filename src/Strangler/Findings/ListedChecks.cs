using System.Globalization;
using Strangler.Mapping;

namespace Strangler.Findings;

/// <summary>
/// Two ends of one link: a list that names entities, and their reference that should lead back. An end that says nothing is no contradiction; it
/// is told as what it is.
/// </summary>
internal static class ListedChecks
{
    public static IEnumerable<string> Evidence(
        DeclaredFinding finding, ListedIds listed, long id, Record record, DeclaredReference reference, FindingTargets targets)
    {
        var target = reference.Targets[0];
        foreach (var (named, row) in listed.Of(record).DistinctBy(one => one.Id))
        {
            var said = (finding.Check, targets.Find(target, named)) switch
            {
                (FindingCheck.ListedNoTarget, { IsThere: false }) => "is not there",
                (FindingCheck.ListedOneSided, { Record: { } there }) => OneSided(there, reference),
                (FindingCheck.ListedDenied, { Record: { } there }) => Denied(finding, row, id, there, reference),
                _ => null,
            };
            if (said is not null)
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"{listed.List} names {named}; {FindingTargets.Name(target)} {named} {said}");
            }
        }
    }

    private static string? OneSided(Record there, DeclaredReference reference) =>
        there[reference.Field] is Hidden ? $"does not tell its {reference.Field}"
        : there.Integer(reference.Field) == 0 ? $"has no {reference.Field}"
        : null;

    // Values of personal fields stay out: only that they differ.
    private static string? Denied(DeclaredFinding finding, object?[] row, long id, Record there, DeclaredReference reference)
    {
        if (there[reference.Field] is not Hidden && there.Integer(reference.Field) is var other && other != 0 && other != id)
        {
            return string.Create(CultureInfo.InvariantCulture, $"has the {reference.Field} {other}");
        }

        return finding.Same is { } same && IsAnything(row[same]) && IsAnything(there.Visible(finding.Other!)) && !Record.ValuesEqual(row[same], there.Visible(finding.Other!))
            ? $"has another {finding.Other}"
            : null;
    }

    private static bool IsAnything(object? value) => value is not (null or "" or 0L);
}
