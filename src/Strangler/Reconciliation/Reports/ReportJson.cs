using System.Globalization;
using System.Text;
using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>Reports as JSON and back; <c>docs/report.schema.json</c> describes the form.</summary>
internal static class ReportJson
{
    /// <summary>The schema, as this build writes reports.</summary>
    public static string Schema()
    {
        using var stream = typeof(ReportJson).Assembly.GetManifestResourceStream("report.schema.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    public static string Write(ReconciliationReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            WriteHead(json, report);
            WriteCounts(json, report);
            WriteSums(json, report.Sums);
            WriteSamples(json, report);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    public static ReconciliationReport Read(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement);
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new JsonException($"This is no report: {exception.Message}", exception);
        }
    }

    private static void WriteHead(Utf8JsonWriter json, ReconciliationReport report)
    {
        json.WriteNumber("run_id", report.RunId);
        json.WriteString("context", report.Context);
        json.WriteString("kind", report.Kind);
        json.WriteString("scope", report.Scope);
        json.WriteBoolean("full", report.Full);
        json.WriteString("outcome", OutcomeRules.Name(report.Outcome));
        json.WriteNumber("exit_code", OutcomeRules.ExitCode(report.Outcome));
        json.WriteString("began_utc", Iso(report.BeganUtc));
        json.WriteString("ended_utc", Iso(report.EndedUtc));
        json.WriteString("stage", Snake(report.Stage));
        json.WriteString("lead", Snake(report.Lead));
        json.WriteNumber("legacy_rows", report.LegacyRows);
        json.WriteNumber("new_rows", report.NewRows);
        json.WriteNumber("entities", report.Entities);
        json.WriteNumber("deleted", report.Deleted);
    }

    private static void WriteCounts(Utf8JsonWriter json, ReconciliationReport report)
    {
        WriteVerdicts(json, "counts", report.Counts);
        WriteVerdicts(json, "legacy_counts", report.LegacyCounts);
        WriteVerdicts(json, "new_counts", report.NewCounts);
        if (report.Tables is { } tables)
        {
            json.WriteStartObject("table_rows");
            json.WriteNumber("legacy_before", tables.LegacyBefore);
            json.WriteNumber("legacy_after", tables.LegacyAfter);
            json.WriteNumber("new_before", tables.NewBefore);
            json.WriteNumber("new_after", tables.NewAfter);
            json.WriteEndObject();
        }

        json.WriteStartObject("fields");
        foreach (var (field, count) in report.FieldCounts.OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(field, count);
        }

        json.WriteEndObject();
        WriteDeclared(json, report.Declared);
        WriteSpeed(json, report.Speed);
        json.WriteNumber("signed_off", report.SignedOff);
        json.WriteNumber("richer_in_new", report.RicherInNew);
        json.WriteNumber("rechecks", report.Rechecks);
        json.WriteNumber("hot_keys", report.HotKeys);
        json.WriteNumber("deferred_chunks", report.DeferredChunks);
    }

    private static void WriteSpeed(Utf8JsonWriter json, RunSpeed? speed)
    {
        if (speed is not null)
        {
            json.WriteStartObject("speed");
            json.WriteNumber("entities", speed.Entities);
            json.WriteNumber("seconds", speed.Seconds);
            json.WriteNumber("processor_seconds", speed.ProcessorSeconds);
            json.WriteNumber("processors", speed.Processors);
            json.WriteNumber("per_second", Math.Round(speed.PerSecond, 1));
            json.WriteNumber("per_core_second", Math.Round(speed.PerCoreSecond, 1));
            json.WriteEndObject();
        }
    }

    private static void WriteVerdicts(Utf8JsonWriter json, string name, IReadOnlyDictionary<Verdict, long> counts)
    {
        json.WriteStartObject(name);
        foreach (var verdict in Enum.GetValues<Verdict>())
        {
            json.WriteNumber(Snake(verdict), counts.GetValueOrDefault(verdict));
        }

        json.WriteEndObject();
    }

    private static void WriteDeclared(Utf8JsonWriter json, IReadOnlyList<DeclaredHits> declared)
    {
        json.WriteStartArray("declared");
        foreach (var (difference, hits, expired) in declared)
        {
            json.WriteStartObject();
            json.WriteString("field", difference.Field);
            json.WriteString("owner", difference.Owner);
            json.WriteString("reason", difference.Reason);
            json.WriteString("until", difference.Until.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            json.WriteNumber("hits", hits);
            json.WriteBoolean("expired", expired);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSums(Utf8JsonWriter json, IReadOnlyList<BusinessSum> sums)
    {
        json.WriteStartArray("sums");
        foreach (var sum in sums)
        {
            json.WriteStartObject();
            json.WriteString("name", sum.Name);
            json.WriteString("amount", sum.Amount);
            json.WriteString("unit", sum.IsMoney ? "cents" : "number");
            WriteGroup(json, "total", sum.Total);
            json.WriteStartArray("splits");
            foreach (var split in sum.Splits)
            {
                json.WriteStartObject();
                json.WriteString("by", split.Dimension);
                WriteGroups(json, "groups", split.Groups);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("groups", sum.GroupCount);
            WriteGroups(json, "differing_groups", sum.Differing);
            WriteGroup(json, "in_flight", sum.Open);
            json.WriteNumber("unreadable", sum.Unreadable);
            json.WriteNumber("unmapped", sum.Unmapped);
            json.WriteBoolean("truncated", sum.Truncated);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteGroups(Utf8JsonWriter json, string name, IReadOnlyList<SumGroup> groups)
    {
        json.WriteStartArray(name);
        foreach (var group in groups)
        {
            WriteGroup(json, null, group);
        }

        json.WriteEndArray();
    }

    private static void WriteGroup(Utf8JsonWriter json, string? name, SumGroup group)
    {
        if (name is null)
        {
            json.WriteStartObject();
        }
        else
        {
            json.WriteStartObject(name);
        }

        json.WriteStartArray("values");
        foreach (var value in group.Values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
        json.WriteNumber("legacy_count", group.LegacyCount);
        json.WriteNumber("legacy_amount", group.LegacyAmount);
        json.WriteNumber("new_count", group.NewCount);
        json.WriteNumber("new_amount", group.NewAmount);
        json.WriteNumber("explained_count", group.ExplainedCount);
        json.WriteNumber("explained_amount", group.ExplainedAmount);
        json.WriteEndObject();
    }

    private static void WriteSamples(Utf8JsonWriter json, ReconciliationReport report)
    {
        json.WriteStartArray("samples");
        foreach (var sample in report.Samples)
        {
            WriteSample(json, sample);
        }

        json.WriteEndArray();
        WriteIds(json, "differing_ids", report.DifferingIds);
        json.WriteStartObject("differing");
        foreach (var verdict in report.Differing.GroupBy(entity => entity.Verdict).OrderBy(group => group.Key))
        {
            WriteIds(json, Snake(verdict.Key), verdict.Select(entity => entity.Id));
        }

        json.WriteEndObject();
        json.WriteStartObject("differing_fields");
        foreach (var field in report.Differing.SelectMany(entity => entity.Fields.Select(field => (Field: field, entity.Id)))
            .GroupBy(pair => pair.Field, pair => pair.Id, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            WriteIds(json, field.Key, field);
        }

        json.WriteEndObject();
        json.WriteBoolean("truncated", report.Truncated);
        json.WriteNumber("not_read", report.NotRead);
        json.WriteStartArray("notes");
        foreach (var note in report.Notes)
        {
            json.WriteStringValue(note);
        }

        json.WriteEndArray();
    }

    private static void WriteSample(Utf8JsonWriter json, EntityFinding sample)
    {
        json.WriteStartObject();
        json.WriteNumber("id", sample.Id);
        if (sample.NewId is { } newId)
        {
            json.WriteNumber("new_id", newId);
        }

        json.WriteString("verdict", Snake(sample.Verdict));
        json.WriteString("note", sample.Note);
        json.WriteStartArray("fields");
        foreach (var field in sample.Fields)
        {
            json.WriteStartObject();
            json.WriteString("field", field.Field);
            json.WriteString("legacy", field.Legacy);
            json.WriteString("new", field.New);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteIds(Utf8JsonWriter json, string name, IEnumerable<long> ids)
    {
        json.WriteStartArray(name);
        foreach (var id in ids)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
    }

    private static ReconciliationReport Read(JsonElement root) => new()
    {
        RunId = root.GetProperty("run_id").GetInt64(),
        Context = Text(root, "context"),
        Kind = Text(root, "kind"),
        Scope = Text(root, "scope"),
        Full = root.GetProperty("full").GetBoolean(),
        BeganUtc = Time(root, "began_utc"),
        EndedUtc = Time(root, "ended_utc"),
        Stage = Value<Stage>(Text(root, "stage")),
        Lead = Value<SideName>(Text(root, "lead")),
        Deleted = root.GetProperty("deleted").GetInt64(),
        Counts = Verdicts(root.GetProperty("counts")),
        LegacyCounts = PerSide(root, "legacy"),
        NewCounts = PerSide(root, "new"),
        Tables = root.TryGetProperty("table_rows", out var tables) ? ReadTables(tables) : null,
        FieldCounts = root.GetProperty("fields").EnumerateObject().ToDictionary(field => field.Name, field => field.Value.GetInt64()),
        Declared = [.. root.GetProperty("declared").EnumerateArray().Select(ReadDeclared)],
        SignedOff = root.GetProperty("signed_off").GetInt64(),
        RicherInNew = root.GetProperty("richer_in_new").GetInt64(),
        Rechecks = root.GetProperty("rechecks").GetInt64(),
        HotKeys = root.GetProperty("hot_keys").GetInt64(),
        DeferredChunks = root.GetProperty("deferred_chunks").GetInt64(),
        Samples = [.. root.GetProperty("samples").EnumerateArray().Select(ReadSample)],
        Differing = ReadDiffering(root),
        Sums = root.TryGetProperty("sums", out var sums) ? [.. sums.EnumerateArray().Select(ReadSum)] : [],
        Truncated = root.GetProperty("truncated").GetBoolean(),
        Speed = root.TryGetProperty("speed", out var speed) ? ReadSpeed(speed) : null,
        NotRead = root.TryGetProperty("not_read", out var notRead) ? notRead.GetInt64() : 0,
        Notes = root.TryGetProperty("notes", out var notes) ? [.. notes.EnumerateArray().Select(note => note.GetString()!)] : [],
    };

    private static RunSpeed ReadSpeed(JsonElement speed) => new(
        speed.GetProperty("entities").GetInt64(), speed.GetProperty("seconds").GetDouble(),
        speed.GetProperty("processor_seconds").GetDouble(), speed.GetProperty("processors").GetInt32());

    // Reports from before the counts were split by side know only each side's total: it stands under Matched, where nearly all of it is.
    private static Dictionary<Verdict, long> PerSide(JsonElement root, string side) =>
        root.TryGetProperty($"{side}_counts", out var counts)
            ? Verdicts(counts)
            : new Dictionary<Verdict, long> { [Verdict.Matched] = root.GetProperty($"{side}_rows").GetInt64() };

    private static Dictionary<Verdict, long> Verdicts(JsonElement counts)
    {
        var read = Enum.GetValues<Verdict>().ToDictionary(verdict => verdict, _ => 0L);
        foreach (var count in counts.EnumerateObject())
        {
            read[Value<Verdict>(count.Name)] = count.Value.GetInt64();
        }

        return read;
    }

    private static TableCounts ReadTables(JsonElement tables) => new(
        tables.GetProperty("legacy_before").GetInt64(), tables.GetProperty("legacy_after").GetInt64(),
        tables.GetProperty("new_before").GetInt64(), tables.GetProperty("new_after").GetInt64());

    private static DeclaredHits ReadDeclared(JsonElement declared) => new(
        new DeclaredDifference(
            Text(declared, "field"), Text(declared, "owner"), Text(declared, "reason"),
            DateOnly.ParseExact(Text(declared, "until"), "yyyy-MM-dd", CultureInfo.InvariantCulture)),
        declared.GetProperty("hits").GetInt64(),
        declared.GetProperty("expired").GetBoolean());

    private static EntityFinding ReadSample(JsonElement sample) => new(
        sample.GetProperty("id").GetInt64(),
        Value<Verdict>(Text(sample, "verdict")),
        [
            .. sample.GetProperty("fields").EnumerateArray()
                .Select(field => new FieldDifference(Text(field, "field"), Text(field, "legacy"), Text(field, "new"))),
        ],
        Text(sample, "note"),
        sample.TryGetProperty("new_id", out var newId) ? newId.GetInt64() : null);

    // Older reports tell only the ids: Drift stands for what they do not tell.
    private static List<DifferingEntity> ReadDiffering(JsonElement root)
    {
        var verdicts = root.TryGetProperty("differing", out var differing)
            ? differing.EnumerateObject().SelectMany(entry =>
                entry.Value.EnumerateArray().Select(id => (Id: id.GetInt64(), Value<Verdict>(entry.Name))))
                .ToDictionary(pair => pair.Id, pair => pair.Item2)
            : [];
        var fields = root.TryGetProperty("differing_fields", out var named)
            ? named.EnumerateObject().SelectMany(entry => entry.Value.EnumerateArray().Select(id => (Id: id.GetInt64(), entry.Name)))
                .ToLookup(pair => pair.Id, pair => pair.Name)
            : Enumerable.Empty<(long Id, string Name)>().ToLookup(pair => pair.Id, pair => pair.Name);
        return
        [
            .. root.GetProperty("differing_ids").EnumerateArray().Select(id => id.GetInt64())
                .Select(id => new DifferingEntity(id, verdicts.GetValueOrDefault(id, Verdict.Drift), [.. fields[id]])),
        ];
    }

    private static BusinessSum ReadSum(JsonElement sum) => new(
        Text(sum, "name"),
        Text(sum, "amount"),
        Text(sum, "unit") == "cents",
        ReadGroup(sum.GetProperty("total")),
        [.. sum.GetProperty("splits").EnumerateArray().Select(split =>
            new SumSplit(Text(split, "by"), ReadGroups(split.GetProperty("groups"))))],
        sum.GetProperty("groups").GetInt64(),
        ReadGroups(sum.GetProperty("differing_groups")),
        ReadGroup(sum.GetProperty("in_flight")),
        sum.GetProperty("unreadable").GetInt64(),
        sum.GetProperty("unmapped").GetInt64(),
        sum.GetProperty("truncated").GetBoolean());

    private static List<SumGroup> ReadGroups(JsonElement groups) => [.. groups.EnumerateArray().Select(ReadGroup)];

    private static SumGroup ReadGroup(JsonElement group) => new(
        [.. group.GetProperty("values").EnumerateArray().Select(value => value.GetString()!)],
        group.GetProperty("legacy_count").GetInt64(),
        group.GetProperty("legacy_amount").GetDecimal(),
        group.GetProperty("new_count").GetInt64(),
        group.GetProperty("new_amount").GetDecimal(),
        group.GetProperty("explained_count").GetInt64(),
        group.GetProperty("explained_amount").GetDecimal());

    private static string Text(JsonElement at, string name) => at.GetProperty(name).GetString()!;

    private static DateTime Time(JsonElement at, string name) => at.GetProperty(name).GetDateTime().ToUniversalTime();

    private static string Snake<T>(T value)
        where T : struct, Enum => ReconciliationReport.Snake(value);

    private static T Value<T>(string snake)
        where T : struct, Enum => Enum.TryParse<T>(snake.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var value)
            ? value
            : throw new FormatException($"'{snake}' is no {typeof(T).Name} that this build knows.");

    private static string Iso(DateTime utc) => utc.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
