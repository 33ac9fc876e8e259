using Strangler.Cutover;

namespace Strangler.Cli.Terminal;

/// <summary>Gates in lines for people: a table's columns would be cut where it matters, in the values and cures.</summary>
internal static class GateText
{
    public static string Line(Gate gate) =>
        $"  {(gate.Passed ? "open  " : "CLOSED")}  {gate.Name}: {gate.Value} (required: {gate.Required}){(gate.Passed || gate.Cure.Length == 0 ? "" : $"  Cure: {gate.Cure}")}";
}
