using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.EventLog.Mapping;

/// <summary>Who, from which program and what, out of a line of a log, as <see cref="EventLine"/> takes it apart.</summary>
internal sealed class EventLineDerivation : ItemDerivation
{
    public static readonly DerivationShape Shape = new(FieldType.Text, [FieldType.Text, FieldType.Text, FieldType.Code]);

    public override string Description =>
        $"""
        "… by user: NAME" names who did it, and was written by the back office ({EventLine.BackOffice}). "NAME: …" with a name without blanks names the
        program. What was done is the rest, up to a bracket or a colon, behind which stands what differs from line to line.
        """.ReplaceLineEndings(" ");

    public override void Derive(object source, Span<object?> values)
    {
        var line = EventLine.Of(default, (string)source);
        (values[0], values[1], values[2]) = (line.Program, line.Who, line.Act);
    }
}

/// <summary>The derivation <c>event-line</c> that a context's mapping file may name.</summary>
public static class EventLogDerivations
{
    /// <summary>Adds it to a registry and returns that.</summary>
    public static ConverterRegistry AddEventLog(this ConverterRegistry registry) =>
        registry.AddDerivation("event-line", EventLineDerivation.Shape, new EventLineDerivation());
}
