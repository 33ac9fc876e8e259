using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Strangler.Service.Http.Repositories;

/// <summary>A member that is not as it should be.</summary>
/// <param name="Member">Which: <c>donor.address.country</c>, <c>log[2].message</c>.</param>
/// <param name="Expected">What should be there. Never what is.</param>
internal sealed record MemberError(string Member, string Expected);

/// <summary>
/// Compares JSON with what a type wants and tells every difference at once, each with its place. The serializer tells the first one
/// alone, and would quote the input.
/// </summary>
internal static class JsonCheck
{
    private const int LongestName = 64;
    private const int MostItems = 1000;

    public static void Value(JsonElement value, Type type, bool mayBeNull, string path, List<MemberError> errors)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            if (!mayBeNull)
            {
                errors.Add(new MemberError(path, $"{Expected(type)}, not null"));
            }
        }
        else if (Leaf.Of(type) is { } leaf)
        {
            if (!leaf.IsGood(value))
            {
                errors.Add(new MemberError(path, leaf.Expected));
            }
        }
        else if (ItemOf(type) is { } item)
        {
            Items(value, item, path, errors);
        }
        else
        {
            Object(value, type, path, errors);
        }
    }

    /// <summary>A name of a member that came from outside, as it may be shown.</summary>
    public static string Shown(string path, string name) =>
        name.Length is > 0 and <= LongestName && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? Below(path, name)
        : path.Length == 0 ? "(a member)" : $"{path} (a member)";

    public static MemberError Missing(string path, Type type) => new(path, $"{Expected(type)}; it is missing");

    public static string Below(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static void Items(JsonElement value, Type item, string path, List<MemberError> errors)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MostItems)
        {
            errors.Add(new MemberError(path, $"a list of up to {MostItems}"));
            return;
        }

        foreach (var (at, each) in value.EnumerateArray().Index())
        {
            Value(each, item, mayBeNull: false, $"{path}[{at}]", errors);
        }
    }

    private static void Object(JsonElement value, Type type, string path, List<MemberError> errors)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            errors.Add(new MemberError(path, "an object"));
            return;
        }

        var info = RepositoryJson.Options.GetTypeInfo(type);
        if (info.PolymorphismOptions is not { } shapes)
        {
            Members(value, info, [], path, errors);
        }
        else if (ShapeOf(value, shapes) is { } shape)
        {
            Members(value, RepositoryJson.Options.GetTypeInfo(shape), [RepositoryJson.Discriminator], path, errors);
        }
        else
        {
            var names = string.Join(", ", shapes.DerivedTypes.Select(each => each.TypeDiscriminator));
            errors.Add(new MemberError(Below(path, RepositoryJson.Discriminator), $"one of: {names}"));
        }
    }

    private static Type? ShapeOf(JsonElement value, JsonPolymorphismOptions shapes) =>
        value.TryGetProperty(RepositoryJson.Discriminator, out var given) && given.ValueKind == JsonValueKind.String
            && Leaf.TextOf(given) is { } name
                ? shapes.DerivedTypes.Where(each => name.Equals(each.TypeDiscriminator)).Select(each => each.DerivedType).FirstOrDefault()
                : null;

    private static void Members(JsonElement value, JsonTypeInfo info, IReadOnlyList<string> besides, string path, List<MemberError> errors)
    {
        var known = info.Properties.ToDictionary(property => property.Name, StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
        {
            if (known.TryGetValue(member.Name, out var property))
            {
                Value(member.Value, property.PropertyType, MayBeNull(property), Below(path, member.Name), errors);
            }
            else if (!besides.Contains(member.Name))
            {
                var names = string.Join(", ", besides.Concat(known.Keys));
                errors.Add(new MemberError(Shown(path, member.Name), $"nothing of that name; there are: {names}"));
            }
        }

        errors.AddRange(info.Properties
            .Where(property => IsNeeded(property) && !value.TryGetProperty(property.Name, out _))
            .Select(property => Missing(Below(path, property.Name), property.PropertyType)));
    }

    private static bool IsNeeded(JsonPropertyInfo property) =>
        property.IsRequired || property.AssociatedParameter is { HasDefaultValue: false };

    private static bool MayBeNull(JsonPropertyInfo property) =>
        property.AssociatedParameter?.IsNullable ?? property.IsSetNullable;

    private static string Expected(Type type) => Leaf.Of(type)?.Expected ?? (ItemOf(type) is null ? "an object" : "a list");

    private static Type? ItemOf(Type type) => type == typeof(Contexts.Common.Payments.FollowUps) ? typeof(Contexts.Common.Payments.FollowUp)
        : type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[0] : null;
}
