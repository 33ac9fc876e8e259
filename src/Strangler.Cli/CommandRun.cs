using System.CommandLine;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Strangler.Cli.Terminal;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli;

/// <summary>One run of a verb: its output, configuration and logging, and what becomes of its errors.</summary>
internal sealed class CommandRun : IDisposable
{
    private readonly SerilogLoggerFactory _loggers;

    private CommandRun(ParseResult parsed, StandardOptions standard)
    {
        Parsed = parsed;
        Verbose = parsed.GetValue(standard.Verbose);
        Output = new Output(
            parsed.GetValue(standard.Json), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, interactive: !Console.IsOutputRedirected
                && ReferenceEquals(parsed.InvocationConfiguration.Output, Console.Out));
        ConfigFile = parsed.GetValue(standard.Config);
        _loggers = new SerilogLoggerFactory(
            new LoggerConfiguration()
                .MinimumLevel.Is(Verbose ? LogEventLevel.Debug : LogEventLevel.Warning)

                // Who has written what stands there, in LegacyOnly there alone.
                .MinimumLevel.Override("Strangler.Service.Http.Repositories", LogEventLevel.Information)
                .WriteTo.Sink(new LogLines(parsed.InvocationConfiguration.Error))
                .CreateLogger(),
            dispose: true);
    }

    public ParseResult Parsed { get; }

    public Output Output { get; }

    public bool Verbose { get; }

    public string? ConfigFile { get; }

    public ILoggerFactory Loggers => _loggers;

    public TimeProvider Time => TimeProvider.System;

    /// <summary>Gives a verb its action: the body's exit code, or that of the error it ended with.</summary>
    public static void SetAction(Command command, StandardOptions standard, Func<CommandRun, CancellationToken, Task<int>> body) =>
        command.SetAction(async (parsed, cancellationToken) =>
        {
            // Signals are listened to only once this has returned its task: a body that runs a while before it first waits would be ended without a word.
            await Task.Yield();
            using var run = new CommandRun(parsed, standard);
            try
            {
                return await body(run, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                await run.Output.Error.WriteLineAsync("Interrupted; what was done stays done. Run the same command again.").ConfigureAwait(false);
                return ExitCodes.Interrupted;
            }
#pragma warning disable CA1031 // The outermost place: every error becomes one line and an exit code; --verbose shows it whole.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                return await run.FailAsync(exception).ConfigureAwait(false);
            }
        });

    /// <summary>A part of a verb's work: an error ends this part alone, told as at the verb's end, with its exit code.</summary>
    public async Task<int> GuardAsync(Func<Task<int>> part, CancellationToken cancellationToken)
    {
        try
        {
            return await part().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // As in SetAction.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return await FailAsync(exception).ConfigureAwait(false);
        }
    }

    public StranglerConfiguration LoadConfiguration() => StranglerConfiguration.Load(ConfigFile, ContextCatalog.Names);

    /// <summary>Opens a context with both sides; errors name what is missing.</summary>
    public ContextHost Open(string context) => ContextHost.Open(LoadConfiguration(), context, Loggers, Time);

    /// <summary>Who runs this: for the audit trail.</summary>
    public static string Actor => $"{Environment.UserName}@{Environment.MachineName}";

    public void Dispose() => _loggers.Dispose();

    private async Task<int> FailAsync(Exception exception)
    {
        var error = Output.Error;
        if (Verbose)
        {
            await error.WriteLineAsync(exception.ToString()).ConfigureAwait(false);
        }

        switch (exception)
        {
            case MappingException mapping:
                await error.WriteLineAsync(
                    $"error: {mapping.Problems.Count} {(mapping.Problems.Count == 1 ? "mistake" : "mistakes")} in the mapping; correct and check with: strangler mapping lint")
                    .ConfigureAwait(false);
                foreach (var problem in mapping.Problems)
                {
                    await error.WriteLineAsync($"  {problem}").ConfigureAwait(false);
                }

                return ExitCodes.CouldNotRun;
            case GateException gates:
                await error.WriteLineAsync($"error: {gates.Context} may not go to {gates.Target}; nothing was changed. Closed gates:").ConfigureAwait(false);
                foreach (var gate in gates.Failed)
                {
                    await error.WriteLineAsync(GateText.Line(gate)).ConfigureAwait(false);
                }

                return ExitCodes.Refused;
            case RefusedException:
                await error.WriteLineAsync($"error: {OneLine(exception)}").ConfigureAwait(false);
                return ExitCodes.Refused;
            default:
                await error.WriteLineAsync($"error: {OneLine(exception)}").ConfigureAwait(false);
                return ExitCodes.CouldNotRun;
        }
    }

    private static string OneLine(Exception exception) => exception switch
    {
        // Lists, one error a line.
        ConfigurationException or Migrations.MigrationException => exception.Message,
        ArgumentException { ParamName: { } name } => exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal).ReplaceLineEndings(" "),
        _ => exception.Message.ReplaceLineEndings(" "),
    };
}
