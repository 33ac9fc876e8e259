using System.Text.Json.Nodes;

namespace Strangler.Service.Http.Repositories;

/// <summary>The JSON schema of members, for the OpenAPI document.</summary>
internal static class MemberSchema
{
    public static JsonObject Of(WantedMembers members) => Of(members.All);

    public static JsonObject Of(IEnumerable<(string Name, Wanted Wanted)> members)
    {
        var all = members.ToList();
        return new JsonObject
        {
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["required"] = new JsonArray([.. all.Where(member => member.Wanted.IsNeeded).Select(member => (JsonNode)member.Name)]),
            ["properties"] = new JsonObject(all.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)Value(member.Wanted)))),
        };
    }

    private static JsonNode Value(Wanted wanted)
    {
        var schema = RepositoryJson.SchemaOf(Nullable.GetUnderlyingType(wanted.Type) ?? wanted.Type);
        return wanted.TakesNull ? new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) } : schema;
    }
}
