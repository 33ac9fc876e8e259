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

    private static bool Holds(string source, string type, string method) =>
        Regex.IsMatch(source, $@"\bclass {type}\b") && (method.Length == 0 || Regex.IsMatch(source, $@"\b{method}\("));

    [GeneratedRegex(@"`(\w+(?:Tests|Contract))(?:\.(\w+))?`")]
    private static partial Regex Proof();
}
