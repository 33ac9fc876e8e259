using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Http.Access;

namespace Strangler.Service.Http.Admin;

/// <summary>One request to the API for operators: what it names, checked, or a problem.</summary>
internal sealed class ApiRequest(HttpContext http, ServiceParts parts)
{
    private const int MostPage = 200;
    private const int UsualPage = 50;
    private const int DeepestOffset = 10_000;

    public HttpContext Http => http;

    public ServiceParts Parts => parts;

    /// <summary>Fires when the route's time is up, if it has one; not when the client goes away.</summary>
    public CancellationToken Deadline { get; init; }

    public Caller Caller => AccessControl.CallerOf(http);

    public string Actor => Caller.Name;

    /// <summary>The context that the path names.</summary>
    public ContextHost Host => parts.Find(Route("context"))
        ?? throw new ApiException(StatusCodes.Status404NotFound, $"There is no such context here; there are: {string.Join(", ", parts.Hosts.Select(host => host.Name))}.");

    /// <summary>The kind that the path names.</summary>
    public string Kind => Host.Runtime.Kinds.ContainsKey(Route("kind"))
        ? Route("kind")
        : throw new ApiException(StatusCodes.Status404NotFound, $"There is no such kind; {Host.Name} has: {string.Join(", ", Host.Runtime.Kinds.Keys.Order(StringComparer.Ordinal))}.");

    /// <summary>Kind and public id that the path names.</summary>
    public EntityKey Key => new(Kind, Number("id"));

    public string Route(string name) => (string?)http.Request.RouteValues[name] ?? "";

    /// <summary>A number of 1 or more in the path.</summary>
    public long Number(string name) => long.TryParse(Route(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1
        ? number
        : throw new ApiException(StatusCodes.Status400BadRequest, $"{name} is a whole number of 1 or more.");

    /// <summary>The stored report whose number the path names; <paramref name="missing"/> says of a number that there is none.</summary>
    public async Task<ReconciliationReport> ReportAsync(string name, Func<long, string> missing, CancellationToken cancellationToken)
    {
        var run = Number(name);
        try
        {
            return await Host.ReportAsync(run, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException)
        {
            throw new ApiException(StatusCodes.Status404NotFound, missing(run));
        }
    }

    /// <summary>Where a page begins and how much it holds.</summary>
    public (int Offset, int Limit) Page => (Between("offset", 0, 0, DeepestOffset), Between("limit", UsualPage, 1, MostPage));

    public bool Flag(string name) => Query(name) switch
    {
        null or "false" => false,
        "true" => true,
        _ => throw new ApiException(StatusCodes.Status400BadRequest, $"{name} is true or false."),
    };

    public string? Query(string name) => http.Request.Query.TryGetValue(name, out var values)
        ? values.Count == 1 ? values[0] : throw new ApiException(StatusCodes.Status400BadRequest, $"{name} is given {values.Count} times.")
        : null;

    public int Between(string name, int usual, int least, int most) => (int)Whole(name, usual, least, most);

    /// <summary>The same of larger numbers.</summary>
    public long Whole(string name, long usual, long least, long most) =>
        Query(name) is not { } text ? usual
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : throw new ApiException(StatusCodes.Status400BadRequest, $"{name} must lie between {least} and {most}.");

    /// <summary>A page of a list that is read from its beginning; <paramref name="read"/> gets how many are needed.</summary>
    public async Task<object> PageAsync<T>(Func<int, Task<IReadOnlyList<T>>> read, Func<T, object?> shape)
    {
        var (offset, limit) = Page;
        var all = await read(offset + limit + 1).ConfigureAwait(false);
        var items = all.Skip(offset).Take(limit).Select(shape).ToList();
        return new { items, next = Next(all.Count > offset + limit) };
    }

    /// <summary>Where the page behind this one is; null: there is none, or it lies deeper than may be asked for.</summary>
    public string? Next(bool isMore)
    {
        var (offset, limit) = Page;
        return isMore && offset + limit <= DeepestOffset ? $"{http.Request.Path}?offset={offset + limit}&limit={limit}" : null;
    }

    /// <summary>The body as JSON. What it may not hold is a problem, and so is what is too much.</summary>
    public async Task<T> BodyAsync<T>(CancellationToken cancellationToken)
        where T : class
    {
        if (!http.Request.HasJsonContentType())
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "Send the body as application/json.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync<T>(http.Request.Body, AdminJson.Options, cancellationToken).ConfigureAwait(false)
                ?? throw new ApiException(StatusCodes.Status400BadRequest, "The body is null; send a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new ApiException(StatusCodes.Status400BadRequest, $"The body is not what is expected here, at {exception.Path ?? "$"}; see /openapi.json.");
        }
    }

    /// <summary>A reason that says something: it goes into the audit trail.</summary>
    public static string Reason(string? reason) => string.IsNullOrWhiteSpace(reason)
        ? throw new ApiException(StatusCodes.Status400BadRequest, "Give a reason: it goes into the audit trail.")
        : reason.Length <= 1000 && !reason.Any(c => char.IsControl(c) && c is not '\n' and not '\t') ? reason.Trim()
        : throw new ApiException(StatusCodes.Status400BadRequest, "The reason is longer than 1,000 characters, or holds characters that cannot be shown.");

    /// <summary>Whether clear values may be shown to whoever asks: the setting <c>reveal</c> must name them. Told in the audit trail where not.</summary>
    public async Task RequireRevealAsync(CancellationToken cancellationToken)
    {
        if (!parts.Configuration.Reveal.Contains(Actor))
        {
            await AuditDesk.AppendAsync(Host, Actor, "refused", "", "reveal: not named by the setting reveal", cancellationToken).ConfigureAwait(false);
            throw new ApiException(StatusCodes.Status403Forbidden, $"{Actor} may not see clear values: the configuration's setting \"reveal\" does not name it. Nothing was read.");
        }
    }
}
