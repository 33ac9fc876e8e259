using System.Globalization;
using Strangler.Reconciliation;
using Strangler.Service.Configuration;

namespace Strangler.Service.Reconciling;

/// <summary>What a reconciliation that is started over HTTP is to compare; nothing said: everything, in full.</summary>
public sealed record ReconciliationRequest
{
    /// <summary>One kind; null: all kinds of the context, one after the other.</summary>
    public string? Kind { get; init; }

    /// <summary>First public id.</summary>
    public long? From { get; init; }

    /// <summary>Last public id.</summary>
    public long? To { get; init; }

    /// <summary>Only these public ids.</summary>
    public IReadOnlyList<long>? Keys { get; init; }

    /// <summary>Only so many ids, or a share of them: <c>1000</c>, <c>2.5%</c>.</summary>
    public string? Sample { get; init; }

    /// <summary>Chooses the sample.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Only ids whose stored version changed within that time, such as <c>24h</c>.</summary>
    public string? Since { get; init; }

    /// <summary>Reads rows only where the sides' stored versions and hashes differ.</summary>
    public bool Incremental { get; init; }

    /// <summary>Goes on with the run that was interrupted.</summary>
    public bool Resume { get; init; }

    /// <summary>Throws <see cref="ArgumentException"/> for what makes no sense.</summary>
    public void Check(ContextHost host)
    {
        if (Kind is not null)
        {
            host.KindOf(Kind);
        }

        var ways = new[] { ("a range", From is not null || To is not null), ("keys", Keys is not null), ("sample", Sample is not null), ("since", Since is not null), ("resume", Resume) }
            .Where(way => way.Item2).Select(way => way.Item1).ToList();
        if (ways.Count > 1 || (Incremental && ways is [not "a range"]))
        {
            throw new ArgumentException($"{string.Join(" and ", Incremental ? [.. ways, "incremental"] : ways)} exclude each other; only a range goes with incremental.");
        }

        if (From is <= 0 || To is <= 0 || From > To || Keys?.Any(id => id <= 0) == true || Keys is { Count: 0 })
        {
            throw new ArgumentException("Ids begin at 1, from is not above to, and keys is not empty.");
        }

        _ = Sample is null ? default : SampleSize.Parse(Sample);
        if (Since is not null && (!Duration.TryParse(Since, out var ago) || ago <= TimeSpan.Zero))
        {
            throw new ArgumentException($"since is '{Since}'; expected a duration such as 90m, 24h or 7d.");
        }
    }

    /// <summary>In words, the same for the same.</summary>
    public override string ToString() => string.Join(", ", new[]
    {
        Kind ?? "all kinds",
        From is null && To is null ? null : FormattableString.Invariant($"{From?.ToString(CultureInfo.InvariantCulture) ?? "first"} to {To?.ToString(CultureInfo.InvariantCulture) ?? "last"}"),
        Keys is null ? null : FormattableString.Invariant($"{Keys.Count} keys from {Keys.Min()} to {Keys.Max()}"),
        Sample is null ? null : FormattableString.Invariant($"sample {Sample} by {Seed}"),
        Since is null ? null : $"since {Since}", Incremental ? "incremental" : null, Resume ? "resumed" : null,
    }.OfType<string>());

    internal async Task<ReconciliationScope> ScopeAsync(ContextHost host, string kind, CancellationToken cancellationToken) =>
        Sample is { } size ? await new ScopeKeys(host.Runtime).SampleAsync(kind, SampleSize.Parse(size), Seed ?? 1, cancellationToken).ConfigureAwait(false)
        : Since is { } since && Duration.TryParse(since, out var ago) ? await new ScopeKeys(host.Runtime).SinceAsync(kind, clock => clock - ago, cancellationToken).ConfigureAwait(false)
        : new ReconciliationScope { Kind = kind, From = From, To = To, Keys = Keys, Incremental = Incremental };
}
