namespace Strangler.Service.Http.Access;

/// <summary>Who may use the API for operators, and how they show who they are.</summary>
public sealed record AccessOptions
{
    /// <summary>Keys that stand in the configuration itself.</summary>
    public IReadOnlyList<ApiKey> Keys { get; init; } = [];

    /// <summary>A file with more of them, which is looked at again when it has changed; null: there is none.</summary>
    public string? KeysFile { get; init; }

    /// <summary>Whose tokens are taken; null: nobody's.</summary>
    public OidcOptions? Oidc { get; init; }

    /// <summary>Whether anybody at all could show who they are.</summary>
    public bool IsConfigured => Keys.Count > 0 || KeysFile is not null || Oidc is not null;
}

/// <summary>An OpenID Connect issuer and what its tokens must say.</summary>
public sealed record OidcOptions
{
    /// <summary>As the tokens' <c>iss</c> says it.</summary>
    public required string Issuer { get; init; }

    /// <summary>What the tokens' <c>aud</c> must hold.</summary>
    public required string Audience { get; init; }

    /// <summary>Where the issuer's discovery document is. Default: <c>.well-known/openid-configuration</c> below the issuer.</summary>
    public required Uri Discovery { get; init; }

    /// <summary>The claim that names roles or groups: one text, or a list. Default <c>roles</c>.</summary>
    public string RoleClaim { get; init; } = "roles";

    /// <summary>Which of the claim's values give which role.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = DefaultRoles;

    /// <summary>Where the configuration says nothing.</summary>
    public static IReadOnlyDictionary<string, Role> DefaultRoles { get; } = new Dictionary<string, Role>(StringComparer.Ordinal)
    {
        ["strangler:viewer"] = Role.Viewer, ["strangler:operator"] = Role.Operator, ["strangler:engineer"] = Role.Engineer,
        ["strangler:frontend"] = Role.Frontend,
    };
}
