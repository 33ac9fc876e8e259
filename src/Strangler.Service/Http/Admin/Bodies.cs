using Strangler.DualWrite;

namespace Strangler.Service.Http.Admin;

/// <summary>The stage that is wanted: the next one, or the one before.</summary>
/// <param name="Stage">Where to.</param>
/// <param name="Reason">Why; goes into the audit trail.</param>
internal sealed record StageBody(Stage Stage, string? Reason)
{
    /// <summary>Only shows the gates.</summary>
    public bool DryRun { get; init; }

    /// <summary>Goes on although gates are closed.</summary>
    public bool Force { get; init; }

    /// <summary>For NewOnly, from which no way leads back: the context's name.</summary>
    public string? Confirm { get; init; }
}

/// <summary>A second person's yes to a step that the first has asked for.</summary>
/// <param name="Request">Its id: what was looked at.</param>
/// <param name="Reason">Why; goes into the audit trail.</param>
internal sealed record ApprovalBody(string? Request, string? Reason)
{
    /// <summary>For NewOnly, from which no way leads back: the context's name.</summary>
    public string? Confirm { get; init; }
}

/// <summary>Why.</summary>
internal sealed record ReasonBody(string? Reason);

/// <summary>A dry run, unless it says otherwise.</summary>
internal sealed record ApplyBody(string? Reason)
{
    public bool Apply { get; init; }
}

/// <summary>One parked key, or with neither kind nor id all.</summary>
internal sealed record RetryBody(string? Reason)
{
    public string? Kind { get; init; }

    public long? Id { get; init; }
}

/// <summary>What to repair: what a report lists, or keys.</summary>
internal sealed record RepairBody(string? Reason)
{
    public long? Report { get; init; }

    public IReadOnlyList<long> Keys { get; init; } = [];

    public string? Kind { get; init; }

    public IReadOnlyList<string> Classes { get; init; } = [];

    public IReadOnlyList<string> Fields { get; init; } = [];

    /// <summary>False: only what would be done.</summary>
    public bool Apply { get; init; }

    /// <summary>For a reverse repair that is applied: the context's name.</summary>
    public string? Confirm { get; init; }
}

/// <summary>Whose value each field of a conflict gets: <c>legacy</c> or <c>new</c>.</summary>
internal sealed record DecisionBody(string? Reason)
{
    /// <summary>For all fields that are not named.</summary>
    public string? Take { get; init; }

    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();

    public bool Apply { get; init; }
}
