namespace Strangler.Mapping;

/// <summary>What becomes of a legacy table.</summary>
public enum TableFate
{
    /// <summary>Each of its rows is an entity.</summary>
    Migrated,

    /// <summary>Its rows are parts of entities.</summary>
    Folded,

    /// <summary>It goes on as it is.</summary>
    Kept,

    /// <summary>It ends with legacy.</summary>
    Dropped,
}

/// <summary>What a mapping file says of a legacy table that no kind of it reads, or not all rows of.</summary>
/// <param name="Table">The table; it need not be there.</param>
/// <param name="Fate"><see cref="TableFate.Kept"/> or <see cref="TableFate.Dropped"/>.</param>
/// <param name="Reason">Why.</param>
public sealed record DeclaredFate(string Table, TableFate Fate, string Reason);
