using System.Globalization;
using Strangler.Mapping;

namespace Strangler.Capture;

/// <summary>What a writer does to one table.</summary>
/// <param name="Table">The legacy table.</param>
/// <param name="Writes">Statements by event.</param>
/// <param name="Columns">Changed columns by name with their number of statements, the most often changed first.</param>
/// <param name="FirstUtc">By legacy's clock.</param>
/// <param name="LastUtc">By legacy's clock.</param>
public sealed record WrittenTable(
    string Table, IReadOnlyDictionary<string, long> Writes, IReadOnlyList<KeyValuePair<string, long>> Columns, DateTime FirstUtc, DateTime LastUtc);

/// <summary>Another program that writes legacy.</summary>
/// <param name="User">Database user and host.</param>
/// <param name="Program">Its name; empty where it is not known.</param>
/// <param name="Owner">Who answers for it, today; null: nobody.</param>
/// <param name="Expired">A declaration that covers it, had it not ended; null when there is none.</param>
/// <param name="Tables">What it writes.</param>
/// <param name="Writes">Statements.</param>
/// <param name="FirstUtc">First seen.</param>
/// <param name="LastUtc">Last seen.</param>
public sealed record ForeignWriter(
    string User, string Program, DeclaredWriter? Owner, DeclaredWriter? Expired, IReadOnlyList<WrittenTable> Tables, long Writes, DateTime FirstUtc,
    DateTime LastUtc);

/// <summary>From single sums to writers. Pure.</summary>
public static class CensusRules
{
    /// <summary>By user and program, the one that was seen last first.</summary>
    public static IReadOnlyList<ForeignWriter> Group(
        IEnumerable<CensusEntry> entries, IReadOnlyList<DeclaredWriter> declared, DateTime nowUtc) =>
    [
        .. entries.GroupBy(entry => (entry.User, entry.Program)).Select(writer =>
        {
            var today = DateOnly.FromDateTime(nowUtc);
            var rows = writer.Where(entry => entry.Column.Length == 0).ToList();
            return new ForeignWriter(
                writer.Key.User,
                writer.Key.Program,
                declared.FirstOrDefault(one => one.Covers(writer.Key.User, today)),
                declared.FirstOrDefault(one => !one.Covers(writer.Key.User, today) && one.Covers(writer.Key.User, one.Until)),
                [.. writer.GroupBy(entry => entry.Table).OrderBy(table => table.Key, StringComparer.Ordinal).Select(Table)],
                rows.Sum(entry => entry.Writes),
                writer.Min(entry => entry.FirstUtc),
                writer.Max(entry => entry.LastUtc));
        }).OrderByDescending(writer => writer.LastUtc),
    ];

    /// <summary>A writer in a few words.</summary>
    public static string Describe(ForeignWriter writer) => string.Create(
        CultureInfo.InvariantCulture,
        $"{NameOf(writer)}: {string.Join(", ", writer.Tables.Select(table => table.Table))}, {writer.Writes:N0} ")
        + string.Create(
            CultureInfo.InvariantCulture, $"{(writer.Writes == 1 ? "statement" : "statements")}, last {writer.LastUtc:yyyy-MM-dd HH:mm} UTC");

    private static string NameOf(ForeignWriter writer) =>
        writer.Program.Length > 0 ? $"{writer.User} ({writer.Program})" : writer.User;

    private static WrittenTable Table(IGrouping<string, CensusEntry> table) => new(
        table.Key,
        table.Where(entry => entry.Column.Length == 0).GroupBy(entry => entry.Event)
            .ToDictionary(on => on.Key, on => on.Sum(entry => entry.Writes), StringComparer.Ordinal),
        [
            .. table.Where(entry => entry.Column.Length > 0).GroupBy(entry => entry.Column)
                .Select(column => KeyValuePair.Create(column.Key, column.Sum(entry => entry.Writes)))
                .OrderByDescending(column => column.Value).ThenBy(column => column.Key, StringComparer.Ordinal),
        ],
        table.Min(entry => entry.FirstUtc),
        table.Max(entry => entry.LastUtc));
}
