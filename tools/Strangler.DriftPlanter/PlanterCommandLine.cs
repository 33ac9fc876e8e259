using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.DualWrite;
using Strangler.LegacyData.Drift;
using Strangler.MySql;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.DriftPlanting;

/// <summary><c>plant-drift</c>: plants differences into a test installation, and checks that a reconciliation has found them.</summary>
public static class PlanterCommandLine
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>0 done or everything found, 1 something was missed or is extra, 2 could not run.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var root = new RootCommand(
            """
            Plants differences of every class and field into a test installation, as its mapping allows; the same seed plants the same.

              plant-drift plant donations --seed 7 --each 2 --i-know-that-this-damages donations > planted.json
              strangler reconcile donations --json --samples 10000 > report.json
              plant-drift check planted.json report.json
            """);
        root.Subcommands.Add(Plant(output));
        root.Subcommands.Add(Check(output));
        try
        {
            var parsed = root.Parse(args);
            var code = await parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = output, Error = error, EnableDefaultExceptionHandler = false,
            });
            return parsed.Errors.Count > 0 ? 2 : code;
        }
        catch (Exception exception) when (exception is ConfigurationException or ArgumentException or InvalidOperationException
            or DbException or IOException or JsonException or SideUnavailableException or WrongStageException)
        {
            await error.WriteLineAsync($"error: {exception.Message}");
            return 2;
        }
    }

    private static Command Plant(TextWriter output)
    {
        var context = new Argument<string>("context") { Description = "The context, e.g. donations" };
        var config = new Option<string?>("--config") { Description = "As of strangler" };
        var kind = new Option<string?>("--kind") { Description = "The kind of entity; needed where the context has several" };
        var seed = new Option<int>("--seed") { Description = "Chooses keys and values", DefaultValueFactory = _ => 1 };
        var each = new Option<int>("--each") { Description = "So many of every class, and of every field on either side", DefaultValueFactory = _ => 1 };
        var candidates = new Option<int>("--candidates") { Description = "Entities that are looked at", DefaultValueFactory = _ => 2_000 };
        var typed = new Option<string?>("--i-know-that-this-damages") { Description = "The context's name once more: both sides are damaged for good" };
        var command = new Command("plant", "Plant, and print what was planted as JSON") { context, config, kind, seed, each, candidates, typed };
        command.SetAction(async (parsed, token) =>
        {
            var name = parsed.GetRequiredValue(context);
            if (parsed.GetValue(typed) != name)
            {
                throw new ArgumentException($"Both sides of {name} would be damaged for good. In a test installation, add: --i-know-that-this-damages {name}");
            }

            var configuration = StranglerConfiguration.Load(parsed.GetValue(config), ContextCatalog.Names);
            await using var host = ContextHost.Open(configuration, name, NullLoggerFactory.Instance, TimeProvider.System);
            var kindName = host.KindOf(parsed.GetValue(kind));
            var options = new PlantOptions
            {
                Seed = parsed.GetValue(seed),
                Each = Between(parsed.GetValue(each), 1, 1_000, "--each"),
                Candidates = Between(parsed.GetValue(candidates), 100, 100_000, "--candidates"),
                Declared = Declared(host, kindName),
            };
            var planter = new DriftPlanter(
                host.Runtime, kindName, options, (key, cancel) => UnmapAsync(configuration.ConnectionString(name, SideName.New), name, key, cancel));
            await output.WriteLineAsync(JsonSerializer.Serialize(await planter.PlantAsync(token), Json));
            return 0;
        });
        return command;
    }

    private static Command Check(TextWriter output)
    {
        var planted = new Argument<string>("planted") { Description = "What plant has printed" };
        var report = new Argument<string>("report") { Description = "What strangler reconcile --json --samples 10000 has printed" };
        var before = new Option<string?>("--before") { Description = "A report from before the planting: what it lists is not extra" };
        var command = new Command("check", "Whether a report lists all of it, each with its class and fields, and nothing else") { planted, report, before };
        command.SetAction(async (parsed, token) =>
        {
            var plantation = JsonSerializer.Deserialize<Plantation>(await File.ReadAllTextAsync(parsed.GetRequiredValue(planted), token), Json)!;
            var earlier = parsed.GetValue(before) is { } file ? ReconciliationReport.Parse(await File.ReadAllTextAsync(file, token)) : null;
            var check = PlantCheck.Of(
                plantation.Planted, ReconciliationReport.Parse(await File.ReadAllTextAsync(parsed.GetRequiredValue(report), token)), earlier);
            foreach (var line in check.Missed.Select(each => $"missed: {each}").Concat(check.Extra.Select(each => $"extra: {each}")))
            {
                await output.WriteLineAsync(line);
            }

            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{plantation.Planted.Count:N0} planted, {check.Missed.Count:N0} missed, {check.Extra.Count:N0} extra"));
            return check.Holds ? 0 : 1;
        });
        return command;
    }

    private static HashSet<string> Declared(ContextHost host, string kind)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        return [.. host.ReconciliationOptions.Declared
            .Where(declared => (declared.Kind is null || declared.Kind == kind) && declared.CoversOn(today)).Select(declared => declared.Field)];
    }

    private static async Task UnmapAsync(string connectionString, string context, EntityKey key, CancellationToken cancellationToken)
    {
        await using var source = MySqlDriver.CreateDataSource(connectionString, new MySqlDataSourceOptions { MaxPoolSize = 1 });
        await using var connection = await source.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM strangler_id_map WHERE context = @context AND kind = @kind AND public_id = @id";
        foreach (var (name, value) in new (string, object)[] { ("@context", context), ("@kind", key.Kind), ("@id", key.Id) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static int Between(int value, int least, int most, string option) => value >= least && value <= most
        ? value
        : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{option} is {value}; it must lie between {least:N0} and {most:N0}."));
}
