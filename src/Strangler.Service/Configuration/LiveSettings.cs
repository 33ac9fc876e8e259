using System.Reflection;
using System.Text.Json;
using Strangler.DualWrite;

namespace Strangler.Service.Configuration;

/// <summary>
/// Which settings a running service takes over from a file that was changed. It is a list, so that a new setting needs a restart until somebody has seen that
/// it is asked for anew whenever it is needed, and that half of a process may have the old value while the other half has the new one.
/// </summary>
internal static class LiveSettings
{
    private static readonly HashSet<string> Service = new(StringComparer.Ordinal)
    {
        "reveal", "http.keys", "http.keysFile", "http.oidc.roleClaim", "http.oidc.roles", "http.limits.requestsPerMinute", "http.limits.timeout",
    };

    // Not here: foreignWritersNone is the mapping's, and oneTransaction is checked with the servers when a context is opened.
    private static readonly Dictionary<string, PropertyInfo> Options = new[]
    {
        nameof(ContextOptions.PauseBudget), nameof(ContextOptions.InlineApplyTimeout), nameof(ContextOptions.ShadowReadSample), nameof(ContextOptions.RelayPoll),
        nameof(ContextOptions.RelayLease), nameof(ContextOptions.RelayBatch), nameof(ContextOptions.MaxAttempts), nameof(ContextOptions.LagLimit),
        nameof(ContextOptions.FlipDeadline), nameof(ContextOptions.FenceLockTimeout), nameof(ContextOptions.ReconciliationMaxAge),
        nameof(ContextOptions.ShadowReadMinimum), nameof(ContextOptions.IdBlock), nameof(ContextOptions.ReplicaLiveness), nameof(ContextOptions.RequestRetention),
        nameof(ContextOptions.ObligationPause), nameof(ContextOptions.ObligationInterval), nameof(ContextOptions.SchemaCheckInterval),
        nameof(ContextOptions.CaptureCheckInterval), nameof(ContextOptions.DataSetQuiet), nameof(ContextOptions.ForeignWriterQuiet),
        nameof(ContextOptions.CensusRetention), nameof(ContextOptions.PurgeAfter), nameof(ContextOptions.SecondApprover), nameof(ContextOptions.ApprovalWithin),
        nameof(ContextOptions.SidesMayReplicate),
    }.ToDictionary(JsonNamingPolicy.CamelCase.ConvertName, name => typeof(ContextOptions).GetProperty(name)!, StringComparer.Ordinal);

    /// <summary>Whether the setting at that path of the file, <c>contexts.donations.options.lagLimit</c>, is one of them.</summary>
    public static bool Contains(string path) => path.Split('.') switch
    {
        ["contexts", _, "schedules"] or ["contexts", _, "reconciliation", _] => true,
        ["contexts", _, "options", var option] => Options.ContainsKey(option),
        _ => Service.Contains(path),
    };

    /// <summary>How the paths begin of what belongs to an issuer: its roles say nothing of another's tokens.</summary>
    public const string Issuer = "http.oidc.";

    /// <summary>
    /// How the paths begin that belong together with one that is not live: limits that were chosen for another database are not those of this one. Null: nothing
    /// hangs upon it.
    /// </summary>
    public static string? GroupOf(string path) => path.Split('.') switch
    {
        ["http", "oidc", ..] => Issuer,
        ["contexts", var name, "legacy" or "new" or "legacyReplicas" or "newReplicas"] => $"contexts.{name}.",
        _ => null,
    };

    /// <summary>Makes those of <paramref name="next"/> the ones that a context runs by.</summary>
    public static void Adopt(ContextOptions next, ContextOptions running)
    {
        foreach (var option in Options.Values)
        {
            option.SetValue(running, option.GetValue(next));
        }
    }
}
