using System.Globalization;

namespace Strangler.Contexts.HealthRegions;

/// <summary>A line of a crosswalk, as it was read from a file: all of it is text.</summary>
public sealed record CrosswalkRow(string Postcode, string HrUid, string EstimatedPopulation);

/// <summary>A line that says nothing certain.</summary>
/// <param name="Row">Its place, from 1.</param>
/// <param name="Reason">Why it was left out.</param>
public sealed record CrosswalkRefusal(int Row, string Reason);

/// <summary>
/// Which parts of which postcodes lie in which regions, from a published list of pairs. Case and blanks of a postcode say nothing, a pair that is there twice
/// is one, no population is none and not 0. A line that names a region which nobody knows is refused, and moved to no other.
/// </summary>
public sealed class PostcodeCrosswalk
{
    private readonly SortedDictionary<string, List<(int Row, PostcodePart Part)>> _parts = new(StringComparer.Ordinal);
    private readonly List<CrosswalkRefusal> _refused = [];

    private PostcodeCrosswalk()
    {
    }

    /// <summary>The parts of each postcode, in the order of the list.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PostcodePart>> Parts =>
        _parts.ToDictionary(one => one.Key, one => (IReadOnlyList<PostcodePart>)[.. one.Value.Select(entry => entry.Part)]);

    public IReadOnlyList<CrosswalkRefusal> Refused => _refused;

    /// <param name="rows">The list.</param>
    /// <param name="regions">The hr_uids of the regions that there are.</param>
    public static PostcodeCrosswalk Read(IReadOnlyList<CrosswalkRow> rows, IReadOnlySet<long> regions)
    {
        var crosswalk = new PostcodeCrosswalk();
        for (var at = 0; at < rows.Count; at++)
        {
            crosswalk.Take(at + 1, rows[at], regions);
        }

        return crosswalk;
    }

    /// <summary>What a postcode is, whoever wrote it.</summary>
    public static string Plain(string postcode) => postcode.Trim().ToUpperInvariant();

    private void Take(int row, CrosswalkRow line, IReadOnlySet<long> regions)
    {
        var code = Plain(line.Postcode);
        if (code.Length != 3 || !char.IsAsciiLetter(code[0]) || !char.IsAsciiDigit(code[1]) || !char.IsAsciiLetter(code[2]))
        {
            Refuse(row, "the postcode is not a letter, a digit and a letter");
        }
        else if (!TryNumber(line.HrUid, out var region) || region is null || !regions.Contains(region.Value))
        {
            Refuse(row, "no such region is known");
        }
        else if (!TryNumber(line.EstimatedPopulation, out var population))
        {
            Refuse(row, "the population is no whole number of 0 or more");
        }
        else
        {
            Add(row, code, new PostcodePart(region.Value, population));
        }
    }

    private void Add(int row, string code, PostcodePart part)
    {
        if (!_parts.TryGetValue(code, out var known))
        {
            _parts.Add(code, known = []);
        }

        var (before, same) = known.Find(entry => entry.Part.RegionId == part.RegionId);
        if (same is null)
        {
            known.Add((row, part));
        }
        else if (same != part)
        {
            Refuse(row, string.Create(CultureInfo.InvariantCulture, $"row {before} says another population of the same pair"));
        }
    }

    private void Refuse(int row, string reason) => _refused.Add(new CrosswalkRefusal(row, reason));

    // Spreadsheets write 373.0 for 373.
    private static bool TryNumber(string text, out long? number)
    {
        number = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            return true;
        }

        var isNumber = decimal.TryParse(text.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value);
        if (!isNumber || value != decimal.Truncate(value) || value > int.MaxValue)
        {
            return false;
        }

        number = (long)value;
        return true;
    }
}
