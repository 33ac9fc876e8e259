using Strangler.Cli;
using Strangler.Cli.Commands;
using Strangler.Service;

// Here and not in the command: it is for a process of one's own, and the command also runs in others'.
if (args is [ReconcileCommand.Name, ..] && !args.Contains(ReconcileCommand.FullSpeed))
{
    OwnPriority.YieldToOthers();
}

return await StranglerCommandLine.RunAsync(args, Console.Out, Console.Error, CancellationToken.None).ConfigureAwait(false);
