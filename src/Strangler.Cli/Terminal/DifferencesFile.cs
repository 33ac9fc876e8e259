using System.Text;
using Strangler.Reconciliation;

namespace Strangler.Cli.Terminal;

/// <summary>
/// A CSV that grows while a run finds differences: however many, they are in the file and not in memory. What cannot be written ends the
/// file, not the run.
/// </summary>
internal sealed class DifferencesFile : IAsyncDisposable
{
    private readonly FileStream _stream;
    private readonly bool _created;
    private readonly string _context;
    private readonly string _kind;
    private Exception? _failure;
    private bool _isComplete;

    private DifferencesFile(FileStream stream, bool created, string context, string kind) =>
        (_stream, _created, _context, _kind) = (stream, created, context, kind);

    public string Path => _stream.Name;

    /// <summary>Entities written.</summary>
    public long Entities { get; private set; }

    /// <exception cref="ReportNotWrittenException">It cannot be opened; nothing has begun.</exception>
    public static DifferencesFile Open(string path, bool overwrite, string context, string kind)
    {
        try
        {
            var stream = new FileStream(path, overwrite ? FileMode.Create : FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
            return new DifferencesFile(stream, !overwrite, context, kind);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ReportNotWrittenException(
                $"The report cannot be written to {path}: {exception.Message.TrimEnd('.')}. Nothing was compared.", exception);
        }
    }

    /// <summary>Takes what a run found; never throws for the file's sake.</summary>
    public async Task WriteAsync(long run, IReadOnlyList<EntityFinding> found, CancellationToken cancellationToken)
    {
        if (_failure is not null)
        {
            return;
        }

        var lines = new StringBuilder();
        foreach (var finding in found)
        {
            lines.Append(ReportCsv.Lines(run, _context, _kind, finding));
        }

        Entities += found.Count;
        await AppendAsync(lines.ToString(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The first line; then the file is open for what is found.</summary>
    public Task BeginAsync(CancellationToken cancellationToken) => AppendAsync(ReportCsv.Header, cancellationToken);

    /// <summary>The run is over. Throws what kept the file from being written, if anything did.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            _failure ??= exception;
        }

        _isComplete = _failure is null;
        if (_failure is not null)
        {
            throw new IOException(_failure.Message, _failure);
        }
    }

    /// <summary>Half a list is worse than none: what was not completed goes.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
            if (!_isComplete && _created)
            {
                File.Delete(Path);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Named by the error that kept it from being completed.
        }
    }

    private async Task AppendAsync(string text, CancellationToken cancellationToken)
    {
        try
        {
            await _stream.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            _failure = exception;
        }
    }
}
