using System.Text.Json;
using System.Text.Json.Serialization;

namespace Strangler.Service.Http;

/// <summary>JSON of the API for operators: the names that <c>--json</c> of the command line has.</summary>
internal static class AdminJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter() },
    };
}
