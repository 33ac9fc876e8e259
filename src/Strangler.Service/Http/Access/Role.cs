namespace Strangler.Service.Http.Access;

/// <summary>What somebody may do; each role may do all that those before it may.</summary>
public enum Role
{
    /// <summary>Nobody in particular: no token is asked for.</summary>
    Anyone,

    /// <summary>Reads everything that holds no clear value of a personal field.</summary>
    Viewer,

    /// <summary>Reconciles, repairs, decides conflicts, puts parked keys back.</summary>
    Operator,

    /// <summary>Moves contexts from stage to stage, and whatever could lose something.</summary>
    Engineer,
}

/// <summary>Roles as they are written.</summary>
public static class RoleNames
{
    /// <summary>Those that a key or a token can have, for messages.</summary>
    public const string All = "viewer, operator or engineer";

    /// <summary>As it is written: <c>viewer</c>.</summary>
    public static string Of(Role role) => role.ToString().ToLowerInvariant();

    /// <summary>False for everything but the names of roles that can be given, written exactly so.</summary>
    public static bool TryParse(string? text, out Role role)
    {
        role = text switch { "viewer" => Role.Viewer, "operator" => Role.Operator, "engineer" => Role.Engineer, _ => Role.Anyone };
        return role != Role.Anyone;
    }
}

/// <summary>Who asks.</summary>
/// <param name="Name">As the audit trail calls them: <c>key:grafana</c>, <c>oidc:auth0|17</c>.</param>
/// <param name="Role">What they may do.</param>
public sealed record Caller(string Name, Role Role)
{
    /// <summary>What the audit trail has room for.</summary>
    internal const int LongestName = 190;

    internal static readonly Caller Nobody = new("nobody", Role.Anyone);

    /// <summary>Until when the credential is good; null: until it is taken away.</summary>
    public DateTimeOffset? Until { get; init; }
}
