using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Architecture;

/// <summary>Arrows point one way, contexts know nothing of each other, and the domain knows nothing of any database.</summary>
public sealed partial class LayeringTests
{
    private const string Common = nameof(Strangler.Contexts.Common);

    private static readonly Dictionary<string, string[]> AllowedReferences = new(StringComparer.Ordinal)
    {
        ["Strangler"] = [],
        ["Strangler.MySql"] = ["Strangler"],
        ["Strangler.Mongo"] = ["Strangler"],
        ["Strangler.Postgres"] = ["Strangler"],
        ["Strangler.Contexts"] = ["Strangler"],
        ["Strangler.Service"] = ["Strangler", "Strangler.Mongo", "Strangler.MySql", "Strangler.Postgres", "Strangler.Contexts"],
        ["Strangler.Cli"] = ["Strangler.Service", "Strangler.LegacyData", "Strangler.LocalServers"],
    };

    [TestCaseSource(nameof(Projects))]
    public void A_project_refers_only_to_what_lies_below_it(string project)
    {
        var file = XDocument.Load(SourceTree.PathOf("src", project, $"{project}.csproj"));
        var references = file.Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!));
        Assert.That(references, Is.SubsetOf(AllowedReferences[project]));
    }

    [Test]
    public void Every_project_under_src_is_covered() =>
        Assert.That(Directory.GetDirectories(SourceTree.PathOf("src")).Select(Path.GetFileName), Is.EquivalentTo(AllowedReferences.Keys));

    [Test]
    public void The_engine_and_the_contexts_know_no_driver()
    {
        var offenders = Sources("Strangler").Concat(Sources("Strangler.Contexts")).Concat(Sources("Strangler.Service")).Concat(Sources("Strangler.Cli"))
            .Where(file => DriverName().IsMatch(File.ReadAllText(file)))
            .Select(Path.GetFileName);
        Assert.That(offenders, Is.Empty);
    }

    [Test]
    public void Only_one_file_knows_the_mysql_driver()
    {
        var files = Sources("Strangler.MySql").Where(file => DriverName().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName);
        Assert.That(files, Is.EqualTo(new[] { "MySqlDriver.cs" }));
    }

    [Test]
    public void Only_one_file_knows_the_mongo_driver_and_one_folder_the_library()
    {
        var files = Sources("Strangler.Mongo").Where(file => DriverName().IsMatch(File.ReadAllText(file))).ToList();
        Assert.That(files.Select(Path.GetFileName), Is.EqualTo(new[] { "MongoDriver.cs" }));
        var native = Sources("Strangler.Mongo").Where(file => File.ReadAllText(file).Contains("LibraryImport", StringComparison.Ordinal));
        Assert.That(native.Select(Path.GetFileName), Is.EqualTo(new[] { "Native.cs" }));
    }

    [Test]
    public void A_context_never_names_another()
    {
        var contexts = Directory.GetDirectories(SourceTree.PathOf("src", "Strangler.Contexts"))
            .Select(folder => Path.GetFileName(folder)!)
            .Where(name => name is not ("bin" or "obj" or "Common"))
            .ToList();

        // What several contexts have in common names none of them, and may be named by each.
        foreach (var context in contexts)
        {
            // Within Strangler.Contexts the short name leads there as well.
            var others = contexts.Where(other => other != context && other != Common).Select(other => new Regex($@"\b{other}\s*[.;]")).ToList();
            var offenders = Directory.EnumerateFiles(SourceTree.PathOf("src", "Strangler.Contexts", context), "*.cs", SearchOption.AllDirectories)
                .Where(file => others.Exists(other => other.IsMatch(File.ReadAllText(file))));
            Assert.That(offenders, Is.Empty);
        }
    }

    [TestCaseSource(nameof(ContextNames))]
    public void A_context_is_one_folder_one_mapping_and_one_folder_of_migrations(string context)
    {
        var folder = string.Concat(context.Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        Assert.That(Directory.GetFiles(SourceTree.PathOf("src", "Strangler.Contexts", folder, "Domain"), "*.cs"), Is.Not.Empty);
        Assert.That(File.Exists(SourceTree.PathOf("legacy-mappings", $"{context}.xml")));
        Assert.That(Directory.GetFiles(SourceTree.PathOf("migrations", context), "*.sql", SearchOption.AllDirectories), Is.Not.Empty);
    }

    [Test]
    public void The_domain_has_no_database_word_and_no_attribute()
    {
        var folders = Directory.GetDirectories(SourceTree.PathOf("src", "Strangler.Contexts"), "Domain", SearchOption.AllDirectories);
        Assert.That(folders, Is.Not.Empty);
        foreach (var file in folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs")))
        {
            var text = File.ReadAllText(file);
            Assert.Multiple(() =>
            {
                Assert.That(DatabaseWord().Match(text).Value, Is.Empty, file);
                Assert.That(Attribute().Match(text).Value, Is.Empty, $"{file}: no attributes in the domain");
                Assert.That(Outside().Match(text).Value, Is.Empty, $"{file}: the domain stands alone, beside what contexts have in common");
            });
        }
    }

    [Test]
    public void Domain_ids_can_be_given_but_never_taken_back()
    {
        var entities = typeof(Strangler.Contexts.ContextList).Assembly.GetTypes()
            .Where(type => type.IsPublic && type.GetMethod("AssignId", [typeof(long)]) is not null).ToList();
        Assert.That(entities, Has.Count.GreaterThanOrEqualTo(Strangler.Contexts.ContextList.All.Count));
        Assert.That(entities.Where(type => type.GetProperty("Id")!.GetSetMethod(nonPublic: true) is not null), Is.Empty, "ids change through AssignId alone");
    }

    private static IEnumerable<string> ContextNames() => Strangler.Contexts.ContextList.All.Select(context => context.Name);

    private static IEnumerable<string> Projects() => AllowedReferences.Keys;

    private static IEnumerable<string> Sources(string project) => Directory
        .EnumerateFiles(SourceTree.PathOf("src", project), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    // What a regular expression is generated by says nothing of storage.
    [GeneratedRegex(@"^\s*\[(?!GeneratedRegex)[A-Z]\w*[\](]", RegexOptions.Multiline)]
    private static partial Regex Attribute();

    [GeneratedRegex(@"using Strangler(?!\.Contexts\.Common\.\w+;)[\w.]*")]
    private static partial Regex Outside();

    [GeneratedRegex(@"\bMySqlConnector\b;|MySql\.Data\.MySqlClient|using MySqlConnector|using MongoDB\.|using Npgsql")]
    private static partial Regex DriverName();

    [GeneratedRegex(@"\b(sql|table|column|database|sqlstate|transaction scope|orm|foreign key|primary key|varchar|mysql|legacy)\b", RegexOptions.IgnoreCase)]
    private static partial Regex DatabaseWord();
}
