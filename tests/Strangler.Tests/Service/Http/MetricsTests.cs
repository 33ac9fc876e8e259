using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;
using Strangler.Service.Telemetry;
using Strangler.Telemetry;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Service.Http;

/// <summary>What Prometheus reads, and that what is shipped for it (alarms, a Grafana dashboard) asks for nothing that there is not.</summary>
public sealed partial class MetricsTests
{
    [Test]
    public void What_was_measured_is_told_as_Prometheus_reads_it()
    {
        using var meter = new Meter("test");
        using var metrics = new MetricsRegistry(meter);
        var counter = meter.CreateCounter<long>("strangler.things", "{thing}", "How many.\nThings.");
        counter.Add(2, new KeyValuePair<string, object?>("context", "a\"b\\c\nd"));
        counter.Add(3, new KeyValuePair<string, object?>("context", "a\"b\\c\nd"));
        meter.CreateHistogram<double>("strangler.took", "s", "How long.").Record(0.02);
        meter.CreateGauge<int>("strangler.level", null, "How high.").Record(7);
        var rows = new List<Measurement<double>> { new(1.5, new KeyValuePair<string, object?>("kind", "x")) };
        meter.CreateObservableGauge("strangler.seen", () => rows, null, "What is there.");
        var text = metrics.Render();
        Assert.That(text, Does.Contain("# HELP strangler_things_total How many.\\nThings.\n# TYPE strangler_things_total counter\nstrangler_things_total{context=\"a\\\"b\\\\c\\nd\"} 5\n"));
        Assert.That(text, Does.Contain("strangler_took_seconds_bucket{le=\"0.01\"} 0\n").And.Contain("strangler_took_seconds_bucket{le=\"0.025\"} 1\n"));
        Assert.That(text, Does.Contain("strangler_took_seconds_bucket{le=\"+Inf\"} 1\nstrangler_took_seconds_sum 0.02\nstrangler_took_seconds_count 1\n"));
        Assert.That(text, Does.Contain("# TYPE strangler_level gauge\nstrangler_level 7\n").And.Contain("strangler_seen{kind=\"x\"} 1.5\n"));
        rows.Clear();
        Assert.That(metrics.Render(), Does.Not.Contain("strangler_seen{"), "what has gone is told no longer");
    }

    [Test]
    public void A_context_is_told_with_its_drift_by_field_and_what_it_would_take_to_go_back()
    {
        using var meter = new ServiceMeter();
        using var metrics = new MetricsRegistry(meter.Meter);
        meter.Samples =
        [
            new ContextSample
            {
                Context = "donations", IsKnown = true, Stage = Stage.NewLeads, Lead = SideName.New, LagSeconds = 12.5, CanGoBack = false,
                IdsLeft = new Dictionary<string, long> { ["donation"] = 9 }, QuarantineOpen = new Dictionary<string, long> { ["donation"] = 2 },
                Kinds = [new KindSample("donation", 60, 1, new Dictionary<string, long> { ["Drift"] = 3 }, new Dictionary<string, long> { ["amount"] = 2 }, 4)],
            },
            new ContextSample { Context = "buckets", IsKnown = false },
        ];
        var text = metrics.Render();
        foreach (var line in new[]
        {
            "strangler_context_known{context=\"donations\"} 1", "strangler_context_known{context=\"buckets\"} 0", "strangler_stage{context=\"donations\"} 3",
            "strangler_drift_fields{context=\"donations\",kind=\"donation\",field=\"amount\"} 2", "strangler_drift_entities{context=\"donations\",kind=\"donation\",verdict=\"Drift\"} 3",
            "strangler_rollback_ready{context=\"donations\"} 0", "strangler_rollback_duration_seconds{context=\"donations\"} 12.5",
            "strangler_rollback_left_behind{context=\"donations\",kind=\"donation\"} 4", "strangler_ids_left{context=\"donations\",kind=\"donation\"} 9",
            "strangler_reconciliation_age_seconds{context=\"donations\",kind=\"donation\"} 60", "strangler_quarantine_open{context=\"donations\",kind=\"donation\"} 2",
        })
        {
            Assert.That(text, Does.Contain(line + "\n"));
        }

        Assert.That(text, Does.Not.Contain("strangler_stage{context=\"buckets\"}"), "of what is not known nothing is told");
    }

    [TestCase("alerts.yml")]
    [TestCase("grafana-dashboard.json")]
    public void What_is_shipped_asks_for_no_metric_that_there_is_not(string file)
    {
        RuntimeHelpers.RunClassConstructor(typeof(EngineMeter).TypeHandle);
        using var meter = new ServiceMeter();
        using var metrics = new MetricsRegistry(meter.Meter);
        var text = File.ReadAllText(SourceTree.PathOf("tools", "monitoring", file));
        var asked = MetricName().Matches(text).Select(match => match.Value).Distinct().ToList();
        Assert.That(asked, Has.Count.GreaterThan(10));
        Assert.That(asked.Where(name => !metrics.Names.Contains(Regex.Replace(name, "_(bucket|sum|count)$", ""))), Is.Empty);
    }

    [Test]
    public void Every_alarm_has_its_runbook()
    {
        var alarms = Regex.Matches(File.ReadAllText(SourceTree.PathOf("tools", "monitoring", "alerts.yml")), @"alert: (\w+)").Select(match => match.Groups[1].Value).ToList();
        var operations = File.ReadAllText(SourceTree.PathOf("docs", "operations.md"));
        Assert.That(alarms, Has.Count.GreaterThan(10).And.Unique);
        Assert.That(alarms.Where(alarm => !operations.Contains($"### {alarm}\n", StringComparison.Ordinal)), Is.Empty);
        using var dashboard = JsonDocument.Parse(File.ReadAllText(SourceTree.PathOf("tools", "monitoring", "grafana-dashboard.json")));
        Assert.That(dashboard.RootElement.GetProperty("panels").GetArrayLength(), Is.GreaterThan(10));
    }

    [Test]
    public async Task Health_is_told_to_everybody_and_metrics_to_viewers()
    {
        await using var service = await TestService.StartAsync();
        using var health = await service.SendAsync("GET", "/healthz");
        Assert.That(await health.Content.ReadAsStringAsync(), Is.EqualTo("""{"status":"ok"}"""));
        using var ready = await service.SendAsync("GET", "/readyz");
        Assert.That(await ready.Content.ReadAsStringAsync(), Is.EqualTo("""{"status":"ready","contexts":[]}"""));
        using var metrics = await service.SendAsync("GET", "/metrics", service.Keys[Role.Viewer]);
        Assert.That(metrics.Content.Headers.ContentType!.ToString(), Is.EqualTo(MetricsRegistry.ContentType));
        Assert.That(await metrics.Content.ReadAsStringAsync(), Does.Contain("strangler_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"}"));
    }

    [GeneratedRegex(@"\bstrangler_[a-z_]+\b")]
    private static partial Regex MetricName();
}
