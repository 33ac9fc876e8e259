using System.Collections.Frozen;
using Strangler.Mapping.Lenses;

namespace Strangler.Mapping;

/// <summary>The canonical type of a record field. The CLR type of its values stands behind each.</summary>
public enum FieldType
{
    /// <summary><see cref="bool"/>, never null.</summary>
    Boolean,

    /// <summary><see cref="long"/>, never null; 0 is the default.</summary>
    Integer,

    /// <summary><see cref="long"/>, an amount in cents, never null; 0 is the default.</summary>
    Money,

    /// <summary><see cref="string"/>, never null; "" is the default.</summary>
    Text,

    /// <summary><see cref="string"/>: an English value of the field's code list, never null.</summary>
    Code,

    /// <summary><see cref="DateTime"/> of kind Unspecified (civil time in the mapping's time zone, whole seconds), or null.</summary>
    Timestamp,

    /// <summary><see cref="DateOnly"/>, or null.</summary>
    Date,

    /// <summary><see cref="RecordList"/>: rows of an owned collection in order, never null; empty is the default.</summary>
    List,

    /// <summary><see cref="double"/>, finite, or null: a measured value, where 0 is one and nothing is none.</summary>
    Real,

    /// <summary><see cref="long"/>, or null: a counted value, where 0 is one and nothing is none.</summary>
    Count,

    /// <summary>A byte array, never null; compared by content. Only inside lists.</summary>
    Bytes,
}

/// <summary>One field of a record, as declared in the mapping file.</summary>
/// <param name="Name">English, lower snake case, dotted by group: <c>donor.first_name</c>.</param>
/// <param name="Ordinal">Its place in <see cref="Record.Values"/>.</param>
/// <param name="Type">The canonical type.</param>
/// <param name="Personal">Personal data: masked in reports, never logged.</param>
/// <param name="MaxLength">Longest text in characters that either side holds; 0 = no limit of its own.</param>
/// <param name="Codes">English values of a <see cref="FieldType.Code"/> field; empty otherwise.</param>
/// <param name="Items">Fields of one row of a <see cref="FieldType.List"/> field; empty otherwise.</param>
/// <param name="Default">The value that means "not there": what an absent optional row stands for.</param>
public sealed record RecordField(
    string Name,
    int Ordinal,
    FieldType Type,
    bool Personal,
    int MaxLength,
    IReadOnlyList<string> Codes,
    IReadOnlyList<RecordField> Items,
    object? Default)
{
    /// <summary>A secret: personal, and never shown in clear to anybody; equal or not is all that can be told of two.</summary>
    public bool Secret { get; init; }

    /// <summary>
    /// Of a list: whether its order says nothing. Such a list is always in one and the same order, <see cref="RecordList.Sorted"/>.
    /// </summary>
    public bool IsUnordered { get; init; }

    /// <summary>Of a list: what derives some items of a row from another; they stand behind all that are not derived.</summary>
    internal IReadOnlyList<DerivedItems> Derived { get; init; } = [];

    /// <summary>The value as records hold it: what is derived is made anew, and lists without an order are sorted.</summary>
    public object? Canonical(object? value) => value switch
    {
        RecordList list => InOrder(Complete(list)),
        Hidden { Derived: RecordList list } => new Hidden(InOrder(Complete(list))),
        _ => value,
    };

    /// <summary>The same for what a side has stored: derived items stay as they stand there, so that a wrong one shows.</summary>
    internal RecordList InOrder(RecordList list) => IsUnordered ? list.Sorted() : list;

    private RecordList Complete(RecordList list)
    {
        foreach (var derived in Derived)
        {
            list = derived.Complete(list);
        }

        return list;
    }

    /// <summary>
    /// Of a list that is merged element by element where both sides changed it: which item tells its elements apart. Null: it is merged as
    /// a whole, like any other field.
    /// </summary>
    public int? ElementKey { get; init; }
}

/// <summary>The fields of one kind of entity of a context. Records of different schemas are never compared.</summary>
public sealed class RecordSchema
{
    private readonly FrozenDictionary<string, int> _ordinals;

    /// <param name="context">The context's name, e.g. <c>donations</c>.</param>
    /// <param name="kind">The kind of entity, e.g. <c>donation</c>; a context may have several.</param>
    /// <param name="mappingVersion">Version of the mapping file; hashes of different versions are never compared.</param>
    /// <param name="fields">In the order of their ordinals, names unique.</param>
    public RecordSchema(string context, string kind, int mappingVersion, IReadOnlyList<RecordField> fields)
    {
        Context = context;
        Kind = kind;
        MappingVersion = mappingVersion;
        Fields = fields;
        _ordinals = fields.ToFrozenDictionary(field => field.Name, field => field.Ordinal, StringComparer.Ordinal);
        MergedByElement = [.. fields.Where(field => field.ElementKey is not null).Select(field => field.Ordinal)];
    }

    public string Context { get; }

    public string Kind { get; }

    public int MappingVersion { get; }

    public IReadOnlyList<RecordField> Fields { get; }

    /// <summary>The ordinals of the lists that are merged element by element.</summary>
    internal IReadOnlyList<int> MergedByElement { get; }

    /// <summary>The ordinal of a field. Throws <see cref="ArgumentException"/> naming the field when there is none.</summary>
    public int OrdinalOf(string field) =>
        _ordinals.TryGetValue(field, out var ordinal)
            ? ordinal
            : throw new ArgumentException($"The record {Context}/{Kind} has no field '{field}'.", nameof(field));

    public bool Has(string field) => _ordinals.ContainsKey(field);

    /// <summary>A record in which every field has its default.</summary>
    public Record Blank() => new(this, Fields.Select(field => field.Default).ToArray());
}
