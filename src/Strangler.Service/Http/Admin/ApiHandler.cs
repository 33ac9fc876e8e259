using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Reconciliation;

namespace Strangler.Service.Http.Admin;

/// <summary>Maps the routes of the API for operators: what comes back is JSON, what goes wrong a problem.</summary>
internal sealed class ApiHandler(IEndpointRouteBuilder routes, ServiceParts parts)
{
    private readonly ILogger _log = parts.Loggers.CreateLogger<ApiHandler>();
    private readonly KeyedRequests _keyed = new(parts);

    /// <summary>What an exception is to a client; null: nothing that is known, which is logged.</summary>
    public Func<Exception, ApiException?> Translator { get; init; } = Translate;

    /// <summary>What is told beside that there was no answer in time.</summary>
    public string AfterTimeout { get; init; } = "";

    /// <summary>A route whose answer must not take longer than the setting says.</summary>
    public void Map(string method, string pattern, Func<ApiRequest, CancellationToken, Task<object?>> answer) =>
        Map(method, pattern, isBounded: true, answer);

    /// <summary>A route that takes as long as it takes: it has a deadline of its own, or ends when its client goes.</summary>
    public void MapLong(string method, string pattern, Func<ApiRequest, CancellationToken, Task<object?>> answer) =>
        Map(method, pattern, isBounded: false, answer);

    /// <summary>Sends a status with a JSON body.</summary>
    public static Task SendAsync(HttpContext http, int status, object value) => Answers.SendAsync(
        http, status, Answers.Json,
        value is RawJson raw ? System.Text.Encoding.UTF8.GetBytes(raw.Text) : JsonSerializer.SerializeToUtf8Bytes(value, AdminJson.Options));

    /// <summary>What an exception is to a client; null: nothing that we know of.</summary>
    internal static ApiException? Translate(Exception exception) => exception switch
    {
        ApiException known => known,
        BadHttpRequestException bad => new ApiException(bad.StatusCode, bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? "The body is too large." : "The request cannot be read."),
        GateException gates => new ApiException(StatusCodes.Status409Conflict, $"{gates.Context} may not go to {gates.Target}; nothing was changed.")
        {
            More = new Dictionary<string, object?>(StringComparer.Ordinal) { ["gates"] = gates.Failed },
        },
        NotParkedException or NotInConflictException => new ApiException(StatusCodes.Status404NotFound, exception.Message),
        CutoverException or AlreadyRunningException or CannotResumeException or WrongStageException or ReplicaException or Schemas.SchemaMismatchException
            => new ApiException(StatusCodes.Status409Conflict, exception.Message),
        _ when exception is FenceBusyException || Answers.IsOutage(exception) => new ApiException(StatusCodes.Status503ServiceUnavailable, exception.Message),
        UnreadableException => new ApiException(StatusCodes.Status409Conflict, "The entity's legacy row cannot be read; see the quarantine."),
        ArgumentException argument => new ApiException(StatusCodes.Status422UnprocessableEntity, OneLine(argument)),
        _ => null,
    };

    private void Map(string method, string pattern, bool isBounded, Func<ApiRequest, CancellationToken, Task<object?>> answer)
    {
        var whole = KeyedRequests.AreTakenBy(method, pattern) ? (request, token) => _keyed.RunAsync(request, answer, token) : answer;
        routes.MapMethods(
            pattern, method == HttpMethods.Get ? [HttpMethods.Get, HttpMethods.Head] : [method], (RequestDelegate)(http => RunAsync(http, isBounded, whole)));
    }

    private async Task RunAsync(HttpContext http, bool isBounded, Func<ApiRequest, CancellationToken, Task<object?>> answer)
    {
        using var deadline = new CancellationTokenSource(isBounded ? parts.Options.Limits.Timeout : Timeout.InfiniteTimeSpan, parts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, http.RequestAborted);
        try
        {
            if (await answer(new ApiRequest(http, parts) { Deadline = deadline.Token }, either.Token).ConfigureAwait(false) is { } value)
            {
                await SendAsync(http, http.Response.StatusCode, value).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !http.Response.HasStarted)
        {
            await Problems.SendAsync(
                http, StatusCodes.Status504GatewayTimeout,
                string.Create(CultureInfo.InvariantCulture, $"There was no answer within {parts.Options.Limits.Timeout.TotalSeconds:0} s. {AfterTimeout}").TrimEnd()).ConfigureAwait(false);
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            await FailAsync(http, exception).ConfigureAwait(false);
        }
    }

    private Task FailAsync(HttpContext http, Exception exception)
    {
        http.Response.Headers.ETag = default;
        if (Translator(exception) is not { } known)
        {
            var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
            _log.AnswerFailed(route, exception.GetType().Name, exception);
            return Problems.SendAsync(http, StatusCodes.Status500InternalServerError, "The request could not be answered; the service's log says why.");
        }

        if (known.Status == StatusCodes.Status503ServiceUnavailable)
        {
            http.Response.Headers.RetryAfter = "1";
        }

        return Problems.SendAsync(http, known.Status, known.Message, known.More);
    }

    private static string OneLine(ArgumentException exception) => exception.ParamName is { } name
        ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal).ReplaceLineEndings(" ")
        : exception.Message.ReplaceLineEndings(" ");
}

/// <summary>JSON that is one already.</summary>
internal sealed record RawJson(string Text);
