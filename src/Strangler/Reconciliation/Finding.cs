namespace Strangler.Reconciliation;

/// <summary>What <see cref="Classifier"/> says of one observation of both sides; a fact only once it has been seen twice (PROTOCOL
/// §8.4).</summary>
/// <param name="Verdict">Null: neither side has the entity and neither should; not counted as an entity.</param>
/// <param name="Fields">Ordinals of the fields that differ and that nobody has declared.</param>
/// <param name="Explained">Ordinals of the fields that differ as declared.</param>
/// <param name="Note">What the verdict rests on, in words; never values.</param>
/// <param name="Richer">Whether the new side holds values that legacy cannot express, whatever else the verdict says.</param>
internal sealed record Finding(Verdict? Verdict, IReadOnlyList<int> Fields, IReadOnlyList<int> Explained, string Note, bool Richer = false)
{
    public static readonly Finding Gone = new(null, [], [], "");

    public static readonly Finding Matched = new(Reconciliation.Verdict.Matched, [], [], "");

    public static Finding Of(Verdict verdict, string note) => new(verdict, [], [], note);

    /// <summary>Whether one observation suffices: equal versions name the same state, so these can't be an accident of two
    /// snapshots.</summary>
    public bool IsFinal => Verdict is null or Reconciliation.Verdict.Matched or Reconciliation.Verdict.Explained
        or Reconciliation.Verdict.NotComparable or Reconciliation.Verdict.Unreadable;

    /// <summary>Whether the key is merely behind: may resolve by itself, and is never drift.</summary>
    public bool IsBehind => Verdict is Reconciliation.Verdict.InFlight or Reconciliation.Verdict.Lagging;
}
