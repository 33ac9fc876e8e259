using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Strangler.Service.Http.Access;

/// <summary>A signed-in browser.</summary>
/// <param name="Id">Random; the forms' token is made of it.</param>
/// <param name="Name">The caller's name.</param>
/// <param name="Role">The caller's role when they signed in; that of a key is looked up anew each time.</param>
/// <param name="Until">Seconds since 1970.</param>
/// <param name="KeyHash">Of the key that was shown; null: it was a token.</param>
internal sealed record Session(string Id, string Name, Role Role, long Until, string? KeyHash);

/// <summary>
/// Cookies of the dashboard: signed with a key that all replicas of an installation share, so that each of them knows whom another one let in. Nothing
/// is stored; a key that is taken away takes its sessions along.
/// </summary>
internal sealed class Sessions
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(8);

    private readonly byte[] _key;
    private readonly TimeProvider _time;
    private readonly KeyRing _keys;
    private readonly bool _isSecure;

    /// <param name="secret">Of the installation.</param>
    /// <param name="isSecure">Whether browsers come over TLS: the cookie goes no other way then.</param>
    /// <param name="keys">The keys that are good.</param>
    /// <param name="time">The clock.</param>
    public Sessions(byte[] secret, bool isSecure, KeyRing keys, TimeProvider time)
    {
        _key = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "strangler dashboard sessions"u8.ToArray());
        (_isSecure, _keys, _time) = (isSecure, keys, time);
        CookieName = isSecure ? "__Host-strangler" : "strangler";
    }

    public string CookieName { get; }

    public void Begin(HttpContext http, Caller caller, string? keyHash)
    {
        var until = _time.GetUtcNow() + Longest;
        until = caller.Until is { } sooner && sooner < until ? sooner : until;
        var session = new Session(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18)), caller.Name, caller.Role, until.ToUnixTimeSeconds(), keyHash);
        var body = JsonSerializer.SerializeToUtf8Bytes(session);
        http.Response.Cookies.Append(CookieName, $"{Base64Url.EncodeToString(body)}.{Base64Url.EncodeToString(Sign(body))}", Cookie(until));
    }

    public void End(HttpContext http) => http.Response.Cookies.Delete(CookieName, Cookie(null));

    /// <summary>Who the request's cookie stands for; null when there is none, or it is not good (any more).</summary>
    public (Session Session, Caller Caller)? Find(HttpContext http)
    {
        if (http.Request.Cookies[CookieName]?.Split('.') is not [var bodyText, var signature] || Read(bodyText, signature) is not { } session
            || session.Until <= _time.GetUtcNow().ToUnixTimeSeconds())
        {
            return null;
        }

        return session.KeyHash is null ? (session, new Caller(session.Name, session.Role))
            : _keys.FindHash(session.KeyHash) is { } key ? (session, key.Caller)
            : null;
    }

    /// <summary>What a form of that session must send along: another site can make a browser send a form, but cannot read this.</summary>
    public string FormToken(Session session) => Base64Url.EncodeToString(Sign(Encoding.UTF8.GetBytes($"form:{session.Id}")));

    public bool IsFormToken(Session session, string? given) =>
        given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(FormToken(session)));

    private Session? Read(string bodyText, string signature)
    {
        try
        {
            var body = Base64Url.DecodeFromChars(bodyText);
            return CryptographicOperations.FixedTimeEquals(Sign(body), Base64Url.DecodeFromChars(signature)) ? JsonSerializer.Deserialize<Session>(body) : null;
        }
        catch (Exception exception) when (exception is FormatException or JsonException)
        {
            return null;
        }
    }

    private byte[] Sign(byte[] body) => HMACSHA256.HashData(_key, body);

    private CookieOptions Cookie(DateTimeOffset? until) => new()
    {
        HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = _isSecure, Path = "/", Expires = until,
    };
}
