using System.Globalization;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace Strangler.Cli.Terminal;

/// <summary>Log events as plain lines on the run's error stream: never a colour code, and in tests the same stream as everything else.</summary>
internal sealed class LogLines(TextWriter error) : ILogEventSink
{
    private static readonly MessageTemplateTextFormatter Format =
        new("{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}", CultureInfo.InvariantCulture);

    private readonly Lock _lock = new();

    public void Emit(LogEvent logEvent)
    {
        using var line = new StringWriter(CultureInfo.InvariantCulture);
        Format.Format(logEvent, line);
        lock (_lock)
        {
            error.Write(line.ToString());
        }
    }
}
