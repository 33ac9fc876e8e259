using System.Globalization;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// What a frontend process wrote into a file of its own: before each write that it tries it, after it what it was told. A process that is
/// killed leaves tries without an answer behind.
/// </summary>
internal sealed class FrontendMemory
{
    private FrontendMemory(IReadOnlyDictionary<long, Entry> last, int creates, int openCreates) =>
        (Last, Creates, OpenCreates) = (last, creates, openCreates);

    /// <summary>The last state of each donation that was acknowledged.</summary>
    public IReadOnlyDictionary<long, Entry> Last { get; }

    /// <summary>Creates that were acknowledged.</summary>
    public int Creates { get; }

    /// <summary>Creates without an answer: each is there once or not at all.</summary>
    public int OpenCreates { get; }

    public static FrontendMemory Read(string file)
    {
        var last = new Dictionary<long, Entry>();
        var open = new HashSet<string>(StringComparer.Ordinal);
        var creates = 0;
        foreach (var parts in File.ReadLines(file).Select(line => line.Split(' ')))
        {
            if (parts[0] == "try")
            {
                open.Add(parts[1]);
                continue;
            }

            if (parts[0] == "ack" && parts.Length == 6)
            {
                last[Number(parts[2])] = new Entry(Number(parts[3]), parts[4] == "1", (int)Number(parts[5]));
                creates += IsCreate(parts[1]) ? 1 : 0;
            }

            open.Remove(parts[1]);
        }

        return new FrontendMemory(last, creates, open.Count(IsCreate));
    }

    /// <summary>Acknowledgements so far, also while it is being written.</summary>
    public static int Acknowledged(string file)
    {
        if (!File.Exists(file))
        {
            return 0;
        }

        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Split('\n').Count(line => line.StartsWith("ack", StringComparison.Ordinal));
    }

    private static bool IsCreate(string operation) => operation.StartsWith("create", StringComparison.Ordinal);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    /// <param name="Amount">In cents.</param>
    /// <param name="Cancelled">Whether it was cancelled.</param>
    /// <param name="Lines">Lines in its history.</param>
    internal sealed record Entry(long Amount, bool Cancelled, int Lines);
}
