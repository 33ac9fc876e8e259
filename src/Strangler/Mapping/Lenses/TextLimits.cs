using System.Text;

namespace Strangler.Mapping.Lenses;

/// <summary>What a column can hold of a text; checked before anything is written, so that no server ever truncates.</summary>
internal static class TextLimits
{
    public static void Check(string field, string text, ColumnLayout column, bool dropsTrailingBlanks = false)
    {
        var surrogates = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;
        if (surrogates)
        {
            CheckSurrogates(field, text, column);
        }

        if (column.RefusesNul && text.Contains('\0', StringComparison.Ordinal))
        {
            throw new CannotHoldException(field, $"{column.Name} cannot hold the character 0, which PostgreSQL's text has not");
        }

        if (column.MaxLength > 0 && text.Length > column.MaxLength && (!surrogates || Characters(text) > column.MaxLength))
        {
            throw new CannotHoldException(field, $"longer than the {column.MaxLength} characters of {column.Name}");
        }

        if (column.MaxBytes > 0 && text.Length > column.MaxBytes / 4 && Encoding.UTF8.GetByteCount(text) > column.MaxBytes)
        {
            throw new CannotHoldException(field, $"longer than the {column.MaxBytes} bytes of {column.Name}");
        }

        if (dropsTrailingBlanks && text.EndsWith(' '))
        {
            throw new CannotHoldException(field, $"{column.Name} drops blanks at the end");
        }
    }

    /// <summary>The same as a question.</summary>
    public static bool CanHold(string text, ColumnLayout column) =>
        IsWellFormed(text)
        && (column.MaxLength == 0 || text.Length <= column.MaxLength || Characters(text) <= column.MaxLength)
        && (column.MaxBytes == 0 || Encoding.UTF8.GetByteCount(text) <= column.MaxBytes)
        && !(column.BasicPlaneOnly && text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0);

    /// <summary>Whether each surrogate has its other half: others are no text in any encoding.</summary>
    public static bool IsWellFormed(string text)
    {
        for (var i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    private static void CheckSurrogates(string field, string text, ColumnLayout column)
    {
        if (!IsWellFormed(text))
        {
            throw new CannotHoldException(field, "half a surrogate pair is no character");
        }

        if (column.BasicPlaneOnly)
        {
            throw new CannotHoldException(field, $"{column.Name} cannot hold characters beyond U+FFFF");
        }
    }

    private static int Characters(string text)
    {
        var count = text.Length;
        foreach (var unit in text)
        {
            count -= char.IsHighSurrogate(unit) ? 1 : 0;
        }

        return count;
    }
}
