using System.CommandLine;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.Cli;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cli;

/// <summary>The command tree as a newcomer sees it: nothing without a description, no example that cannot be typed.</summary>
public sealed partial class CommandTreeTests
{
    [Test]
    public void Every_command_argument_and_option_has_a_description()
    {
        var mute = Commands(StranglerCommandLine.Create())
            .SelectMany(command => command.Arguments.Cast<Symbol>().Concat(command.Options).Prepend(command).Select(symbol => (command, symbol)))
            .Where(pair => string.IsNullOrWhiteSpace(pair.symbol.Description))
            .Select(pair => $"{pair.command.Name}: {pair.symbol.Name}");
        Assert.That(mute, Is.Empty);
    }

    [Test]
    public void Every_verb_that_has_more_to_say_than_its_name_shows_examples_and_they_can_be_typed()
    {
        var root = StranglerCommandLine.Create();
        var texts = Commands(root).OfType<Verb>().Select(verb => verb.More).Append(root.Description!).ToList();
        Assert.That(root.Subcommands.OfType<Verb>().Where(verb => verb.Subcommands.Count + verb.Arguments.Count > 0).Select(verb => verb.More), Has.All.Contains("strangler "));
        AssertTypable(texts.SelectMany(text => text.Split('\n')));
    }

    [Test]
    public void Every_command_in_the_readme_can_be_typed()
    {
        var lines = File.ReadAllLines(SourceTree.PathOf("README.md"));
        var inTables = lines.SelectMany(line => Code().Matches(line).Select(match => match.Groups[1].Value));
        AssertTypable(lines.Where(line => !line.Contains('`', StringComparison.Ordinal)).Concat(inTables));
    }

    [TestCase("", "error: No command is given; there are: migrate, ")]
    [TestCase("bogus", "error: There is no command 'bogus'; there are: migrate, ")]
    [TestCase("cutover bogus donations", "error: There is no command 'bogus'; there are: status, advance, ")]
    [TestCase("status --bogus", "'--bogus'")]
    [TestCase("cutover advance", "error: Missing: <context>")]
    [TestCase("idmap lookup donations abc", "'abc' for command 'lookup': a whole number is expected")]
    [TestCase("reconcile donations --range", "--range")]
    [TestCase("quarantine list donations --limit 0", "--limit is 0; it must lie between 1 and 100,000.")]
    [TestCase("quarantine list donations --limit -5", "--limit is -5;")]
    [TestCase("quarantine list donations --limit x", "a whole number is expected")]
    [TestCase("cutover history donations --limit 99999999999", "a whole number is expected")]
    [TestCase("quarantine sign-off donations 1", "'--reason' is required")]
    [TestCase("backfill donations --max-rate 0", "--max-rate is 0;")]
    [TestCase("backfill donations --max-rate NaN", "--max-rate is NaN;")]
    [TestCase("backfill nope", "There is no context 'nope'; known are: donations, memberships, subscriptions, ")]
    [TestCase("mapping explain nope", "There is no context 'nope'; known are: donations, memberships, subscriptions, ")]
    [TestCase("mapping lint /nope/nope.xml", "There is no mapping file '/nope/nope.xml'.")]
    [TestCase("idmap lookup donations", "Give a public id, or --new")]
    [TestCase("idmap lookup donations 0", "The id is 0; ids begin at 1.")]
    [TestCase("idmap lookup donations -7", "The id is -7; ids begin at 1.")]
    [TestCase("idmap lookup donations --new 0", "The id is 0; ids begin at 1.")]
    [TestCase("relay retry donations", "Give one id, or --all.")]
    [TestCase("relay retry donations 0", "The id is 0; ids begin at 1.")]
    [TestCase("relay retry donations x", "'x' is no key; expected an id or kind/id, e.g. 4711 or donation/4711.")]
    [TestCase("relay retry donations /7", "'/7' is no key;")]
    [TestCase("relay drop donations", "error: Missing: <key>")]
    [TestCase("relay drop donations donation/0", "The id is 0; ids begin at 1.")]
    [TestCase("relay drop donations 7 --apply", "--apply needs --reason: it goes into the audit trail.")]
    [TestCase("relay drop donations 7 --reason x --apply --dry-run", "exclude each other")]
    [TestCase("backfill donations --allow-removals -1", "--allow-removals is -1; it must be 0 or more.")]
    [TestCase("quarantine sign-off donations 0 --reason x", "The id is 0; ids begin at 1.")]
    [TestCase("repair donations", "Give --from-report or --keys.")]
    [TestCase("repair donations --keys 0", "--keys holds 0; ids begin at 1.")]
    [TestCase("repair donations --keys 1 --apply --dry-run", "exclude each other")]
    [TestCase("reconcile donations --range abc", "--range is 'abc'; expected FROM..TO")]
    [TestCase("reconcile donations --range 5..1", "--range is '5..1'; expected FROM..TO")]
    [TestCase("reconcile donations --range 0..1", "--range is '0..1'; expected FROM..TO")]
    [TestCase("reconcile donations --range 1..2..3", "expected FROM..TO")]
    [TestCase("reconcile donations --keys-from /nope/ids", "--keys-from is '/nope/ids'; there is no such file.")]
    [TestCase("reconcile donations --report json=/nope/report.json", "there is no folder '/nope'.")]
    [TestCase("reconcile donations --report pdf=/tmp/report.pdf", "expected html=FILE, csv=FILE or json=FILE.")]
    [TestCase("reconcile donations --report report.json", "expected html=FILE, csv=FILE or json=FILE.")]
    [TestCase("reconcile donations --report html=/dev/null", "that file is there already. Name another, or add --overwrite.")]
    [TestCase("reconcile donations --report html=/tmp", "that is a folder.")]
    [TestCase("reconcile donations --report html=/tmp/a --report csv=/tmp/a", "names '/tmp/a' twice.")]
    [TestCase("reconcile donations --samples 10001", "--samples is 10001; it must lie between 0 and 10,000.")]
    [TestCase("report", "No command is given; there are: list, show, diff, export, schema.")]
    [TestCase("report show donations", "Missing: <run>")]
    [TestCase("report show donations x", "a whole number is expected")]
    [TestCase("report export donations 1", "Give --report html=FILE, csv=FILE or json=FILE.")]
    [TestCase("timeline donations 0", "The id is 0; ids begin at 1.")]
    [TestCase("repair donations --keys 1 --class drift", "--class and --field choose among a report's findings; give --from-report, too.")]
    [TestCase("repair donations --from-report 1 --class bogus", "--class is 'bogus'; there are: lost_obligation, regression, drift,")]
    [TestCase("repair donations --from-report 1 --class matched", "--class is 'matched';")]
    [TestCase("repair donations --keys 1 --direction sideways", "'sideways'")]
    [TestCase("cutover advance donations --force", "--force needs --reason")]
    [TestCase("cutover reserve-ids donations --count 0", "--count is 0; it must lie between 1 and 10,000,000.")]
    [TestCase("demo --rows 5", "--rows is 5; it must lie between 1,000 and 10,000,000.")]
    [TestCase("status --config /nope/strangler.json", "/nope/strangler.json cannot be read")]
    public async Task Bad_input_is_one_line_that_names_it(string line, string expected)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await StranglerCommandLine.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), output, error, CancellationToken.None);
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.CouldNotRun));
            Assert.That(output.ToString(), Is.Empty);
            Assert.That(error.ToString(), Does.StartWith("error: ").And.Contain(expected));
            Assert.That(error.ToString().TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public async Task A_broken_mapping_file_shows_every_mistake_with_its_line_and_the_way_to_check_it()
    {
        var folder = Directory.CreateTempSubdirectory("strangler-test-").FullName;
        try
        {
            var text = await File.ReadAllTextAsync(SourceTree.PathOf("legacy-mappings", "donations.xml"));
            await File.WriteAllTextAsync(
                Path.Combine(folder, "donations.xml"),
                text.Replace("legacy=\"spenden.betrag\"", "legacy=\"spenden.betraege\"", StringComparison.Ordinal)
                    .Replace("legacy=\"spenden.periode\"", "legacy=\"spenden.perioden\"", StringComparison.Ordinal));
            var file = Path.Combine(folder, "strangler.json");
            await File.WriteAllTextAsync(file, $$"""{ "mappings": "{{folder}}", "contexts": { "donations": { } } }""");
            using var output = new StringWriter();
            using var error = new StringWriter();
            Assert.That(await StranglerCommandLine.RunAsync(["mapping", "explain", "donations", "--config", file], output, error, CancellationToken.None), Is.EqualTo(ExitCodes.CouldNotRun));
            var lines = error.ToString().TrimEnd().Split('\n');
            Assert.That(lines[0], Does.StartWith("error: ").And.Contain("strangler mapping lint"));
            Assert.That(lines.Skip(1), Has.All.Match(@"^  donations\.xml:\d+:\d+: "));
            Assert.That(error.ToString(), Does.Contain("spenden.betraege").And.Contain("spenden.perioden"));

            using var lint = new StringWriter();
            Assert.That(await StranglerCommandLine.RunAsync(["mapping", "lint", "--config", file], lint, error, CancellationToken.None), Is.EqualTo(ExitCodes.Found));
            Assert.That(lint.ToString(), Does.Contain("spenden.betraege").And.Contain("spenden.perioden"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task A_verb_begins_behind_the_task_whose_end_signals_wait_for()
    {
        using var isWaitedFor = new ManualResetEventSlim();
        var standard = new StandardOptions();
        var command = new Command("busy", "Does not wait for anything before it is told to.");
        standard.AddTo(command);
        CommandRun.SetAction(command, standard, (_, token) =>
            Task.FromResult(isWaitedFor.Wait(TimeSpan.FromSeconds(30), token) ? ExitCodes.Ok : ExitCodes.Found));

        // Only with the task in its hands is the command line's own handler of signals set up.
        var running = command.Parse([]).InvokeAsync(new InvocationConfiguration { Output = TextWriter.Null, Error = TextWriter.Null });
        isWaitedFor.Set();
        Assert.That(await running, Is.EqualTo(ExitCodes.Ok));
    }

    private static void AssertTypable(IEnumerable<string> lines)
    {
        var commands = lines.Select(line => Typed().Match(line.Trim())).Where(match => match.Success)
            .SelectMany(match => match.Value.Split("&&", StringSplitOptions.TrimEntries))
            .Select(command => Comment().Replace(command, "").TrimEnd(' ', '&').Replace("--from-report N", "--from-report 1", StringComparison.Ordinal))
            .ToList();
        Assert.That(commands, Has.Count.GreaterThan(5));
        var root = StranglerCommandLine.Create();
        Assert.That(commands.Where(command => root.Parse(command["strangler ".Length..]).Errors.Count > 0), Is.Empty);
    }

    private static IEnumerable<Command> Commands(Command command) => command.Subcommands.SelectMany(Commands).Prepend(command);

    [GeneratedRegex("^strangler [a-z].*")]
    private static partial Regex Typed();

    [GeneratedRegex("(  +| > | → ).*$")]
    private static partial Regex Comment();

    [GeneratedRegex("`(strangler [^`]*)`")]
    private static partial Regex Code();
}
