using Strangler.IntegrationTests.Crashes;
using Strangler.IntegrationTests.Reconcile;
using Strangler.LocalServers;

namespace Strangler.IntegrationTests;

/// <summary>What runs when the test assembly is started as a program: a process that owns a server until it is killed, or a replica that
/// dies at a hook.</summary>
internal static class ServerOwner
{
    public const string Verb = "own-a-server";
    public const string MongoVerb = "own-a-mongo";

    public static async Task<int> Main(string[] args)
    {
        if (args is [CrashChild.Verb, var configFile])
            return await CrashChild.RunAsync(configFile);
        if (args is [ReconcileChild.Verb, var config, var how])
            return await ReconcileChild.RunAsync(config, how);
        if (args is [MongoVerb, var mongoRoot])
            return await OwnMongoAsync(mongoRoot);
        if (args is not [Verb, var root])
            return 64;
        var options = new LocalServerOptions { RootFolder = root, InstallPackages = false };
        await using var server = await LocalMariaDb.StartAsync(options, CancellationToken.None);
        Console.WriteLine($"{server.ProcessId} {server.Folder}");
        await Console.In.ReadLineAsync();
        return 0;
    }

    private static async Task<int> OwnMongoAsync(string root)
    {
        await using var server = await LocalMongo.StartAsync(new() { RootFolder = root, InstallPackages = false }, CancellationToken.None);
        Console.WriteLine($"{server.ProcessId} {server.Folder}");
        await Console.In.ReadLineAsync();
        return 0;
    }
}
