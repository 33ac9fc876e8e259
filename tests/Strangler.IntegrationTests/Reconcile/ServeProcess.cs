using System.Diagnostics;
using System.Text.RegularExpressions;
using Strangler.Cli;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary><c>strangler serve</c> in a process of its own.</summary>
internal sealed partial class ServeProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly List<string> _lines = [];

    private ServeProcess(Process process)
    {
        _process = process;
        _process.OutputDataReceived += Take;
        _process.ErrorDataReceived += Take;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Said
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>Where it answers HTTP, once it has said so.</summary>
    public Uri Address => new(Listening().Match(Said).Groups[1].Value);

    public static ServeProcess Start(string configFile) => new(Process.Start(new ProcessStartInfo("dotnet")
    {
        RedirectStandardOutput = true, RedirectStandardError = true,
        ArgumentList = { typeof(StranglerCommandLine).Assembly.Location, "serve", "--config", configFile },
    })!);

    public async Task SaysAsync(string text)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!Said.Contains(text, StringComparison.Ordinal))
        {
            Assert.That(_process.HasExited, Is.False, Said);
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>SIGTERM, which it answers in its own time.</summary>
    public async Task AskToEndAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await kill.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Its exit code, once it has ended.</summary>
    public async Task<int> EndedAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public async Task<int> EndAsync()
    {
        await AskToEndAsync();
        return await EndedAsync();
    }

    /// <summary>SIGKILL: it has no say in it.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private void Take(object sender, DataReceivedEventArgs received)
    {
        lock (_lines)
        {
            _lines.Add(received.Data ?? "");
        }
    }

    [GeneratedRegex("HTTP: at (http://[0-9.:]+)")]
    private static partial Regex Listening();
}
