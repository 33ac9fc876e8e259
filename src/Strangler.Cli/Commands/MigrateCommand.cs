using System.CommandLine;
using Strangler.Migrations;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler migrate</c>: side tables and new schemas of all contexts with one command.</summary>
internal static class MigrateCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = new Option<string[]>("--context")
        {
            Description = "Only these contexts [default: all that are configured]",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
            Recursive = true,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print the statements that would be executed, and execute none" };
        var command = new Verb(
            "migrate",
            """
            Create the side tables and the new schema of all configured contexts

            A context that neither the configuration file nor a variable of its own names is left out, and named. Legacy tables are never touched. An interrupted run is continued by the next one; an applied file that was edited or is missing stops everything.

            Examples:
              strangler migrate --dry-run
              strangler migrate
              strangler migrate status
            """) { context, dryRun };
        command.Subcommands.Add(Status(standard, context));
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var configuration = run.LoadConfiguration();
            var contexts = Selected(run.Parsed.GetValue(context), configuration);
            if (run.Parsed.GetValue(dryRun))
            {
                return WritePlan(run, await MigrationPlan.StatusAsync(configuration, contexts, token).ConfigureAwait(false));
            }

            var before = await MigrationPlan.StatusAsync(configuration, contexts, token).ConfigureAwait(false);
            var after = await MigrationPlan.ApplyAsync(configuration, contexts, new Steps(run), token).ConfigureAwait(false);
            var applied = before.Targets.Sum(target => target.Open.Count());
            if (run.Output.IsJson)
            {
                run.Output.Json(new { applied, up_to_date = after.IsUpToDate, targets = Rows(after) });
            }
            else
            {
                run.Output.Line(applied == 0 ? "Nothing to do: all migrations are applied." : $"{applied} migrations applied.");
                if (run.Parsed.GetValue(context) is not { Length: > 0 } && ContextCatalog.Names.Except(contexts).ToList() is { Count: > 0 } others)
                {
                    run.Output.Line($"Not configured here, so left out: {string.Join(", ", others)}.");
                }
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Status(StandardOptions standard, Option<string[]> context)
    {
        var command = new Verb("status", "Which migrations are applied where; exit code 1 when any is open");
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var configuration = run.LoadConfiguration();
            var status = await MigrationPlan.StatusAsync(configuration, Selected(run.Parsed.GetValue(context), configuration), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(new { up_to_date = status.IsUpToDate, problems = status.Problems, targets = Rows(status) });
            }
            else
            {
                run.Output.Table(
                    ["database", "side", "context", "migration", "state", "steps"],
                    status.Targets.SelectMany(target => target.Items.Select(item => (IReadOnlyList<string>)
                    [
                        target.Database, target.Side.ToString().ToLowerInvariant(), item.Context, item.Name, item.State.ToString().ToLowerInvariant(), $"{item.Done}/{item.Steps}",
                    ])));
                foreach (var problem in status.Problems)
                {
                    run.Output.Line(problem);
                }
            }

            return status.IsUpToDate ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static int WritePlan(CommandRun run, MigrationStatus status)
    {
        var problems = status.Problems.ToList();
        if (run.Output.IsJson)
        {
            run.Output.Json(new
            {
                problems,
                steps = status.Targets.SelectMany(target => target.Open.SelectMany(item => item.File!.Steps.Skip(item.Done).Select(step => new
                {
                    database = target.Database, context = item.Context, migration = item.Name, statement = step,
                }))),
            });
        }
        else
        {
            foreach (var target in status.Targets)
            {
                run.Output.Line($"-- {target.Database} ({target.Side.ToString().ToLowerInvariant()} side)");
                foreach (var item in target.Open)
                {
                    run.Output.Line($"-- {item.Context}/{item.Name}");
                    foreach (var step in item.File!.Steps.Skip(item.Done))
                    {
                        run.Output.Line($"{step};");
                    }
                }
            }

            run.Output.Line("-- Nothing was executed.");
        }

        foreach (var problem in problems)
        {
            run.Output.Error.WriteLine($"error: {problem}");
        }

        return problems.Count == 0 ? ExitCodes.Ok : ExitCodes.CouldNotRun;
    }

    private static IReadOnlyList<string> Selected(string[]? names, StranglerConfiguration configuration) =>
        names is { Length: > 0 } ? [.. names.Select(name => ContextCatalog.Find(name).Name)] : configuration.Configured;

    private static object Rows(MigrationStatus status) => status.Targets.Select(target => new
    {
        target.Database, target.Side, items = target.Items.Select(item => new { item.Context, item.Name, item.State, item.Done, item.Steps }),
    });

    private sealed class Steps(CommandRun run) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value)
        {
            if (value.Step == value.Steps)
            {
                run.Output.Step($"  {value.Database}: {value.Context}/{value.Name} ({value.Steps} {(value.Steps == 1 ? "step" : "steps")})");
            }
        }
    }
}
