using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;

namespace Strangler.Service.Http.Access;

/// <summary>
/// Stands before every route: finds out who asks, how often, and whether they may, by <see cref="RouteTable"/> alone. What is not listed there is
/// nobody's. A token counts everywhere, a cookie on the dashboard's pages only, so that no other site's form can reach the API.
/// </summary>
public sealed class AccessControl : IDisposable
{
    private const string Scheme = "Bearer ";

    // Wrong credentials that one address may show: then it is told to wait, and no more is told apart.
    private const int WrongPerMinute = 30;

    private static readonly object CallerItem = new();
    private static readonly object SessionItem = new();

    private readonly KeyRing _keys;
    private readonly TokenVerifier? _tokens;
    private readonly PartitionedRateLimiter<(string Who, int PerMinute)> _rate = Limiter();
    private readonly PartitionedRateLimiter<(string Who, int PerMinute)> _wrong = Limiter();
    private readonly ILogger _log;
    private volatile int _requestsPerMinute;

    /// <param name="options">Where the service answers, and who may use it.</param>
    /// <param name="secret">Of the installation; sessions are signed with a key made of it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Take what was refused.</param>
    /// <exception cref="ConfigurationException">The keys file is missing or wrong, or the world could come in and nobody can be known.</exception>
    public AccessControl(HttpOptions options, byte[] secret, TimeProvider time, ILoggerFactory loggers)
    {
        options.RequireAccess();
        _log = loggers.CreateLogger<AccessControl>();
        _keys = new KeyRing(options.Access, time, loggers);
        _tokens = options.Access.Oidc is { } oidc ? new TokenVerifier(oidc, time, loggers) : null;
        _requestsPerMinute = options.Limits.RequestsPerMinute;
        Sessions = new Sessions(secret, options.PublicUrl?.Scheme == Uri.UriSchemeHttps, _keys, time);
        Origin = options.PublicUrl?.GetLeftPart(UriPartial.Authority);
    }

    internal Sessions Sessions { get; }

    /// <summary>Where browsers find the service, if that is not where it listens.</summary>
    internal string? Origin { get; }

    /// <summary>The file of keys that is looked at; null: there is none.</summary>
    internal string? KeysFile => _keys.File;

    /// <summary>Whether tokens of an issuer are taken.</summary>
    internal bool HasIssuer => _tokens is not null;

    /// <summary>Is told which keys there were and which there are when their file holds others; null: nobody is.</summary>
    internal Action<SettingChange>? OnKeysRead
    {
        set => _keys.OnRead = value;
    }

    /// <summary>Tells the metrics what was refused, by reason; null: nobody counts.</summary>
    public Action<string>? OnRefused { get; init; }

    /// <summary>Is told of a caller who is known and may not; null: nobody is.</summary>
    internal Func<HttpContext, Caller, RouteNeed, Task>? OnTooSmallRole { get; set; }

    /// <summary>Who makes the request.</summary>
    public static Caller CallerOf(HttpContext http) => (Caller?)http.Items[CallerItem] ?? Caller.Nobody;

    internal static Session? SessionOf(HttpContext http) => (Session?)http.Items[SessionItem];

    /// <summary>Goes on by other keys, roles and limits; whatever else is another there stays as it was.</summary>
    internal void Adopt(HttpOptions options, KeyFile keys)
    {
        _keys.Adopt(options.Access, keys);
        _requestsPerMinute = options.Limits.RequestsPerMinute;
        if (options.Access.Oidc is { } oidc)
        {
            _tokens?.Adopt(oidc);
        }
    }

    /// <summary>Who a credential stands for; null when it is not good.</summary>
    internal async Task<(Caller Caller, string? KeyHash)?> IdentifyAsync(string credential)
    {
        if (credential.StartsWith(ApiKey.Prefix, StringComparison.Ordinal))
        {
            return _keys.Find(credential) is { } key ? (key.Caller, key.Hash) : null;
        }

        return _tokens is not null && await _tokens.VerifyAsync(credential).ConfigureAwait(false) is { } caller ? (caller, null) : null;
    }

    /// <summary>A wrong credential, counted by address. True: there were too many.</summary>
    internal bool IsOneTooMany(HttpContext http)
    {
        using var lease = _wrong.AttemptAcquire((AddressOf(http), WrongPerMinute));
        return !lease.IsAcquired;
    }

    internal async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        // What met no route of ours (404, 405) has nothing to guard.
        if (http.GetEndpoint() is not RouteEndpoint endpoint)
        {
            await RateLimitedAsync(http, AddressOf(http), next).ConfigureAwait(false);
            return;
        }

        if (RouteTable.Find(http.Request.Method, endpoint) is not { } need)
        {
            _log.NotInTable(http.Request.Method, endpoint.RoutePattern.RawText ?? "");
            await RefuseAsync(http, StatusCodes.Status403Forbidden, "unlisted", "No role has this route.").ConfigureAwait(false);
            return;
        }

        if (need.IsFrontend)
        {
            await next(http).ConfigureAwait(false);
            return;
        }

        if (await FindCallerAsync(http, need).ConfigureAwait(false) is { } caller)
        {
            http.Items[CallerItem] = caller;

            // Refusals count as well: they are told in the audit trail, which nobody may flood.
            await RateLimitedAsync(
                http, caller.Role == Role.Anyone ? AddressOf(http) : caller.Name,
                caller.May(need) ? next : _ => RefuseKnownAsync(http, caller, need)).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _tokens?.Dispose();
        _rate.Dispose();
        _wrong.Dispose();
    }

    // Null: it has been answered.
    private async Task<Caller?> FindCallerAsync(HttpContext http, RouteNeed need)
    {
        if (CredentialOf(http) is { } credential)
        {
            if (await IdentifyAsync(credential).ConfigureAwait(false) is var (caller, _))
            {
                return caller;
            }

            // A route that asks for nothing answers a wrong token like none: a probe says nothing of tokens.
            return need.Role == Role.Anyone ? Caller.Nobody : await WrongAsync(http).ConfigureAwait(false);
        }

        if (need.IsPage && Sessions.Find(http) is var (session, signedIn))
        {
            http.Items[SessionItem] = session;
            return signedIn;
        }

        if (need.Role == Role.Anyone)
        {
            return Caller.Nobody;
        }

        await AskAsync(http, need).ConfigureAwait(false);
        return null;
    }

    private async Task AskAsync(HttpContext http, RouteNeed need)
    {
        if (need.IsPage && HttpMethods.IsGet(http.Request.Method))
        {
            http.Response.Redirect("/ui/sign-in");
            return;
        }

        http.Response.Headers.WWWAuthenticate = "Bearer";
        await RefuseAsync(http, StatusCodes.Status401Unauthorized, "no_token", "Send \"Authorization: Bearer\" with a key or a token.").ConfigureAwait(false);
    }

    private async Task<Caller?> WrongAsync(HttpContext http)
    {
        if (IsOneTooMany(http))
        {
            await TooManyAsync(http).ConfigureAwait(false);
            return null;
        }

        http.Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
        await RefuseAsync(http, StatusCodes.Status401Unauthorized, "wrong_token", "The key or token is not good (any more).").ConfigureAwait(false);
        return null;
    }

    private async Task RefuseKnownAsync(HttpContext http, Caller caller, RouteNeed need)
    {
        _log.RoleTooSmall(caller.Name, caller.Role, need.Method, need.Pattern, need.Role);
        if (OnTooSmallRole is { } tell)
        {
            await tell(http, caller, need).ConfigureAwait(false);
        }

        await RefuseAsync(
            http, StatusCodes.Status403Forbidden, "role",
            caller.May(need.Role)
                ? $"{caller.Name} is for {string.Join(", ", caller.Contexts ?? [])}; this is {need.Context}."
                : $"{caller.Name} is {Name(caller.Role)}; this needs the role {Name(need.Role)}.").ConfigureAwait(false);
    }

    private async Task RateLimitedAsync(HttpContext http, string who, RequestDelegate next)
    {
        using var lease = _rate.AttemptAcquire((who, _requestsPerMinute));
        await (lease.IsAcquired ? next(http) : TooManyAsync(http)).ConfigureAwait(false);
    }

    private Task TooManyAsync(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "5";
        return RefuseAsync(http, StatusCodes.Status429TooManyRequests, "rate", "Too many requests; wait a little.");
    }

    private Task RefuseAsync(HttpContext http, int status, string reason, string detail)
    {
        OnRefused?.Invoke(reason);
        return Problems.SendAsync(http, status, detail);
    }

    private static string Name(Role role) => role == Role.Anyone ? "nobody" : RoleNames.Of(role);

    private static string? CredentialOf(HttpContext http) =>
        http.Request.Headers.Authorization.ToString() is { } header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim() : null;

    private static string AddressOf(HttpContext http) => http.Connection.RemoteIpAddress?.ToString() ?? "";

    // A bucket that holds a minute's worth and fills up every five seconds: bursts pass, a flood does not. Another limit is another bucket.
    private static PartitionedRateLimiter<(string Who, int PerMinute)> Limiter() => PartitionedRateLimiter.Create<(string Who, int PerMinute), (string, int)>(caller =>
        RateLimitPartition.GetTokenBucketLimiter(caller, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = caller.PerMinute,
            TokensPerPeriod = Math.Max(1, caller.PerMinute / 12),
            ReplenishmentPeriod = TimeSpan.FromSeconds(5),
            QueueLimit = 0,
            AutoReplenishment = true,
        }));
}
