using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Strangler.Answers;
using Strangler.DualWrite;

namespace Strangler.Service.Http.Admin;

/// <summary>
/// Requests that carry an <c>Idempotency-Key</c>: what changed something is answered once and for all, for whoever sends the same again, to whichever replica,
/// before and after a restart. What was refused, or failed, has changed nothing that a second try could spoil: its key is free again. So is that of a request
/// whose process died, a few seconds later; each act of this API is harmless when it is done twice.
/// </summary>
internal sealed class KeyedRequests(ServiceParts parts)
{
    public const string Header = "Idempotency-Key";
    private const int LongestKey = 200;
    private const int PrunedAtATime = 100;

    private readonly ILogger _log = parts.Loggers.CreateLogger<KeyedRequests>();

    /// <summary>Whether a route takes keys: each that changes something. Clear values are never stored, so whoever asks for them twice is shown them twice.</summary>
    public static bool AreTakenBy(string method, string pattern) =>
        !HttpMethods.IsGet(method) && pattern.StartsWith("/contexts/{context}/", StringComparison.Ordinal) && !pattern.EndsWith("/revelations", StringComparison.Ordinal);

    public async Task<object?> RunAsync(ApiRequest request, Func<ApiRequest, CancellationToken, Task<object?>> answer, CancellationToken cancellationToken)
    {
        if (KeyOf(request.Http) is not { } key)
        {
            return await answer(request, cancellationToken).ConfigureAwait(false);
        }

        var keyed = new KeyedRequest(
            Hash($"{request.Host.Name}\n{request.Actor}\n{key}"), await FingerprintAsync(request.Http, cancellationToken).ConfigureAwait(false), Guid.NewGuid().ToString("N"));
        var (log, known) = await ClaimAsync(request.Host, keyed, cancellationToken).ConfigureAwait(false);
        if (!known.Fingerprint.AsSpan().SequenceEqual(keyed.Fingerprint))
        {
            throw new ApiException(StatusCodes.Status422UnprocessableEntity, "This idempotency key was used before, for another request; a request needs a key of its own.");
        }

        if (known.Answer is { } given)
        {
            return Again(request.Http, JsonSerializer.Deserialize<Answered>(given)!);
        }

        if (known.Owner != keyed.Owner)
        {
            request.Http.Response.Headers.RetryAfter = "1";
            throw new ApiException(StatusCodes.Status409Conflict, "The request with this key is being carried out; send it again in a moment for its answer.");
        }

        return await CarryOutAsync(request, log, keyed, answer).ConfigureAwait(false);
    }

    private static string? KeyOf(HttpContext http)
    {
        if (http.Request.Headers[Header] is not { Count: > 0 } given)
        {
            return null;
        }

        var key = given.ToString();
        return key.Length is > 0 and <= LongestKey && !key.Any(char.IsControl) ? key
            : throw new ApiException(StatusCodes.Status400BadRequest, $"{Header} has 1 to {LongestKey} characters that can be shown.");
    }

    // All that an answer depends on. The body is read here, and once more by the route.
    private static async Task<byte[]> FingerprintAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var body = new MemoryStream();
        http.Response.RegisterForDispose(body);
        await http.Request.Body.CopyToAsync(body, cancellationToken).ConfigureAwait(false);
        http.Request.Body = body;
        var head = Hash($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}\n{http.Request.Headers.IfMatch}");
        var hash = SHA256.HashData([.. head, .. body.ToArray()]);
        body.Position = 0;
        return hash;
    }

    // Where the context stands on both sides a flip may have come in between: then the other side knows the key.
    private async Task<(IAnswerLog Log, KnownRequest Known)> ClaimAsync(ContextHost host, KeyedRequest keyed, CancellationToken cancellationToken)
    {
        var hint = await host.Runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false) ?? throw new SwitchingException(host.Name, TimeSpan.Zero);
        var log = host.Sides.Of(hint.Lead).Answers ?? throw new ApiException(StatusCodes.Status422UnprocessableEntity, $"{host.Name} keeps no answers; send no {Header}.");
        if (Stages.IsDual(hint.Stage) && await TryFindAsync(host, Stages.Other(hint.Lead), keyed.Key, cancellationToken).ConfigureAwait(false) is { } elsewhere)
        {
            return (log, elsewhere);
        }

        await log.PruneAsync(host.Runtime.Options.RequestRetention, PrunedAtATime, cancellationToken).ConfigureAwait(false);
        return (log, await log.ClaimAsync(keyed, ClaimedRequest.Lease, cancellationToken).ConfigureAwait(false));
    }

    // A follower that is down keeps nobody from work.
    private static async Task<KnownRequest?> TryFindAsync(ContextHost host, SideName side, byte[] key, CancellationToken cancellationToken)
    {
        try
        {
            return await (host.Sides.Of(side).Answers?.FindAsync(key, cancellationToken) ?? Task.FromResult<KnownRequest?>(null)).ConfigureAwait(false) is { } known
                && (known.Answer is not null || known.IsClaimed) ? known : null;
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return null;
        }
    }

    private async Task<object?> CarryOutAsync(
        ApiRequest request, IAnswerLog log, KeyedRequest keyed, Func<ApiRequest, CancellationToken, Task<object?>> answer)
    {
        // Not ended by a client that goes away: what it had done by then would be done again for the next who sends the key.
        var (answered, isKept) = await new ClaimedRequest(log, keyed, request.Host.Name, parts.Time, _log).RunAsync(
            async () => Answered.Of(request.Http, await answer(request, request.Deadline).ConfigureAwait(false)),
            done => JsonSerializer.Serialize(done)).ConfigureAwait(false);
        if (!isKept)
        {
            request.Http.Response.Headers["Idempotency-Kept"] = "false";
        }

        return new RawJson(answered.Body);
    }

    private static RawJson Again(HttpContext http, Answered answered)
    {
        http.Response.StatusCode = answered.Status;
        http.Response.Headers.ETag = answered.Tag;
        http.Response.Headers.Location = answered.Location;
        http.Response.Headers["Idempotency-Replayed"] = "true";
        return new RawJson(answered.Body);
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private sealed record Answered(int Status, string? Tag, string? Location, string Body)
    {
        public static Answered Of(HttpContext http, object? value) => new(
            http.Response.StatusCode, Given(http.Response.Headers.ETag), Given(http.Response.Headers.Location), JsonSerializer.Serialize(value, AdminJson.Options));

        private static string? Given(Microsoft.Extensions.Primitives.StringValues value) => value.Count > 0 ? value.ToString() : null;
    }
}
