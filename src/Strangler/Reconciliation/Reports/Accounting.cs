using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>
/// The sum that shows that nothing was left out: each side's rows are the sum of its verdicts, and the database counts as many.
/// </summary>
/// <param name="Side">Which side.</param>
/// <param name="Rows">Entities of the side that the walk saw.</param>
/// <param name="Parts">Those of each verdict; only such as are not 0.</param>
/// <param name="CountedBefore">The table's rows before the run, as the database counts them; null when it was not asked.</param>
/// <param name="CountedAfter">Likewise after the run.</param>
public sealed record Accounting(
    SideName Side, long Rows, IReadOnlyList<(Verdict Verdict, long Count)> Parts, long? CountedBefore, long? CountedAfter)
{
    /// <summary>
    /// Whether walk and count agree. Writers between the two make them differ without a fault: then before and after differ as well, or a
    /// run without writers tells. Null: not counted.
    /// </summary>
    public bool? AddsUp => CountedBefore is not { } before || CountedAfter is not { } after
        ? null
        : Rows >= Math.Min(before, after) && Rows <= Math.Max(before, after);

    public static Accounting Of(ReconciliationReport report, SideName side)
    {
        var counts = side == SideName.Legacy ? report.LegacyCounts : report.NewCounts;
        return new Accounting(
            side,
            side == SideName.Legacy ? report.LegacyRows : report.NewRows,
            [.. Enum.GetValues<Verdict>().Where(verdict => counts.GetValueOrDefault(verdict) > 0).Select(verdict =>
                (verdict, counts[verdict]))],
            side == SideName.Legacy ? report.Tables?.LegacyBefore : report.Tables?.NewBefore,
            side == SideName.Legacy ? report.Tables?.LegacyAfter : report.Tables?.NewAfter);
    }

    /// <summary><c>20,481 legacy rows = 20,470 Matched + 11 Unreadable; the database counts 20,481</c>.</summary>
    public override string ToString()
    {
        var parts = Parts.Count == 0 ? "0" : string.Join(" + ", Parts.Select(part => Text($"{part.Count:N0} {part.Verdict}")));
        return Text($"{Rows:N0} {Classifier.Name(Side)} rows = {parts}") + Counted();
    }

    private string Counted() => AddsUp switch
    {
        null => "",
        _ when CountedBefore == CountedAfter && AddsUp == true => Text($"; the database counts {CountedBefore:N0}"),
        true => Text($"; the database counted {CountedBefore:N0} before and {CountedAfter:N0} after, as there were writers"),
        false when CountedBefore == CountedAfter => Text($"; THE DATABASE COUNTS {CountedBefore:N0}: run it again without writers"),
        false => Text($"; THE DATABASE COUNTED {CountedBefore:N0} BEFORE AND {CountedAfter:N0} AFTER: run it again without writers"),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
