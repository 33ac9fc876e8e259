using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Strangler.Service.Http.Access;

/// <summary>
/// Verifies tokens of one OpenID Connect issuer. Its keys are fetched once and kept; a token that was signed with an unknown one makes them be
/// fetched again, though not more often than once in five minutes.
/// </summary>
/// <remarks>
/// Only signatures of a private key are taken. So a token cannot say that it needs none (<c>none</c>), nor that the issuer's public key, which
/// everybody has, is the secret of a MAC (<c>HS256</c>): RFC 8725, 2.1.
/// </remarks>
internal sealed class TokenVerifier : IDisposable
{
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    // What two clocks may be apart.
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FetchAtMost = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly HttpClient _client;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly TokenValidationParameters _parameters;
    private OidcOptions _options;

    public TokenVerifier(OidcOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_options, _time, _log) = (options, time, loggers.CreateLogger<TokenVerifier>());
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = FetchAtMost, MaxResponseContentBufferSize = 1 << 20 };
        var retriever = new HttpDocumentRetriever(_client) { RequireHttps = !options.Discovery.IsLoopback };
        _parameters = new TokenValidationParameters
        {
            ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
                options.Discovery.AbsoluteUri, new OpenIdConnectConfigurationRetriever(), retriever),
            ValidIssuer = options.Issuer,
            ValidAudience = options.Audience,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            LifetimeValidator = (from, until, _, _) => IsNow(from, until),
        };
    }

    /// <summary>Who the token stands for; null when it is not good, or gives no role.</summary>
    public async Task<Caller?> VerifyAsync(string token)
    {
        var result = await _handler.ValidateTokenAsync(token, _parameters).ConfigureAwait(false);
        if (!result.IsValid)
        {
            // The library's messages leave out what the token says; only its kind is told all the same.
            _log.TokenRefused(result.Exception.GetType().Name);
            return null;
        }

        var jwt = (JsonWebToken)result.SecurityToken;
        var name = $"oidc:{jwt.Subject}";
        if (string.IsNullOrWhiteSpace(jwt.Subject) || name.Length > Caller.LongestName || name.Any(char.IsControl) || RoleOf(jwt) is not { } role)
        {
            _log.TokenRefused("no subject, or no role");
            return null;
        }

        return new Caller(name, role) { Until = new DateTimeOffset(jwt.ValidTo, TimeSpan.Zero) };
    }

    /// <summary>Gives roles as other options say, to tokens that are shown from now on; whose tokens are taken stays as it is.</summary>
    public void Adopt(OidcOptions options) => Volatile.Write(ref _options, options);

    public void Dispose() => _client.Dispose();

    private bool IsNow(DateTime? from, DateTime? until)
    {
        var now = _time.GetUtcNow().UtcDateTime;
        return until is { } end && now < end + Skew && (from is not { } begin || now >= begin - Skew);
    }

    private Role? RoleOf(JsonWebToken token)
    {
        var options = Volatile.Read(ref _options);

        // As it was signed: the library makes one of a text and of a list with one text in it, and only the former is taken apart.
        using var payload = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload));
        if (!payload.RootElement.TryGetProperty(options.RoleClaim, out var claim))
        {
            return null;
        }

        // A single text may hold several, as the scopes of OAuth do.
        var values = claim.ValueKind switch
        {
            JsonValueKind.Array => claim.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String).Select(each => each.GetString()!),
            JsonValueKind.String => claim.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            _ => [],
        };
        var roles = values.Where(options.Roles.ContainsKey).Select(value => options.Roles[value]).ToList();

        // Who is named as both is somebody, and no program.
        return roles.Count == 0 ? null : roles.Where(role => role != Role.Frontend).DefaultIfEmpty(Role.Frontend).Max();
    }
}
