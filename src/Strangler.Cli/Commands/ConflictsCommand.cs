using System.CommandLine;
using Strangler.DualWrite;
using Strangler.Merging;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler conflicts</c>: what another program and the new side have both changed.</summary>
internal static class ConflictsCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "conflicts",
            """
            Look at and decide what another program and the new side have both changed

            While the new side leads, writes of other programs to the legacy tables are merged field by field. Where both sides changed the same field to
            different values and the mapping names no owner for it, the entity is in conflict: neither value is overwritten, its keys are parked, and every
            gate is closed until somebody decides.

            Examples:
              strangler conflicts list donations
              strangler conflicts show donations 4711
              strangler conflicts resolve donations 4711 --take legacy --reason "donor called, ticket 17"
              strangler conflicts resolve donations 4711 --field amount=new --field comment.text=legacy --reason "ticket 17" --apply
            """);
        command.Subcommands.Add(List(standard));
        command.Subcommands.Add(Show(standard));
        command.Subcommands.Add(Resolve(standard));
        return command;
    }

    private static Command List(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many", 100);
        var command = new Verb("list", "Entities in conflict, longest first, with the fields; never values. Exit code 1 when there are any") { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var all = await host.Sides.Merges.CountAsync(token).ConfigureAwait(false);
            var conflicts = await host.Sides.Merges.ListAsync(run.Parsed.GetValue(limit), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, all, conflicts = conflicts.Select(Shapes.Conflict) });
            }
            else
            {
                run.Output.Table(
                    ["key", "fields", "since (UTC)", "written to legacy by", "why"],
                    conflicts.Select(conflict => (IReadOnlyList<string>)
                        [$"{conflict.Key}", Fields(conflict), $"{conflict.SinceUtc:yyyy-MM-dd HH:mm:ss}", conflict.Writer, Why(conflict)]));
                run.Output.Line($"{host.Name}: {all:N0} in conflict");
            }

            return all > 0 ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }

    private static Command Show(StandardOptions standard)
    {
        var (context, key) = (StandardOptions.Context(), Key());
        var reveal = new Option<bool>("--reveal") { Description = "Values in clear; needs the right to it, and is audited" };
        var reason = new Option<string>("--reason") { Description = "Why clear values are needed; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb("show", "Both versions of each value, personal ones masked") { context, key, reveal, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var asked = RelayParkedCommands.TypedKey.Parse(run.Parsed.GetRequiredValue(key));
            var why = run.Parsed.GetValue(reason) ?? "";
            if (run.Parsed.GetValue(reveal))
            {
                ReportCommand.CheckRight(run.LoadConfiguration().MayReveal(CommandRun.Actor), why);
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var service = new ConflictService(host.Runtime);
            var conflict = await service.FindAsync(asked.Of(host), token).ConfigureAwait(false);
            var fields = run.Parsed.GetValue(reveal)
                ? await service.RevealAsync(conflict, CommandRun.Actor, why, token).ConfigureAwait(false)
                : service.Show(conflict);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, conflict = Shapes.Conflict(conflict), fields });
                return ExitCodes.Ok;
            }

            run.Output.Line($"{conflict.Key}, since {conflict.SinceUtc:yyyy-MM-dd HH:mm:ss} UTC, written to legacy by {conflict.Writer}: {Why(conflict)}");
            run.Output.Table(["field", "legacy", "new"], fields.Select(field => (IReadOnlyList<string>)[field.Field, field.Legacy, field.New]));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Resolve(StandardOptions standard)
    {
        var (context, key) = (StandardOptions.Context(), Key());
        var take = new Option<string?>("--take") { Description = "Whose values all fields get that --field does not name: legacy or new" };
        var field = new Option<string[]>("--field") { Description = "One field's side, e.g. amount=legacy; may be repeated", DefaultValueFactory = _ => [] };
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail with the fields' names", DefaultValueFactory = _ => "" };
        var apply = new Option<bool>("--apply") { Description = "Decide; without it only what would happen is shown" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would happen and change nothing; the default" };
        var command = new Verb(
            "resolve",
            """
            Decide whose values stand; a dry run unless --apply is given

            The decision becomes a new version of the entity on both sides. Fields that only one side changed are taken from it in any case. It is refused when
            either side has written since the conflict was listed: look again then.

            Examples:
              strangler conflicts resolve donations 4711 --take legacy --reason "donor called, ticket 17"
              strangler conflicts resolve donations 4711 --take new --field amount=legacy --reason "ticket 17" --apply
            """) { context, key, take, field, reason, apply, dryRun };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var (really, why) = (run.Parsed.GetValue(apply), run.Parsed.GetValue(reason) ?? "");
            if (really && run.Parsed.GetValue(dryRun))
            {
                throw new ArgumentException("--apply and --dry-run exclude each other.");
            }

            if (really && string.IsNullOrWhiteSpace(why))
            {
                throw new ArgumentException("--apply needs --reason: it goes into the audit trail.");
            }

            var decision = DecisionOf(run.Parsed.GetValue(take), run.Parsed.GetValue(field) ?? []);
            var asked = RelayParkedCommands.TypedKey.Parse(run.Parsed.GetRequiredValue(key));
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var resolution = await new ConflictService(host.Runtime).ResolveAsync(asked.Of(host), decision, CommandRun.Actor, why, really, token)
                .ConfigureAwait(false);
            run.Output.Result(
                new { context = host.Name, key = resolution.Conflict.Key, dry_run = !really, resolution.Decided },
                $"{resolution.Conflict.Key}: {string.Join(", ", resolution.Decided.Select(one => $"{one.Field} from {Name(one.Winner)}"))}. "
                + (really ? "Decided; both sides are brought to it." : "Nothing was changed; add --apply to decide."));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Argument<string> Key() => new("key") { Description = "Its id, or kind/id" };

    private static MergeDecision DecisionOf(string? take, string[] fields)
    {
        Dictionary<string, SideName> sides = [];
        foreach (var text in fields)
        {
            var parts = text.Split('=');
            if (parts.Length != 2 || parts[0].Length == 0)
            {
                throw new ArgumentException($"--field is '{text}'; expected field=legacy or field=new.");
            }

            if (!sides.TryAdd(parts[0], SideOf(parts[1], "--field")))
            {
                throw new ArgumentException($"--field names {parts[0]} twice.");
            }
        }

        return take is null && sides.Count == 0
            ? throw new ArgumentException("Give --take legacy or --take new, or --field for each field.")
            : new MergeDecision(take is null ? null : SideOf(take, "--take"), sides);
    }

    private static SideName SideOf(string text, string option) => text switch
    {
        "legacy" => SideName.Legacy,
        "new" => SideName.New,
        _ => throw new ArgumentException($"{option} says '{text}'; expected legacy or new."),
    };

    private static string Name(SideName side) => side == SideName.Legacy ? "legacy" : "new";

    private static string Fields(Conflict conflict) => string.Join(", ", conflict.Fields.Select(field => field.Field));

    private static string Why(Conflict conflict) => conflict.Reason.Length > 0 ? conflict.Reason : "both sides changed it, and no owner is declared";
}
