namespace Strangler.Mapping;

/// <summary>A difference between the sides that someone answers for: it explains a finding until its last day, and is drift again after it.</summary>
/// <param name="Field">The record's field, in which any difference is explained.</param>
/// <param name="Owner">Who answers for it.</param>
/// <param name="Reason">Why the sides differ there.</param>
/// <param name="Until">Its last day (UTC), inclusive.</param>
public sealed record DeclaredDifference(string Field, string Owner, string Reason, DateOnly Until)
{
    /// <summary>The kind of entity that it was declared for; null: any that has the field.</summary>
    public string? Kind { get; init; }

    public bool CoversOn(DateOnly day) => day <= Until;
}
