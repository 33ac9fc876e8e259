using System.Globalization;

namespace Strangler.Benchmarks;

/// <summary>What the command line asks for.</summary>
internal sealed record BenchOptions(int Rows, bool Quick, string? Only, bool Json)
{
    private static readonly string[] Names = ["repository", "dual-write", "backfill", "reconcile", "reconcile-load", "reconcile-memory", "mapping",
        "availability", "flip", "capture", RoutesBench.Name, MongoClientBench.Name];

    /// <summary>Rounds of single operations, and operations of each side a round.</summary>
    public (int Rounds, int Operations) Single => Quick ? (5, 60) : (11, 150);

    /// <summary>Rounds of whole runs.</summary>
    public int Runs => Quick ? 3 : 7;

    public static BenchOptions? Parse(string[] args)
    {
        var (rows, quick, json, only) = (0, false, false, (string?)null);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--quick":
                    quick = true;
                    break;
                case "--json":
                    json = true;
                    break;
                case "--only" when i + 1 < args.Length && Names.Contains(args[i + 1]):
                    only = args[++i];
                    break;
                case "--rows" when i + 1 < args.Length
                    && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out rows) && rows is >= 1000 and <= 10_000_000:
                    i++;
                    break;
                default:
                    return null;
            }
        }

        return new BenchOptions(rows == 0 ? quick ? 4_000 : 20_000 : rows, quick, only, json);
    }
}
