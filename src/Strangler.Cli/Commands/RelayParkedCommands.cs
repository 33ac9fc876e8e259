using System.CommandLine;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler relay retry</c> and <c>drop</c>: what becomes of keys that the relay has set aside.</summary>
internal static class RelayParkedCommands
{
    public static Command Retry(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var text = new Argument<string?>("key") { Description = "One parked key: its id, or kind/id", DefaultValueFactory = _ => null };
        var all = new Option<bool>("--all") { Description = "Every parked key" };
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb(
            "retry",
            """
            Give parked keys another try; exit code 1 when the key is not parked

            Cure the cause first (relay status shows it): a key that fails again is parked again.

            Examples:
              strangler relay retry donations 4711
              strangler relay retry donations donation/4711
              strangler relay retry donations --all --reason "the disk is no longer full"
            """) { context, text, all, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var one = run.Parsed.GetValue(text);
            if (one is null != run.Parsed.GetValue(all))
            {
                throw new ArgumentException("Give one id, or --all.");
            }

            var asked = one is null ? null : TypedKey.Parse(one);
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var rows = await ParkedDesk.RetryAsync(host, asked?.Of(host), CommandRun.Actor, run.Parsed.GetValue(reason) ?? "", token).ConfigureAwait(false);
            run.Output.Result(
                new { context = host.Name, put_back = rows },
                rows > 0 ? $"{rows:N0} put back; the relay takes them up." : asked is null ? "Nothing was parked." : $"Id {asked.Id} is not parked.");
            return rows == 0 && asked is not null ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    public static Command Drop(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var text = new Argument<string>("key") { Description = "One parked key: its id, or kind/id" };
        var reason = new Option<string>("--reason") { Description = "Why it is given up; goes into the audit trail", DefaultValueFactory = _ => "" };
        var apply = new Option<bool>("--apply") { Description = "Drop it; without it only what would be dropped is shown" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be dropped and change nothing; the default" };
        var command = new Verb(
            "drop",
            """
            Give up a parked key: the follower stays behind

            The journal forgets the key, and nobody brings the follower along any more until the entity is written again or repaired. It does not become right
            by that: reconcile and relay status report it as a lost obligation from then on, and no stage moves on an earlier clean reconciliation. Only parked
            keys can be dropped. Mostly retry or repair is what you want.

            Examples:
              strangler relay drop donations 4711 --reason "row is damaged, agreed with finance"
              strangler relay drop donations donation/4711 --reason "row is damaged, agreed with finance" --apply
            """) { context, text, reason, apply, dryRun };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var really = run.Parsed.GetValue(apply);
            if (really && run.Parsed.GetValue(dryRun))
            {
                throw new ArgumentException("--apply and --dry-run exclude each other.");
            }

            var asked = TypedKey.Parse(run.Parsed.GetRequiredValue(text));
            var why = run.Parsed.GetValue(reason);
            if (really && string.IsNullOrWhiteSpace(why))
            {
                throw new ArgumentException("--apply needs --reason: it goes into the audit trail.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var key = asked.Of(host);
            var parked = await new ParkedKeys(host.Runtime).DropAsync(key, CommandRun.Actor, why ?? "", !really, token).ConfigureAwait(false);
            run.Output.Result(
                new { context = host.Name, key, dry_run = !really, parked.Version, parked.Attempts, parked.LastError, parked.CreatedUtc },
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{key}, version {parked.Version}, {parked.Attempts} attempts ({parked.LastError}): {(really
                        ? $"dropped. The follower stays behind and {key.Kind} {key.Id} counts as a lost obligation until it is written, or: strangler repair {host.Name} --keys {key.Id} --apply --reason …"
                        : "would be dropped, and its follower would stay behind. Nothing was changed; add --apply to drop it.")}"));
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>A key as it is typed: <c>4711</c> where the context has one kind, or <c>donation/4711</c>.</summary>
    internal sealed record TypedKey(string? Kind, long Id)
    {
        public static TypedKey Parse(string text)
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            if (!long.TryParse(text[(slash + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id) || slash == 0)
            {
                throw new ArgumentException($"'{text}' is no key; expected an id or kind/id, e.g. 4711 or donation/4711.");
            }

            StandardOptions.CheckId(id);
            return new TypedKey(slash < 0 ? null : text[..slash], id);
        }

        public EntityKey Of(ContextHost host) => new(host.KindOf(Kind), Id);
    }
}
