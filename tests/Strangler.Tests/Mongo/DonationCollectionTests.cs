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
        var catalog = await MongoMigrations.ReadCatalogAsync(Doubles.SourceTree.PathOf("migrations"), default);
        var create = MongoMigrationLint.Parse(catalog.Files.Single(file => file.Context == "donations").Steps.Single());
        var layout = DonationRows.Mapping.New.Layout;

        Assert.That(create["create"].AsString, Is.EqualTo(layout.Root.Name));
        Assert.That(create.At("validator.$jsonSchema").AsDocument.Equals(SchemaOf(layout), BsonComparison.Values), Is.True);
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
