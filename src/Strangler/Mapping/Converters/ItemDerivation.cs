namespace Strangler.Mapping.Converters;

/// <summary>
/// What one item of a list's rows says beside itself, taken apart by code: columns of the new side that one can ask by. Nothing of it is ever written to
/// legacy. One instance serves many threads.
/// </summary>
public abstract class ItemDerivation
{
    /// <summary>How it reads, in sentences: part of <c>strangler mapping explain</c>.</summary>
    public abstract string Description { get; }

    /// <summary>
    /// Fills in its items, in the order in which the mapping file lists them; what cannot be told for certain stays null. Of a code, what the code list calls
    /// legacy; a word that is not there becomes the list's default. Takes any value of the source's type, never throws, and says the same of the same for as
    /// long as the mapping's version stands: hashes of it are stored.
    /// </summary>
    public abstract void Derive(object source, Span<object?> values);
}

/// <summary>What a derivation takes and gives.</summary>
/// <param name="From">The type of the item that it reads.</param>
/// <param name="Items">The types of the items that it fills, in order.</param>
public sealed record DerivationShape(FieldType From, IReadOnlyList<FieldType> Items);
