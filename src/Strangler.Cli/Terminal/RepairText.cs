using System.Globalization;
using Strangler.Reconciliation;

namespace Strangler.Cli.Terminal;

/// <summary>A repair in lines for people. Values of personal fields arrive masked.</summary>
internal static class RepairText
{
    public static string Line(RepairStep step)
    {
        var fields = string.Join("; ", step.Fields.Select(field => $"{field.Field}: legacy {field.Legacy}, new {field.New}"));
        var note = step.Note.Length > 0 ? $" ({step.Note})" : "";
        return $"{step.Id} {step.Verdict?.ToString() ?? "Gone"}: {step.Outcome}{note}{(fields.Length > 0 ? $" · {fields}" : "")}";
    }

    public static string Summary(RepairResult result)
    {
        var counts = result.Counts.Where(count => count.Value > 0).Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Value:N0} {count.Key}"));
        var recheck = result.Recheck is { } report ? $"; looked at again: {report.Outcome}" : "";
        return $"{(result.DryRun ? "Dry run: " : "")}{string.Join(", ", counts)}{recheck}";
    }
}
