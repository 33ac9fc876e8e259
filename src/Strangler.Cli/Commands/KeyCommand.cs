using System.CommandLine;
using Strangler.Service.Http.Access;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler key</c>: keys for the HTTP API.</summary>
internal static class KeyCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "key",
            """
            Make keys for the service's HTTP API and dashboard

            Examples:
              strangler key new --name grafana --role viewer
              strangler key new --name anna --role engineer --expires 2027-06-30
            """);
        command.Subcommands.Add(New(standard));
        return command;
    }

    private static Command New(StandardOptions standard)
    {
        var name = new Option<string>("--name") { Description = "Whose it is: stands in the audit trail as key:NAME", Required = true };
        var role = new Option<string>("--role") { Description = "viewer (reads), operator (reconciles, repairs), engineer (moves stages)", Required = true };
        var expires = new Option<string?>("--expires") { Description = "The first day (UTC) on which it is no longer good, e.g. 2027-06-30 [default: never]" };
        var command = new Verb(
            "new",
            """
            Make a key; it is shown this once, and nothing is written anywhere

            What goes into the configuration ("http": { "keys": [ … ] }) or into the file that http.keysFile names is the second part alone: a hash, from
            which the key cannot be told. A key ends when its entry is taken out: at once where it stands in the keys file, else with the next start.

            Examples:
              strangler key new --name grafana --role viewer
              strangler key new --name anna --role engineer --expires 2027-06-30
            """) { name, role, expires };
        CommandRun.SetAction(command, standard, (run, _) =>
        {
            var (whose, may) = (run.Parsed.GetRequiredValue(name), run.Parsed.GetRequiredValue(role));
            var until = run.Parsed.GetValue(expires);
            Check(whose, may, until);
            var key = ApiKey.Create();
            var hash = ApiKey.HashOf(key);
            var entry = $$"""{ "name": "{{whose}}", "role": "{{may}}", "hash": "{{hash}}"{{(until is null ? "" : $", \"expires\": \"{until}\"")}} }""";
            run.Output.Result(
                new { key, name = whose, role = may, hash, expires = until },
                $"{key}{Environment.NewLine}{Environment.NewLine}Keep it: it is not shown again. For the configuration (http.keys, or the file of http.keysFile):{Environment.NewLine}{entry}");
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Check(string name, string role, string? expires)
    {
        if (!ApiKey.IsName(name))
        {
            throw new ArgumentException($"--name is '{name}'; expected up to 64 letters, digits, - _ . or @.");
        }

        if (!RoleNames.TryParse(role, out _))
        {
            throw new ArgumentException($"--role is '{role}'; expected {RoleNames.All}.");
        }

        if (expires is not null && !ApiKey.TryParseDay(expires, out _))
        {
            throw new ArgumentException($"--expires is '{expires}'; expected a day such as 2027-06-30.");
        }
    }
}
