namespace Strangler.Mongo.Bson;

/// <summary>A field of a document. Names may be empty and may come more than once; they hold no NUL character.</summary>
/// <param name="Name">The field's name.</param>
/// <param name="Value">Never missing.</param>
public readonly record struct BsonElement(string Name, BsonValue Value)
{
    /// <summary>Name and type.</summary>
    public override string ToString() => $"{Name}: {Value}";
}
