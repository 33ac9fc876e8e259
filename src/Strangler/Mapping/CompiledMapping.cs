using System.Collections.Frozen;
using Strangler.Mapping.Lenses;
using Strangler.Merging;

namespace Strangler.Mapping;

/// <summary>Who answers for the claim that no other program writes the context's legacy tables.</summary>
public sealed record ForeignWritersNone(string Owner, string Reason);

/// <summary>Where legacy takes its ids from.</summary>
public enum IdOrigin
{
    /// <summary>The root table's AUTO_INCREMENT.</summary>
    AutoIncrement,

    /// <summary>A table of one row that is counted up.</summary>
    GeneratorTable,

    /// <summary>Nowhere: the key says something, and whoever makes a row gives it.</summary>
    Natural,
}

/// <summary>Where legacy takes its ids from.</summary>
/// <param name="Table">The root table, or the generator's.</param>
/// <param name="Column">The id's column there.</param>
public sealed record IdSource(IdOrigin Origin, string Table, string Column);

/// <summary>One kind of entity of a context as its mapping file describes it, compiled. Immutable and for many threads.</summary>
public sealed class CompiledMapping
{
    private readonly FrozenDictionary<string, string[]> _extrasOfField;
    private readonly FrozenSet<string> _harmlessExtras;
    private readonly int _extras;

    internal CompiledMapping(
        RecordSchema schema, IRecordLens legacy, IRecordLens @new, IReadOnlyDictionary<string, string[]> extrasOfField,
            IEnumerable<string> harmlessExtras,
        int extras, MappingExplanation explanation)
    {
        Schema = schema;
        Legacy = legacy;
        New = @new;
        _extrasOfField = extrasOfField.ToFrozenDictionary(StringComparer.Ordinal);
        _harmlessExtras = harmlessExtras.ToFrozenSet(StringComparer.Ordinal);
        _extras = extras;
        Explanation = explanation;
    }

    public string Context => Schema.Context;

    public string Kind => Schema.Kind;

    /// <summary>Version of the mapping file: raised with every change of meaning.</summary>
    public int Version => Schema.MappingVersion;

    /// <summary>The zone that legacy's naive times are in. They stay naive on the new side: in the repeated hour of autumn converting
    /// would guess.</summary>
    public required TimeZoneInfo TimeZone { get; init; }

    /// <summary>Null when other programs write, too: then capture must be installed.</summary>
    public required ForeignWritersNone? ForeignWriters { get; init; }

    /// <summary>Whether another program loads the context's legacy tables anew as a whole; the same for all kinds of the file.</summary>
    public bool IsDataSet { get; init; }

    /// <summary>Other programs that someone answers for; the same for all kinds of the file.</summary>
    public IReadOnlyList<DeclaredWriter> DeclaredWriters { get; init; } = [];

    /// <summary>What becomes of legacy tables that no kind reads; the same for all kinds of the file.</summary>
    public IReadOnlyList<DeclaredFate> DeclaredFates { get; init; } = [];

    /// <summary>The legacy tables as the file declares them, with their places in it.</summary>
    public IReadOnlyList<DeclaredTable> LegacyTables { get; init; } = [];

    public RecordSchema Schema { get; }

    public IRecordLens Legacy { get; private set; }

    public IRecordLens New { get; private set; }

    public required IReadOnlyList<DeclaredDifference> DeclaredDifferences { get; init; }

    /// <summary>What is added up on both sides, beside the comparison row by row.</summary>
    public IReadOnlyList<DeclaredSum> Sums { get; init; } = [];

    /// <summary>The boolean field that says that the entity's personal data was erased; null when there is none.</summary>
    public string? ErasedBy { get; init; }

    /// <summary>The timestamp field that says when the entity was deleted while its rows stayed; null when there is none.</summary>
    public string? DeletedAt { get; init; }

    /// <summary>Why legacy says of no entity when it was deleted while its rows stayed; null: it does, or nobody has said why not.</summary>
    public string? NoDeletion { get; init; }

    /// <summary>Fields that hold ids of other entities.</summary>
    public IReadOnlyList<DeclaredReference> References { get; init; } = [];

    /// <summary>Damage that is known to be in legacy's rows.</summary>
    public IReadOnlyList<DeclaredFinding> Findings { get; init; } = [];

    /// <summary>Who is right where another program and the new side, while it leads, have changed the same.</summary>
    public MergeRules Merging { get; init; } = MergeRules.Undeclared;

    public required IdSource IdSource { get; init; }

    /// <summary>Names of extras that are copies of a field which say something else.</summary>
    internal IReadOnlySet<string> MirrorExtras { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The list of extras; null when the mapping has none.</summary>
    internal RecordField? Extras => _extras < 0 ? null : Schema.Fields[_extras];

    private MappingExplanation Explanation { get; }

    /// <summary>The same mapping for a new side whose store's text cannot hold the character 0: such a text is refused by its field's name.</summary>
    public CompiledMapping RefusingNul()
    {
        var copy = (CompiledMapping)MemberwiseClone();
        copy.New = ((NewLens)New).RefusingNul();
        return copy;
    }

    /// <summary>The same mapping for a legacy side whose store holds neither the character 0 in a text nor days that no calendar has: likewise.</summary>
    public CompiledMapping RefusingOdditiesInLegacy()
    {
        var copy = (CompiledMapping)MemberwiseClone();
        copy.Legacy = new StrictLegacyLens(Legacy);
        return copy;
    }

    /// <summary>The whole mapping for people: what stands where, in both languages.</summary>
    public MappingExplanation Explain() => Explanation;

    /// <summary>
    /// The record with a field changed as a domain changes it: raw legacy values that the old value could not express (a copy that
    /// disagreed, an
    /// amount that was none) are given up with it. <see cref="Record.With"/> would keep them, and legacy would refuse the pair.
    /// </summary>
    /// <exception cref="CannotHoldException">A list that legacy holds in a form that is no list: changing it would drop what nobody
    /// understands.</exception>
    public Record Change(Record record, string field, object? value)
    {
        value = Schema.Fields[Schema.OrdinalOf(field)].Canonical(value);
        if (IsOpaque(record, field) && !Record.ValuesEqual(record[field], value))
        {
            throw new CannotHoldException(field, "legacy holds entries there that nobody understands, and a change would drop them");
        }

        var changed = record.With((field, value));
        return _extrasOfField.TryGetValue(field, out var extras) && !Record.ValuesEqual(record[field], value)
            ? WithoutExtras(changed, extras.Contains)
            : changed;
    }

    /// <summary>
    /// The record without those extras that may hold personal data: all but those that the mapping file knows and does not call personal.
    /// What a legacy program once put into a LOB under a name that nobody knows is not trusted.
    /// </summary>
    public Record WithoutPersonalExtras(Record record) => WithoutExtras(record, name => !_harmlessExtras.Contains(name));

    /// <summary>Whether the field is a list of which legacy's form is kept as an extra, since it is not understood.</summary>
    internal bool IsOpaque(Record record, string field) =>
        _extrasOfField.TryGetValue(field, out var names) && Schema.Fields[Schema.OrdinalOf(field)].Type == FieldType.List
        && record.Values[_extras] is RecordList extras && extras.Rows.Any(row => names.Contains((string)row[0]!));

    private Record WithoutExtras(Record record, Func<string, bool> isUnwanted)
    {
        if (_extras < 0 || record.Values[_extras] is not RecordList { Count: > 0 } list
            || !list.Rows.Any(row => isUnwanted((string)row[0]!)))
        {
            return record;
        }

        return record.With((Schema.Fields[_extras].Name, new RecordList([.. list.Rows.Where(row => !isUnwanted((string)row[0]!))])));
    }
}
