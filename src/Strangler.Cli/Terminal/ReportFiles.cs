using System.CommandLine;
using System.Globalization;
using System.Text;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Terminal;

/// <summary><c>--report html=FILE</c> and its like: which forms of a report go to which files. Checked before the work begins.</summary>
internal sealed class ReportFiles
{
    private static readonly string[] Forms = ["html", "csv", "json"];

    private readonly List<(string Form, string Path)> _files;
    private readonly bool _overwrite;

    private ReportFiles(List<(string Form, string Path)> files, bool overwrite) => (_files, _overwrite) = (files, overwrite);

    public bool IsEmpty => _files.Count == 0;

    public IReadOnlyList<string> Paths => [.. _files.Select(file => file.Path)];

    public static Option<string[]> Option() => new("--report")
    {
        Description = "Also write the report to a file: html=FILE, csv=FILE or json=FILE; may be given several times",
        DefaultValueFactory = _ => [],
    };

    public static Option<bool> OverwriteOption() =>
        new("--overwrite") { Description = "Files of --report that are there already are written anew" };

    /// <summary>
    /// Throws <see cref="ArgumentException"/> for a form that there is not, a folder that is missing, a file that is there.
    /// </summary>
    public static ReportFiles Parse(string[]? given, bool overwrite)
    {
        List<(string Form, string Path)> files = [];
        foreach (var text in given ?? [])
        {
            var (form, path) = text.Split('=', 2) is [var left, { Length: > 0 } right] ? (left, Path.GetFullPath(right)) : ("", "");
            if (!Forms.Contains(form))
            {
                throw new ArgumentException($"--report is '{text}'; expected html=FILE, csv=FILE or json=FILE.");
            }

            if (Directory.Exists(path))
            {
                throw new ArgumentException($"--report is '{text}'; that is a folder.");
            }

            if (!Directory.Exists(Path.GetDirectoryName(path)))
            {
                throw new ArgumentException($"--report is '{text}'; there is no folder '{Path.GetDirectoryName(path)}'.");
            }

            if (!overwrite && File.Exists(path))
            {
                throw new ArgumentException($"--report is '{text}'; that file is there already. Name another, or add --overwrite.");
            }

            files.Add((form, path));
        }

        return files.GroupBy(file => file.Path, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new ArgumentException($"--report names '{twice.Key}' twice.")
            : new ReportFiles(files, overwrite);
    }

    /// <summary>
    /// Writes all files. The run is stored already: what cannot be written now can be exported later, and the error says how. The exit code
    /// is then that of a failure, whatever the run found.
    /// </summary>
    public async Task WriteAsync(CommandRun run, ContextHost host, ReconciliationReport report, CancellationToken cancellationToken)
    {
        foreach (var (form, path) in _files)
        {
            var target = host.Runtime.Kinds.Count > 1 ? Path.ChangeExtension(path, $"{report.Kind}{Path.GetExtension(path)}") : path;
            var text = form switch
            {
                "csv" => ReportCsv.Render(report),
                "json" => report.ToJson(),
                _ => ReportHtml.Render(
                    report, await host.Sides.Reconciliations.SummariesAsync(200, cancellationToken).ConfigureAwait(false)),
            };
            await WriteAsync(target, form, text, host.Name, report.RunId, cancellationToken).ConfigureAwait(false);
            run.Output.Step($"Written: {target}");
            if (form == "csv" && MissingFrom(report) is > 0 and var missing)
            {
                run.Output.Step(string.Create(
                    CultureInfo.InvariantCulture, $"  {missing:N0} more entities differ than it lists; reconcile with a higher --samples to list them."));
            }
        }
    }

    private static long MissingFrom(ReconciliationReport report) =>
        report.Counts.Where(count => count.Key != Verdict.Matched).Sum(count => count.Value) - report.Samples.Count;

    private async Task WriteAsync(string path, string form, string text, string context, long runId, CancellationToken cancellationToken)
    {
        var created = false;
        try
        {
            await using var stream = new FileStream(path, _overwrite ? FileMode.Create : FileMode.CreateNew, FileAccess.Write);
            created = !_overwrite;
            await stream.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken).ConfigureAwait(false);
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Discard(created, path);
            throw new ReportNotWrittenException(
                $"The report cannot be written to {path}: {exception.Message.TrimEnd('.')}. Run {runId} is stored; write it later with: "
                + $"strangler report export {context} {runId} --report {form}=FILE",
                exception);
        }
    }

    // Half a report is worse than none; whose deletion fails, too, is named by the error anyway.
    private static void Discard(bool created, string path)
    {
        try
        {
            if (created)
            {
                File.Delete(path);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }
}

/// <summary>A report's file could not be written. The run itself is stored.</summary>
internal sealed class ReportNotWrittenException(string message, Exception cause) : Exception(message, cause);
