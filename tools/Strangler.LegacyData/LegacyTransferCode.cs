using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Strangler.LegacyData;

/// <summary>
/// The reference that a donor puts on a bank transfer. Since the end of 2016 <c>XW-A3D-EFT-Z</c>: a prefix (XW donor known,
/// XR anonymous), six characters, a checksum; before that <c>W-Q-ABCDEF-G</c>.
/// </summary>
internal static class LegacyTransferCode
{
    private const string Alphabet = "ACDEFKLMNPRTWXYZ349";

    public static string New(Dice dice, bool isAnonymous)
    {
        var code = (isAnonymous ? "XR" : "XW") + dice.Text(6, Alphabet);
        return $"{code[..2]}-{code[2..5]}-{code[5..]}-{Checksum(code)}";
    }

    public static string Old(Dice dice) => $"W-Q-{dice.Capitals(6)}-{dice.Capitals(1)}";

    /// <summary>The sum of the hex digits of the MD5 of the eight characters, as a position in the alphabet.</summary>
    [SuppressMessage("Security", "CA5351", Justification = "A check digit, not a secret.")]
    public static char Checksum(string code)
    {
        var sum = MD5.HashData(Encoding.ASCII.GetBytes(code)).Sum(x => (x >> 4) + (x & 15));
        return Alphabet[sum % Alphabet.Length];
    }
}
