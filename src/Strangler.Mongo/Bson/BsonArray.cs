using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Strangler.Mongo.Bson;

/// <summary>
/// An immutable list of values. BSON writes an array as a document whose names should be 0, 1, 2 …; where a writer gave others, they are
/// kept, so that the
/// bytes stay as they were.
/// </summary>
public sealed class BsonArray : IReadOnlyList<BsonValue>, IEquatable<BsonArray>
{
    private readonly BsonValue[] _values;

    internal BsonArray(BsonValue[] values, string[]? oddNames = null) => (_values, OddNames) = (values, oddNames);

    public static BsonArray Empty { get; } = new([]);

    public int Count => _values.Length;

    public BsonValue this[int index] => _values[index];

    /// <summary>Null when the names are 0, 1, 2 …</summary>
    internal string[]? OddNames { get; }

    /// <summary>Makes an array: <c>BsonArray.Of(1, "two", 3.0)</c>.</summary>
    public static BsonArray Of(params ReadOnlySpan<BsonValue> values) => Checked(values.ToArray());

    public static BsonArray FromValues(IEnumerable<BsonValue> values) => Checked([.. values]);

    public static BsonArray FromDocuments(IEnumerable<BsonDocument> documents) => new([.. documents.Select(BsonValue.FromDocument)]);

    public ArraySegment<BsonValue>.Enumerator GetEnumerator() => new ArraySegment<BsonValue>(_values).GetEnumerator();

    IEnumerator<BsonValue> IEnumerable<BsonValue>.GetEnumerator() => ((IEnumerable<BsonValue>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _values.GetEnumerator();

    public bool Equals([NotNullWhen(true)] BsonArray? other) => other is not null
        && BsonEquality.AreEqual(this, other, BsonComparison.Exact);

    public override bool Equals([NotNullWhen(true)] object? obj) => Equals(obj as BsonArray);

    public override int GetHashCode() => BsonEquality.Hash(this, BsonComparison.Exact);

    /// <summary>The number of values; never the values.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"Array of {Count} values");

    private static BsonArray Checked(BsonValue[] values) =>
        Array.Exists(values, value => value.IsMissing) ? throw new ArgumentException("A value of the array is missing.") : new(values);
}
