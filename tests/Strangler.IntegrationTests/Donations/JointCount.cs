using System.Diagnostics.Metrics;

namespace Strangler.IntegrationTests.Donations;

/// <summary>How many writes of this process have brought the follower along in their own transaction.</summary>
internal sealed class JointCount : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _count;

    public JointCount()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Strangler", Name: "strangler.inline_applies" })
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, measurement, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag.Value is "joint")
                {
                    Interlocked.Add(ref _count, measurement);
                }
            }
        });
        _listener.Start();
    }

    public long Count => Interlocked.Read(ref _count);

    public void Dispose() => _listener.Dispose();
}
