using Strangler.Mapping;

namespace Strangler.Schemas;

/// <summary>A column as the database has it.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name.</param>
/// <param name="SqlType">The type without its length, in lower case.</param>
/// <param name="Length">Characters of text, bytes of binary, digits of a second's fraction; 0 for others.</param>
/// <param name="Unsigned">Of whole numbers.</param>
/// <param name="Nullable">Whether it may be NULL.</param>
/// <param name="CharacterSet">Of text; null for others.</param>
/// <param name="MustBeGiven">An insert that leaves it out fails: NOT NULL, without a default, and the database makes no value.</param>
public sealed record ActualColumn(
    string Table, string Name, string SqlType, long Length, bool Unsigned, bool Nullable, string? CharacterSet, bool MustBeGiven)
{
    /// <summary>The names of the indexes that begin with it.</summary>
    public IReadOnlyList<string> Indexes { get; init; } = [];

    /// <summary>
    /// Whether it can be what a mapping declares, where the server's types are others than the mapping's words; null: it has to be of that very type.
    /// </summary>
    public Func<DeclaredColumn, bool>? StandsFor { get; init; }

    /// <summary>Whether a name that differs in case alone is another one.</summary>
    public bool HasExactName { get; init; }
}

/// <summary>A table of legacy's, and how many rows it has.</summary>
public sealed record TableRows(string Table, long Rows);

/// <summary>The tables of legacy's database as they are now.</summary>
public interface ILegacyTables
{
    /// <summary>The columns of those of the tables that there are, in the tables' order. Costs a look at the data dictionary.</summary>
    Task<IReadOnlyList<ActualColumn>> ColumnsAsync(IReadOnlyCollection<string> tables, CancellationToken cancellationToken);

    /// <summary>All tables but ours, in the order of their names, each with its rows counted exactly: that costs a walk over an index of each.</summary>
    Task<IReadOnlyList<TableRows>> CountAllAsync(CancellationToken cancellationToken);
}
