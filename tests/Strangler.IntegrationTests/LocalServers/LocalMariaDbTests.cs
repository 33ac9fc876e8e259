using System.Diagnostics;
using System.Globalization;
using Dapper;
using Strangler.LocalServers;
using Strangler.MySql;

namespace Strangler.IntegrationTests.LocalServers;

[CancelAfter(120_000)]
public sealed class LocalMariaDbTests
{
    private string _root = "";

    [SetUp]
    public void Prepare() => _root = Path.Combine(Path.GetTempPath(), $"strangler-servers-test-{Guid.NewGuid():N}");

    [TearDown]
    public void CleanUp()
    {
        if (Directory.Exists(_root))
            Directory.Delete(_root, recursive: true);
    }

    [Test]
    public async Task A_disposed_server_leaves_neither_process_nor_folder()
    {
        var server = await TestServers.StartPrivateMySqlAsync(new() { RootFolder = _root });
        var pid = server.ProcessId;

        await server.DisposeAsync();

        Assert.That(IsRunning(pid), Is.False);
        Assert.That(Directory.GetDirectories(_root), Is.Empty);
    }

    [Test]
    public async Task An_owner_killed_with_9_leaves_neither_server_nor_folder(CancellationToken cancellationToken)
    {
        await TestServers.MySqlAsync();
        var (owner, pid, folder) = await StartOwnerAsync(cancellationToken);
        using (owner)
        {
            Assert.That(IsRunning(pid), Is.True);
            owner.Kill();
            await owner.WaitForExitAsync(cancellationToken);
        }

        await EventuallyAsync(() => !IsRunning(pid) && !Directory.Exists(folder), cancellationToken);
    }

    [Test]
    public async Task The_next_start_sweeps_what_an_owner_and_its_supervisor_left(CancellationToken cancellationToken)
    {
        await TestServers.MySqlAsync();
        var (owner, pid, folder) = await StartOwnerAsync(cancellationToken);
        using (owner)
        {
            // The supervisor first, so that nobody is left to clean up.
            using (var supervisor = Process.GetProcessById(ParentOf(pid)))
                supervisor.Kill();
            owner.Kill();
            await owner.WaitForExitAsync(cancellationToken);
        }
        Assert.That(Directory.Exists(folder), Is.True);

        await using var next = await TestServers.StartPrivateMySqlAsync(new() { RootFolder = _root });

        Assert.That(Directory.GetDirectories(_root), Is.EqualTo(new[] { next.Folder }));
        await EventuallyAsync(() => !IsRunning(pid), cancellationToken);
    }

    [Test]
    public async Task What_was_committed_survives_kill_9_and_restarts_on_the_same_port(CancellationToken cancellationToken)
    {
        await using var server = await TestServers.StartPrivateMySqlAsync(new() { RootFolder = _root });
        await using var source = MySqlDriver.CreateDataSource(server.ConnectionString(), new());
        await using (var connection = await source.OpenAsync(cancellationToken))
            await connection.ExecuteAsync("CREATE DATABASE kept; CREATE TABLE kept.t (id INT PRIMARY KEY); INSERT INTO kept.t VALUES (7)");

        await server.KillAsync(cancellationToken);
        Assert.That(server.ProcessId, Is.Zero);
        await server.RestartAsync(cancellationToken);
        await server.RestartAsync(cancellationToken);

        await using var again = await source.OpenAsync(cancellationToken);
        Assert.That(await again.ExecuteScalarAsync<int>("SELECT id FROM kept.t"), Is.EqualTo(7));
    }

    [Test]
    public async Task A_server_that_does_not_start_says_why()
    {
        await TestServers.MySqlAsync();

        var e = Assert.ThrowsAsync<LocalServerException>(() => LocalMariaDb.StartAsync(
            new() { RootFolder = _root, ServerArguments = ["--no-such-setting=1"] }, CancellationToken.None));

        Assert.That(e!.Message, Does.Contain("no-such-setting"));
        Assert.That(Directory.GetDirectories(_root), Is.Empty);
    }

    private async Task<(Process Owner, int ServerPid, string Folder)> StartOwnerAsync(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var argument in (string[])[typeof(ServerOwner).Assembly.Location, ServerOwner.Verb, _root])
            start.ArgumentList.Add(argument);
        var owner = Process.Start(start)!;
        var line = await owner.StandardOutput.ReadLineAsync(cancellationToken);
        Assert.That(line, Is.Not.Null);
        var parts = line!.Split(' ', 2);
        return (owner, int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1]);
    }

    private static bool IsRunning(int pid) => Posix.StartTime(pid) is not null;

    private static int ParentOf(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static async Task EventuallyAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (!condition())
            await Task.Delay(20, cancellationToken);
    }
}
