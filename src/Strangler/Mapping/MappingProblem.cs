namespace Strangler.Mapping;

/// <summary>One mistake in a mapping file.</summary>
/// <param name="File">The file's name as it was given.</param>
/// <param name="Line">From 1; 0 when the whole file is meant.</param>
/// <param name="Column">From 1; 0 when the whole file is meant.</param>
/// <param name="Field">The field, table, column or code list concerned; "" where none is.</param>
/// <param name="Message">What is wrong and what would be right.</param>
public sealed record MappingProblem(string File, int Line, int Column, string Field, string Message)
{
    /// <summary><c>donations.xml:12:7: donor.email: …</c>, the form that editors make a link of.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}: {(Field.Length == 0 ? "" : Field + ": ")}{Message}";
}

/// <summary>A mapping file that cannot be used. Names everything that is wrong with it at once.</summary>
public sealed class MappingException(IReadOnlyList<MappingProblem> problems)
    : Exception($"{problems.Count} problem(s) in the mapping:{Environment.NewLine}{string.Join(Environment.NewLine, problems)}")
{
    /// <summary>By file and place.</summary>
    public IReadOnlyList<MappingProblem> Problems { get; } = problems;
}
