using System.Globalization;
using Spectre.Console;

namespace Strangler.Cli.Terminal;

/// <summary>One state of long work.</summary>
/// <param name="What">What is being done.</param>
/// <param name="Done">Units done.</param>
/// <param name="Total">Units in all; 0 = unknown.</param>
/// <param name="Rate">Units a second.</param>
/// <param name="Left">Time left, if known.</param>
/// <param name="Note">Why it pauses, counts …</param>
internal readonly record struct WorkState(string What, long Done, long Total, double Rate, TimeSpan? Left, string Note = "");

/// <summary>Shows long work: a bar that is redrawn on a terminal, a plain line every few seconds when piped.</summary>
internal sealed class ProgressLine(Output output, TimeProvider time) : IProgress<WorkState>, IDisposable
{
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainEvery = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private long _last;
    private bool _drawn;

    public void Report(WorkState value)
    {
        lock (_lock)
        {
            var every = output.IsInteractive ? Redraw : PlainEvery;
            if (_last != 0 && time.GetElapsedTime(_last) < every)
            {
                return;
            }

            _last = time.GetTimestamp();
            if (output.IsInteractive)
            {
                Draw(value);
            }
            else
            {
                output.Error.WriteLine(Plain(value));
            }
        }
    }

    /// <summary>Ends the bar's line.</summary>
    public void Dispose()
    {
        if (_drawn)
        {
            output.Standard.Write("\r\u001b[K");
        }
    }

    private void Draw(WorkState state)
    {
        var share = state.Total > 0 ? Math.Clamp((double)state.Done / state.Total, 0, 1) : 0;
        const int width = 24;
        var filled = (int)(share * width);
        var bar = new string('█', filled) + new string('░', width - filled);
        var line = $"\r{bar} {Plain(state)}";
        var limit = Math.Max(40, AnsiConsole.Profile.Width - 1);
        output.Standard.Write((line.Length > limit ? line[..limit] : line) + "\u001b[K");
        _drawn = true;
    }

    private static string Plain(WorkState state)
    {
        var total = state.Total > 0 ? string.Create(CultureInfo.InvariantCulture, $" of {state.Total:N0} ({100.0 * state.Done / state.Total:0} %)") : "";
        var left = state.Left is { } time ? $", {Humane(time)} left" : "";
        var note = state.Note.Length > 0 ? $" · {state.Note}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{state.What} {state.Done:N0}{total}, {state.Rate:N0}/s{left}{note}");
    }

    private static string Humane(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes} min")
        : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds} s")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds)} s");
}
