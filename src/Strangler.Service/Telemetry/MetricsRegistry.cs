using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Strangler.Service.Telemetry;

/// <summary>
/// What the instruments of the engine and of this service have measured, as Prometheus reads it (text format 0.0.4). A gauge that is observed shows
/// what there is at that moment, and nothing of what has gone.
/// </summary>
public sealed class MetricsRegistry : IDisposable
{
    /// <summary>The content type of <see cref="Render"/>.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const string Engine = "Strangler";
    private static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<Instrument, Family> _families = new();
    private readonly Lock _rendering = new();

    /// <param name="own">Meters of this service's own; those of others that run in the same process are not listened to.</param>
    public MetricsRegistry(params IReadOnlyList<Meter> own)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Engine || own.Contains(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, one => new Family(one)));
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, state) => ((Family)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, state) => ((Family)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, state) => ((Family)state!).Measure(value, tags));
        _listener.Start();
    }

    /// <summary>Names of all metrics, whether anything has been measured yet or not; of a histogram the name without its endings.</summary>
    public IReadOnlyList<string> Names => [.. _families.Values.Select(family => family.Name).Order(StringComparer.Ordinal)];

    public string Render()
    {
        lock (_rendering)
        {
            foreach (var family in _families.Values.Where(family => family.IsObserved))
            {
                family.Clear();
            }

            _listener.RecordObservableInstruments();
            var text = new StringBuilder();
            foreach (var family in _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal))
            {
                family.Write(text);
            }

            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private sealed class Family(Instrument instrument)
    {
        private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);

        // The same by the tags as they come: their text is made once, not with every measurement.
        private readonly ConcurrentDictionary<Tags, Series> _byTags = new();
        private readonly string _type = TypeOf(instrument);

        public string Name { get; } = NameOf(instrument);

        public bool IsObserved => instrument.IsObservable;

        public void Clear()
        {
            _series.Clear();
            _byTags.Clear();
        }

        public void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var series = Of(tags);
            lock (series)
            {
                series.Value = _type == "counter" ? series.Value + value : value;
                if (_type == "histogram")
                {
                    series.Add(value);
                }
            }
        }

        private Series Of(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.Length > Tags.AtMost)
            {
                return _series.GetOrAdd(Labels(tags), _ => new Series());
            }

            var key = Tags.Of(tags);
            return _byTags.TryGetValue(key, out var known) ? known : _byTags.GetOrAdd(key, _series.GetOrAdd(Labels(tags), _ => new Series()));
        }

        public void Write(StringBuilder text)
        {
            if (_series.IsEmpty)
            {
                return;
            }

            text.Append("# HELP ").Append(Name).Append(' ').Append(Escaped(instrument.Description ?? "")).Append('\n');
            text.Append("# TYPE ").Append(Name).Append(' ').Append(_type).Append('\n');
            foreach (var (labels, series) in _series.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                lock (series)
                {
                    if (_type == "histogram")
                    {
                        WriteHistogram(text, labels, series);
                    }
                    else
                    {
                        Line(text, Name, labels, series.Value);
                    }
                }
            }
        }

        private void WriteHistogram(StringBuilder text, string labels, Series series)
        {
            var separator = labels.Length == 0 ? "" : ",";
            for (var at = 0; at < Bounds.Length; at++)
            {
                Line(text, $"{Name}_bucket", $"{labels}{separator}le=\"{Number(Bounds[at])}\"", series.Buckets[at]);
            }

            Line(text, $"{Name}_bucket", $"{labels}{separator}le=\"+Inf\"", series.Count);
            Line(text, $"{Name}_sum", labels, series.Sum);
            Line(text, $"{Name}_count", labels, series.Count);
        }

        private static void Line(StringBuilder text, string name, string labels, double value)
        {
            text.Append(name);
            if (labels.Length > 0)
            {
                text.Append('{').Append(labels).Append('}');
            }

            text.Append(' ').Append(Number(value)).Append('\n');
        }

        private static string Number(double value) =>
            double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

        private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var text = new StringBuilder();
            foreach (var (name, value) in tags)
            {
                text.Append(text.Length == 0 ? "" : ",").Append(name.Replace('.', '_')).Append("=\"")
                    .Append(Escaped(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
            }

            return text.ToString();
        }

        private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

        private static string TypeOf(Instrument instrument) => instrument.GetType().Name switch
        {
            var name when name.StartsWith("Counter", StringComparison.Ordinal) => "counter",
            var name when name.StartsWith("Histogram", StringComparison.Ordinal) => "histogram",
            _ => "gauge",
        };

        // The unit and, of a counter, "total" belong to a name; a unit in braces only says what is counted.
        private static string NameOf(Instrument instrument)
        {
            var name = instrument.Name.Replace('.', '_');
            var unit = instrument.Unit == "s" && !name.EndsWith("_seconds", StringComparison.Ordinal) ? "_seconds" : "";
            return $"{name}{unit}{(TypeOf(instrument) == "counter" ? "_total" : "")}";
        }

        // Names and values as fields of their own: a KeyValuePair is compared by reflection.
        private readonly record struct Tags(string? Name1, object? Value1, string? Name2, object? Value2, string? Name3, object? Value3)
        {
            public const int AtMost = 3;

            public static Tags Of(ReadOnlySpan<KeyValuePair<string, object?>> tags)
            {
                var (first, second, third) = (At(tags, 0), At(tags, 1), At(tags, 2));
                return new Tags(first.Key, first.Value, second.Key, second.Value, third.Key, third.Value);
            }

            private static KeyValuePair<string, object?> At(ReadOnlySpan<KeyValuePair<string, object?>> tags, int at) => at < tags.Length ? tags[at] : default;
        }

        private sealed class Series
        {
            public double Value { get; set; }

            public double Sum { get; private set; }

            public long Count { get; private set; }

            public long[] Buckets { get; } = new long[Bounds.Length];

            public void Add(double value)
            {
                (Sum, Count) = (Sum + value, Count + 1);
                for (var at = 0; at < Bounds.Length; at++)
                {
                    Buckets[at] += value <= Bounds[at] ? 1 : 0;
                }
            }
        }
    }
}
