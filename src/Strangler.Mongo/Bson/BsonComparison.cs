namespace Strangler.Mongo.Bson;

/// <summary>What two documents may differ in and still be equal.</summary>
[Flags]
public enum BsonComparison
{
    /// <summary>Nothing: what is equal has the same bytes, but for the names within arrays.</summary>
    Exact = 0,

    /// <summary>
    /// int32, int64, double and decimal128 of the same number, exactly: 0.1 as a double is not 0.1 as a decimal128, as on the server. All
    /// NaNs are equal, and
    /// so are 0 and -0.
    /// </summary>
    NumericType = 1,

    /// <summary>The order of a document's fields, at every level. Never that of arrays. Of fields with the same name, the order
    /// counts.</summary>
    FieldOrder = 2,

    /// <summary>A field that is not there and one that is null, at every level.</summary>
    NullIsMissing = 4,

    /// <summary>All of it: values, not encodings.</summary>
    Values = NumericType | FieldOrder | NullIsMissing,
}
