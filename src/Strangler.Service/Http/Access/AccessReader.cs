using System.Text.Json;
using Strangler.Service.Http.Repositories;

namespace Strangler.Service.Http.Access;

/// <summary>Reads keys and issuers from JSON, and collects every error with its place and present value (never a key's).</summary>
internal static class AccessReader
{
    public static List<ApiKey> Keys(string path, JsonElement list, List<string> errors)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            errors.Add($"{path} is no list of keys.");
            return [];
        }

        return [.. list.EnumerateArray().Select((key, at) => Key($"{path}[{at}]", key, errors)).OfType<ApiKey>()];
    }

    public static OidcOptions? Oidc(string path, JsonElement element, List<string> errors)
    {
        var before = errors.Count;
        var given = Members(path, element, errors, "issuer", "audience", "discovery", "roleClaim", "roles");
        var issuer = Text($"{path}.issuer", given, "issuer", errors, isRequired: true);
        var audience = Text($"{path}.audience", given, "audience", errors, isRequired: true);
        var claim = Text($"{path}.roleClaim", given, "roleClaim", errors, isRequired: false);
        var discovery = Address($"{path}.discovery", Text($"{path}.discovery", given, "discovery", errors, isRequired: false)
            ?? (issuer is null ? null : $"{issuer.TrimEnd('/')}/.well-known/openid-configuration"), errors);
        var roles = given.TryGetValue("roles", out var map) ? Roles($"{path}.roles", map, errors) : OidcOptions.DefaultRoles;
        return errors.Count > before ? null : new OidcOptions
        {
            Issuer = issuer!, Audience = audience!, Discovery = discovery!, RoleClaim = claim ?? "roles", Roles = roles,
        };
    }

    private static ApiKey? Key(string path, JsonElement element, List<string> errors)
    {
        var before = errors.Count;
        var given = Members(path, element, errors, "name", "role", "hash", "expires", "contexts");
        var name = Text($"{path}.name", given, "name", errors, isRequired: true);
        if (name is not null && !ApiKey.IsName(name))
        {
            errors.Add($"{path}.name is \"{name}\"; expected up to 64 letters, digits, - _ . or @.");
        }

        var role = Role($"{path}.role", Text($"{path}.role", given, "role", errors, isRequired: true), errors);
        var hash = Text($"{path}.hash", given, "hash", errors, isRequired: true);
        if (hash is not null && !ApiKey.IsHash(hash))
        {
            // Perhaps the key itself: not shown.
            errors.Add($"{path}.hash is no hash; expected sha256: and 64 hexadecimal digits, as \"strangler key new\" prints it.");
        }

        DateOnly? expires = null;
        if (Text($"{path}.expires", given, "expires", errors, isRequired: false) is { } day)
        {
            expires = ApiKey.TryParseDay(day, out var parsed) ? parsed : null;
            if (expires is null)
            {
                errors.Add($"{path}.expires is \"{day}\"; expected a day such as 2027-01-31.");
            }
        }

        var contexts = given.TryGetValue("contexts", out var list) ? Contexts($"{path}.contexts", list, role, errors) : null;
        return errors.Count > before ? null : new ApiKey(name!, role!.Value, hash!, expires) { Contexts = contexts };
    }

    private static List<string> Contexts(string path, JsonElement list, Role? role, List<string> errors)
    {
        var known = string.Join(", ", RepositoryCatalog.Names);
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            errors.Add($"{path} is no list of contexts; expected some of: {known}.");
            return [];
        }

        if (role is not (null or Http.Access.Role.Frontend))
        {
            errors.Add($"{path}: only a key of the role frontend is for single contexts.");
        }

        var texts = list.EnumerateArray().Select(each => each.ValueKind == JsonValueKind.String ? each.GetString()! : each.GetRawText()).ToList();
        errors.AddRange(texts.Index().Where(each => !RepositoryCatalog.Names.Contains(each.Item))
            .Select(each => $"{path}[{each.Index}] is \"{each.Item}\"; expected one of: {known}."));
        return texts;
    }

    private static Dictionary<string, Role> Roles(string path, JsonElement map, List<string> errors)
    {
        Dictionary<string, Role> roles = new(StringComparer.Ordinal);
        if (map.ValueKind != JsonValueKind.Object)
        {
            errors.Add($"{path} is no JSON object; expected values of the claim and their roles: {{ \"sre\": \"operator\" }}.");
            return roles;
        }

        foreach (var entry in map.EnumerateObject())
        {
            if (Role($"{path}.{entry.Name}", entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : entry.Value.GetRawText(), errors) is { } role)
            {
                roles[entry.Name] = role;
            }
        }

        return roles;
    }

    private static Role? Role(string path, string? text, List<string> errors)
    {
        if (RoleNames.TryParse(text, out var role))
        {
            return role;
        }

        if (text is not null)
        {
            errors.Add($"{path} is \"{text}\"; expected {RoleNames.All}.");
        }

        return null;
    }

    // Keys that come over an open line could be anybody's.
    private static Uri? Address(string path, string? text, List<string> errors)
    {
        if (text is null)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            return address;
        }

        errors.Add($"{path} is \"{text}\"; expected an address that begins with https:// (http:// on this machine alone).");
        return null;
    }

    private static Dictionary<string, JsonElement> Members(string path, JsonElement element, List<string> errors, params string[] known)
    {
        Dictionary<string, JsonElement> members = new(StringComparer.Ordinal);
        if (element.ValueKind != JsonValueKind.Object)
        {
            errors.Add($"{path} is no JSON object.");
            return members;
        }

        foreach (var property in element.EnumerateObject())
        {
            if (known.Contains(property.Name))
            {
                members[property.Name] = property.Value;
            }
            else
            {
                errors.Add($"{path}.{property.Name}: there is no such setting; known are: {string.Join(", ", known)}.");
            }
        }

        return members;
    }

    private static string? Text(string path, Dictionary<string, JsonElement> given, string name, List<string> errors, bool isRequired)
    {
        if (!given.TryGetValue(name, out var value))
        {
            if (isRequired)
            {
                errors.Add($"{path} is missing.");
            }

            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        errors.Add($"{path} is no text.");
        return null;
    }
}
