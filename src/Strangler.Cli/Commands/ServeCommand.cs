using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Hosting;
using Strangler.Service;
using Strangler.Service.Background;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Telemetry;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler serve</c>: everything that runs by itself, of all configured contexts, until it is stopped.</summary>
internal static class ServeCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "serve",
            """
            Run all that runs by itself: the relays and the scheduled reconciliations of every configured context, and its frontends' HTTP routes

            Until Ctrl-C or SIGTERM. Any number may run, anywhere: relays share the work, and of several services one gets an occurrence of a
            schedule. A reconciliation that is under way when a service is stopped or killed is taken up by another, or by this one when it
            is started again. A database that does not answer ends nothing.

            Schedules stand in the configuration, by context, as cron expressions of Quartz (seconds first):
              "schedules": [ { "cron": "0 30 2 * * ?", "timeZone": "Europe/Berlin" }, { "cron": "0 0 * * * ?", "incremental": true } ]

            HTTP is answered where the configuration has "http": at 127.0.0.1:5080, or wherever it says:
              "http": { "listen": [ "0.0.0.0:5080" ], "keysFile": "keys.json" }

            What is due, and what came of the last: strangler status
            """);
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            List<ContextHost> hosts = [];
            try
            {
                var configuration = run.LoadConfiguration();
                foreach (var name in configuration.Configured)
                {
                    hosts.Add(ContextHost.Open(configuration, name, run.Loggers, run.Time));
                }

                await Task.WhenAll(hosts.Select(host => host.RefuseUnsuitableAsync(token))).ConfigureAwait(false);

                await RunAsync(run, configuration, hosts, token).ConfigureAwait(false);
            }
            finally
            {
                foreach (var host in hosts)
                {
                    await host.DisposeAsync().ConfigureAwait(false);
                }
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static async Task RunAsync(CommandRun run, StranglerConfiguration configuration, List<ContextHost> hosts, CancellationToken token)
    {
        List<BackgroundService> loops = [];
        using var traces = Tracing.Start(configuration.Traces, hosts[0].Runtime.Replica);
        using var web = configuration.Http is null ? null : new WebService(configuration, hosts, run.Time, run.Loggers);
        if (web is not null)
        {
            // The server first: where it cannot listen, nothing else has begun.
            loops.AddRange(web.Loops);
        }

        foreach (var host in hosts)
        {
            loops.AddRange(ServiceLoops.Of(host));
            run.Output.Step($"{host.Name}: relay{Planned(host, run.Time.GetUtcNow().UtcDateTime)}");
        }

        loops.Add(new ConfigurationWatch(configuration, hosts, web, run.Time, run.Loggers));
        await ServiceLoops.RunAsync(loops, Started, () => web?.LeaveAsync() ?? Task.CompletedTask, Waiting, run.Time, token).ConfigureAwait(false);
        run.Output.Step("Stopped. Reconciliations that were under way are taken up by another service, or by this one when it is started again.");

        void Waiting(string what) => run.Output.Step($"Stopping; waits for {what}.");

        void Started()
        {
            if (web is not null)
            {
                run.Output.Step($"HTTP: at {string.Join(", ", web.Server.Addresses)}{(configuration.Http is { Admin: true, Access.IsConfigured: false }
                    ? "; nobody is let in but to the frontends' routes and health: make a key with: strangler key new" : "")}");
            }

            run.Output.Step($"Serving as {hosts[0].Runtime.Replica}; Ctrl-C or SIGTERM ends it.");
        }
    }

    private static string Planned(ContextHost host, DateTime nowUtc) => string.Concat(host.Schedules.Select(schedule => string.Create(
        CultureInfo.InvariantCulture,
        $"; reconciliation \"{schedule.Name}\", next {(schedule.Next(nowUtc) is { } next ? $"{next:yyyy-MM-dd HH:mm:ss} UTC" : "never")}")));
}
