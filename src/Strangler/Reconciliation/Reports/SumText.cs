using System.Globalization;

namespace Strangler.Reconciliation;

/// <summary>Amounts and groups of business sums in words.</summary>
public static class SumText
{
    public static string Amount(decimal amount, bool isMoney) =>
        (isMoney ? amount / 100m : amount).ToString(isMoney ? "N2" : "N0", CultureInfo.InvariantCulture);

    public static string Group(SumGroup group, string separator = " / ") =>
        group.Values.Count == 0 ? "all" : string.Join(separator, group.Values);

    /// <summary>The totals, the differing groups, and what is in no group; one line each.</summary>
    public static IEnumerable<string> Lines(BusinessSum sum)
    {
        yield return $"  {sum.Name}: {Side("legacy", sum.Total.LegacyCount, sum.Total.LegacyAmount, sum)}, "
            + $"{Side("new", sum.Total.NewCount, sum.Total.NewAmount, sum)}; {Difference(sum)}";
        foreach (var group in sum.Differing.Take(20))
        {
            yield return $"    {Group(group)}: {Side("legacy", group.LegacyCount, group.LegacyAmount, sum)}, "
                + $"{Side("new", group.NewCount, group.NewAmount, sum)}; {Drift(group, sum)}";
        }

        if (sum.Differing.Count > 20)
        {
            yield return Text($"    … and {sum.Differing.Count - 20:N0} more groups");
        }

        foreach (var line in Apart(sum))
        {
            yield return $"    {line}";
        }
    }

    /// <summary>What the groups leave out, and why.</summary>
    public static IEnumerable<string> Apart(BusinessSum sum)
    {
        if (sum.Open.LegacyCount + sum.Open.NewCount > 0)
        {
            yield return $"in flight, in no group: {Side("legacy", sum.Open.LegacyCount, sum.Open.LegacyAmount, sum)}, "
                + Side("new", sum.Open.NewCount, sum.Open.NewAmount, sum);
        }

        if (sum.Unreadable > 0)
        {
            yield return Text($"cannot be read, in no group: {sum.Unreadable:N0}");
        }

        if (sum.Unmapped > 0)
        {
            yield return Text($"without a public id, in no group: {sum.Unmapped:N0}");
        }

        if (sum.Truncated)
        {
            yield return "there are more groups than are listed";
        }
    }

    /// <summary>How the sides differ in the total, or that they don't in any group.</summary>
    public static string Difference(BusinessSum sum)
    {
        var explained = sum.Total.ExplainedCount != 0 || sum.Total.ExplainedAmount != 0
            ? $" beside declared differences of {Signed(sum.Total.ExplainedCount)} and {Signed(sum.Total.ExplainedAmount, sum.IsMoney)}"
            : "";
        return sum.Differing.Count == 0
            ? Text($"equal in all {sum.GroupCount:N0} groups{explained}")
            : Text($"{sum.Differing.Count:N0} of {sum.GroupCount:N0} groups differ, {Drift(sum.Total, sum)}{explained}");
    }

    private static string Drift(SumGroup group, BusinessSum sum) =>
        $"difference {Signed(group.DriftCount)} and {Signed(group.DriftAmount, sum.IsMoney)}";

    private static string Side(string name, long count, decimal amount, BusinessSum sum) =>
        Text($"{name} {count:N0} with {Amount(amount, sum.IsMoney)}");

    public static string Signed(long count) => count > 0 ? Text($"+{count:N0}") : Text($"{count:N0}");

    public static string Signed(decimal amount, bool isMoney) => (amount > 0 ? "+" : "") + Amount(amount, isMoney);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
