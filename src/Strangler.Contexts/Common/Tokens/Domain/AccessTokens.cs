using System.Security.Cryptography;
using System.Text;

namespace Strangler.Contexts.Common.Tokens;

/// <summary>Tokens that let whoever has them see or change a record. "" lets nobody in.</summary>
/// <param name="AccessToken">To see it.</param>
/// <param name="UpdateToken">To change it.</param>
/// <param name="UpdateTokenExpiresAt">Civil time; null: it never expires.</param>
public sealed record AccessTokens(string AccessToken, string UpdateToken, DateTime? UpdateTokenExpiresAt)
{
    public bool AllowsAccess(string token) => IsSame(AccessToken, token);

    public bool AllowsUpdate(string token, DateTime now) => IsSame(UpdateToken, token) && (UpdateTokenExpiresAt is null || now < UpdateTokenExpiresAt);

    // How long it takes must not tell how much of a guess was right.
    private static bool IsSame(string expected, string token) =>
        expected.Length > 0 && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(token));
}
