using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>The members that a body gives, checked and read.</summary>
internal sealed class Given(IReadOnlyDictionary<string, object?> values)
{
    /// <summary>Of the body as it was sent; empty where there was none.</summary>
    public byte[] Print { get; private init; } = [];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Of what has no body.</summary>
    public static Given Nothing { get; } = new(new Dictionary<string, object?>(StringComparer.Ordinal));

    public IReadOnlyDictionary<string, object?> Values => values;

    /// <summary>For the log: of members only the names.</summary>
    public string Names => string.Join(", ", values.Keys);

    public T Get<T>(string name) => (T)values[name]!;

    public T? Find<T>(string name) => values.TryGetValue(name, out var value) ? (T?)value : default;

    /// <summary>Reads a body whose members are of the given names and types; everything that is wrong is told at once.</summary>
    /// <param name="request">The request.</param>
    /// <param name="wanted">What may be given.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Given> ReadAsync(ApiRequest request, WantedMembers wanted, CancellationToken cancellationToken)
    {
        if (!request.Http.Request.HasJsonContentType())
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "Send the body as application/json.");
        }

        using var buffer = new MemoryStream();
        await request.Http.Request.Body.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        var body = buffer.ToArray();
        using var document = Parse(body);
        return new Given(Read(document.RootElement, wanted)) { Print = SHA256.HashData(body) };
    }

    private static JsonDocument Parse(byte[] body)
    {
        try
        {
            _ = Strict.GetCharCount(body);
            return JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
        }
        catch (DecoderFallbackException)
        {
            throw Refusal.Bad("The body is not UTF-8.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            var place = exception is JsonException { LineNumber: { } line, BytePositionInLine: { } at }
                ? $" (line {line + 1}, byte {at + 1})" : "";
            throw Refusal.Bad($"The body is no JSON object in which each member is there once{place}.");
        }
    }

    private static Dictionary<string, object?> Read(JsonElement body, WantedMembers wanted)
    {
        List<MemberError> errors = [];
        try
        {
            if (body.ValueKind == JsonValueKind.Object)
            {
                Check(body, wanted, errors);
            }
            else
            {
                errors.Add(new MemberError("(the body)", "an object"));
            }

            return errors.Count > 0 ? throw Refused(errors) : body.EnumerateObject().ToDictionary(
                member => member.Name,
                member => member.Value.Deserialize(wanted[member.Name].Type, RepositoryJson.Options),
                StringComparer.Ordinal);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or NotSupportedException)
        {
            // Checked before, all but names that hold half a surrogate pair.
            throw Refusal.Bad("The body is not what is expected here; see /v1/openapi.json.");
        }
    }

    private static void Check(JsonElement body, WantedMembers wanted, List<MemberError> errors)
    {
        foreach (var member in body.EnumerateObject())
        {
            if (wanted.Find(member.Name) is { } one)
            {
                JsonCheck.Value(member.Value, one.Type, one.TakesNull, member.Name, errors);
            }
            else
            {
                errors.Add(new MemberError(JsonCheck.Shown("", member.Name), $"nothing of that name; there are: {wanted.Names}"));
            }
        }

        errors.AddRange(wanted.All
            .Where(one => one.Wanted.IsNeeded && !body.TryGetProperty(one.Name, out _))
            .Select(one => JsonCheck.Missing(one.Name, one.Wanted.Type)));
    }

    private static ApiException Refused(List<MemberError> errors) => new(
        StatusCodes.Status400BadRequest, string.Join("; ", errors.Take(10).Select(error => $"{error.Member}: expected {error.Expected}")))
    {
        More = new Dictionary<string, object?>(StringComparer.Ordinal) { ["errors"] = errors },
    };
}
