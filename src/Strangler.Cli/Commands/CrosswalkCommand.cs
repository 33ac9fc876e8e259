using System.CommandLine;
using System.Globalization;
using Microsoft.VisualBasic.FileIO;
using Strangler.Contexts.HealthRegions;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler crosswalk</c>: the further regions of postcodes, from a published list.</summary>
internal static class CrosswalkCommand
{
    private const int MostRefusals = 20;

    private static readonly string[] Columns = ["fsa", "hr_uid", "estimated_pop"];

    public static Command Create(StandardOptions standard)
    {
        var file = new Argument<FileInfo>("file") { Description = "CSV with a header; the columns fsa, hr_uid and estimated_pop, in any order, others are passed over" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be stored and store nothing" };
        var command = new Verb(
            "crosswalk",
            """
            Bring the further regions of postcodes into health-regions, from a published list of pairs

            Legacy has room for one region a postcode, so the new side must lead. A postcode keeps the region that it has as its first. A line that names no
            known region, or no postcode, is left out and told, with its row. Can be repeated: what is stored already is not stored again. Exit code 1 when
            lines were left out.

            Examples:
              strangler crosswalk fsa_to_hr.csv --dry-run
              strangler crosswalk fsa_to_hr.csv
            """) { file, dryRun };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var (given, dry) = (run.Parsed.GetRequiredValue(file), run.Parsed.GetValue(dryRun));
            var rows = Read(given);
            await using var host = run.Open(HealthRegionsContext.Name);
            var result = await new CrosswalkImport(host.Part<HealthRegionsContext>(), host.Cutover)
                .RunAsync(rows, CommandRun.Actor, dry, run.Output.IsJson ? null : new Steps(run), token).ConfigureAwait(false);
            Show(run, rows.Count, result, dry);
            return result.Refused.Count > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static List<CrosswalkRow> Read(FileInfo file)
    {
        if (!file.Exists)
        {
            throw new ArgumentException($"file is '{file}', which is not there.");
        }

        using var parser = new TextFieldParser(file.FullName) { Delimiters = [","], HasFieldsEnclosedInQuotes = true };
        var header = Next(parser, file) ?? [];
        var places = Columns.Select(column => Array.FindIndex(header, name => name.Trim('\uFEFF', ' ').Equals(column, StringComparison.OrdinalIgnoreCase))).ToArray();
        if (places.Contains(-1))
        {
            throw new ArgumentException($"The first line of {file.Name} is '{string.Join(',', header)}'; expected the columns {string.Join(", ", Columns)}.");
        }

        List<CrosswalkRow> rows = [];
        while (Next(parser, file) is { } fields)
        {
            var values = places.Select(place => place < fields.Length ? fields[place] : "").ToArray();
            rows.Add(new CrosswalkRow(values[0], values[1], values[2]));
        }

        return rows;
    }

    private static string[]? Next(TextFieldParser parser, FileInfo file)
    {
        try
        {
            return parser.ReadFields();
        }
        catch (MalformedLineException exception)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"Line {parser.ErrorLineNumber} of {file.Name} cannot be read as comma-separated values."), exception);
        }
    }

    private static void Show(CommandRun run, int lines, CrosswalkImportResult result, bool dryRun)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(new { lines, dryRun, result.Stored, result.Unchanged, result.Refused });
            return;
        }

        run.Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{lines:N0} lines: {result.Stored:N0} postcodes {(dryRun ? "would be " : "")}stored, {result.Unchanged:N0} unchanged, {result.Refused.Count:N0} lines left out{(dryRun ? "; nothing was written" : "")}."));
        foreach (var refusal in result.Refused.Take(MostRefusals))
        {
            run.Output.Line(string.Create(CultureInfo.InvariantCulture, $"  row {refusal.Row:N0}: {refusal.Reason}"));
        }

        if (result.Refused.Count > MostRefusals)
        {
            run.Output.Line(string.Create(CultureInfo.InvariantCulture, $"  and {result.Refused.Count - MostRefusals:N0} more; all of them with --json"));
        }
    }

    private sealed class Steps(CommandRun run) : IProgress<(int Done, int All)>
    {
        private const int Each = 200;

        public void Report((int Done, int All) value)
        {
            if (value.Done % Each == 0)
            {
                run.Output.Step(string.Create(CultureInfo.InvariantCulture, $"{value.Done:N0} of {value.All:N0} postcodes"));
            }
        }
    }
}
