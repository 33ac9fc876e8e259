namespace Strangler.MySql;

internal static class Texts
{
    /// <summary>At most so many UTF-16 units, and no half of a pair at the end.</summary>
    public static string Cut(string text, int length) =>
        text.Length <= length ? text : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
}
