namespace Strangler.Mapping;

/// <summary>
/// One entity as English-named canonical values: what is compared, hashed, mapped and transferred. Immutable.
/// A value may be <see cref="Hidden"/>: the side it was read from cannot tell it.
/// </summary>
public sealed class Record
{
    /// <param name="schema">The schema that the values follow.</param>
    /// <param name="values">One value a field, by ordinal; owned by the record from here on.</param>
    public Record(RecordSchema schema, object?[] values)
    {
        if (values.Length != schema.Fields.Count)
        {
            throw new ArgumentException($"{values.Length} values for {schema.Fields.Count} fields of {schema.Kind}.", nameof(values));
        }

        Schema = schema;
        Values = values;
    }

    public RecordSchema Schema { get; }

    /// <summary>By ordinal; types as in <see cref="FieldType"/>, or <see cref="Hidden"/>. Not to be written to.</summary>
    public object?[] Values { get; }

    public object? this[string field] => Values[Schema.OrdinalOf(field)];

    public string Text(string field) => (string)Visible(field)!;

    public long Integer(string field) => (long)Visible(field)!;

    public bool Boolean(string field) => (bool)Visible(field)!;

    public DateTime? Timestamp(string field) => (DateTime?)Visible(field);

    public RecordList List(string field) => (RecordList)Visible(field)!;

    /// <summary>The field's value; of a hidden one, what its side derives for it.</summary>
    public object? Visible(string field) => this[field] is Hidden hidden ? hidden.Derived : this[field];

    /// <summary>A copy with other values in some fields.</summary>
    public Record With(params ReadOnlySpan<(string Field, object? Value)> changes)
    {
        var values = (object?[])Values.Clone();
        foreach (var (field, value) in changes)
        {
            values[Schema.OrdinalOf(field)] = value;
        }

        return new Record(Schema, values);
    }

    /// <summary>
    /// Equality of two canonical values: byte-wise for text, by content for lists and bytes, hidden equal to nothing but hidden of the same
    /// derivation.
    /// </summary>
    public static bool ValuesEqual(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (string a, string b) => string.Equals(a, b, StringComparison.Ordinal),
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (Hidden a, Hidden b) => ValuesEqual(a.Derived, b.Derived),
        _ => left is not null && left.Equals(right),
    };

    /// <summary>Whether both records say the same wherever neither hides a field.</summary>
    public bool AgreesWith(Record other)
    {
        for (var i = 0; i < Values.Length; i++)
        {
            if (Values[i] is not Hidden && other.Values[i] is not Hidden && !ValuesEqual(Values[i], other.Values[i]))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>
/// A value that the side cannot express (legacy's one status letter hides the payment state of a cancelled donation).
/// Never compared; an apply keeps what the follower has, unless the evidence behind <see cref="Derived"/> has changed.
/// </summary>
/// <param name="Derived">What the rest of the row suggests: taken where the follower has nothing yet.</param>
public sealed record Hidden(object? Derived);

/// <summary>The rows of a list field, in order; each row has one value an item field. Immutable, compared by content.</summary>
public sealed class RecordList : IEquatable<RecordList>
{
    public static readonly RecordList Empty = new([]);

    public RecordList(IReadOnlyList<object?[]> rows) => Rows = rows;

    public IReadOnlyList<object?[]> Rows { get; }

    public int Count => Rows.Count;

    public bool Equals(RecordList? other)
    {
        if (other is null || other.Rows.Count != Rows.Count)
        {
            return false;
        }

        for (var row = 0; row < Rows.Count; row++)
        {
            var (mine, theirs) = (Rows[row], other.Rows[row]);
            if (mine.Length != theirs.Length)
            {
                return false;
            }

            for (var column = 0; column < mine.Length; column++)
            {
                if (!Record.ValuesEqual(mine[column], theirs[column]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as RecordList);

    public override int GetHashCode() => Rows.Count;

    /// <summary>
    /// The rows sorted by their values, the first item first: the same for all lists of the same rows. Itself, when they are.
    /// </summary>
    public RecordList Sorted()
    {
        for (var row = 1; row < Rows.Count; row++)
        {
            if (Compare(Rows[row - 1], Rows[row]) > 0)
            {
                return new RecordList([.. Rows.Order(Comparer<object?[]>.Create(Compare))]);
            }
        }

        return this;
    }

    private static int Compare(object?[] left, object?[] right)
    {
        for (var item = 0; item < left.Length; item++)
        {
            if (Compare(left[item], right[item]) is var order and not 0)
            {
                return order;
            }
        }

        return 0;
    }

    private static int Compare(object? left, object? right) => (left, right) switch
    {
        (null, null) => 0,
        (null, _) => -1,
        (_, null) => 1,
        (string a, string b) => string.CompareOrdinal(a, b),
        (byte[] a, byte[] b) => a.AsSpan().SequenceCompareTo(b),
        (IComparable a, _) when a.GetType() == right.GetType() => a.CompareTo(right),
        _ => string.CompareOrdinal(left.GetType().Name, right.GetType().Name),
    };
}
