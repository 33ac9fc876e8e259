using System.CommandLine;
using Strangler.Cli.Commands;

namespace Strangler.Cli;

/// <summary>The <c>strangler</c> command: one file per verb under Commands/.</summary>
internal static class StranglerCommandLine
{
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(30);

    /// <summary>Runs one command line; returns its exit code (<see cref="ExitCodes"/>).</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter standard, TextWriter error, CancellationToken cancellationToken)
    {
        var root = Create();
        var configuration = new InvocationConfiguration
        {
            Output = standard,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TimeToStop,
        };
        var parsed = root.Parse(args);
        if (parsed.Action is System.CommandLine.Invocation.ParseErrorAction)
        {
            await error.WriteLineAsync($"error: {string.Join(' ', ParseErrors.Of(parsed))} Try: {HelpOf(parsed)}").ConfigureAwait(false);
            return ExitCodes.CouldNotRun;
        }

        return await parsed.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
    }

    public static RootCommand Create()
    {
        var root = new RootCommand(
            """
            Moves a live system from a legacy schema to a clean one, context by context, while everything that uses the old schema goes on working.

            The way of a context:
              strangler migrate                         create the side tables and the new schema
              strangler mapping verify donations        prove on the real rows that nothing is lost in translation
              strangler capture install donations       note what other programs write into the legacy tables
              strangler cutover advance donations       LegacyOnly → DualWrite: every write now reaches both sides
              strangler backfill donations              bring over what was there before
              strangler reconcile donations             compare both sides, field by field
              strangler cutover advance donations       → ShadowRead → NewLeads → NewOnly, each behind its gates
              strangler cutover back donations          one stage back, as safe as forward

            Exit codes: 0 done, nothing found · 1 a check found something · 2 could not run · 3 inconclusive · 4 refused by a gate · 130 interrupted
            """);
        var standard = new StandardOptions();
        standard.AddTo(root);
        root.Subcommands.Add(MigrateCommand.Create(standard));
        root.Subcommands.Add(MappingCommand.Create(standard));
        root.Subcommands.Add(CaptureCommand.Create(standard));
        root.Subcommands.Add(CensusCommand.Create(standard));
        root.Subcommands.Add(BackfillCommand.Create(standard));
        root.Subcommands.Add(QuarantineCommand.Create(standard));
        root.Subcommands.Add(ReconcileCommand.Create(standard));
        root.Subcommands.Add(ReportCommand.Create(standard));
        root.Subcommands.Add(TimelineCommand.Create(standard));
        root.Subcommands.Add(RepairCommand.Create(standard));
        root.Subcommands.Add(RelayCommand.Create(standard));
        root.Subcommands.Add(ConflictsCommand.Create(standard));
        root.Subcommands.Add(CutoverCommand.Create(standard));
        root.Subcommands.Add(IdMapCommand.Create(standard));
        root.Subcommands.Add(PurgeCommand.Create(standard));
        root.Subcommands.Add(CrosswalkCommand.Create(standard));
        root.Subcommands.Add(FatesCommand.Create(standard));
        root.Subcommands.Add(StatusCommand.Create(standard));
        root.Subcommands.Add(KeyCommand.Create(standard));
        root.Subcommands.Add(ServeCommand.Create(standard));
        root.Subcommands.Add(DemoCommand.Create(standard));
        Verb.ShowDetails(root);
        return root;
    }

    private static string HelpOf(ParseResult parsed)
    {
        var names = new List<string>();
        for (System.CommandLine.Parsing.SymbolResult? symbol = parsed.CommandResult; symbol is not null; symbol = symbol.Parent)
        {
            if (symbol is System.CommandLine.Parsing.CommandResult { Command: not RootCommand } command)
            {
                names.Insert(0, command.Command.Name);
            }
        }

        return $"strangler {string.Join(' ', names)}{(names.Count > 0 ? " " : "")}--help";
    }
}
