using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using Spectre.Console;
using Strangler.Cli.Terminal;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation.Reports;

/// <summary>Each form says all that the run found, and nothing that it must not.</summary>
[TestFixture]
public sealed class FormsTests
{
    private const string Script = "<script>alert('x')</script>&\u0007";

    [Test]
    public void Every_entity_is_in_one_class_and_the_classes_add_up_to_the_tables()
    {
        var world = Harm.OfEveryKind();

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Counts.Where(count => count.Value == 0).Select(count => count.Key), Is.Empty, "every verdict is there");
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities));
            Assert.That(report.LegacyRows, Is.EqualTo(world.Legacy.Rows.Count));
            Assert.That(report.NewRows, Is.EqualTo(world.New.Rows.Count));
            foreach (var verdict in Enum.GetValues<Verdict>())
            {
                var (entities, legacy, @new) = (report.Counts[verdict], report.LegacyCounts[verdict], report.NewCounts[verdict]);
                Assert.That(Math.Max(legacy, @new), Is.LessThanOrEqualTo(entities), verdict.ToString());
            }

            Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
            Assert.That(
                Accounting.Of(report, SideName.Legacy).ToString(),
                Does.StartWith("20 legacy rows = 10 Matched + 1 Explained + 1 NotComparable + 1 InFlight + 1 Lagging").And.EndsWith(
                    "; the database counts 20"));
            Assert.That(
                string.Join('\n', ReportText.Render(report)),
                Does.Contain("  21 new rows = 10 Matched + 1 Explained").And.Contain(" + 1 Unmapped + ").And.Contain(
                    "; the database counts 21"));
        });
    }

    [Test]
    public void A_row_that_the_walk_has_not_seen_is_told_by_the_databases_own_count()
    {
        var world = World.Filled();
        var counted = 0;
        world.Sides.Fault = step =>
        {
            if (step == "legacy.count.before" && ++counted == 1)
            {
                // A row that appears in the table's count and that no range read shows.
                world.Legacy.Rows[new EntityKey("note", 100_000)] = TestLens.LegacyRow("unseen", 1, "O");
            }
            else if (step == "new.count.after" && counted == 1)
            {
                world.Legacy.Rows.Remove(new EntityKey("note", 100_000));
            }
            else if (step == "legacy.count.before")
            {
                world.Legacy.Rows[new EntityKey("note", 100_000)] = TestLens.LegacyRow("unseen", 1, "O");
            }

            return Task.CompletedTask;
        };

        var report = world.Reconcile();

        Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.False);
        Assert.That(Accounting.Of(report, SideName.Legacy).ToString(), Does.Contain("THE DATABASE COUNTS 21"));
        Assert.That(Accounting.Of(report, SideName.New).AddsUp, Is.True);
    }

    [Test]
    [Category("Case66")]
    public void Real_reports_follow_the_schema_and_read_back_as_they_were([Values] bool clean)
    {
        var world = clean ? World.Filled() : Harm.OfEveryKind();
        var report = world.Reconcile();
        var schema = new JsonSchema(ReconciliationReport.JsonSchema());

        Assert.That(schema.Check(report.ToJson()), Is.Empty);
        Assert.That(ReconciliationReport.Parse(report.ToJson()).ToJson(), Is.EqualTo(report.ToJson()));
        Assert.That(schema.Check(report.ToJson().Replace("\"drift\": 1", "\"drift\": -1", StringComparison.Ordinal)), clean ? Is.Empty
            : Is.Not.Empty);
        Assert.That(schema.Check("""{ "run_id": "1" }"""), Has.Some.Contains("$.run_id is no integer").And.Some.Contains("$.samples is missing"));
        Assert.That(ReconciliationReport.JsonSchema(), Is.EqualTo(File.ReadAllText(SourceTree.PathOf("docs", "report.schema.json"))));
    }

    [Test]
    public void A_report_of_an_older_build_can_still_be_read()
    {
        using var document = JsonDocument.Parse(Harm.OfEveryKind().Reconcile().ToJson());
        var old = JsonSerializer.Serialize(document.RootElement.EnumerateObject()
            .Where(property => property.Name is not (
                "sums" or "differing" or "differing_fields" or "legacy_counts" or "new_counts" or "table_rows"))
            .ToDictionary(property => property.Name, property => property.Value));

        var report = ReconciliationReport.Parse(old);

        Assert.That((report.LegacyRows, report.Sums.Count, report.Tables), Is.EqualTo((20L, 0, (TableCounts?)null)));
        Assert.That(report.DifferingIds, Is.EqualTo(new long[] { 5, 10, 60, 70, 80, 90, 110, 205 }));
        Assert.Throws<JsonException>(() => ReconciliationReport.Parse("{}"));
    }

    [Test]
    public void The_csv_has_a_line_for_each_entity_and_field_and_reads_back()
    {
        var report = Harm.OfEveryKind().Reconcile();

        var csv = ReportCsv.Render(report);

        var lines = Csv(csv);
        var expected = report.Samples.SelectMany(sample =>
            sample.Fields.Select(field => field.Field).DefaultIfEmpty("").Select(field => (sample.Id, sample.Verdict, field))).ToList();
        Assert.That(csv, Does.EndWith("\r\n").And.Not.Match("(?<!\r)\n"));
        Assert.That(lines[0], Is.EqualTo(ReportCsv.Columns));
        Assert.That(lines.Skip(1).Select(line => line.Count), Is.All.EqualTo(ReportCsv.Columns.Count));
        Assert.That(
            lines.Skip(1).Select(line => (line[4].Length == 0 ? 0 : long.Parse(line[4], CultureInfo.InvariantCulture), line[3], line[6])),
            Is.EqualTo(expected.Select(entry =>
                (entry.Id, JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Verdict.ToString()), entry.field))));
        Assert.That(lines.Single(line => line[4] == "10"), Is.SupersetOf(new[] { "drift", "amount", "10.00", "0.01" }));
    }

    [TestCase("=1+1", "'=1+1")]
    [TestCase("+49 30", "'+49 30")]
    [TestCase("-5.00", "-5.00")]
    [TestCase("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0")]
    [TestCase("@SUM(A1)", "'@SUM(A1)")]
    [TestCase("  =1", "'  =1")]
    [TestCase("\t=1", "'\t=1")]
    [TestCase("\r=1", "\"'\r=1\"")]
    [TestCase("＝1", "'＝1")]
    [TestCase("a \"b\", c", "\"a \"\"b\"\", c\"")]
    [TestCase("a\nb", "\"a\nb\"")]
    [TestCase("-5\n=1", "\"'-5\n=1\"")]
    [TestCase("", "")]
    public void A_cell_is_quoted_and_never_a_formula(string text, string cell) => Assert.That(ReportCsv.Cell(text), Is.EqualTo(cell));

    [Test]
    public void The_page_is_well_formed_stands_alone_and_holds_every_number()
    {
        var world = Harm.OfEveryKind();
        world.Reconcile();
        var report = world.Reconcile();

        var page = Page(world, report);
        var text = string.Concat(page.DescendantNodes().OfType<XText>().Select(node => $" {node.Value} "));

        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("svg").Count(), Is.EqualTo(3), "drift over the runs, fields, samples");
            Assert.That(page.Descendants("script"), Is.Empty);
            Assert.That(page.Descendants().Attributes().Select(attribute => attribute.Name.LocalName),
                Has.None.EqualTo("src").And.None.EqualTo("href").And.None.StartsWith("on"));
            Assert.That(ReportHtml.Render(report, []), Does.Not.Match("(?i)https?://|url\\(|@import"));
            foreach (var (verdict, count) in report.Counts)
            {
                var row = page.Descendants("tr").Single(tr =>
                    tr.Elements("td").FirstOrDefault()?.Value == verdict.ToString() && tr.Elements("td").Count() == 5);
                Assert.That(row.Elements("td").ElementAt(1).Value, Is.EqualTo($"{count}"), verdict.ToString());
            }

            foreach (var field in report.FieldCounts)
            {
                Assert.That(text, Does.Contain($" {field.Key} ").And.Contain($" {field.Value} "));
            }

            foreach (var sample in report.Samples)
            {
                Assert.That(text, Does.Contain($" {(sample.Id == 0 ? sample.NewId : sample.Id)} "));
                Assert.That(sample.Fields.Where(field => !text.Contains(field.Legacy) || !text.Contains(field.New)), Is.Empty);
            }

            Assert.That(text, Does.Contain("20 legacy rows = 10 Matched").And.Contain("expired: counts as drift").And.Contain(
                "Sums: notes"));
            Assert.That(text, Does.Contain(SumText.Amount(report.Sums[0].Total.LegacyAmount, true)).And.Contain(" Run 1,").And.Contain(
                " Run 2,"));
        });
    }

    [Test]
    public void Whatever_a_value_holds_it_is_shown_and_never_interpreted()
    {
        var world = Harm.OfEveryKind();
        var report = world.Reconcile();
        var sample = report.Samples[0];
        var evil = ReconciliationReport.Parse(report.ToJson());
        var samples = new List<EntityFinding> { sample with { Note = Script,
            Fields = [new FieldDifference("amount", Script, "]]> --> \ud800")] } };
        evil = WithSamples(evil, samples);

        var html = ReportHtml.Render(evil, []);
        var text = Page(world, evil).Value;

        Assert.That(html, Does.Not.Contain("<script"));
        Assert.That(text, Does.Contain("<script>alert('x')</script>&\\u0007").And.Contain("<script>alert(1)</script>").And.Contain(
            "]]> --> \\ud800"));
    }

    [Test]
    public void Colours_are_for_terminals_and_NO_COLOR_turns_them_off()
    {
        var report = Harm.OfEveryKind().Reconcile();

        var (coloured, plain) = (Rendered(ColorSystemSupport.TrueColor), Rendered(ColorSystemSupport.NoColors));

        Assert.That(coloured, Does.Contain("\u001b[38;5;9m").Or.Contain("\u001b[91m"));
        Assert.That(plain, Does.Not.Match("\u001b\\[(3[0-9]|9[0-7]|38;)"));
        Assert.That(plain, Does.Contain("LostObligation").And.Contain("EXPIRED").And.Contain("20 legacy rows = 10 Matched"));
        Assert.That(string.Join('\n', ReportText.Render(report)), Does.Not.Contain("\u001b"));
        Assert.That(Output.Colours(name => name == "NO_COLOR" ? "1" : null), Is.EqualTo(ColorSystemSupport.NoColors));
        Assert.That(Output.Colours(_ => null), Is.EqualTo(ColorSystemSupport.Detect));
        Assert.That(Output.Colours(_ => ""), Is.EqualTo(ColorSystemSupport.Detect));

        string Rendered(ColorSystemSupport colours)
        {
            using var writer = new StringWriter();
            var console = AnsiConsole.Create(
                new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, ColorSystem = colours, Out = new AnsiConsoleOutput(writer) });
            console.Profile.Width = 200;
            ReportTable.Write(console, report);
            return writer.ToString();
        }
    }

    [Test]
    [Category("Case64")]
    public void No_form_holds_a_personal_value()
    {
        var world = World.Filled();
        world.Options.Sums = [Harm.Sum];
        world.Sides.PlantLegacy(100, "Erika Mustermann", 1);
        world.TamperNew(110, 0, "Max Mustermann");
        var report = world.Reconcile();

        Assert.That(report.Samples, Has.Count.EqualTo(2));
        Assert.That(
            report.ToJson() + ReportCsv.Render(report) + ReportHtml.Render(report, []) + string.Join('\n', ReportText.Render(report)),
            Does.Not.Contain("Mustermann").And.Not.Contain("Note 1"));
    }

    [Test]
    public void Two_runs_side_by_side_tell_what_is_new_gone_and_still_there()
    {
        var world = World.Filled();
        world.TamperNew(10, 1, 1L);
        world.TamperNew(20, 1, 1L);
        var before = world.Reconcile();
        world.TamperNew(20, 1, 2000L);
        world.TamperNew(30, 0, "other");
        var after = world.Reconcile();

        var diff = ReportDiff.Of(before, after);

        var drift = diff.Verdicts.Single();
        Assert.That((drift.Name, drift.Before, drift.After, diff.Partial, diff.HasNew), Is.EqualTo(("Drift", 2L, 2L, false, true)));
        Assert.That((drift.New.Single(), drift.Gone.Single(), drift.Persisting.Single()), Is.EqualTo((30L, 20L, 10L)));
        Assert.That(
            diff.Fields.Select(line => (line.Name, line.New.Count, line.Gone.Count, line.Persisting.Count)),
            Is.EqualTo(new[] { ("amount", 0, 1, 1), ("name", 1, 0, 0) }));
        Assert.That(ReportDiff.Of(after, after).HasNew, Is.False);
        world.Options.MaxDifferingIds = 1;
        world.Options.SamplesPerVerdict = 1;
        Assert.That(ReportDiff.Of(before, world.Reconcile()).Partial, Is.True);
    }

    private static XElement Page(World world, ReconciliationReport report)
    {
        var html = ReportHtml.Render(report, world.Run(() => world.Runtime.Sides.Reconciliations.SummariesAsync(50, default)));
        Assert.That(html, Does.StartWith("<!DOCTYPE html>\n<html"));
        return XElement.Parse(html["<!DOCTYPE html>\n".Length..], LoadOptions.PreserveWhitespace);
    }

    private static ReconciliationReport WithSamples(ReconciliationReport report, List<EntityFinding> samples) => new()
    {
        RunId = report.RunId, Context = report.Context, Kind = report.Kind, Scope = report.Scope, Full = report.Full, BeganUtc =
            report.BeganUtc,
        EndedUtc = report.EndedUtc, Stage = report.Stage, Lead = report.Lead, LegacyCounts = report.LegacyCounts, NewCounts =
            report.NewCounts,
        Tables = report.Tables, Deleted = report.Deleted, Counts = report.Counts, FieldCounts = report.FieldCounts, Declared =
            report.Declared,
        SignedOff = report.SignedOff, RicherInNew = report.RicherInNew, Rechecks = report.Rechecks, HotKeys = report.HotKeys,
        DeferredChunks = report.DeferredChunks, Samples = samples, Differing = report.Differing, Sums = report.Sums, Truncated =
            report.Truncated,
    };

    /// <summary>A reader of its own, after RFC 4180.</summary>
    private static List<List<string>> Csv(string text)
    {
        List<List<string>> lines = [[]];
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (quoted)
            {
                if (text[i] != '"')
                {
                    cell.Append(text[i]);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    cell.Append(text[i++]);
                }
                else
                {
                    quoted = false;
                }
            }
            else if (text[i] == '"')
            {
                quoted = true;
            }
            else if (text[i] == ',' || text[i] == '\r')
            {
                lines[^1].Add(cell.ToString());
                cell.Clear();
                if (text[i] == '\r')
                {
                    i++;
                    lines.Add([]);
                }
            }
            else
            {
                cell.Append(text[i]);
            }
        }

        lines.RemoveAt(lines.Count - 1);
        return lines;
    }
}
