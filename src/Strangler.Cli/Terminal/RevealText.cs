using System.Globalization;
using Strangler.Reconciliation;

namespace Strangler.Cli.Terminal;

/// <summary>Clear values on the terminal, and only there: no file of a report ever holds them.</summary>
internal static class RevealText
{
    public static void Show(Output output, ReconciliationReport report, Revelation revelation)
    {
        if (output.IsJson)
        {
            output.Json(new { context = report.Context, kind = report.Kind, run = report.RunId, values = revelation.Values,
                entities = revelation.Entities });
            return;
        }

        foreach (var entity in revelation.Entities)
        {
            output.Line(Text($"{entity.Id} {entity.Verdict}"));
            foreach (var field in entity.Fields)
            {
                output.Line($"  {field.Field}: legacy {field.Legacy}, new {field.New}");
            }
        }

        output.Line(Text($"{revelation.Values:N0} values of {revelation.Entities.Count:N0} entities, as both sides hold them now. This was audited."));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
