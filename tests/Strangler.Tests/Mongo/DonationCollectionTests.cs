using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Mongo;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Mongo;

/// <summary>The validator of the collection and the mapping are two descriptions of the same documents.</summary>
public sealed class DonationCollectionTests
{
    [Test]
    public async Task The_validator_demands_what_the_mapping_describes()
    {
        var create = (await StepsAsync())[0];
        var layout = DonationRows.Mapping.New.Layout;

        Assert.That(create["create"].AsString, Is.EqualTo(layout.Root.Name));
        Assert.That(create.At("validator.$jsonSchema").AsDocument.Equals(SchemaOf(layout), BsonComparison.Values), Is.True);
    }

    [Test]
    public async Task Every_index_is_of_fields_that_the_mapping_describes()
    {
        var layout = DonationRows.Mapping.New.Layout;
        var places = layout.Tables.SelectMany(table => table.Columns.Select(
            column => table.Role == TableRole.Root ? column.Name : $"{table.Name}.{column.Name}")).ToHashSet();
        var indexes = (await StepsAsync()).Skip(1).SelectMany(step => step["indexes"].AsArray.Select(index => index.AsDocument)).ToList();

        Assert.That(indexes.SelectMany(index => index["key"].AsDocument.Select(field => field.Name)).Distinct(), Is.SubsetOf(places));
        Assert.That(indexes.Select(index => index["name"].AsString), Is.Unique.And.All.StartsWith("donation_"));
    }

    private static async Task<List<BsonDocument>> StepsAsync()
    {
        var catalog = await MongoMigrations.ReadCatalogAsync(Doubles.SourceTree.PathOf("migrations"), default);
        return [.. catalog.Files.Where(file => file.Context == "donations").SelectMany(file => file.Steps).Select(MongoMigrationLint.Parse)];
    }

    private static BsonDocument SchemaOf(AggregateLayout layout)
    {
        var root = Object(layout.Root);
        var properties = layout.Tables.Skip(1).Aggregate(
            root["properties"].AsDocument.With("_id", BsonDocument.Of(("bsonType", "long"))),
            (all, table) => all.With(
                table.Name, table.Role == TableRole.One ? Object(table) : BsonDocument.Of(("bsonType", "array"), ("items", Object(table)))));
        return root.With("properties", properties);
    }

    private static BsonDocument Object(TableLayout table)
    {
        var required = table.Columns.Where(column => !column.Nullable).Select(column => BsonValue.FromString(column.Name)).ToList();
        var schema = BsonDocument.Of(
            ("bsonType", "object"),
            ("properties", BsonDocument.FromElements(table.Columns.Select(column => new BsonElement(column.Name, Field(column))))));
        return required.Count == 0 ? schema : schema.With("required", BsonArray.FromValues(required));
    }

    private static BsonDocument Field(ColumnLayout column) => column switch
    {
        { IsFlag: true } => BsonDocument.Of(("bsonType", "bool")),
        { Type: ColumnType.Integer, MinValue: 0 } => BsonDocument.Of(("bsonType", Cells.IsSmall(column) ? "int" : "long"), ("minimum", 0)),
        { Type: ColumnType.Integer } => BsonDocument.Of(("bsonType", Cells.IsSmall(column) ? "int" : "long")),
        { Type: ColumnType.DateTime } => BsonDocument.Of(("bsonType", "date")),
        { Type: ColumnType.Binary } => BsonDocument.Of(("bsonType", "binData")),
        { MaxLength: > 0 } => BsonDocument.Of(("bsonType", "string"), ("maxLength", column.MaxLength)),
        _ => BsonDocument.Of(("bsonType", "string")),
    };
}
