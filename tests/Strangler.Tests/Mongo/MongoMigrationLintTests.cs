using NUnit.Framework;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Mongo;

public sealed class MongoMigrationLintTests
{
    [TestCase("-- why\n{\"create\": \"image\", \"validator\": {\"$jsonSchema\": {\"required\": [\"name -- # /*\"]}}}", null)]
    [TestCase("{\"collMod\": \"image\"}", null)]
    [TestCase("{\"insert\": \"image\"}", "must begin with one of create")]
    [TestCase("{}", "must begin with one of create")]
    [TestCase("{\"create\": 1}", "must name a collection")]
    [TestCase("{\"create\": \"a\"} {\"create\": \"b\"}", "no extended JSON")]
    [TestCase("CREATE TABLE image (id bigint)", "no extended JSON")]
    public void A_step_is_one_command_that_may_be_given_twice(string step, string? problem)
    {
        Assert.That(MongoMigrationLint.Check(step), problem is null ? Is.Null : Does.Contain(problem));
    }

    [Test]
    public async Task The_side_collections_have_validators_and_every_index_a_name()
    {
        var folder = SourceTree.PathOf("migrations");
        var catalog = await MongoMigrations.ReadCatalogAsync(folder, default);
        var commands = catalog.Files.Where(file => file.Context == MigrationCatalog.SideTables).SelectMany(file => file.Steps).Select(MongoMigrationLint.Parse).ToList();

        Assert.That(commands.Where(command => command[0].Name == "create").Select(command => command.At("validator.$jsonSchema.properties").IsMissing), Has.None.True);
        Assert.That(commands.Where(command => command[0].Name == "createIndexes").Select(command => command.At("indexes.0.name").IsMissing), Has.None.True);
        Assert.That(commands.Count(command => command[0].Name == "create"), Is.GreaterThan(20));
    }
}
