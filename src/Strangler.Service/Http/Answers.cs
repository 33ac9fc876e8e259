using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;

namespace Strangler.Service.Http;

/// <summary>What is sent back: JSON, or a problem (RFC 9457). What went wrong inside is logged, and told to the client only in general.</summary>
internal sealed class Answers(ILoggerFactory loggers)
{
    /// <summary>The content type of an answer.</summary>
    public const string Json = "application/json; charset=utf-8";
    private const string ProblemJson = "application/problem+json";
    private const int RetryAfterSeconds = 1;

    private readonly ILogger _log = loggers.CreateLogger<Answers>();

    public static Task JsonAsync(HttpContext http, JsonText text, int status = StatusCodes.Status200OK) => SendAsync(http, status, Json, text);

    public static Task ProblemAsync(HttpContext http, int status, string title, string detail) => SendAsync(
        http, status, ProblemJson, new JsonText().Object(problem => problem
            .Text("type", "about:blank").Text("title", title).Number("status", status).Text("detail", detail)));

    /// <summary>Whether it is the side's state, and not the request: a client may come again.</summary>
    public static bool IsOutage(Exception exception) => exception is SwitchingException or SideUnavailableException or NotMigratedException or TimeoutException;

    /// <summary>Runs a question and sends its answer; of what fails a problem. Who has gone gets nothing.</summary>
    public async Task AnswerAsync(HttpContext http, Func<CancellationToken, Task> answer, Func<Exception, Task>? onOutage = null)
    {
        try
        {
            await answer(http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception exception) when (IsOutage(exception) && !http.Response.HasStarted)
        {
            _log.CannotAnswer(http.Request.Path, exception.Message, exception);
            http.Response.Headers.RetryAfter = RetryAfterSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            await (onOutage?.Invoke(exception)
                ?? ProblemAsync(http, StatusCodes.Status503ServiceUnavailable, "Service Unavailable", "The data cannot be read at the moment; try again."))
                .ConfigureAwait(false);
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            _log.AnswerFailed(http.Request.Path, exception.Message, exception);
            await ProblemAsync(http, StatusCodes.Status500InternalServerError, "Internal Server Error", "The request could not be answered.").ConfigureAwait(false);
        }
    }

    private static Task SendAsync(HttpContext http, int status, string type, JsonText text) =>
        SendAsync(http, status, type, text.Bytes);

    /// <summary>A whole answer; of a HEAD request only what stands before its body.</summary>
    public static async Task SendAsync(HttpContext http, int status, string type, ReadOnlyMemory<byte> bytes)
    {
        (http.Response.StatusCode, http.Response.ContentType, http.Response.ContentLength) = (status, type, bytes.Length);
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(bytes, http.RequestAborted).ConfigureAwait(false);
        }
    }
}
