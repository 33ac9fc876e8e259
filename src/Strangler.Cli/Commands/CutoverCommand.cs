using System.CommandLine;
using Strangler.Cli.Terminal;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler cutover</c>: where contexts stand, and moving them.</summary>
internal static class CutoverCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "cutover",
            """
            Show and change the stage of a context

            Examples:
              strangler cutover status donations
              strangler cutover advance donations --dry-run     print every gate with its value, change nothing
              strangler cutover advance donations --reason "week 3 of the plan"
              strangler cutover back donations --reason "errors in the export"
            """);
        command.Subcommands.Add(Status(standard));
        command.Subcommands.Add(Move(standard, "advance", "One stage forward, if its gates are open", (service, request, progress, token) =>
            service.AdvanceAsync(request, progress, token)));
        command.Subcommands.Add(Move(standard, "back", "One stage back; the same flip in the other direction", (service, request, progress, token) =>
            service.BackAsync(request, progress, token)));
        command.Subcommands.Add(Recover(standard, "resume", "Finish a flip whose process died", (service, request, progress, token) => service.ResumeAsync(request, progress, token)));
        command.Subcommands.Add(Recover(standard, "abort", "Take back a flip that has not been decided", (service, request, _, token) => service.AbortAsync(request, token)));
        command.Subcommands.Add(History(standard));
        command.Subcommands.Add(ReserveIds(standard));
        return command;
    }

    private static Command Status(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb("status", "Who leads, at which stage, and how far the next stage's gates are") { context };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var view = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
            var next = view.Stage == Stage.NewOnly ? (Stage?)null : view.Stage + 1;
            var gates = next is null ? [] : await host.Cutover.GatesAsync(next.Value, token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, view.Stage, view.Lead, view.Epoch, view.Switching, view.Legacy, view.New, next, gates });
                return ExitCodes.Ok;
            }

            run.Output.Line($"{host.Name}: {view.Stage}, the {view.Lead.ToString().ToLowerInvariant()} side leads (epoch {view.Epoch}){(view.Switching ? ", a flip is under way" : "")}");
            foreach (var silent in new[] { SideName.Legacy, SideName.New }.Where(side => view.Of(side) is null))
            {
                run.Output.Line($"The {silent.ToString().ToLowerInvariant()} side does not answer, or is not migrated.");
            }

            if (next is not null)
            {
                run.Output.Line($"Gates to {next}:");
                WriteGates(run, gates);
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Move(
        StandardOptions standard,
        string name,
        string description,
        Func<CutoverService, CutoverRequest, IProgress<string>?, CancellationToken, Task<StageView>> move)
    {
        var context = StandardOptions.Context();
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var force = new Option<bool>("--force") { Description = "Go on although gates are closed; needs --reason and is audited" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print the gates with their values and change nothing" };
        var confirm = new Option<string?>("--confirm") { Description = "For NewOnly, the one-way door: the context's name, typed" };
        var command = new Verb(name, description) { context, reason, force, dryRun, confirm };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            if (run.Parsed.GetValue(force) && string.IsNullOrWhiteSpace(run.Parsed.GetValue(reason)))
            {
                throw new ArgumentException("--force needs --reason: it goes into the audit trail.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var before = await host.Cutover.StatusAsync(token).ConfigureAwait(false);
            if (name == "advance")
            {
                await host.CheckAsync(token).ConfigureAwait(false);
            }

            var target = name == "advance" ? before.Stage + 1 : before.Stage - 1;
            var request = new CutoverRequest
            {
                Actor = CommandRun.Actor,
                Reason = run.Parsed.GetValue(reason) ?? "",
                Force = run.Parsed.GetValue(force),
                DryRun = run.Parsed.GetValue(dryRun),
                TypedConfirmation = run.Parsed.GetValue(confirm),
            };
            if (request.DryRun)
            {
                return await DryRunAsync(run, host, before.Stage, target, token).ConfigureAwait(false);
            }

            var after = await move(host.Cutover, request, new StepLines(run.Output, !request.Force), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, from = before.Stage, to = after.Stage, after.Lead, after.Epoch });
            }
            else
            {
                run.Output.Line($"{host.Name}: {before.Stage} → {after.Stage}; the {after.Lead.ToString().ToLowerInvariant()} side leads (epoch {after.Epoch})");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static async Task<int> DryRunAsync(CommandRun run, ContextHost host, Stage from, Stage target, CancellationToken token)
    {
        if (!Enum.IsDefined(target))
        {
            throw new CutoverException($"{host.Name} is in {from}; there is no way {(target < from ? "back" : "on")} from there.");
        }

        var gates = await host.Cutover.GatesAsync(target, token).ConfigureAwait(false);
        var open = gates.All(gate => gate.Passed);
        if (run.Output.IsJson)
        {
            run.Output.Json(new { context = host.Name, target, open, gates });
        }
        else
        {
            run.Output.Line($"Gates to {target} ({(open ? "open" : "closed")}); nothing was changed:");
            WriteGates(run, gates);
        }

        return open ? ExitCodes.Ok : ExitCodes.Refused;
    }

    private static Command Recover(
        StandardOptions standard, string name, string description, Func<CutoverService, CutoverRequest, IProgress<string>?, CancellationToken, Task<StageView>> act)
    {
        var context = StandardOptions.Context();
        var reason = new Option<string>("--reason") { Description = "Why; goes into the audit trail", DefaultValueFactory = _ => "" };
        var command = new Verb(name, description) { context, reason };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var view = await act(host.Cutover, new CutoverRequest { Actor = CommandRun.Actor, Reason = run.Parsed.GetValue(reason) ?? "" }, new StepLines(run.Output, false), token)
                .ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, view.Stage, view.Lead, view.Epoch });
            }
            else
            {
                run.Output.Line($"{host.Name}: {view.Stage}; the {view.Lead.ToString().ToLowerInvariant()} side leads (epoch {view.Epoch})");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command History(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many entries, newest first", 50);
        var command = new Verb("history", "Who moved the context, when, why") { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var entries = await host.Cutover.HistoryAsync(run.Parsed.GetValue(limit), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(entries);
                return ExitCodes.Ok;
            }

            run.Output.Table(
                ["at (UTC)", "who", "what", "from", "to", "epoch", "forced", "why", "detail"],
                entries.Select(entry => (IReadOnlyList<string>)
                [
                    $"{entry.AtUtc:yyyy-MM-dd HH:mm:ss}", entry.Actor, entry.Action, entry.From, entry.To, $"{entry.Epoch}", entry.Forced ? "yes" : "",
                    entry.Reason, entry.Detail,
                ]));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command ReserveIds(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var count = new Option<long>("--count") { Description = "How many at least", DefaultValueFactory = _ => 10_000 };
        var command = new Verb("reserve-ids", "Reserve public ids in legacy for creates while the new side leads") { context, count };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var wanted = run.Parsed.GetValue(count);
            if (wanted is < 1 or > 10_000_000)
            {
                throw new ArgumentException($"--count is {wanted}; it must lie between 1 and 10,000,000.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            foreach (var kind in host.Runtime.Kinds.Keys.Where(host.Sides.PublicIds.Allots))
            {
                var reserved = await host.Sides.PublicIds.ReserveAsync(kind, wanted, token).ConfigureAwait(false);
                var left = await host.Sides.PublicIds.LeftAsync(kind, token).ConfigureAwait(false);
                run.Output.Result(new { context = host.Name, kind, reserved, left }, $"{kind}: {reserved:N0} ids reserved, {left:N0} left");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static void WriteGates(CommandRun run, IReadOnlyList<Gate> gates)
    {
        foreach (var gate in gates)
        {
            run.Output.Line(GateText.Line(gate));
        }
    }

    /// <param name="output">Where to.</param>
    /// <param name="closedEndIt">Whether the closed gates come again as the error that ends the command.</param>
    private sealed class StepLines(Output output, bool closedEndIt) : IProgress<string>
    {
        public void Report(string value)
        {
            if (!closedEndIt || !value.StartsWith("CLOSED", StringComparison.Ordinal))
            {
                output.Step($"  {value}");
            }
        }
    }
}
