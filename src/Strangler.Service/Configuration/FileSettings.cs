using System.Text.Json;

namespace Strangler.Service.Configuration;

/// <summary>A setting as the file has it.</summary>
/// <param name="Text">Its JSON.</param>
/// <param name="Shown">The same without what nobody may see.</param>
internal readonly record struct FileSetting(string Text, string Shown);

/// <summary>One that two files have differently.</summary>
/// <param name="Path"><c>contexts.donations.options.lagLimit</c>.</param>
/// <param name="Before">As shown; where it was not given, so.</param>
/// <param name="After">Likewise.</param>
internal sealed record SettingChange(string Path, string Before, string After)
{
    public override string ToString() => Before == After ? $"{Path}: {After}, and what is not shown of it has changed" : $"{Path}: {Before} → {After}";
}

/// <summary>What a configuration file gives, setting by setting: to tell two of them apart.</summary>
internal static class FileSettings
{
    private const string NotGiven = "(not given)";

    // What of it has values of its own, or comes and goes as a whole.
    private static readonly string[] _wholes = ["http", "http.oidc", "traces"];

    public static SortedDictionary<string, FileSetting> Of(JsonElement? root)
    {
        var settings = new SortedDictionary<string, FileSetting>(StringComparer.Ordinal);
        if (root is { ValueKind: JsonValueKind.Object } element)
        {
            Add(settings, "", element);
        }

        return settings;
    }

    public static IEnumerable<SettingChange> Changes(
        IReadOnlyDictionary<string, FileSetting> before, IReadOnlyDictionary<string, FileSetting> after) => before.Keys.Union(after.Keys)
        .Where(path => before.GetValueOrDefault(path).Text != after.GetValueOrDefault(path).Text).Order(StringComparer.Ordinal)
        .Select(path => new SettingChange(
            path, before.GetValueOrDefault(path).Shown ?? NotGiven, after.GetValueOrDefault(path).Shown ?? NotGiven));

    private static void Add(SortedDictionary<string, FileSetting> settings, string path, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object || path == "http.oidc.roles")
        {
            settings[path] = new FileSetting(JsonSerializer.Serialize(element), Shown(path, element));
            return;
        }

        if (_wholes.Contains(path))
        {
            settings[path] = new FileSetting("{}", "given");
        }

        foreach (var member in element.EnumerateObject().Where(member => member.Name != "$schema"))
        {
            Add(settings, path.Length == 0 ? member.Name : $"{path}.{member.Name}", member.Value);
        }
    }

    // Secrets stand in a few places, all of which are known: the file has been validated.
    private static string Shown(string path, JsonElement element) => path.Split('.') switch
    {
        ["hashKey"] or ["contexts", _, "legacy" or "new" or "legacyReplicas" or "newReplicas"] => "given",
        ["http", "keys"] => Keys(element),
        _ => JsonSerializer.Serialize(element),
    };

    private static string Keys(JsonElement list) => $"[{string.Join(", ", list.EnumerateArray().Select(key => string.Join(
        ' ', key.EnumerateObject().Where(member => member.Name != "hash").Select(member => member.Value.ToString()))))}]";
}
