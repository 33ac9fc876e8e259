using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Strangler.Cli.Terminal;
using Strangler.Mapping;
using Strangler.Purging;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler purge</c>: remove for good what was deleted long enough ago.</summary>
internal static class PurgeCommand
{
    private static readonly TimeSpan LeastAge = TimeSpan.FromDays(1);

    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var kind = new Option<string?>("--kind") { Description = "The kind of entity [default: the only one that can be deleted while its rows stay]" };
        var olderThan = new Option<string?>("--older-than")
        {
            Description = "Deleted longer ago than this, e.g. 90d, 1d to 3650d [default: options.purgeAfter of the configuration]",
        };
        var batch = new Option<int>("--batch") { Description = "Entities between two looks at the gates, 1 to 1,000", DefaultValueFactory = _ => 100 };
        var apply = new Option<bool>("--apply") { Description = "Purge; without it only what would be purged is shown" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be purged and change nothing; the default" };
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb(
            "purge",
            """
            Remove for good, on both sides, what was deleted long enough ago while its rows stayed

            A row that the back office marks as deleted stays where it is. Once that is longer ago than the period, this removes it as any delete does: with a
            tombstone, so that nothing brings it back. Shows what it would do unless --apply is given. Works in batches and looks at the gates before each:
            both sides must be known to agree. Leaves alone what a journal row still owes, what somebody changes meanwhile, and what was deleted nobody knows
            when. Interrupted or killed, the next run goes on where it was. Exit code 4 when a gate is closed.

            Examples:
              strangler purge donations --older-than 730d
              strangler purge donations --older-than 730d --apply --reason "retention of two years"
            """) { context, kind, olderThan, batch, apply, dryRun, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var request = RequestOf(
                run, host, run.Parsed.GetValue(kind), run.Parsed.GetValue(olderThan), (run.Parsed.GetValue(apply), run.Parsed.GetValue(dryRun)),
                run.Parsed.GetValue(reason)!) with { Batch = run.Parsed.GetValue(batch) };
            var result = await new PurgeJob(host.Runtime).RunAsync(request, run.Output.IsJson ? null : new Steps(run), token).ConfigureAwait(false);
            Show(run, host, request, result);
            return result.Closed.Count > 0 ? ExitCodes.Refused : ExitCodes.Ok;
        });
        return command;
    }

    private static PurgeRequest RequestOf(
        CommandRun run, ContextHost host, string? kind, string? olderThan, (bool Apply, bool DryRun) how, string reason)
    {
        if (how is (true, true))
        {
            throw new ArgumentException("--apply and --dry-run exclude each other.");
        }

        if (how.Apply && string.IsNullOrWhiteSpace(reason))
        {
            throw new ArgumentException("--apply needs --reason: it goes into the audit trail.");
        }

        var name = KindOf(host, kind);
        var mapping = host.Mappings[name];
        return new PurgeRequest
        {
            Kind = name,
            DeletedAt = mapping.DeletedAt!,
            Before = TimeZoneInfo.ConvertTime(run.Time.GetUtcNow(), mapping.TimeZone).DateTime - AgeOf(host, olderThan),
            DryRun = !how.Apply,
            Actor = CommandRun.Actor,
            Reason = string.IsNullOrWhiteSpace(reason) ? "dry run" : reason,
        };
    }

    private static string KindOf(ContextHost host, string? kind)
    {
        var deletable = host.Mappings.Values.Where(mapping => mapping.DeletedAt is not null).Select(mapping => mapping.Kind).ToList();
        if ((kind is null && deletable.Count == 1) || (kind is not null && deletable.Contains(kind)))
        {
            return kind ?? deletable[0];
        }

        var asked = host.Mappings.Values.Where(mapping => mapping.DeletedAt is null && mapping.Kind == (kind ?? mapping.Kind)).ToList();
        throw new ArgumentException(
            asked.Count > 0 && (kind is not null || deletable.Count == 0)
                ? $"There is nothing to purge in {host.Name}. {string.Join(' ', asked.Select(WhyNot))}"
                : $"--kind is '{kind}'; in {host.Name} these can be purged: {string.Join(", ", deletable.DefaultIfEmpty("none"))}.");
    }

    private static string WhyNot(CompiledMapping mapping) => $"{mapping.Kind}: {mapping.NoDeletion ?? "its mapping has no deleted-at"}.";

    private static TimeSpan AgeOf(ContextHost host, string? text)
    {
        if (text is null)
        {
            return host.Runtime.Options.PurgeAfter > TimeSpan.Zero
                ? host.Runtime.Options.PurgeAfter
                : throw new ArgumentException($"Give --older-than, or set contexts.{host.Name}.options.purgeAfter (it is 0s): how long is what was deleted kept?");
        }

        return Duration.TryParse(text, out var age) && age >= LeastAge
            ? age
            : throw new ArgumentException($"--older-than is '{text}'; expected 1d to 3650d.");
    }

    private static void Show(CommandRun run, ContextHost host, PurgeRequest request, PurgeResult result)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(new
            {
                context = host.Name,
                request.Kind,
                result.DryRun,
                result.Before,
                result.LookedAt,
                result.Unreadable,
                counts = result.Counts.ToDictionary(count => JsonNamingPolicy.SnakeCaseLower.ConvertName(count.Key.ToString()), count => count.Value),
                result.ResumedAt,
                result.Closed,
            });
            return;
        }

        if (result.ResumedAt is { } at)
        {
            run.Output.Line($"An earlier run had not come to its end; taken up at id {at}.");
        }

        run.Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{request.Kind}, deleted before {result.Before:yyyy-MM-dd HH:mm}: {string.Join(", ", result.Counts.Where(count => count.Value > 0).Select(Words).DefaultIfEmpty("none"))}; {result.LookedAt:N0} looked at, {result.Unreadable:N0} of them cannot be read."));
        foreach (var gate in result.Closed)
        {
            run.Output.Line(GateText.Line(gate));
        }

        run.Output.Line(result.DryRun ? "Nothing was changed; add --apply to purge."
            : result.Closed.Count > 0 ? "Stopped there; what was purged stays so. Once the gates are open, the same command goes on."
            : $"Done. Both sides can be compared: strangler reconcile {host.Name}");
    }

    private static string Words(KeyValuePair<PurgeOutcome, long> count) => string.Create(CultureInfo.InvariantCulture, $"{count.Value:N0} ") + count.Key switch
    {
        PurgeOutcome.WouldPurge => "would be purged",
        PurgeOutcome.Purged => "purged",
        PurgeOutcome.Owed => "left, for a journal row still owes them",
        _ => "left, for they were changed meanwhile",
    };

    private sealed class Steps(CommandRun run) : IProgress<PurgeStep>
    {
        public void Report(PurgeStep value) => run.Output.Step(string.Create(CultureInfo.InvariantCulture, $"  {value.Id} {value.Outcome}"));
    }
}
