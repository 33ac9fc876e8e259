using System.Text.Json;

namespace Strangler.Reconciliation;

/// <summary>A stored run without its report.</summary>
/// <param name="Id">Its number.</param>
/// <param name="BeganUtc">By the new side's clock.</param>
/// <param name="EndedUtc">Null while it runs, or when its process died.</param>
/// <param name="Full">Whether every entity was compared.</param>
/// <param name="Outcome"><c>clean</c>, <c>drift</c>, <c>inconclusive</c>; empty while it runs.</param>
/// <param name="Scope">In words: <c>donation: all</c>.</param>
/// <param name="Counts">Entities per verdict; empty while it runs.</param>
public sealed record RunSummary(
    long Id, DateTime BeganUtc, DateTime? EndedUtc, bool Full, string Outcome, string Scope, IReadOnlyDictionary<Verdict, long> Counts)
{
    public long Entities => Counts.Values.Sum();

    /// <summary>Unreadable ones that are signed off: they spoil nothing.</summary>
    public long SignedOff { get; init; }

    /// <summary>Entities that count as drift; of a clean run 0.</summary>
    public long Drift => OutcomeRules.Drifting(Counts, SignedOff);

    public TimeSpan? Duration => EndedUtc - BeganUtc;

    /// <summary>From the <c>counts</c> of a report; what this build does not know is left out. Null or empty: none.</summary>
    public static IReadOnlyDictionary<Verdict, long> CountsOf(string? json)
    {
        Dictionary<Verdict, long> counts = [];
        if (string.IsNullOrEmpty(json))
        {
            return counts;
        }

        using var document = JsonDocument.Parse(json);
        foreach (var count in document.RootElement.EnumerateObject())
        {
            if (Enum.TryParse<Verdict>(count.Name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var verdict))
            {
                counts[verdict] = count.Value.GetInt64();
            }
        }

        return counts;
    }
}
