using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Strangler.Service.Http;

/// <summary>Problems as RFC 9457 has them, for the API for operators.</summary>
internal static class Problems
{
    private const string Type = "application/problem+json";

    /// <param name="http">The request.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="detail">What is wrong and what cures it.</param>
    /// <param name="more">Further members.</param>
    public static Task SendAsync(HttpContext http, int status, string detail, IReadOnlyDictionary<string, object?>? more = null)
    {
        Dictionary<string, object?> problem = new(StringComparer.Ordinal)
        {
            ["type"] = "about:blank", ["title"] = ReasonPhrases.GetReasonPhrase(status), ["status"] = status, ["detail"] = detail,
        };
        foreach (var (name, value) in more ?? new Dictionary<string, object?>())
        {
            problem[name] = value;
        }

        return Answers.SendAsync(http, status, Type, JsonSerializer.SerializeToUtf8Bytes(problem, AdminJson.Options));
    }
}
