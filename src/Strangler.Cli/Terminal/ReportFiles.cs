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

    /// <summary>Opens the files that list every difference of a run that is about to begin; empty when none was asked for.</summary>
    public async Task<DifferencesFiles> BeginAsync(ContextHost host, string kind, CancellationToken cancellationToken)
    {
        var opened = new DifferencesFiles();
        try
        {
            foreach (var (_, path) in _files.Where(file => file.Form == "csv"))
            {
                var file = DifferencesFile.Open(Target(host, kind, path), _overwrite, host.Name, kind);
                opened.Add(file);
                await file.BeginAsync(cancellationToken).ConfigureAwait(false);
            }

            return opened;
        }
        catch
        {
            await opened.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Writes all files; of a stored run the CSV is what the store lists, of one that has just ended it was written on the way (<paramref
    /// name="streamed"/>).
    /// The run is stored already: what cannot be written now can be exported later, and the error says how. The exit code is then that of a
    /// failure, whatever
    /// the run found.
    /// </summary>
    public async Task WriteAsync(
        CommandRun run, ContextHost host, ReconciliationReport report, DifferencesFiles? streamed, CancellationToken cancellationToken)
    {
        foreach (var (form, path) in _files.Where(file => streamed is null || file.Form != "csv"))
        {
            var target = Target(host, report.Kind, path);
            var text = form switch
            {
                "csv" => ReportCsv.Render(report),
                "json" => report.ToJson(),
                _ => ReportHtml.Render(
                    report, await host.Sides.Reconciliations.SummariesAsync(200, cancellationToken).ConfigureAwait(false)),
            };
            await WriteAsync(target, form, text, host.Name, report.RunId, cancellationToken).ConfigureAwait(false);
            run.Output.Step($"Written: {target}");
            if (form == "csv")
            {
                TellMissing(run, report, ReportCsv.CountListed(report));
            }
        }

        foreach (var file in streamed?.Files ?? [])
        {
            try
            {
                await file.CompleteAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException exception)
            {
                throw NotWritten(file.Path, "csv", exception, host.Name, report.RunId);
            }

            run.Output.Step($"Written: {file.Path}");
            TellMissing(run, report, file.Entities);
        }
    }

    private static string Target(ContextHost host, string kind, string path) =>
        host.Runtime.Kinds.Count > 1 ? Path.ChangeExtension(path, $"{kind}{Path.GetExtension(path)}") : path;

    private static void TellMissing(CommandRun run, ReconciliationReport report, long listed)
    {
        var missing = report.Counts.Where(count => count.Key != Verdict.Matched).Sum(count => count.Value) - listed;
        if (missing > 0)
        {
            run.Output.Step(string.Create(
                CultureInfo.InvariantCulture,
                $"  {missing:N0} more entities are counted than it lists: they were not kept. ")
                + $"To list every one: strangler reconcile {report.Context} --report csv=FILE");
        }
    }

    private static ReportNotWrittenException NotWritten(string path, string form, Exception exception, string context, long runId) => new(
        $"The report cannot be written to {path}: {exception.Message.TrimEnd('.')}. Run {runId} is stored; write it later with: "
        + $"strangler report export {context} {runId} --report {form}=FILE",
        exception);

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
            throw NotWritten(path, form, exception, context, runId);
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

/// <summary>The CSV files of one run; usually one or none.</summary>
internal sealed class DifferencesFiles : IAsyncDisposable
{
    private readonly List<DifferencesFile> _files = [];

    public IReadOnlyList<DifferencesFile> Files => _files;

    public void Add(DifferencesFile file) => _files.Add(file);

    public async Task WriteAsync(long run, IReadOnlyList<EntityFinding> found, CancellationToken cancellationToken)
    {
        foreach (var file in _files)
        {
            await file.WriteAsync(run, found, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var file in _files)
        {
            await file.DisposeAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>A report's file could not be written. A run that has ended is stored all the same.</summary>
internal sealed class ReportNotWrittenException(string message, Exception cause) : Exception(message, cause);
