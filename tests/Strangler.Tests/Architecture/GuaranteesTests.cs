using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Architecture;

/// <summary>What README and docs name as proof exists.</summary>
public sealed partial class GuaranteesTests
{
    [TestCase("docs/guarantees.md")]
    [TestCase("README.md")]
    public void Every_test_that_is_named_as_proof_exists(string document)
    {
        var sources = Directory.EnumerateFiles(SourceTree.PathOf("tests"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var named = Proof().Matches(File.ReadAllText(SourceTree.PathOf(document))).Select(match => (match.Groups[1].Value, match.Groups[2].Value)).Distinct().ToList();
        var missing = named.Where(one => !sources.Any(source => Holds(source, one.Item1, one.Item2))).Select(one => $"{one.Item1}.{one.Item2}");
        Assert.Multiple(() =>
        {
            Assert.That(missing, Is.Empty);
            Assert.That(named, Has.Count.GreaterThan(10));
        });
    }

    /// <summary>So that <c>--filter TestCategory=Case21</c> runs what the table names.</summary>
    [Test]
    public void Each_failure_case_is_a_category_of_the_tests_that_are_named_for_it()
    {
        var sources = Directory.EnumerateFiles(SourceTree.PathOf("tests"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var rows = File.ReadLines(SourceTree.PathOf("docs/guarantees.md")).Select(line => Row().Match(line)).Where(row => row.Success).ToList();
        var without = rows.SelectMany(row => Proof().Matches(row.Value).Select(proof => (Case: row.Groups[1].Value, Class: proof.Groups[1].Value))).Distinct()
            .Where(one => !sources.Any(source => Holds(source, one.Class, "") && source.Contains($"\"Case{one.Case}\"", StringComparison.Ordinal)));
        Assert.That(without, Is.Empty);
        int[] named = [.. rows.Select(row => int.Parse(row.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.That(Enumerable.Range(1, 41).Except([16, 28, 36]).Append(64).Except(named), Is.Empty);
    }

    private static bool Holds(string source, string type, string method) =>
        Regex.IsMatch(source, $@"\bclass {type}\b") && (method.Length == 0 || Regex.IsMatch(source, $@"\b{method}\("));

    [GeneratedRegex(@"\A\| (\d+) \|.*\z")]
    private static partial Regex Row();

    [GeneratedRegex(@"`(\w+(?:Tests|Contract))(?:\.(\w+))?`")]
    private static partial Regex Proof();
}
