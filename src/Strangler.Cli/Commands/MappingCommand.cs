using System.CommandLine;
using Strangler.Cli.Terminal;
using Strangler.Findings;
using Strangler.Mapping;
using Strangler.Schemas;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler mapping</c>: check, explain and prove mapping files.</summary>
internal static class MappingCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "mapping",
            """
            Check, explain and prove the mapping files

            Examples:
              strangler mapping lint
              strangler mapping lint path/to/draft.xml
              strangler mapping lint --against-database      also compare the legacy tables with what the files say of them
              strangler mapping explain donations
              strangler mapping verify donations
              strangler mapping findings address-changes     rows that earlier migrations damaged, each with its evidence
            """);
        command.Subcommands.Add(Lint(standard));
        command.Subcommands.Add(Explain(standard));
        command.Subcommands.Add(Verify(standard));
        command.Subcommands.Add(MappingFindingsCommand.Create(standard));
        return command;
    }

    private static Command Lint(StandardOptions standard)
    {
        var files = new Argument<string[]>("files") { Description = "Mapping files [default: those of all configured contexts]", DefaultValueFactory = _ => [] };
        var database = new Option<bool>("--against-database")
        {
            Description = "Compare the legacy tables with the files, too: columns that are gone, of another type, length, character set or nullability, and columns that the files do not know",
        };
        var command = new Verb("lint", "Every mistake at once, as file:line:column: field: message; exit code 1 when there is any; warnings are none")
        {
            files, database,
        };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var configuration = run.LoadConfiguration();
            var paths = run.Parsed.GetValue(files) is { Length: > 0 } named
                ? named
                : [.. configuration.Configured.Select(name => ContextCatalog.MappingFileOf(configuration, name))];
            if (paths.FirstOrDefault(path => !File.Exists(path)) is { } missing)
            {
                throw new ArgumentException($"There is no mapping file '{missing}'.");
            }

            var problems = ContextCatalog.Lint(paths).ToList();
            List<SchemaDifference> differences = [];
            foreach (var path in run.Parsed.GetValue(database) && problems.Count == 0 ? paths : [])
            {
                differences.AddRange(await LegacyTablesCheck.RunAsync(configuration, path, run.Time, token).ConfigureAwait(false));
            }

            problems.AddRange(differences.Where(difference => difference.Stops).Select(difference => difference.Problem));
            var warnings = differences.Where(difference => !difference.Stops).ToList();
            if (run.Output.IsJson)
            {
                run.Output.Json(new { files = paths, problems, warnings = warnings.Select(warning => warning.Problem) });
            }
            else
            {
                foreach (var problem in problems)
                {
                    run.Output.Line(problem.ToString());
                }

                foreach (var warning in warnings)
                {
                    run.Output.Line(warning.ToString());
                }

                run.Output.Line(problems.Count == 0 ? $"{paths.Length} {(paths.Length == 1 ? "file" : "files")}, no mistakes" : $"{problems.Count} {(problems.Count == 1 ? "mistake" : "mistakes")}");
            }

            return problems.Count == 0 ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static Command Explain(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var command = new Verb("explain", "The whole mapping for people: German ↔ English, with codes") { context };
        CommandRun.SetAction(command, standard, (run, _) =>
        {
            foreach (var mapping in ContextCatalog.LoadMapping(run.LoadConfiguration(), run.Parsed.GetRequiredValue(context)).Values)
            {
                if (run.Output.IsJson)
                {
                    run.Output.Json(mapping.Explain());
                }
                else
                {
                    run.Output.Standard.Write(mapping.Explain().ToText());
                }
            }

            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static Command Verify(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var limit = StandardOptions.Limit("How many reasons and violations to list", 50);
        var command = new Verb(
            "verify",
            """
            Prove both laws of a mapping on every real row

            Storing what was read changes no byte, and reading what was stored gives the same record. Reads only. Exit code 1 when a law is broken;
            rows that cannot be read, and damage that the mapping declares, are told, but are no violation.
            """) { context, limit };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var violations = 0L;
            foreach (var kind in host.Runtime.Kinds.Keys)
            {
                MappingVerification result;
                using (var line = new ProgressLine(run.Output, run.Time))
                {
                    result = await new MappingVerificationJob(host).RunAsync(kind, new Adapter(kind, line), token).ConfigureAwait(false);
                }

                violations += result.Violations;
                var damage = await new FindingsJob(host.Runtime).RunAsync(kind, host.Mappings[kind].Findings, _ => { }, null, token).ConfigureAwait(false);
                Write(run, host.Name, kind, result, damage, run.Parsed.GetValue(limit));
            }

            return violations == 0 ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static void Write(
        CommandRun run, string context, string kind, MappingVerification result, FindingsResult damage, int limit)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(VerificationText.Json(context, kind, result, damage));
            return;
        }

        foreach (var line in VerificationText.Lines(kind, result, limit).Concat(VerificationText.Lines(context, damage)))
        {
            run.Output.Line(line);
        }
    }

    private sealed class Adapter(string kind, ProgressLine line) : IProgress<VerificationProgress>
    {
        public void Report(VerificationProgress value) =>
            line.Report(new WorkState($"{kind}: verified", value.Done, value.Total, value.RowsPerSecond, value.Left));
    }
}
