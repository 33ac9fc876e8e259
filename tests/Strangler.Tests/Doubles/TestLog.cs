using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Strangler.Tests.Doubles;

/// <summary>Keeps what is logged: the event's number and its text.</summary>
internal sealed class TestLog : ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    /// <summary>Whose loggers are all this one.</summary>
    public ILoggerFactory Loggers => new Factory(this);

    /// <summary>What came since the last time that it was asked.</summary>
    public IReadOnlyList<string> Take()
    {
        List<string> lines = [];
        while (_lines.TryDequeue(out var line))
        {
            lines.Add(line);
        }

        return lines;
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{eventId.Id} {formatter(state, exception)}");

    private sealed class Factory(TestLog log) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
