using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.Reconciliation;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler reconcile</c>: compare both sides, field by field.</summary>
internal static class ReconcileCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var range = new Option<string?>("--range") { Description = "Only these public ids: FROM..TO, either may be left out" };
        var keys = new Option<FileInfo?>("--keys-from") { Description = "Only the ids in this file, one a line" };
        var (report, overwrite) = (ReportFiles.Option(), ReportFiles.OverwriteOption());
        var samples = new Option<int>("--samples") { Description = "Entities listed per verdict, 0 to 10,000", DefaultValueFactory = _ => 20 };
        var command = new Verb(
            "reconcile",
            """
            Compare both sides, field by field, and report drift

            Writes in flight are looked at again, never reported as drift. A full pass that is clean opens gates; a partial one does not. Values of
            personal fields are masked.

            Examples:
              strangler reconcile donations
              strangler reconcile donations --range 1000000..1999999
              strangler reconcile donations --json > report.json
              strangler reconcile donations --report html=report.html --report csv=differences.csv --samples 1000

            Exit codes: 0 clean · 1 drift · 2 could not run · 3 inconclusive (keys stayed in flight)
            """) { context, range, keys, report, overwrite, samples };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var (from, to) = ParseRange(run.Parsed.GetValue(range));
            var ids = ReadIds(run.Parsed.GetValue(keys));
            var files = ReportFiles.Parse(run.Parsed.GetValue(report), run.Parsed.GetValue(overwrite));
            var limit = run.Parsed.GetValue(samples);
            if (limit is < 0 or > 10_000)
            {
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--samples is {limit}; it must lie between 0 and 10,000."));
            }

            if (ids is not null && (from ?? to) is not null)
            {
                throw new ArgumentException("--range and --keys-from exclude each other.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var worst = ExitCodes.Ok;
            foreach (var kind in host.Runtime.Kinds.Keys)
            {
                var scope = new ReconciliationScope { Kind = kind, From = from, To = to, Keys = ids };
                var options = host.ReconciliationOptions;
                options.SamplesPerVerdict = limit;
                ReconciliationReport found;
                using (var progress = new ProgressLine(run.Output, run.Time))
                {
                    found = await host.Reconciler(options).RunAsync(scope, new Adapter(kind, progress), token).ConfigureAwait(false);
                }

                ReportTable.Show(run.Output, found);
                await files.WriteAsync(run, host, found, token).ConfigureAwait(false);
                worst = Math.Max(worst, OutcomeRules.ExitCode(found.Outcome));
            }

            return worst;
        });
        return command;
    }

    private static (long? From, long? To) ParseRange(string? text)
    {
        if (text is null)
        {
            return (null, null);
        }

        var parts = text.Split("..");
        if (parts.Length == 2 && TryBound(parts[0], out var from) && TryBound(parts[1], out var to) && (from ?? 1) <= (to ?? long.MaxValue))
        {
            return (from, to);
        }

        throw new ArgumentException($"--range is '{text}'; expected FROM..TO with ids of 1 or more, e.g. 1000..1999.");
    }

    private static bool TryBound(string text, out long? bound)
    {
        bound = null;
        if (text.Length == 0)
        {
            return true;
        }

        var good = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1;
        bound = number;
        return good;
    }

    private static IReadOnlyList<long>? ReadIds(FileInfo? file)
    {
        if (file is null)
        {
            return null;
        }

        if (!file.Exists)
        {
            throw new ArgumentException($"--keys-from is '{file}'; there is no such file.");
        }

        var ids = new List<long>();
        var line = 0;
        foreach (var text in File.ReadLines(file.FullName))
        {
            line++;
            if (text.Trim() is { Length: > 0 } trimmed)
            {
                ids.Add(long.TryParse(trimmed, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id >= 1
                    ? id
                    : throw new ArgumentException($"{file}:{line}: no id of 1 or more."));
            }
        }

        return ids.Count > 0 ? ids : throw new ArgumentException($"{file} holds no ids.");
    }

    private sealed class Adapter(string kind, ProgressLine line) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value) =>
            line.Report(new WorkState($"{kind}: compared", value.Done, value.Total, value.RowsPerSecond, value.Left, value.Waiting ?? ""));
    }
}
