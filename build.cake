using System.Diagnostics;
using System.Xml.Linq;

const string MySqlConnectorVersion = "2.6.1";
const string MongoDriverVersion = "3.14.0";
const string Solution = "Strangler.sln";
const string NeedsRealMongo = "RequiresMongod";
const string NeedsChromium = "RequiresChromium";
const string NeedsMount = "RequiresMount";
const int MostLinesOfFailure = 25;
// A test that runs away must end itself and not the machine.
const string MostHeapOfTests = "0x100000000";

var target = Argument("target", "help");
var passedOn = (EnvironmentVariable("STRANGLER_ARGUMENTS") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries);
var onCi = EnvironmentVariable("CI") == "true";
var artifacts = MakeAbsolute(Directory("artifacts")).FullPath;
string driver = null;
string mongoDriver = null;

// Its own runner instead of Cake's aliases: they print every command and hide a failure's output in an exception.
int Run(string program, IEnumerable<string> arguments, bool quiet)
{
    var start = new ProcessStartInfo(program) { RedirectStandardOutput = quiet, RedirectStandardError = quiet };
    foreach (var argument in arguments)
        start.ArgumentList.Add(argument);
    using var process = System.Diagnostics.Process.Start(start);
    if (!quiet)
    {
        process.WaitForExit();
        return process.ExitCode;
    }
    var errors = process.StandardError.ReadToEndAsync();
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    if (process.ExitCode != 0)
        Console.Error.WriteLine(output + errors.Result);
    return process.ExitCode;
}

bool CanRun(string program, params string[] arguments)
{
    var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
    foreach (var argument in arguments)
        start.ArgumentList.Add(argument);
    try
    {
        using var process = System.Diagnostics.Process.Start(start);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
    catch (System.ComponentModel.Win32Exception)
    {
        // There is no such program.
        return false;
    }
}

void MustRun(string step, string program, params string[] arguments)
{
    Console.WriteLine(step);
    var code = Run(program, arguments, quiet: true);
    if (code != 0)
        throw new CakeException(code, $"{step} failed.");
}

string[] DotNet(params string[] arguments) => [.. arguments, .. Drivers(), "--nologo"];

string[] Drivers() => [$"-p:MySqlDriver={driver}", $"-p:MongoDriver={mongoDriver}"];

// A feed can list a package and lack it, or one that it needs: only a restore tells.
bool FeedHas(string package, string version)
{
    var folder = System.IO.Path.Combine(artifacts, "driver-probe", package);
    System.IO.Directory.CreateDirectory(folder);
    System.IO.File.WriteAllText(System.IO.Path.Combine(folder, "Directory.Build.props"), "<Project />");
    System.IO.File.WriteAllText(System.IO.Path.Combine(folder, "Directory.Packages.props"), "<Project />");
    var project = System.IO.Path.Combine(folder, "probe.csproj");
    System.IO.File.WriteAllText(project, $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
          <ItemGroup><PackageReference Include="{package}" Version="{version}" /></ItemGroup>
        </Project>
        """);
    var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
    foreach (var argument in new[] { "restore", project, "-warnaserror:NU1603", "--nologo" })
        start.ArgumentList.Add(argument);
    using var process = System.Diagnostics.Process.Start(start);
    process.OutputDataReceived += (_, _) => { };
    process.ErrorDataReceived += (_, _) => { };
    process.BeginOutputReadLine();
    process.BeginErrorReadLine();
    process.WaitForExit();
    return process.ExitCode == 0;
}

// What the environment says, else what the feed offers; the answer is kept. Elsewhere is another way to the same.
string Choose(string variable, string preferred, string version, string elsewhere)
{
    var named = EnvironmentVariable(variable);
    if (!string.IsNullOrEmpty(named))
    {
        if (named != preferred && named != elsewhere)
            throw new CakeException($"{variable} is '{named}'; it can be {preferred} or {elsewhere}.");
        Console.WriteLine($"Driver: {named}, as {variable} says.");
        return named;
    }
    var answer = System.IO.Path.Combine(artifacts, $"{variable.ToLowerInvariant().Replace("strangler_", "").Replace('_', '-')}");
    if (!System.IO.File.Exists(answer))
    {
        System.IO.Directory.CreateDirectory(artifacts);
        System.IO.File.WriteAllText(answer, FeedHas(preferred, version) ? preferred : elsewhere);
    }
    var chosen = System.IO.File.ReadAllText(answer).Trim();
    Console.WriteLine(chosen == preferred
        ? $"Driver: {preferred}, which the package feed offers."
        : $"Driver: {elsewhere}, for the package feed lacks {preferred} {version}. Delete artifacts/{System.IO.Path.GetFileName(answer)} to ask again.");
    return chosen;
}

Task("driver").Does(() =>
{
    driver = Choose("STRANGLER_MYSQL_DRIVER", "MySqlConnector", MySqlConnectorVersion, "MySql.Data");
    mongoDriver = Choose("STRANGLER_MONGO_DRIVER", "MongoDB.Driver", MongoDriverVersion, "libmongoc");
});

Task("build").IsDependentOn("driver").Does(() =>
    MustRun("Building (Release)", "dotnet", DotNet("build", Solution, "-c", "Release", "-v", "quiet")));

Task("test").IsDependentOn("build").Does(() =>
{
    var results = System.IO.Path.Combine(artifacts, "test-results");
    if (System.IO.Directory.Exists(results))
        System.IO.Directory.Delete(results, recursive: true);
    var (passed, failed, skipped) = (0, 0, 0);
    var hasChromium = new[] { "chromium", "chromium-browser", "google-chrome" }.Any(name =>
        (EnvironmentVariable("PATH") ?? "").Split(':').Any(folder => System.IO.File.Exists(System.IO.Path.Combine(folder, name))));
    // In a mount namespace of its own: nothing of the try is left.
    var canMount = CanRun("unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", System.IO.Path.GetTempPath());
    var broken = false;
    Environment.SetEnvironmentVariable("DOTNET_GCHeapHardLimit", MostHeapOfTests);
    foreach (var project in new[] { "Strangler.Tests", "Strangler.IntegrationTests" })
    {
        Console.WriteLine($"Testing {project}");
        var trx = System.IO.Path.Combine(results, $"{project}.trx");
        // Packages of servers are installed by the tests' own set-up, when the first test asks for a server.
        var code = Run("dotnet",
        [
            "test", $"tests/{project}/{project}.csproj", "-c", "Release", "--no-build", "--nologo", "-v", "quiet",
            .. Drivers(), "--filter", $"TestCategory!={NeedsRealMongo}" + (hasChromium ? "" : $"&TestCategory!={NeedsChromium}")
                + (canMount ? "" : $"&TestCategory!={NeedsMount}"),
            "--results-directory", results, "--logger", $"trx;LogFileName={project}.trx", "--logger", "console;verbosity=quiet",
        ], quiet: false);
        if (!System.IO.File.Exists(trx))
        {
            Console.Error.WriteLine($"{project} left no results.");
            broken = true;
            continue;
        }
        XNamespace ns = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        var document = XDocument.Load(trx);
        var before = failed;
        foreach (var test in document.Descendants(ns + "UnitTestResult"))
        {
            var name = (string)test.Attribute("testName");
            switch ((string)test.Attribute("outcome"))
            {
                case "Passed":
                    passed++;
                    break;
                case "NotExecuted":
                    skipped++;
                    var reason = test.Descendants(ns + "Message").Select(message => message.Value.Trim()).FirstOrDefault();
                    Console.WriteLine($"  skipped: {name}: {reason ?? "no reason given"}");
                    if (onCi)
                        broken = true;
                    break;
                default:
                    failed++;
                    var why = string.Join("\n    ", test.Descendants(ns + "Message").Concat(test.Descendants(ns + "StackTrace"))
                        .SelectMany(text => text.Value.Trim().Split('\n').Take(MostLinesOfFailure)));
                    Console.WriteLine($"  failed: {name}\n    {why}");
                    break;
            }
        }
        // The host can die, or a set-up fail, without a test that failed.
        broken |= code != 0 && failed == before && document.Descendants(ns + "UnitTestResult").Any();
        ListNotRun(project, NeedsRealMongo, "a real mongod");
        if (!hasChromium)
            ListNotRun(project, NeedsChromium, "a Chromium (apt-get install chromium)");
        if (!canMount)
            ListNotRun(project, NeedsMount, "the right to mount a file system (root)");
    }
    if (broken)
        Console.Error.WriteLine(onCi && skipped > 0 ? "A skipped test is a failure under CI=true." : "A test run did not end properly.");
    if (passed == 0)
        Console.Error.WriteLine("No test passed.");
    // Standard error is not buffered with it: the sum stays the last line.
    Console.Error.Flush();
    Console.WriteLine($"{passed} passed, {failed} failed, {skipped} skipped");
    Console.Out.Flush();
    Environment.Exit(failed > 0 || broken || passed == 0 ? 1 : 0);
});

// Only names: they need a server that is not to be had everywhere, and are no failures.
void ListNotRun(string project, string category, string what)
{
    var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
    foreach (var argument in (string[])["test", $"tests/{project}/{project}.csproj", "-c", "Release", "--no-build", "--nologo", "-v", "quiet",
        .. Drivers(), "--list-tests", "--filter", $"TestCategory={category}"])
        start.ArgumentList.Add(argument);
    using var process = System.Diagnostics.Process.Start(start);
    var errors = process.StandardError.ReadToEndAsync();
    var names = process.StandardOutput.ReadToEnd().Split('\n').Where(line => line.StartsWith("    ")).Select(line => line.Trim()).ToList();
    process.WaitForExit();
    foreach (var name in names)
        Console.WriteLine($"  not run, needs {what}: {name}");
}

Task("publish").IsDependentOn("driver").Does(() =>
{
    MustRun("Publishing to artifacts/publish", "dotnet", DotNet("publish", "src/Strangler.Cli/Strangler.Cli.csproj", "-c", "Release",
        "-r", "linux-x64", "--self-contained", "-o", System.IO.Path.Combine(artifacts, "publish"), "-v", "quiet"));
    Console.WriteLine("Ready: artifacts/publish/strangler");
});

Task("demo").IsDependentOn("driver").Does(() =>
{
    MustRun("Building (Release)", "dotnet", DotNet("build", "src/Strangler.Cli/Strangler.Cli.csproj", "-c", "Release", "-v", "quiet"));
    Environment.Exit(Run("dotnet", ["src/Strangler.Cli/bin/Release/net10.0/strangler.dll", "demo", .. passedOn], quiet: false));
});

Task("bench").IsDependentOn("driver").Does(() =>
{
    MustRun("Building (Release)", "dotnet",
        DotNet("build", "tests/Strangler.Benchmarks/Strangler.Benchmarks.csproj", "-c", "Release", "-v", "quiet"));
    Environment.Exit(Run("dotnet", ["tests/Strangler.Benchmarks/bin/Release/net10.0/Strangler.Benchmarks.dll", .. passedOn], quiet: false));
});

Task("soak").IsDependentOn("driver").Does(() =>
{
    var minutes = passedOn switch { [] => "1", ["--minutes", var given] => given, _ => null };
    if (!double.TryParse(minutes, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var length)
        || length is not (> 0 and <= 10_000))
    {
        Console.Error.WriteLine($"./build.sh soak [--minutes N], N above 0 and at most 10000; given: '{string.Join(' ', passedOn)}'");
        Environment.Exit(2);
    }
    MustRun("Building (Release)", "dotnet",
        DotNet("build", "tests/Strangler.IntegrationTests/Strangler.IntegrationTests.csproj", "-c", "Release", "-v", "quiet"));
    Environment.SetEnvironmentVariable("STRANGLER_SOAK_MINUTES", minutes);
    Environment.Exit(Run("dotnet",
    [
        "test", "tests/Strangler.IntegrationTests/Strangler.IntegrationTests.csproj", "-c", "Release", "--no-build", "--nologo",
        .. Drivers(), "--filter", "TestCategory=Soak", "--logger", "console;verbosity=normal",
    ], quiet: false));
});

Task("help").Does(() => Console.WriteLine("""
    ./build.sh demo [--rows N]   the whole migration of a generated legacy database, on private servers
    ./build.sh test              unit tests, then integration tests on private servers; CI=true allows no skipped test
    ./build.sh bench [arguments] the benchmarks
    ./build.sh soak --minutes N  load, flips, crashes, faults and reconciliation at once, for as long as asked
    ./build.sh publish           a self-contained folder, artifacts/publish/strangler
    ./build.sh build             everything in Release

    STRANGLER_MYSQL         connection string of a MySQL or MariaDB to use instead of a private one
    STRANGLER_MYSQL_DRIVER  MySqlConnector or MySql.Data, instead of asking the package feed
    STRANGLER_POSTGRES      connection string of a PostgreSQL to use in tests instead of a private one
    STRANGLER_MONGO         connection string of a MongoDB (a replica set) to use instead of a private one
    STRANGLER_MONGO_DRIVER  MongoDB.Driver or libmongoc, likewise
    """));

// Before Cake prints its table of durations, which nobody asked for.
Teardown(context =>
{
    if (context.Successful)
        Environment.Exit(0);
});

RunTarget(target);
