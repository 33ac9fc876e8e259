using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary>The options of <c>reconcile</c> that say which entities are compared. Everything is checked before the first
/// connection.</summary>
internal sealed class ReconcileScope
{
    private const int MostBadLines = 20;

    private readonly Option<string?> _range = new("--range") { Description = "Only these public ids: FROM..TO, either may be left out" };
    private readonly Option<string?> _sample = new("--sample")
    {
        Description = "Only so many ids, or a share of them: 1000, 2.5%; chosen by a seed",
    };
    private readonly Option<ulong?> _seed = new("--seed")
    {
        Description = "Chooses the sample; the same seed chooses the same ids [default: a random one, printed]",
    };
    private readonly Option<string?> _since = new("--since")
    {
        Description = "Only ids whose stored version changed since: 2026-11-21T08:00Z, or 90m, 24h, 7d ago",
    };
    private readonly Option<string?> _keys = new("--keys-from")
    {
        Description = "Only the ids in this file, one a line; - is standard input",
    };
    private readonly Option<bool> _incremental = new("--incremental")
    {
        Description = "Read rows only where the sides' stored versions and hashes differ or are missing",
    };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run that was interrupted" };

    public IReadOnlyList<Option> Options => [_range, _sample, _seed, _since, _keys, _incremental, _resume];

    /// <summary>Reads the options; throws <see cref="ArgumentException"/> for what makes no sense.</summary>
    public Choice Parse(ParseResult parsed, TimeProvider time, TextReader input)
    {
        var resume = parsed.GetValue(_resume);
        var given = new (string Name, bool IsGiven)[]
        {
            ("--range", parsed.GetValue(_range) is not null), ("--sample", parsed.GetValue(_sample) is not null),
                ("--since", parsed.GetValue(_since) is not null),
            ("--keys-from", parsed.GetValue(_keys) is not null), ("--incremental", parsed.GetValue(_incremental)), ("--resume", resume),
        }.Where(option => option.IsGiven).Select(option => option.Name).ToList();
        if (given.Count > 1 && !given.SequenceEqual(["--range", "--incremental"]))
        {
            throw new ArgumentException($"{string.Join(" and ", given)} exclude each other; only --range goes with --incremental.");
        }

        if (parsed.GetValue(_seed) is not null && !given.Contains("--sample"))
        {
            throw new ArgumentException("--seed goes with --sample.");
        }

        var (from, to) = ParseRange(parsed.GetValue(_range));
        return new Choice(
            resume,
            from,
            to,
            parsed.GetValue(_incremental),
            ReadIds(parsed.GetValue(_keys), input),
            parsed.GetValue(_sample) is { } sample ? SampleSize.Parse(sample) : null,
            parsed.GetValue(_seed) ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) % 1_000_000_000,
            parsed.GetValue(_since) is { } since ? ParseSince(since, time.GetUtcNow()) : null);
    }

    private static Func<DateTime, DateTime> ParseSince(string text, DateTimeOffset now)
    {
        if (Duration.TryParse(text, out var ago) && ago > TimeSpan.Zero)
        {
            return clock => clock - ago;
        }

        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
        {
            throw new ArgumentException($"--since is '{text}'; expected a time such as 2026-11-21T08:00Z (UTC unless it says otherwise), or a duration such as 90m, 24h or 7d.");
        }

        return at <= now ? _ => at.UtcDateTime : throw new ArgumentException($"--since is '{text}'; that is to come.");
    }

    private static (long? From, long? To) ParseRange(string? text)
    {
        if (text is null)
        {
            return (null, null);
        }

        var parts = text.Split("..");
        if (parts.Length == 2 && TryBound(parts[0], out var from) && TryBound(parts[1], out var to) && (from ?? 1) <= (to ?? long.MaxValue))
        {
            return (from, to);
        }

        throw new ArgumentException($"--range is '{text}'; expected FROM..TO with ids of 1 or more, e.g. 1000..1999.");
    }

    private static bool TryBound(string text, out long? bound)
    {
        bound = null;
        if (text.Length == 0)
        {
            return true;
        }

        var good = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1;
        bound = number;
        return good;
    }

    private static IReadOnlyList<long>? ReadIds(string? file, TextReader input)
    {
        if (file is null)
        {
            return null;
        }

        if (file != "-" && !File.Exists(file))
        {
            throw new ArgumentException($"--keys-from is '{file}'; there is no such file.");
        }

        return ReadIds(file == "-" ? Lines(input) : File.ReadLines(file), file == "-" ? "standard input" : file);
    }

    // Lines are named by their number alone: what stands there instead of an id may be anything.
    private static List<long> ReadIds(IEnumerable<string> lines, string name)
    {
        List<long> ids = [];
        List<int> bad = [];
        foreach (var (at, text) in lines.Index())
        {
            var line = text.Trim();
            if (long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id >= 1)
            {
                ids.Add(id);
            }
            else if (line.Length > 0)
            {
                bad.Add(at + 1);
            }
        }

        if (bad.Count > 0)
        {
            var named = string.Join(", ", bad.Take(MostBadLines)) + (bad.Count > MostBadLines ? $" and {bad.Count - MostBadLines} more"
                : "");
            throw new ArgumentException($"{name}: no id of 1 or more in line {named}.");
        }

        return ids.Count switch
        {
            0 => throw new ArgumentException($"{name} holds no ids."),
            > ScopeKeys.Most => throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture, $"{name} holds {ids.Count:N0} ids; at most {ScopeKeys.Most:N0} can be asked for.")),
            _ => ids,
        };
    }

    private static IEnumerable<string> Lines(TextReader input)
    {
        while (input.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>What was asked for.</summary>
    internal sealed record Choice(
        bool Resume,
        long? From,
        long? To,
        bool Incremental,
        IReadOnlyList<long>? Keys,
        SampleSize? Sample,
        ulong Seed,
        Func<DateTime, DateTime>? Since)
    {
        /// <summary>The scope of one kind; a sample, and what was touched, are chosen here.</summary>
        public async Task<ReconciliationScope> ScopeAsync(ContextHost host, string kind, CancellationToken cancellationToken) =>
            Sample is { } size ? await new ScopeKeys(host.Runtime).SampleAsync(kind, size, Seed, cancellationToken).ConfigureAwait(false)
            : Since is { } since ? await new ScopeKeys(host.Runtime).SinceAsync(kind, since, cancellationToken).ConfigureAwait(false)
            : new ReconciliationScope { Kind = kind, From = From, To = To, Keys = Keys, Incremental = Incremental };
    }
}
