namespace Strangler.Capture;

/// <summary>What one program did to one table within one day.</summary>
/// <param name="User">The database user and the host that it came from, <c>foc@10.0.3.7</c>.</param>
/// <param name="Program">The program's name as it told the server; empty where the server does not say, or it was gone too soon to be asked.</param>
/// <param name="Table">The legacy table.</param>
/// <param name="Event"><c>INSERT</c>, <c>UPDATE</c> or <c>DELETE</c>.</param>
/// <param name="Column">
/// A column that the statement changed in any of its rows; empty for the statements altogether. <see cref="Unknown"/>,
/// <see cref="Unnoted"/>: the table's shape had changed.
/// </param>
/// <param name="Writes">Statements that changed the table, however many rows.</param>
/// <param name="FirstUtc">By legacy's clock.</param>
/// <param name="LastUtc">By legacy's clock.</param>
public sealed record CensusEntry(
    string User, string Program, string Table, string Event, string Column, long Writes, DateTime FirstUtc, DateTime LastUtc)
{
    /// <summary>Instead of a column: which ones, nobody can tell.</summary>
    public const string Unknown = "?";

    /// <summary>Instead of a column: which entities, nobody can tell, so they are not brought over.</summary>
    public const string Unnoted = "!";
}

/// <summary>How long other writers have been counted.</summary>
/// <param name="SinceUtc">Since when every captured table has had its triggers; null: one has none.</param>
/// <param name="NowUtc">Legacy's clock.</param>
public sealed record CensusWatch(DateTime? SinceUtc, DateTime NowUtc);

/// <summary>
/// Who else writes legacy, as the capture triggers note it: an insert-only table that the relays empty into sums, so that no two programs
/// ever wait for one counter. Counts while capture counts: not in LegacyOnly, nor what no trigger sees.
/// </summary>
public interface ICensus
{
    /// <summary>
    /// Adds up to <paramref name="limit"/> notes to the sums, and removes them. Returns how many; while another process is at it, nothing is done
    /// and 0 returned. <paramref name="onUnnoted"/> is told, before they are removed, of which tables there were writes whose entities nobody
    /// can tell; if it fails, nothing is removed.
    /// </summary>
    Task<int> CollectAsync(int limit, CancellationToken cancellationToken, Func<IReadOnlyList<string>, Task>? onUnnoted = null);

    /// <summary>Forgets the sums of days that are longer ago than <paramref name="age"/>, at most <paramref name="limit"/> of them. Returns how many.</summary>
    Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken);

    /// <summary>The sums, with what is not added up yet. With a moment: of that day and later, and seen since. Each entry is one day's.</summary>
    Task<IReadOnlyList<CensusEntry>> ReadAsync(DateTime? sinceUtc, CancellationToken cancellationToken);

    /// <summary>How long that has been going on.</summary>
    Task<CensusWatch> WatchAsync(CancellationToken cancellationToken);
}
