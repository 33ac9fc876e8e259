using System.Data.Common;
using System.Text.Json;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Cli;

/// <summary>What one run of the command said.</summary>
internal sealed record Spoken(int Code, string Output, string Error)
{
    public string All => Output + Error;

    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    public override string ToString() => $"exit {Code}\n{Output}\n{Error}";
}

/// <summary>The command line in process against a world, by a configuration file with the connection strings in it. Remembers all that was ever said.</summary>
internal sealed class CommandLine
{
    private readonly string _folder;
    private readonly List<string> _said = [];

    private readonly int _maxAttempts;
    private readonly string _context;

    public CommandLine(ContextWorld world, int maxAttempts = 10)
    {
        _context = world.Name;
        _maxAttempts = maxAttempts;
        _folder = Path.GetDirectoryName(world.ConfigFile)!;
        (Legacy, New) = (Of(world, SideName.Legacy), Of(world, SideName.New));
        HashKey = world.Environment["STRANGLER_HASH_KEY"];
        Password = (string)new DbConnectionStringBuilder { ConnectionString = Legacy }["Password"];
        ConfigFile = Write(Legacy, New);
    }

    public string Legacy { get; }

    public string New { get; }

    public string HashKey { get; }

    public string Password { get; }

    public string ConfigFile { get; }

    /// <summary>Everything that any run has written, on both streams.</summary>
    public string EverythingSaid => string.Join('\n', _said);

    public Task<Spoken> RunAsync(string line) => RunAsync(line, ConfigFile, CancellationToken.None);

    public async Task<Spoken> RunAsync(string line, string configFile, CancellationToken cancellationToken)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await StranglerCommandLine.RunAsync(
            [.. line.Split(' '), "--config", configFile], TextWriter.Synchronized(output), TextWriter.Synchronized(error), cancellationToken);
        var spoken = new Spoken(code, output.ToString(), error.ToString());
        lock (_said)
        {
            _said.Add($"$ strangler {line}\n{spoken}");
        }

        return spoken;
    }

    /// <summary>Runs and asserts the exit code.</summary>
    public async Task<Spoken> RunAsync(string line, int code)
    {
        var spoken = await RunAsync(line);
        Assert.That(spoken.Code, Is.EqualTo(code), $"strangler {line}: {spoken}");
        return spoken;
    }

    /// <summary>A configuration file of other connection strings.</summary>
    public string Write(string legacy, string @new, bool secondApprover = false)
    {
        var file = Path.Combine(_folder, $"cli-{Guid.NewGuid():N}.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = HashKey,
            contexts = new Dictionary<string, object>
            {
                [_context] = new { legacy, @new, options = new { maxAttempts = _maxAttempts, shadowReadMinimum = 0, relayPoll = "100ms", fenceLockTimeout = "5s", foreignWriterQuiet = "0s", secondApprover } },
            },
        }));
        return file;
    }

    /// <summary>A connection string with one setting changed.</summary>
    public static string With(string connectionString, string setting, string value) =>
        new DbConnectionStringBuilder { ConnectionString = connectionString, [setting] = value }.ConnectionString;

    private static string Of(ContextWorld world, SideName side) => world.Environment[StranglerConfiguration.VariableOf(world.Name, side)];
}
