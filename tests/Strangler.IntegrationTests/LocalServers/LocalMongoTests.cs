using System.Diagnostics;
using System.Globalization;
using Strangler.IntegrationTests.Mongo;
using Strangler.LocalServers;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.LocalServers;

[CancelAfter(120_000)]
public sealed class LocalMongoTests
{
    private string _root = "";

    [SetUp]
    public async Task Prepare()
    {
        await MongoServers.SharedAsync();
        _root = Path.Combine(Path.GetTempPath(), $"strangler-servers-test-{Guid.NewGuid():N}");
    }

    [TearDown]
    public void CleanUp()
    {
        if (Directory.Exists(_root))
            Directory.Delete(_root, recursive: true);
    }

    [Test]
    public async Task A_disposed_server_leaves_neither_process_nor_folder()
    {
        var server = await MongoServers.StartPrivateAsync(new() { RootFolder = _root });
        var pid = server.ProcessId;

        await server.DisposeAsync();

        Assert.That(Posix.StartTime(pid), Is.Null);
        Assert.That(Directory.GetDirectories(_root), Is.Empty);
    }

    [Test]
    public async Task An_owner_killed_with_9_leaves_neither_server_nor_folder(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var argument in (string[])[typeof(ServerOwner).Assembly.Location, ServerOwner.MongoVerb, _root])
            start.ArgumentList.Add(argument);
        using var owner = Process.Start(start)!;
        var line = await owner.StandardOutput.ReadLineAsync(cancellationToken);
        var parts = line!.Split(' ', 2);
        var pid = int.Parse(parts[0], CultureInfo.InvariantCulture);
        Assert.That(Posix.StartTime(pid), Is.Not.Null);

        owner.Kill();
        await owner.WaitForExitAsync(cancellationToken);

        while (Posix.StartTime(pid) is not null || Directory.Exists(parts[1]))
            await Task.Delay(20, cancellationToken);
    }

    [Test]
    public async Task It_comes_back_to_what_was_saved(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync(new() { RootFolder = _root });
        await InsertAsync(server, 1, cancellationToken);
        await server.SaveAsync(cancellationToken);
        await InsertAsync(server, 2, cancellationToken);
        Assert.That(await CountAsync(server, cancellationToken), Is.EqualTo(2));

        await server.RestoreAsync(cancellationToken);

        Assert.That(await CountAsync(server, cancellationToken), Is.EqualTo(1));
    }

    [Test]
    public async Task Half_a_record_at_the_end_of_the_log_is_no_obstacle(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync(new() { RootFolder = _root });
        if (server.IsReal)
            Assert.Ignore("Of the test server only.");
        await InsertAsync(server, 1, cancellationToken);
        await server.KillAsync(cancellationToken);
        var log = Path.Combine(server.Folder, "data", "log.bson");
        var whole = await File.ReadAllBytesAsync(log, cancellationToken);
        await File.WriteAllBytesAsync(log, [.. whole, .. whole.AsSpan(0, 20)], cancellationToken);

        await server.RestartAsync(cancellationToken);

        Assert.That(await CountAsync(server, cancellationToken), Is.EqualTo(1));
        await InsertAsync(server, 2, cancellationToken);
        await server.RestartAsync(cancellationToken);
        Assert.That(await CountAsync(server, cancellationToken), Is.EqualTo(2));
    }

    private static async Task InsertAsync(LocalMongo server, int id, CancellationToken cancellationToken)
    {
        await using var source = MongoDataSource.Create(server.ConnectionString("local"), new());
        await using var session = await source.OpenAsync(cancellationToken);
        (await session.InsertAsync("t", [BsonDocument.Of(("_id", id))], true, cancellationToken)).ThrowIfFailed();
    }

    private static async Task<long> CountAsync(LocalMongo server, CancellationToken cancellationToken)
    {
        await using var source = MongoDataSource.Create(server.ConnectionString("local"), new());
        await using var session = await source.OpenAsync(cancellationToken);
        return (await session.ReadAsync(BsonDocument.Of(("count", "t")), cancellationToken))["n"].TryGetInt64(out var n) ? n : -1;
    }
}
