using System.CommandLine;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Repositories;

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
        var role = new Option<string>("--role") { Description = "viewer (reads), operator (reconciles, repairs), engineer (moves stages), frontend (reads and writes entities)", Required = true };
        var expires = new Option<string?>("--expires") { Description = "The first day (UTC) on which it is no longer good, e.g. 2027-06-30 [default: never]" };
        var contexts = new Option<string?>("--contexts") { Description = "Of a frontend: whose entities it reaches, with commas between [default: all that are served]" };
        var command = new Verb(
            "new",
            """
            Make a key; it is shown this once, and nothing is written anywhere

            What goes into the configuration ("http": { "keys": [ … ] }) or into the file that http.keysFile names is the second part alone: a hash, from
            which the key cannot be told. A key ends when its entry is taken out: at once where it stands in the keys file, else with the next start.

            Examples:
              strangler key new --name grafana --role viewer
              strangler key new --name anna --role engineer --expires 2027-06-30
              strangler key new --name shop --role frontend --contexts donations
            """) { name, role, expires, contexts };
        CommandRun.SetAction(command, standard, (run, _) =>
        {
            var (whose, may) = (run.Parsed.GetRequiredValue(name), run.Parsed.GetRequiredValue(role));
            var until = run.Parsed.GetValue(expires);
            var only = run.Parsed.GetValue(contexts)?.Split(',', StringSplitOptions.TrimEntries);
            Check(whose, may, until, only);
            var key = ApiKey.Create();
            var hash = ApiKey.HashOf(key);
            var entry = $$"""{ "name": "{{whose}}", "role": "{{may}}", "hash": "{{hash}}"{{(until is null ? "" : $", \"expires\": \"{until}\"")}}{{(
                only is null ? "" : $", \"contexts\": [ {string.Join(", ", only.Select(each => $"\"{each}\""))} ]")}} }""";
            run.Output.Result(
                new { key, name = whose, role = may, hash, expires = until, contexts = only },
                $"{key}{Environment.NewLine}{Environment.NewLine}Keep it: it is not shown again. For the configuration (http.keys, or the file of http.keysFile):{Environment.NewLine}{entry}");
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Check(string name, string role, string? expires, string[]? contexts)
    {
        if (!ApiKey.IsName(name))
        {
            throw new ArgumentException($"--name is '{name}'; expected up to 64 letters, digits, - _ . or @.");
        }

        if (!RoleNames.TryParse(role, out _))
        {
            throw new ArgumentException($"--role is '{role}'; expected {RoleNames.All}.");
        }

        if (contexts is not null && (role != "frontend" || contexts.Except(RepositoryNames.All).Any()))
        {
            throw new ArgumentException(
                $"--contexts is '{string.Join(',', contexts)}'; expected, for a frontend alone, some of: {string.Join(",", RepositoryNames.All)}.");
        }

        if (expires is not null && !ApiKey.TryParseDay(expires, out _))
        {
            throw new ArgumentException($"--expires is '{expires}'; expected a day such as 2027-06-30.");
        }
    }
}
