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
