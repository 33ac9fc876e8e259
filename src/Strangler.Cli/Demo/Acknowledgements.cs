using System.Globalization;

namespace Strangler.Cli.Demo;

/// <summary>What the frontend was told of one donation, last.</summary>
/// <param name="Id">Public id.</param>
/// <param name="AmountInCents">The amount it wrote.</param>
/// <param name="IsCancelled">Whether it had cancelled it.</param>
/// <param name="LogLines">How many history lines the donation had after the write.</param>
internal sealed record Acknowledged(long Id, long AmountInCents, bool IsCancelled, int LogLines);

/// <summary>
/// The load client's own memory: a file outside both databases with one line a write. <c>try</c> goes before a write, <c>ack</c> after its
/// acknowledgement, <c>no</c> after a refusal; a <c>try</c> without either is a write of unknown outcome.
/// </summary>
internal sealed class AcknowledgementWriter(string path) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly StreamWriter _writer = new(path, append: true) { AutoFlush = true };

    public void Try(string operation) => Write($"try {operation}");

    public void Acknowledge(string operation, Acknowledged state) => Write(string.Create(
        CultureInfo.InvariantCulture, $"ack {operation} {state.Id} {state.AmountInCents} {(state.IsCancelled ? 1 : 0)} {state.LogLines}"));

    public void Refuse(string operation, string reason) => Write($"no {operation} {reason}");

    public void Dispose() => _writer.Dispose();

    private void Write(string line)
    {
        lock (_lock)
        {
            _writer.WriteLine(line);
        }
    }
}

/// <summary>The file read back.</summary>
internal sealed class AcknowledgementLog
{
    private AcknowledgementLog(IReadOnlyDictionary<long, Acknowledged> last, int writes, int creates, int refused, int unknown)
    {
        Last = last;
        Writes = writes;
        Creates = creates;
        Refused = refused;
        Unknown = unknown;
    }

    /// <summary>The last acknowledged state by id.</summary>
    public IReadOnlyDictionary<long, Acknowledged> Last { get; }

    /// <summary>Acknowledged writes.</summary>
    public int Writes { get; }

    /// <summary>Acknowledged creates.</summary>
    public int Creates { get; }

    /// <summary>Writes that were refused with an error.</summary>
    public int Refused { get; }

    /// <summary>Writes without an answer.</summary>
    public int Unknown { get; }

    /// <summary>Reads the file. Operations of one donation are written by one worker, one after the other, so the last line of an id is its last state.</summary>
    public static AcknowledgementLog Read(string path)
    {
        var last = new Dictionary<long, Acknowledged>();
        var open = new HashSet<string>(StringComparer.Ordinal);
        int writes = 0, creates = 0, refused = 0;
        foreach (var line in File.ReadLines(path))
        {
            var parts = line.Split(' ');
            switch (parts[0])
            {
                case "try":
                    open.Add(parts[1]);
                    break;
                case "ack":
                    open.Remove(parts[1]);
                    var state = new Acknowledged(Number(parts[2]), Number(parts[3]), parts[4] == "1", (int)Number(parts[5]));
                    last[state.Id] = state;
                    writes++;
                    creates += parts[1].StartsWith("create", StringComparison.Ordinal) ? 1 : 0;
                    break;
                default:
                    open.Remove(parts[1]);
                    refused++;
                    break;
            }
        }

        return new AcknowledgementLog(last, writes, creates, refused, open.Count);
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
