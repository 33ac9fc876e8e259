using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Findings;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler mapping findings</c>: the rows that show damage which the mapping declares.</summary>
internal static class MappingFindingsCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many rows to list", 100);
        var command = new Verb(
            "findings",
            """
            List the rows that show damage which the mapping declares, each with its evidence

            What earlier migrations have damaged is carried over as it is: nobody can tell what would be right. Where the evidence lies in another
            context (is there a donation with that id? is it a company's?), that context's legacy side is asked. Reads only; never shows values of
            personal fields. Exit code 1 when there is any.

            Examples:
              strangler mapping findings address-changes
              strangler mapping findings address-changes --limit 100000 --json
            """) { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var total = 0L;
            foreach (var (kind, mapping) in host.Mappings)
            {
                List<FoundRow> rows = [];
                FindingsResult result;
                using (var line = new ProgressLine(run.Output, run.Time))
                {
                    result = await new FindingsJob(host.Runtime).RunAsync(kind, mapping.Findings, Take, new Adapter(kind, line), token).ConfigureAwait(false);
                }

                total += result.Total;
                Write(run, host.Name, kind, mapping, result, rows);

                void Take(FoundRow row)
                {
                    if (rows.Count < run.Parsed.GetValue(limit))
                    {
                        rows.Add(row);
                    }
                }
            }

            return total == 0 ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static void Write(
        CommandRun run, string context, string kind, Mapping.CompiledMapping mapping, FindingsResult result, List<FoundRow> rows)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(new { context, kind, result.Rows, result.Unreadable, findings = result.Counts, not_asked = result.NotAsked, found = rows });
            return;
        }

        run.Output.Table(["finding", "id", "evidence"], rows.Select(row => (IReadOnlyList<string>)[row.Finding, $"{row.Id}", row.Evidence]));
        foreach (var finding in mapping.Findings)
        {
            run.Output.Line(string.Create(CultureInfo.InvariantCulture, $"{finding.Name}: {result.Counts[finding.Name]:N0} rows. {finding.Reason}."));
        }

        foreach (var reason in result.NotAsked)
        {
            run.Output.Line($"not asked: {reason}");
        }

        run.Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{kind}: {result.Rows:N0} rows looked at, {result.Unreadable:N0} of them cannot be read; {result.Total:N0} findings{(result.Total > rows.Count ? $", {rows.Count:N0} listed" : "")}"));
    }

    private sealed class Adapter(string kind, ProgressLine line) : IProgress<long>
    {
        public void Report(long value) => line.Report(new WorkState($"{kind}: looked at", value, value, 0, null));
    }
}
