using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Strangler.Mongo.Bson;

/// <summary>
/// An immutable document: its fields in their order, duplicates included. What was read is written byte for byte as it was. Equality is
/// exact and
/// respects the order; see <see cref="Equals(BsonDocument, BsonComparison)"/> for others.
/// </summary>
public sealed class BsonDocument : IReadOnlyList<BsonElement>, IEquatable<BsonDocument>
{
    private readonly BsonElement[] _elements;

    internal BsonDocument(BsonElement[] elements) => _elements = elements;

    public static BsonDocument Empty { get; } = new([]);

    /// <summary>The number of fields.</summary>
    public int Count => _elements.Length;

    public BsonElement this[int index] => _elements[index];

    /// <summary>The first field of that name; <see cref="BsonType.Missing"/> when there is none.</summary>
    public BsonValue this[string name] => this[name.AsSpan()];

    internal BsonValue this[ReadOnlySpan<char> name]
    {
        get
        {
            foreach (ref readonly var element in _elements.AsSpan())
            {
                if (name.SequenceEqual(element.Name))
                    return element.Value;
            }
            return default;
        }
    }

    /// <summary>Makes a document of fields: <c>BsonDocument.Of(("_id", 7), ("name", "x"))</c>.</summary>
    public static BsonDocument Of(params ReadOnlySpan<(string Name, BsonValue Value)> fields)
    {
        var elements = new BsonElement[fields.Length];
        for (var i = 0; i < fields.Length; i++)
            elements[i] = Checked(new(fields[i].Name, fields[i].Value));
        return new(elements);
    }

    /// <summary>Makes a document of fields.</summary>
    public static BsonDocument FromElements(IEnumerable<BsonElement> elements) => new([.. elements.Select(Checked)]);

    /// <summary>Reads one document that fills the bytes.</summary>
    /// <param name="bytes">The document, and nothing behind it.</param>
    /// <param name="limits">Null: the defaults.</param>
    /// <exception cref="BsonFormatException">They are no document, or one beyond the limits.</exception>
    public static BsonDocument Parse(ReadOnlySpan<byte> bytes, BsonLimits? limits = null) => new BsonReader(bytes, limits).ReadRest();

    public bool Contains(string name) => !this[name].IsMissing;

    /// <summary>
    /// The value at names joined by dots; a name that is a whole number is also the place in an array. <see cref="BsonType.Missing"/> when
    /// there is none.
    /// </summary>
    public BsonValue At(string path)
    {
        BsonValue value = this;
        foreach (var range in path.AsSpan().Split('.'))
        {
            var name = path[range];
            value = value.Type switch
            {
                BsonType.Document => value.AsDocument[name],
                BsonType.Array => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                    && index < value.AsArray.Count
                    ? value.AsArray[index]
                    : default,
                _ => default,
            };
        }
        return value;
    }

    /// <summary>The same with the first field of that name replaced, or one added at the end.</summary>
    public BsonDocument With(string name, BsonValue value)
    {
        var replacement = Checked(new(name, value));
        var at = Array.FindIndex(_elements, element => element.Name == name);
        if (at < 0)
            return new([.. _elements, replacement]);
        var copy = (BsonElement[])_elements.Clone();
        copy[at] = replacement;
        return new(copy);
    }

    /// <summary>The same without any field of that name.</summary>
    public BsonDocument Without(string name) => Contains(name) ? new([.. _elements.Where(element => element.Name != name)]) : this;

    /// <summary>The document's bytes.</summary>
    public byte[] ToBytes()
    {
        var writer = BsonWriter.Mine;
        try
        {
            writer.WriteDocument(this);
            return writer.Written.ToArray();
        }
        finally
        {
            writer.Clear();
        }
    }

    /// <summary>Extended JSON v2 in its canonical form, in one line.</summary>
    public string ToJson() => ExtendedJson.Write(this);

    public ArraySegment<BsonElement>.Enumerator GetEnumerator() => new ArraySegment<BsonElement>(_elements).GetEnumerator();

    IEnumerator<BsonElement> IEnumerable<BsonElement>.GetEnumerator() => ((IEnumerable<BsonElement>)_elements).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _elements.GetEnumerator();

    public bool Equals([NotNullWhen(true)] BsonDocument? other) => Equals(other, BsonComparison.Exact);

    public bool Equals([NotNullWhen(true)] BsonDocument? other, BsonComparison comparison) =>
        other is not null && BsonEquality.AreEqual(this, other, comparison);

    public override bool Equals([NotNullWhen(true)] object? obj) => Equals(obj as BsonDocument);

    public override int GetHashCode() => GetHashCode(BsonComparison.Exact);

    /// <summary>Equal documents have equal hashes, under the same comparison.</summary>
    public int GetHashCode(BsonComparison comparison) => BsonEquality.Hash(FromDocument(this), comparison);

    /// <summary>The number of fields; never their values.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"Document of {Count} fields");

    private static BsonValue FromDocument(BsonDocument document) => document;

    private static BsonElement Checked(BsonElement element)
    {
        ArgumentNullException.ThrowIfNull(element.Name);
        if (element.Name.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("A field's name cannot hold a NUL character.");
        return element.Value.IsMissing ? throw new ArgumentException($"The field {element.Name} has no value; leave it out.") : element;
    }
}
