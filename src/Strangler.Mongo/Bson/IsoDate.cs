using System.Globalization;

namespace Strangler.Mongo.Bson;

/// <summary>Dates as relaxed Extended JSON has them.</summary>
internal static class IsoDate
{
    private const int Millisecond = 1000;

    // With ':' in the zone and without, with any fraction of a second: exports differ.
    private static readonly string[] Forms = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ssK",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    public static bool TryParse(string text, out long milliseconds)
    {
        // Without a zone nobody knows which moment is meant.
        var hasZone = text.EndsWith('Z') || (text.Length > 19 && text.AsSpan(19).IndexOfAny('+', '-') >= 0);
        var isDate = DateTimeOffset.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && hasZone;
        milliseconds = isDate ? date.ToUnixTimeMilliseconds() : 0;
        return isDate;
    }

    /// <summary>False outside of the years 1970 to 9999: other readers could not be counted upon.</summary>
    public static bool TryFormat(long milliseconds, out string text)
    {
        const long Last = 253_402_300_799_999;
        var isShown = milliseconds is >= 0 and <= Last;
        text = !isShown ? "" : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString(
            milliseconds % Millisecond == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return isShown;
    }
}
