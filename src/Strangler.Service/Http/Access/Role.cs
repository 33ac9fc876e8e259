namespace Strangler.Service.Http.Access;

/// <summary>What somebody may do; up to the engineer each role may do all that those before it may.</summary>
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

    /// <summary>
    /// A program that reads and writes entities with all they hold, and nothing else. It stands beside the others: no operator or engineer may read personal data
    /// by it, and no frontend may see how the migration stands.
    /// </summary>
    Frontend,
}

/// <summary>Roles as they are written.</summary>
public static class RoleNames
{
    /// <summary>Those that a key or a token can have, for messages.</summary>
    public const string All = "viewer, operator, engineer or frontend";

    /// <summary>As it is written: <c>viewer</c>.</summary>
    public static string Of(Role role) => role.ToString().ToLowerInvariant();

    /// <summary>Whether who has one role may do what needs another.</summary>
    public static bool May(Role has, Role needs) =>
        needs == Role.Anyone || (has == Role.Frontend || needs == Role.Frontend ? has == needs : has >= needs);

    /// <summary>False for everything but the names of roles that can be given, written exactly so.</summary>
    public static bool TryParse(string? text, out Role role)
    {
        role = text switch
        {
            "viewer" => Role.Viewer, "operator" => Role.Operator, "engineer" => Role.Engineer, "frontend" => Role.Frontend, _ => Role.Anyone,
        };
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

    /// <summary>Of a frontend: the contexts whose entities they reach; null: all that are served.</summary>
    public IReadOnlyList<string>? Contexts { get; init; }

    /// <summary>Whether they may do what needs that role.</summary>
    public bool May(Role need) => RoleNames.May(Role, need);

    /// <summary>Whether they may use a route.</summary>
    public bool May(RouteNeed need) => May(need.Role) && (need.Context is null || Contexts is null || Contexts.Contains(need.Context));

    /// <summary>Until when the credential is good; null: until it is taken away.</summary>
    public DateTimeOffset? Until { get; init; }
}
