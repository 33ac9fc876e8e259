namespace Strangler.Schemas;

/// <summary>
/// Legacy's tables are not as the mapping says. Nothing was written; it concerns no single entity, and passes when the tables fit again or
/// the mapping is corrected.
/// </summary>
public sealed class SchemaMismatchException : Exception
{
    /// <param name="context">The context.</param>
    /// <param name="differences">What is different, with places in the mapping file.</param>
    public SchemaMismatchException(string context, IReadOnlyList<SchemaDifference> differences)
        : base($"The legacy tables of {context} are not as its mapping says; nothing is brought over until they are: "
            + $"{string.Join("; ", differences)}. Correct the mapping or the tables; check with: strangler mapping lint --against-database") =>
        (Context, Differences) = (context, differences);

    /// <param name="context">The context.</param>
    /// <param name="message">What the server said.</param>
    /// <param name="cause">Its error.</param>
    public SchemaMismatchException(string context, string message, Exception cause)
        : base($"The legacy tables of {context} are not as its mapping says: {message}; correct the mapping, the tables or the connection string's database. "
            + "Every difference: strangler mapping lint --against-database", cause) =>
        (Context, Differences) = (context, []);

    public string Context { get; }

    /// <summary>Empty where only a statement's failure told.</summary>
    public IReadOnlyList<SchemaDifference> Differences { get; }
}
