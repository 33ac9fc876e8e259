using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Repositories;

namespace Strangler.Service.Http.Admin;

/// <summary>The API for operators as OpenAPI 3.1, made of the table of routes and the types of their bodies: neither can say what the other does not.</summary>
internal static partial class OpenApi
{
    public static Lazy<JsonObject> Document { get; } = new(() => Create(
        "Stages, reconciliations and repairs of a migration; entities for frontends.", RouteTable.All.Where(need => !need.IsPage && !need.IsFrontend)));

    /// <summary>Of the repositories alone: all that a frontend's key reaches.</summary>
    public static Lazy<JsonObject> OfRepositories { get; } = new(() => Create("Entities for frontends.", RepositoryCatalog.Needs));

    private static JsonObject Create(string description, IEnumerable<RouteNeed> routes)
    {
        var paths = new JsonObject();
        foreach (var route in routes.GroupBy(need => need.Pattern))
        {
            var path = new JsonObject();
            foreach (var need in route)
            {
                path[need.Method.ToLowerInvariant()] = Operation(need);
            }

            paths[route.Key] = path;
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "Strangler", ["version"] = "1", ["description"] = $"{description} Errors are problems (RFC 9457)." },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject { ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "A key, or a token of the configured issuer." } },
                ["schemas"] = new JsonObject(RepositoryCatalog.Schemas.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value.DeepClone())))
                {
                    ["problem"] = Problem(),
                },
                ["responses"] = new JsonObject
                {
                    ["problem"] = new JsonObject
                    {
                        ["description"] = "What is wrong, and what cures it.",
                        ["content"] = new JsonObject { ["application/problem+json"] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/problem" } } },
                    },
                },
            },
        };
    }

    private static JsonObject Operation(RouteNeed need)
    {
        var parameters = new JsonArray([.. Parameters(need)]);
        var operation = new JsonObject
        {
            ["summary"] = need.What,
            ["description"] = need.Role == Role.Anyone ? "Needs no token." : $"Needs the role {RoleNames.Of(need.Role)}.",
            ["operationId"] = NotAWord().Replace($"{need.Method.ToLowerInvariant()}{need.Pattern}", "_").TrimEnd('_'),
            ["parameters"] = parameters,
            ["responses"] = new JsonObject
            {
                [need.Status.ToString(CultureInfo.InvariantCulture)] = Good(need),
                ["default"] = new JsonObject { ["$ref"] = "#/components/responses/problem" },
            },
        };
        if (need.Role != Role.Anyone)
        {
            operation["security"] = new JsonArray(new JsonObject { ["bearer"] = new JsonArray() });
        }

        if (need.Body is { } body)
        {
            operation["requestBody"] = Body(AdminJson.Options.GetJsonSchemaAsNode(body));
        }
        else if (need.BodySchema is { } name)
        {
            operation["requestBody"] = Body(Schema(name));
        }

        return operation;
    }

    private static JsonObject Body(JsonNode schema) => new()
    {
        ["required"] = true, ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = schema } },
    };

    private static JsonObject Good(RouteNeed need)
    {
        var answer = new JsonObject { ["description"] = need.What };
        if (need.Status != StatusCodes.Status204NoContent)
        {
            answer["content"] = new JsonObject { [need.Answer] = need.AnswerSchema is { } name ? new JsonObject { ["schema"] = Schema(name) } : [] };
        }

        return answer;
    }

    private static JsonObject Schema(string name) => new() { ["$ref"] = $"#/components/schemas/{name}" };

    private static IEnumerable<JsonNode> Parameters(RouteNeed need)
    {
        foreach (Match match in InPath().Matches(need.Pattern))
        {
            yield return Parameter(match.Groups[1].Value, "path", match.Groups[1].Value is "id" or "run" or "later" ? "integer" : "string", isRequired: true);
        }

        foreach (var name in need.Query)
        {
            yield return Parameter(name, "query", name is "offset" or "limit" ? "integer" : name == "references" ? "boolean" : "string", isRequired: name == "reason");
        }

        foreach (var header in need.Headers)
        {
            yield return Parameter(header, "header", "string", isRequired: true);
        }

        foreach (var header in KeyedRequests.AreTakenBy(need.Method, need.Pattern) ? need.OptionalHeaders.Append(KeyedRequests.Header) : need.OptionalHeaders)
        {
            yield return Parameter(header, "header", "string", isRequired: false);
        }
    }

    private static JsonObject Parameter(string name, string place, string type, bool isRequired) => new()
    {
        ["name"] = name, ["in"] = place, ["required"] = isRequired, ["schema"] = new JsonObject { ["type"] = type },
    };

    private static JsonObject Problem() => new()
    {
        ["type"] = "object",
        ["required"] = new JsonArray("type", "title", "status", "detail"),
        ["properties"] = new JsonObject
        {
            ["type"] = new JsonObject { ["type"] = "string" },
            ["title"] = new JsonObject { ["type"] = "string" },
            ["status"] = new JsonObject { ["type"] = "integer" },
            ["detail"] = new JsonObject { ["type"] = "string" },
            ["member"] = new JsonObject { ["type"] = "string", ["description"] = "The member that cannot be as it is given." },
            ["errors"] = new JsonObject { ["type"] = "array", ["description"] = "All members that are not as they should be, and what is expected there.", ["items"] = new JsonObject { ["type"] = "object" } },
            ["gates"] = new JsonObject { ["type"] = "array", ["description"] = "The closed gates of a step that was refused.", ["items"] = new JsonObject { ["type"] = "object" } },
        },
    };

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex InPath();

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotAWord();
}
