using System.Globalization;
using System.Text;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>What happened in a schedule, in order. Kept only when a schedule is run again to be looked at.</summary>
internal sealed class Trace(TestTimeProvider time)
{
    private readonly StringBuilder _text = new();
    private readonly DateTimeOffset _began = time.GetUtcNow();

    public void Add(InMemorySides process, SideName side, string step, bool before) =>
        Say($"  {process.Name}: {side.ToString().ToLowerInvariant()}.{step} {(before ? "…" : "done")}");

    public void Say(string what) =>
        _text.Append(CultureInfo.InvariantCulture, $"{(time.GetUtcNow() - _began).TotalSeconds,10:0.000}  {what}\n");

    public override string ToString() => _text.ToString();
}
