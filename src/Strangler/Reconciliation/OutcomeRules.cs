namespace Strangler.Reconciliation;

/// <summary>From verdicts to outcome to exit code.</summary>
public static class OutcomeRules
{
    /// <summary>The exit code of a run that could not be carried out.</summary>
    public const int CouldNotRun = 2;

    /// <summary>Whether the verdict makes a run <see cref="ReconciliationOutcome.Drift"/>. An unreadable row does unless its quarantine
    /// entry is signed off.</summary>
    public static bool IsDrift(Verdict verdict) =>
        verdict is Verdict.Drift or Verdict.LostObligation or Verdict.Regression or Verdict.MissingInNew
        or Verdict.MissingInLegacy or Verdict.Unmapped or Verdict.Uncaptured or Verdict.Unreadable;

    /// <summary>Whether the verdict leaves the question open.</summary>
    public static bool IsOpen(Verdict verdict) => verdict is Verdict.InFlight or Verdict.Lagging;

    /// <summary>How many entities make a run <see cref="ReconciliationOutcome.Drift"/>.</summary>
    /// <param name="counts">Entities per verdict; a missing verdict is 0.</param>
    /// <param name="signedOff">How many of the unreadable ones are signed off.</param>
    public static long Drifting(IReadOnlyDictionary<Verdict, long> counts, long signedOff) =>
        counts.Where(count => IsDrift(count.Key)).Sum(count => count.Value) - signedOff;

    /// <param name="counts">Entities per verdict; a missing verdict is 0.</param>
    /// <param name="signedOff">How many of the unreadable ones are signed off.</param>
    public static ReconciliationOutcome Of(IReadOnlyDictionary<Verdict, long> counts, long signedOff)
    {
        if (counts.Any(count => IsDrift(count.Key) && count.Value > (count.Key == Verdict.Unreadable ? signedOff : 0)))
        {
            return ReconciliationOutcome.Drift;
        }

        return counts.Any(count => IsOpen(count.Key) && count.Value > 0) ? ReconciliationOutcome.Inconclusive : ReconciliationOutcome.Clean;
    }

    /// <summary>0 clean, 1 drift, 3 inconclusive (2 is <see cref="CouldNotRun"/>).</summary>
    public static int ExitCode(ReconciliationOutcome outcome) => outcome switch
    {
        ReconciliationOutcome.Clean => 0,
        ReconciliationOutcome.Drift => 1,
        ReconciliationOutcome.Inconclusive => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, null),
    };

    /// <summary>The exit code of several runs: whether one could not be carried out comes first, then drift, then an open question. 0 of
    /// none.</summary>
    public static int Worst(IEnumerable<int> codes) => codes.DefaultIfEmpty(0).MaxBy(Severity);

    /// <summary>The one that <see cref="Worst(IEnumerable{int})"/> would choose; of at least one.</summary>
    public static ReconciliationOutcome Worst(IEnumerable<ReconciliationOutcome> outcomes) => outcomes.MaxBy(outcome => Severity(ExitCode(outcome)));

    /// <summary>Orders exit codes as <see cref="Worst(IEnumerable{int})"/> does.</summary>
    public static int Severity(int code) => code switch
    {
        0 => 0,
        3 => 1,
        1 => 2,
        _ => 3,
    };

    /// <summary>As stored in the history: <c>clean</c>, <c>drift</c>, <c>inconclusive</c>.</summary>
    public static string Name(ReconciliationOutcome outcome) => outcome switch
    {
        ReconciliationOutcome.Clean => "clean",
        ReconciliationOutcome.Drift => "drift",
        ReconciliationOutcome.Inconclusive => "inconclusive",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, null),
    };
}
