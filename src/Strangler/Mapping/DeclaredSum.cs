namespace Strangler.Mapping;

/// <summary>How a time is cut when a sum is split by it.</summary>
public enum SumPeriod
{
    /// <summary>Not at all: the field is no time.</summary>
    None,
    Day,
    Month,
    Year,
}

/// <summary>One field that a sum is split by.</summary>
/// <param name="Field">A boolean, code, integer, timestamp or date field; never personal.</param>
/// <param name="Per">Of times, and only of them.</param>
public sealed record SumDimension(string Field, SumPeriod Per)
{
    public override string ToString() => Per == SumPeriod.None ? Field : $"{Field} per {Per.ToString().ToLowerInvariant()}";
}

/// <summary>
/// What finance would add up by hand: the count of entities and the sum of an amount, split by some fields. A reconciliation makes it on
/// both sides from the
/// records that it compares.
/// </summary>
/// <param name="Kind">The kind of entity.</param>
/// <param name="Name">Unique within the kind.</param>
/// <param name="Amount">A money or integer field; never personal.</param>
/// <param name="By">One or more.</param>
public sealed record DeclaredSum(string Kind, string Name, string Amount, IReadOnlyList<SumDimension> By);
