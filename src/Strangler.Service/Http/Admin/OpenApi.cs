using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.RegularExpressions;
using Strangler.Service.Http.Access;

namespace Strangler.Service.Http.Admin;

/// <summary>The API for operators as OpenAPI 3.1, made of the table of routes and the types of their bodies: neither can say what the other does not.</summary>
internal static partial class OpenApi
{
    public static Lazy<JsonObject> Document { get; } = new(Create);

    private static JsonObject Create()
    {
        var paths = new JsonObject();
        foreach (var route in RouteTable.All.Where(need => !need.IsPage && !need.IsFrontend).GroupBy(need => need.Pattern))
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
            ["info"] = new JsonObject { ["title"] = "Strangler", ["version"] = "1", ["description"] = "Stages, reconciliations and repairs of a migration. Errors are problems (RFC 9457)." },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject { ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "A key, or a token of the configured issuer." } },
                ["schemas"] = new JsonObject { ["problem"] = Problem() },
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
                [need is { Method: "POST", Pattern: var pattern } && pattern.EndsWith("/reconciliations", StringComparison.Ordinal) ? "202" : "200"] = new JsonObject
                {
                    ["description"] = need.What, ["content"] = new JsonObject { [need.Answer] = new JsonObject() },
                },
                ["default"] = new JsonObject { ["$ref"] = "#/components/responses/problem" },
            },
        };
        if (need.Role != Role.Anyone)
        {
            operation["security"] = new JsonArray(new JsonObject { ["bearer"] = new JsonArray() });
        }

        if (need.Body is { } body)
        {
            operation["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = AdminJson.Options.GetJsonSchemaAsNode(body) } },
            };
        }

        return operation;
    }

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

        if (need is { Method: "PUT", Pattern: "/contexts/{context}/stage" or "/contexts/{context}/stage/approval" })
        {
            yield return Parameter("If-Match", "header", "string", isRequired: true);
        }

        if (KeyedRequests.AreTakenBy(need.Method, need.Pattern))
        {
            yield return Parameter("Idempotency-Key", "header", "string", isRequired: false);
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
            ["gates"] = new JsonObject { ["type"] = "array", ["description"] = "The closed gates of a step that was refused.", ["items"] = new JsonObject { ["type"] = "object" } },
        },
    };

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex InPath();

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotAWord();
}
