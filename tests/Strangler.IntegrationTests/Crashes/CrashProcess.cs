using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>A <see cref="CrashChild"/> as its parent sees it. What it has answered is remembered here, outside of the databases.</summary>
internal sealed class CrashProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder _errors = new();
    private readonly Dictionary<string, string> _answers = [];
    private bool _isDisposed;

    private CrashProcess(Process process) => _process = process;

    /// <summary>Acknowledgements and refusals so far, by operation: <c>ack id</c> or <c>no why</c>.</summary>
    public IReadOnlyDictionary<string, string> Answers => _answers;

    /// <summary>How many have reached the armed point so far.</summary>
    public int Arrived { get; private set; }

    /// <summary>Begins to count those who reach the armed point anew.</summary>
    public void ForgetArrivals() => Arrived = 0;

    /// <param name="world">Where.</param>
    /// <param name="configFile">Its settings; null: the world's.</param>
    public static CrashProcess Start(DonationsWorld world, string? configFile = null)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { typeof(CrashChild).Assembly.Location, CrashChild.Verb, configFile ?? world.ConfigFile },
        };
        foreach (var (name, value) in world.Environment)
        {
            start.Environment[name] = value;
        }

        var child = new CrashProcess(Process.Start(start)!);
        child._process.ErrorDataReceived += (_, line) => child._errors.AppendLine(line.Data);
        child._process.BeginErrorReadLine();
        _ = child.ListenAsync();
        return child;
    }

    public Task ReadyAsync(CancellationToken cancellationToken) => UntilAsync(line => line == "ready", cancellationToken);

    public void Arm(HookPoint point, HookAction action, int count = 1, int skip = 0) =>
        Send(string.Create(CultureInfo.InvariantCulture, $"arm {point} {action} {skip} {count}"));

    public void Send(string line) => _process.StandardInput.WriteLine(line);

    /// <summary>Until so many stand at the armed point.</summary>
    public Task ArrivedAsync(int count, CancellationToken cancellationToken) =>
        Arrived >= count ? Task.CompletedTask : UntilAsync(_ => Arrived >= count, cancellationToken);

    /// <summary>Until all of these operations are answered.</summary>
    public Task AnsweredAsync(IReadOnlyCollection<string> operations, CancellationToken cancellationToken) =>
        operations.All(_answers.ContainsKey)
            ? Task.CompletedTask
            : UntilAsync(_ => operations.All(_answers.ContainsKey), cancellationToken);

    /// <summary>Until it has come to so many armed points (true), or the operation is answered, or the process has ended, without.</summary>
    public async Task<bool> StoppedAsync(int points, string operation, CancellationToken cancellationToken)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancellationToken))
        {
            TakeIn(line);
            if (Arrived >= points || _answers.ContainsKey(operation))
            {
                break;
            }
        }

        return Arrived >= points;
    }

    /// <summary>Until the operation is answered, or the first has reached the armed point.</summary>
    public Task AnsweredOrArrivedAsync(string operation, CancellationToken cancellationToken) =>
        UntilAsync(_ => Arrived > 0 || _answers.ContainsKey(operation), cancellationToken);

    /// <summary>Until the operation is acknowledged (true), or the process has killed itself.</summary>
    public async Task<bool> EndedAsync(string operation, CancellationToken cancellationToken)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancellationToken))
        {
            TakeIn(line);
            if (_answers.TryGetValue(operation, out var answer))
            {
                Assert.That(answer, Does.StartWith("ack"));
                return true;
            }
        }

        await DeadAsync(cancellationToken);
        return false;
    }

    /// <summary>Until it has killed itself; what it said before is taken in.</summary>
    public async Task DeadAsync(CancellationToken cancellationToken)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancellationToken))
        {
            TakeIn(line);
        }

        await _process.WaitForExitAsync(cancellationToken);
        Assert.That(_process.ExitCode, Is.EqualTo(128 + 9), () => $"it ended otherwise than by SIGKILL: {_errors}");
    }

    // Its borrower may do it, and the pool does it in the end.
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task ListenAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            _lines.Writer.TryWrite(line);
        }

        _lines.Writer.Complete();
    }

    private async Task UntilAsync(Func<string, bool> isReached, CancellationToken cancellationToken)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancellationToken))
        {
            TakeIn(line);
            if (isReached(line))
            {
                return;
            }
        }

        throw new InvalidOperationException($"The child has ended: {_errors}");
    }

    private void TakeIn(string line)
    {
        var words = line.Split(' ', 3);
        if (words[0] == "at")
        {
            Arrived++;
        }
        else if (words.Length == 3)
        {
            _answers[words[1]] = $"{words[0]} {words[2]}";
        }
    }
}

/// <summary>Children that are started ahead of need: the next is warm while one is being killed.</summary>
internal sealed class CrashPool : IAsyncDisposable
{
    private readonly DonationsWorld _world;
    private readonly string? _configFile;
    private readonly Queue<CrashProcess> _started = [];
    private readonly List<CrashProcess> _lent = [];

    public CrashPool(DonationsWorld world, string? configFile = null, int warm = 2)
    {
        (_world, _configFile) = (world, configFile);
        for (var i = 0; i < warm; i++)
        {
            _started.Enqueue(CrashProcess.Start(world, configFile));
        }
    }

    public async Task<CrashProcess> TakeAsync(CancellationToken cancellationToken)
    {
        var child = _started.Dequeue();
        _lent.Add(child);
        await child.ReadyAsync(cancellationToken);
        _started.Enqueue(CrashProcess.Start(_world, _configFile));
        return child;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var child in _lent.Concat(_started))
        {
            await child.DisposeAsync();
        }
    }
}
