using System.Diagnostics;
using System.Diagnostics.Metrics;
using Strangler.DualWrite;

namespace Strangler.Service.Telemetry;

/// <summary>What was last seen of a kind's reconciliations.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="AgeSeconds">Since the last full run began.</param>
/// <param name="Outcome">Its exit code: 0 clean, 1 drift, 3 inconclusive.</param>
/// <param name="Verdicts">Entities that count as drift, by verdict.</param>
/// <param name="Fields">Entities by field that differs.</param>
/// <param name="LeftBehind">Entities with values that legacy cannot hold.</param>
public sealed record KindSample(
    string Kind, double AgeSeconds, int Outcome, IReadOnlyDictionary<string, long> Verdicts, IReadOnlyDictionary<string, long> Fields, long LeftBehind);

/// <summary>What was last seen of a context.</summary>
public sealed record ContextSample
{
    public required string Context { get; init; }

    /// <summary>Whether it could be looked at; false: nothing else of it is known.</summary>
    public required bool IsKnown { get; init; }

    public Stage Stage { get; init; }

    public SideName Lead { get; init; }

    public bool Switching { get; init; }

    /// <summary>Age of the oldest write that the follower has not accepted.</summary>
    public double LagSeconds { get; init; }

    /// <summary>Journal rows that wait or are claimed.</summary>
    public long JournalOpen { get; init; }

    public long Parked { get; init; }

    public long Conflicts { get; init; }

    /// <summary>Of the gates of the step forward, how many are open, of how many; null: not looked at yet, or there is no step.</summary>
    public (int Open, int All)? NextGates { get; init; }

    /// <summary>Whether the way back is open, by its gates; null: there is none from that stage.</summary>
    public bool? CanGoBack { get; init; }

    public IReadOnlyDictionary<string, long> IdsLeft { get; init; } = new Dictionary<string, long>();

    public IReadOnlyDictionary<string, long> QuarantineOpen { get; init; } = new Dictionary<string, long>();

    public IReadOnlyList<KindSample> Kinds { get; init; } = [];

    /// <summary>Seconds that legacy took to say what its fence says; null: it was not asked, or did not answer.</summary>
    public double? LegacySeconds { get; init; }

    /// <summary>Likewise the new side.</summary>
    public double? NewSeconds { get; init; }

    /// <summary>Sides that were asked and did not answer.</summary>
    public IReadOnlyList<SideName> Silent { get; init; } = [];

    /// <summary>Reads that all processes have compared since the stage began, and those that differed; null: none are compared.</summary>
    public (long Reads, long Mismatches)? Shadow { get; init; }

    /// <summary>Why a reconciliation of this process pauses; null: none does.</summary>
    public string? Throttle { get; init; }
}

/// <summary>
/// The instruments of one service: of its contexts, as the last look found them, and of its HTTP server. Tags are contexts, kinds, fields, routes as they
/// are mapped; never ids or values.
/// </summary>
public sealed class ServiceMeter : IDisposable
{
    private readonly Counter<long> _requests;
    private readonly Counter<long> _refused;
    private readonly Histogram<double> _duration;
    private volatile IReadOnlyList<ContextSample> _samples = [];

    public ServiceMeter()
    {
        Meter = new Meter("Strangler.Service");
        _requests = Meter.CreateCounter<long>("strangler.http.requests", "{request}", "Requests by method, route and status.");
        _refused = Meter.CreateCounter<long>(
            "strangler.http.refused", "{request}", "Requests refused by reason: no_token, wrong_token, role, rate, unlisted, form.");
        _duration = Meter.CreateHistogram<double>("strangler.http.duration", "s", "From a request to the end of its answer, by route.");
        Gauge("strangler.context.known", null, "1 while the context's databases can be looked at. Alarm at 0.", sample => [Of(sample, sample.IsKnown ? 1 : 0)]);
        Known("strangler.stage", null, "0 LegacyOnly, 1 DualWrite, 2 ShadowRead, 3 NewLeads, 4 NewOnly.", sample => [Of(sample, (int)sample.Stage)]);
        Known("strangler.new_leads", null, "1 while the new side leads.", sample => [Of(sample, sample.Lead == SideName.New ? 1 : 0)]);
        Known("strangler.switching", null, "1 while a flip is under way. Alarm if that lasts.", sample => [Of(sample, sample.Switching ? 1 : 0)]);
        Known("strangler.ids_left", "{id}", "Reserved public ids not yet used.", sample => Each(sample, "kind", sample.IdsLeft));
        Known("strangler.quarantine.open", "{row}", "Rows that cannot be read and nobody has signed off.", sample => Each(sample, "kind", sample.QuarantineOpen));
        Known("strangler.rollback.ready", null, "1 while the step back would be let through.", sample => sample.CanGoBack is { } can ? [Of(sample, can ? 1 : 0)] : []);
        Known(
            "strangler.rollback.duration", "s", "What a step back has to drain first: the age of the oldest write that the follower has not accepted.",
            sample => sample.CanGoBack is null ? [] : [Of(sample, sample.LagSeconds)]);
        OfKinds("strangler.rollback.left_behind", "{entity}", "Entities with values that legacy cannot hold: what rolling back would leave behind.", kind => kind.LeftBehind);
        OfKinds("strangler.reconciliation.age", "s", "Since the last full reconciliation began.", kind => kind.AgeSeconds);
        OfKinds("strangler.reconciliation.outcome", null, "Of the last full one: 0 clean, 1 drift, 3 inconclusive.", kind => kind.Outcome);
        Known(
            "strangler.drift.entities", "{entity}", "Entities that count as drift in the last full reconciliation, by verdict. Alarm above 0.",
            sample => sample.Kinds.SelectMany(kind => Each(sample, "verdict", kind.Verdicts, ("kind", kind.Kind))));
        Known(
            "strangler.drift.fields", "{entity}", "Entities by field that differs in the last full reconciliation.",
            sample => sample.Kinds.SelectMany(kind => Each(sample, "field", kind.Fields, ("kind", kind.Kind))));
    }

    public Meter Meter { get; }

    /// <summary>The looks of the last hours.</summary>
    public SampleHistory History { get; } = new();

    /// <summary>The last look at all contexts.</summary>
    public IReadOnlyList<ContextSample> Samples
    {
        get => _samples;
        internal set => _samples = value;
    }

    public void Refused(string reason) => _refused.Add(1, new TagList { { "reason", reason } });

    public void Answered(string method, string route, int status, TimeSpan took)
    {
        _requests.Add(1, new TagList { { "method", method }, { "route", route }, { "status", status } });
        _duration.Record(took.TotalSeconds, new TagList { { "route", route } });
    }

    public void Dispose() => Meter.Dispose();

    private void Gauge(string name, string? unit, string description, Func<ContextSample, IEnumerable<Measurement<double>>> observe) =>
        Meter.CreateObservableGauge(name, () => _samples.SelectMany(observe), unit, description);

    private void Known(string name, string? unit, string description, Func<ContextSample, IEnumerable<Measurement<double>>> observe) =>
        Gauge(name, unit, description, sample => sample.IsKnown ? observe(sample) : []);

    private void OfKinds(string name, string? unit, string description, Func<KindSample, double> value) => Known(
        name, unit, description, sample => sample.Kinds.Select(kind => Of(sample, value(kind), ("kind", kind.Kind))));

    private static Measurement<double> Of(ContextSample sample, double value, params ReadOnlySpan<(string Name, string Value)> more)
    {
        var tags = new List<KeyValuePair<string, object?>> { new("context", sample.Context) };
        foreach (var (name, text) in more)
        {
            tags.Add(new(name, text));
        }

        return new Measurement<double>(value, tags);
    }

    private static IEnumerable<Measurement<double>> Each(
        ContextSample sample, string tag, IReadOnlyDictionary<string, long> values, params (string Name, string Value)[] more) =>
        values.Select(value => Of(sample, value.Value, [.. more, (tag, value.Key)]));
}
