using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Strangler.Service.Http.Access;

/// <summary>A key as the configuration holds it: of the key itself only the hash, from which it cannot be told.</summary>
/// <param name="Name">Whose it is; stands in the audit trail.</param>
/// <param name="Role">What it may do.</param>
/// <param name="Hash"><c>sha256:</c> and 64 hexadecimal digits.</param>
/// <param name="Expires">The first day (UTC) on which it is no longer good; null: never.</param>
public sealed record ApiKey(string Name, Role Role, string Hash, DateOnly? Expires)
{
    /// <summary>Of a frontend's: the contexts whose entities it reaches; null: all that are served.</summary>
    public IReadOnlyList<string>? Contexts { get; init; }

    /// <summary>What every key begins with, so that a leaked one is found by those who search for such things.</summary>
    public const string Prefix = "strk_";

    private const string HashPrefix = "sha256:";
    private const int Bytes = 32;

    /// <summary>The caller that the key stands for.</summary>
    internal Caller Caller => new($"key:{Name}", Role)
    {
        Until = Expires is { } day ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero) : null,
        Contexts = Contexts,
    };

    /// <summary>A new key of 256 random bits. A plain hash keeps it: there is nothing that could be guessed.</summary>
    public static string Create() =>
        Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    public static string HashOf(string key) => HashPrefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>Whether a text can be a hash of <see cref="HashOf"/>.</summary>
    internal static bool IsHash(string text) =>
        text.Length == HashPrefix.Length + 64 && text.StartsWith(HashPrefix, StringComparison.Ordinal) && text[HashPrefix.Length..].All(char.IsAsciiHexDigitLower);

    /// <summary>A day as <see cref="Expires"/> is written: <c>2027-06-30</c>.</summary>
    public static bool TryParseDay(string text, out DateOnly day) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day);

    /// <summary>Whether a text can be a key's name.</summary>
    public static bool IsName(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@');
}
