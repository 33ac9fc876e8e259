using System.CommandLine;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler quarantine</c>: legacy rows that cannot be read.</summary>
internal static class QuarantineCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "quarantine",
            """
            List and sign off legacy rows that cannot be read

            They stay as they are in legacy; reading their id is an error, never "not found". A row leaves by itself with the next write
            of it that can be read, or with the next backfill; after the mapping was mended: strangler relay retry <context> --all.
            What stays has to be signed off before the new side may lead; signed off, it keeps no gate shut.

            Examples:
              strangler quarantine list donations
              strangler quarantine sign-off donations 4711 --reason "empty test row, agreed with finance"
              strangler quarantine sign-off donations --all --reason "reviewed 2026-11-20"
            """);
        command.Subcommands.Add(List(standard));
        command.Subcommands.Add(SignOff(standard));
        return command;
    }

    private static Command List(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many", 100);
        var command = new Verb("list", "Ids with place and reason; never values") { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            foreach (var kind in host.Runtime.Kinds.Keys)
            {
                var entries = await host.Sides.Quarantine.ListAsync(kind, run.Parsed.GetValue(limit), token).ConfigureAwait(false);
                var (all, open) = await host.Sides.Quarantine.CountAsync(kind, token).ConfigureAwait(false);
                if (run.Output.IsJson)
                {
                    run.Output.Json(new { context = host.Name, kind, all, open, entries });
                    continue;
                }

                run.Output.Table(
                    ["id", "place", "reason", "since (UTC)", "signed off by", "why"],
                    entries.Select(entry => (IReadOnlyList<string>)
                    [
                        $"{entry.Id}", entry.Place, entry.Reason, $"{entry.SinceUtc:yyyy-MM-dd HH:mm}", entry.SignedOffBy ?? "", entry.SignOffReason ?? "",
                    ]));
                run.Output.Line($"{kind}: {all:N0} in quarantine, {open:N0} not signed off");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command SignOff(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var id = new Argument<long?>("id") { Description = "One id", DefaultValueFactory = _ => null };
        var all = new Option<bool>("--all") { Description = "Every entry that is open" };
        var reason = new Option<string>("--reason") { Description = "Why it may stay unread; audited", Required = true };
        var command = new Verb("sign-off", "Accept that these rows stay unread") { context, id, all, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var one = run.Parsed.GetValue(id);
            if (one is null != run.Parsed.GetValue(all))
            {
                throw new ArgumentException("Give one id, or --all.");
            }

            StandardOptions.CheckId(one);
            var why = run.Parsed.GetRequiredValue(reason);
            if (string.IsNullOrWhiteSpace(why))
            {
                throw new ArgumentException("--reason is empty; say why the rows may stay unread.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var signed = await QuarantineDesk.SignOffAsync(host, null, one, CommandRun.Actor, why, token).ConfigureAwait(false);
            if (signed == 0)
            {
                run.Output.Result(
                    new { context = host.Name, signed_off = 0 }, one is null ? "Nothing was open." : $"Id {one} is not in quarantine, or is signed off already.");
                return one is null ? ExitCodes.Ok : ExitCodes.Found;
            }

            run.Output.Result(new { context = host.Name, signed_off = signed }, $"{signed:N0} signed off");
            return ExitCodes.Ok;
        });
        return command;
    }
}
