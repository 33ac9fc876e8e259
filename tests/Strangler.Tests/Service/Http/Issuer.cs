using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Strangler.Tests.Service.Http;

/// <summary>An OpenID Connect issuer on this machine: a discovery document and its keys, and tokens as it would sign them, or as others would.</summary>
internal sealed class Issuer : IAsyncDisposable
{
    public const string Audience = "strangler";

    private readonly HttpListener _listener = new();
    private readonly Task _serving;
    private RSA _key = RSA.Create(2048);
    private string _keyId = "key-1";
    private int _keysFetched;

    public Issuer()
    {
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/";
        }

        _listener.Prefixes.Add(Address);
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Address { get; }

    /// <summary>How often somebody has asked for its keys.</summary>
    public int KeysFetched => Volatile.Read(ref _keysFetched);

    public void ChangeKey() => (_key, _keyId) = (RSA.Create(2048), _keyId + "'");

    public string Token(
        DateTimeOffset now, object? roles, string subject = "auth0|17", string? issuer = null, string audience = Audience, TimeSpan? lasts = null, TimeSpan? begins = null,
        SigningCredentials? credentials = null)
    {
        var claims = new Dictionary<string, object> { ["sub"] = subject };
        if (roles is not null)
        {
            claims["roles"] = roles;
        }

        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Address, Audience = audience, Claims = claims,
            NotBefore = (now + (begins ?? TimeSpan.Zero)).UtcDateTime,
            Expires = lasts == TimeSpan.MaxValue ? null : (now + (lasts ?? TimeSpan.FromMinutes(10))).UtcDateTime,
            SigningCredentials = credentials ?? new SigningCredentials(new RsaSecurityKey(_key) { KeyId = _keyId }, SecurityAlgorithms.RsaSha256),
        });
    }

    /// <summary>What needs no signature, so it claims.</summary>
    public string Unsigned(string good, string algorithm = "none") => $"{Part(new { alg = algorithm, typ = "JWT" })}.{good.Split('.')[1]}.";

    /// <summary>Signed with what everybody knows, as if it were a secret: the public key, in each form in which it is handed around.</summary>
    public IEnumerable<string> SignedWithThePublicKey(string good)
    {
        var secrets = new[]
        {
            Encoding.UTF8.GetBytes(_key.ExportSubjectPublicKeyInfoPem()), Encoding.UTF8.GetBytes(_key.ExportSubjectPublicKeyInfoPem() + "\n"),
            Encoding.UTF8.GetBytes(_key.ExportRSAPublicKeyPem()), _key.ExportSubjectPublicKeyInfo(), _key.ExportParameters(false).Modulus!,
        };
        foreach (var secret in secrets)
        {
            var signed = $"{Part(new { alg = "HS256", typ = "JWT", kid = _keyId })}.{good.Split('.')[1]}";
            yield return $"{signed}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(signed)))}";
        }
    }

    /// <summary>The same signature below other claims.</summary>
    public static string WithOtherClaims(string good, object claims) => $"{good.Split('.')[0]}.{Part(claims)}.{good.Split('.')[2]}";

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Close();
        _key.Dispose();
    }

    private static string Part(object value) => Base64UrlEncoder.Encode(JsonSerializer.Serialize(value));

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            var context = await _listener.GetContextAsync();
            if (context.Request.Url!.AbsolutePath == "/keys")
            {
                Interlocked.Increment(ref _keysFetched);
            }

            var body = JsonSerializer.SerializeToUtf8Bytes<object>(context.Request.Url!.AbsolutePath == "/keys" ? Keys() : new { issuer = Address, jwks_uri = $"{Address}keys" });
            context.Response.ContentType = "application/json";
            await context.Response.OutputStream.WriteAsync(body);
            context.Response.Close();
        }
    }

    private object Keys()
    {
        var parameters = _key.ExportParameters(false);
        return new
        {
            keys = new[] { new { kty = "RSA", use = "sig", kid = _keyId, n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) } },
        };
    }
}
