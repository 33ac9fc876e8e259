using System.Text.Json;
using System.Text.Json.Nodes;

namespace Strangler.Service.Http.Repositories;

/// <summary>Lists as they are sent.</summary>
internal static class Lists
{
    /// <param name="items">One more than the page holds, if there is one.</param>
    /// <param name="limit">What the page holds.</param>
    /// <param name="next">Where the next page is.</param>
    public static JsonObject Page<T>(IReadOnlyList<T> items, int limit, string? next) => new()
    {
        ["items"] = JsonSerializer.SerializeToNode(items.Take(limit).ToList(), RepositoryJson.Options),
        ["next"] = items.Count > limit ? next : null,
    };
}
