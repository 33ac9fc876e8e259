namespace Strangler.LocalServers;

/// <summary>Groups of programs that private servers and tests need.</summary>
[Flags]
public enum ServerPrograms
{
    None = 0,
    MariaDb = 1,
    Php = 2,

    /// <summary>What the test server for MongoDB is made of.</summary>
    MongoTestServer = 4,

    /// <summary>The client library, where it is the driver.</summary>
    LibMongoc = 8,

    Postgres = 16,
}

/// <summary>Debian's packages behind <see cref="ServerPrograms"/>. None of them starts a service.</summary>
public static class ServerPackages
{
    /// <summary>Debian's own, which alone sees Debian's packages; a PATH may lead to another.</summary>
    internal const string Python = "/usr/bin/python3";

    private static readonly TimeSpan AptDeadline = TimeSpan.FromMinutes(10);
    private static readonly SemaphoreSlim OneAtATime = new(1);

    private static readonly (ServerPrograms Group, string Program, string Package)[] Known =
    [
        (ServerPrograms.Postgres, "/usr/lib/postgresql/*/bin/initdb", "postgresql-15"),
        (ServerPrograms.MariaDb, "mariadbd", "mariadb-server-core"),
        (ServerPrograms.MariaDb, "mariadb-install-db", "mariadb-server-core"),
        (ServerPrograms.MariaDb, "mariadb", "mariadb-client-core"),
        (ServerPrograms.Php, "php", "php-cli"),
        (ServerPrograms.MongoTestServer, Python, "python3"),
        (ServerPrograms.MongoTestServer, "/usr/lib/python3/dist-packages/mongomock/aggregate.py", "python3-mongomock"),
        (ServerPrograms.MongoTestServer, "/usr/lib/python3/dist-packages/bson/__init__.py", "python3-bson"),
        (ServerPrograms.MongoTestServer, "/usr/lib/python3/dist-packages/bson/_cbson*", "python3-bson-ext"),
        (ServerPrograms.LibMongoc, "/usr/lib/*-linux-gnu/libmongoc-1.0.so.0", "libmongoc-1.0-0"),
    ];

    /// <summary>The packages that lack a program; empty when all is there.</summary>
    public static IReadOnlyList<string> Missing(ServerPrograms programs) =>
    [
        .. Known.Where(known => programs.HasFlag(known.Group) && !IsThere(known.Program)).Select(known => known.Package).Distinct(),
    ];

    /// <summary>Makes sure that the programs are there: with <c>apt-get</c> when we are root or may use sudo without a password.</summary>
    /// <exception cref="LocalServerException">They are missing and can't be installed; the message has the command to type.</exception>
    public static async Task EnsureAsync(ServerPrograms programs, bool install, CancellationToken cancellationToken)
    {
        if (Missing(programs).Count == 0)
            return;
        await OneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var packages = Missing(programs);
            if (packages.Count > 0)
                await InstallAsync(packages, install, cancellationToken).ConfigureAwait(false);
            if (Missing(programs) is { Count: > 0 } left)
                throw new LocalServerException($"{string.Join(", ", left)} was installed, but its programs can't be found.");
        }
        finally
        {
            OneAtATime.Release();
        }
    }

    /// <summary>Where a program is; null when it is nowhere. Servers live in sbin, which is not in a plain user's PATH.</summary>
    internal static string? Find(string program)
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return path.Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"])
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>A program in the PATH, or a file; a star stands for a part of one name on the way to it.</summary>
    private static bool IsThere(string program)
    {
        if (!program.Contains('/', StringComparison.Ordinal))
            return Find(program) is not null;
        var star = program.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
            return File.Exists(program);
        var folder = program[..program.LastIndexOf('/', star)];
        var rest = program[(folder.Length + 1)..];
        return Directory.Exists(folder) && (rest.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0
            ? Directory.EnumerateDirectories(folder, rest[..slash]).Any(found => File.Exists(found + rest[slash..]))
            : Directory.EnumerateFiles(folder, rest).Any());
    }

    private static async Task InstallAsync(IReadOnlyList<string> packages, bool install, CancellationToken cancellationToken)
    {
        List<string> arguments = ["install", "-y", "--no-install-recommends", .. packages];
        var byHand = $"sudo apt-get {string.Join(' ', arguments)}";
        if (!install || Find("apt-get") is null)
        {
            throw new LocalServerException(
                $"Needed and not installed: {string.Join(", ", packages)}. Install it; on Debian or Ubuntu type: {byHand}");
        }
        if (!Posix.IsRoot && !await MaySudoAsync(cancellationToken).ConfigureAwait(false))
            throw new LocalServerException($"Needed and not installed: {string.Join(", ", packages)}. Type: {byHand}");

        var first = await AptAsync(arguments, cancellationToken).ConfigureAwait(false);
        if (first.ExitCode == 0)
            return;
        // A fresh container has no package lists, an old one has outdated ones: both show as a failed installation.
        await AptAsync(["update"], cancellationToken).ConfigureAwait(false);
        var second = await AptAsync(arguments, cancellationToken).ConfigureAwait(false);
        if (second.ExitCode != 0)
            throw new LocalServerException($"'{byHand}' ended with {second.ExitCode}:\n{second.Output}");
    }

    private static async Task<bool> MaySudoAsync(CancellationToken cancellationToken)
    {
        if (Find("sudo") is not { } sudo)
            return false;
        var run = await Command.RunAsync(sudo, ["-n", "true"], AptDeadline, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        return run.ExitCode == 0;
    }

    private static Task<(int ExitCode, string Output)> AptAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        // Another apt may run; it is waited for.
        IEnumerable<string> withLock = ["-o", "DPkg::Lock::Timeout=300", .. arguments];
        if (Posix.IsRoot)
            return Command.RunAsync("apt-get", withLock, AptDeadline, TimeProvider.System, cancellationToken);
        IEnumerable<string> withSudo = ["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get", .. withLock];
        return Command.RunAsync("sudo", withSudo, AptDeadline, TimeProvider.System, cancellationToken);
    }
}
