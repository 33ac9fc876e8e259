using System.Diagnostics;
using System.Globalization;

namespace Strangler.LocalServers;

/// <summary>
/// A tiny shell between us and the server. It blocks reading a pipe that only we hold open; when we end in whatever way, kill -9
/// included, the pipe closes, and it kills the server and removes the folder. It ignores Ctrl-C, which a terminal sends to the whole
/// process group, so that the server lives until we have finished with it.
/// </summary>
internal sealed class Supervisor : IAsyncDisposable
{
    private const string Script = """
        exec 2>/dev/null
        trap '' INT HUP TERM PIPE
        folder=$1; shift
        server=
        while read -r command; do
          case $command in
            start) ( trap - HUP TERM PIPE; exec "$@" $(cat "$folder/once" 2>/dev/null) ) </dev/null >>"$folder/error.log" 2>&1 & server=$!
                   echo "$server" ;;
            reap)  wait "$server"; echo $?; server= ;;
          esac
        done
        if [ -n "$server" ]; then kill -9 "$server" $(cat "/proc/$server/task/$server/children"); wait "$server"; fi
        rm -rf "$folder"
        """;

    private readonly Process _shell;

    private Supervisor(Process shell) => _shell = shell;

    /// <summary>Starts the shell, not yet the server.</summary>
    public static Supervisor Start(string folder, IReadOnlyList<string> serverCommand)
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = "/",
        };
        foreach (var argument in (IEnumerable<string>)["-c", Script, "strangler-supervisor", folder, .. serverCommand])
            start.ArgumentList.Add(argument);
        return new(Process.Start(start) ?? throw new LocalServerException("/bin/sh could not be started."));
    }

    /// <returns>The server's pid.</returns>
    public Task<int> StartServerAsync(CancellationToken cancellationToken) => AskAsync("start", cancellationToken);

    /// <summary>Waits until the server has ended.</summary>
    /// <returns>Its exit code, 128 + n after signal n.</returns>
    public Task<int> ReapAsync(CancellationToken cancellationToken) => AskAsync("reap", cancellationToken);

    /// <summary>Kills the server if it still runs, removes the folder, and returns when both are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        _shell.StandardInput.Close();
        await _shell.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        _shell.Dispose();
    }

    private async Task<int> AskAsync(string command, CancellationToken cancellationToken)
    {
        await _shell.StandardInput.WriteAsync((command + "\n").AsMemory(), cancellationToken).ConfigureAwait(false);
        await _shell.StandardInput.FlushAsync(cancellationToken).ConfigureAwait(false);
        var answer = await _shell.StandardOutput.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        return int.TryParse(answer, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new LocalServerException($"The server's supervisor was asked to {command} and answered '{answer}'.");
    }
}
