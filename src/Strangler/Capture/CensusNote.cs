using System.Globalization;

namespace Strangler.Capture;

/// <summary>What a capture trigger has noted of one statement of another program.</summary>
/// <param name="Id">Of the note.</param>
/// <param name="Table">The legacy table.</param>
/// <param name="Event"><c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c> or <c>TRUNCATE</c>.</param>
/// <param name="Columns">
/// The changed columns of an update, with commas between them; behind a comma, more of a statement that has a note of its own already.
/// <see cref="CensusEntry.Unknown"/>, <see cref="CensusEntry.Unnoted"/>: nobody can tell.
/// </param>
/// <param name="Writer">The database user and where he came from.</param>
/// <param name="Program">The program's name; empty where it is not known.</param>
/// <param name="WrittenUtc">By legacy's clock.</param>
public sealed record CensusNote(long Id, string Table, string Event, string Columns, string Writer, string Program, DateTime WrittenUtc)
{
    private bool IsMore => Columns.StartsWith(',');

    private IEnumerable<string> Names => Columns.Split(',', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The tables of which there were writes whose entities nobody can tell.</summary>
    public static IReadOnlyList<string> UnnotedTables(IEnumerable<CensusNote> notes) =>
        [.. notes.Where(note => note.Columns == CensusEntry.Unnoted).Select(note => note.Table).Distinct()];

    /// <summary>Added up by day, writer, table, event and column; in an order that all who add to the same sums share.</summary>
    public static IEnumerable<(string Day, CensusEntry Entry)> Sums(IEnumerable<CensusNote> notes) =>
        notes.SelectMany(note => note.IsMore ? note.Names : note.Names.Prepend(""), (note, column) => (Note: note, Column: column))
            .GroupBy(one => (
                Day: one.Note.WrittenUtc.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), one.Note.Writer, one.Note.Program, one.Note.Table,
                one.Note.Event, one.Column))
            .OrderBy(group => group.Key)
            .Select(group => (group.Key.Day, new CensusEntry(
                group.Key.Writer, group.Key.Program, group.Key.Table, group.Key.Event, group.Key.Column, group.LongCount(),
                group.Min(one => one.Note.WrittenUtc), group.Max(one => one.Note.WrittenUtc))));
}
