using System.Xml.Linq;
using Strangler.Merging;

namespace Strangler.Mapping.Compiling;

// The file as it was written, attribute by attribute. Nothing here has been checked against anything else.

internal sealed record MappingDeclaration(
    string Context, int Version, TimeZoneInfo TimeZone, ForeignWritersNone? ForeignWriters, IReadOnlyList<DeclaredWriter> Writers,
    IReadOnlyList<DeclaredFate> Fates, IReadOnlyList<KindDeclaration> Kinds)
{
    public bool IsDataSet { get; init; }
}

internal sealed class KindDeclaration
{
    public required XElement At { get; init; }

    public required string Name { get; init; }

    public string? ErasedBy { get; init; }

    public string? DeletedAt { get; init; }

    /// <summary>Why there is no <see cref="DeletedAt"/>; null: nobody has said.</summary>
    public string? NoDeletion { get; init; }

    public IdSource? Ids { get; set; }

    public OwnersDeclaration Owners { get; set; } = new(null, null, []);

    public List<TableDeclaration> Legacy { get; } = [];

    /// <summary>Legacy tables of shared rows.</summary>
    public List<TableDeclaration> Lookups { get; } = [];

    public List<TableDeclaration> New { get; } = [];

    public List<CodesDeclaration> Codes { get; } = [];

    /// <summary>Fields and lists in the order of the file: that is the order of the record.</summary>
    public List<FieldDeclaration> Fields { get; } = [];

    public List<ConverterDeclaration> Converters { get; } = [];

    public ExtrasDeclaration? Extras { get; set; }

    public List<(XElement At, DeclaredDifference Difference)> Differences { get; } = [];

    public List<SumDeclaration> Sums { get; } = [];

    public List<ReferenceDeclaration> References { get; } = [];

    public List<FindingDeclaration> Findings { get; } = [];

    /// <summary>The reference that the field holds; null: none.</summary>
    public ReferenceDeclaration? ReferenceOf(FieldDeclaration field) => References.Find(reference => reference.Field == field.Name);

    /// <summary>
    /// Who is right on a clash: the field's own word, its converter's, that of the field it is a flag of, its group's, the default.
    /// </summary>
    public FieldOwner OwnerOf(FieldDeclaration field)
    {
        if ((field.Owner ?? field.Converter?.Owner) is { } said)
        {
            return said;
        }

        if (field.FlagOf is { } name && Fields.Find(other => other.Name == name && other != field && other.FlagOf is null) is { } whole)
        {
            return OwnerOf(whole);
        }

        var groups = Owners.Groups.Where(group => field.Name.StartsWith(group.Group + ".", StringComparison.Ordinal)).ToList();
        return groups.Count > 0 ? groups[0].Owner : Owners.Default ?? FieldOwner.Ask;
    }
}

internal sealed class TableDeclaration
{
    public required XElement At { get; init; }

    public required string Name { get; init; }

    public required TableRole Role { get; init; }

    public required string Key { get; init; }

    public string? ReferencedBy { get; init; }

    public string? Parent { get; init; }

    public bool IsShared { get; init; }

    /// <summary>As it was written: whether the role is lookup.</summary>
    public bool IsLookup { get; init; }

    public string? OwnKey { get; init; }

    public string? Index { get; init; }

    public List<ColumnDeclaration> Columns { get; } = [];

    /// <summary>Columns of one and the same value; not among the others.</summary>
    public List<ColumnDeclaration> Fixed { get; } = [];

    /// <summary>Columns that stay in legacy: in no layout, so never read nor written.</summary>
    public List<(ColumnDeclaration Column, string Reason)> Staying { get; } = [];

    public LobDeclaration? Lob { get; set; }

    public ColumnDeclaration? Find(string column) => Columns.Find(candidate => candidate.Name == column);

    /// <summary>The column whose rows are looked up in that table.</summary>
    public ColumnDeclaration? ReferenceTo(TableDeclaration lookup) => Columns.Find(column => column.Lookup == lookup.Name);

    /// <summary>The table's own columns, then those that it looks up: each with its place.</summary>
    public IReadOnlyList<(TableDeclaration Table, ColumnDeclaration Column)> Places(IEnumerable<TableDeclaration> lookups) =>
    [
        .. Columns.Select(column => (this, column)),
        .. LookedUp(lookups).SelectMany(lookup => lookup.Columns.Select(column => (lookup, column))),
    ];

    public TableLayout Layout => LayoutWith([]);

    /// <summary>Of a legacy table: the own key, its columns, what it looks up.</summary>
    public TableLayout LayoutWith(IReadOnlyList<TableDeclaration> lookups)
    {
        List<ColumnLayout> columns = [.. Columns.Select(column => column.Layout)];
        if (OwnKey is not null)
        {
            columns.Insert(0, new ColumnLayout(OwnKey, ColumnType.Integer, Nullable: false));
        }

        List<LookupLayout> layouts = [];
        foreach (var lookup in LookedUp(lookups))
        {
            ColumnLayout[] natural = [.. lookup.Columns.Select(column => column.Layout)];
            layouts.Add(new LookupLayout(lookup.Name, lookup.Key, ReferenceTo(lookup)!.Name, columns.Count, natural));
            columns.AddRange(natural.Select(column => column with { Name = $"{lookup.Name}.{column.Name}" }));
        }

        return new TableLayout(Name, Role, Key, columns, ReferencedBy, Parent)
        {
            Children = Role == TableRole.Many && IsLegacy ? new ChildRows(OwnKey, Index ?? "PRIMARY") : null,
            Lookups = layouts,
            Fixed = [.. Fixed.Select(column => new FixedColumn(column.Name, column.Fixed!))],
            IsShared = IsShared,
        };
    }

    public required bool IsLegacy { get; init; }

    public DeclaredTable Declared(string file) => new(
        Name, Key, At.Attribute("character-set")?.Value, [.. Columns.Concat(Fixed).Select(column => column.Declared(file))], MappingPlace.Of(file, At))
    {
        OwnKey = OwnKey ?? (IsLookup ? Key : null),
        Staying = [.. Staying.Select(column => column.Column.Name)],
        Index = Role == TableRole.Many && IsLegacy && !IsLookup ? Index ?? "PRIMARY" : null,
    };

    private IEnumerable<TableDeclaration> LookedUp(IEnumerable<TableDeclaration> lookups) => lookups.Where(lookup => ReferenceTo(lookup) is not null);
}

internal sealed record ColumnDeclaration(XElement At, ColumnLayout Layout, object? Default, bool Personal, bool DropsTrailingBlanks)
{
    public bool Secret { get; init; }

    public string Name => Layout.Name;

    /// <summary>The table of shared rows that it refers to.</summary>
    public string? Lookup { get; init; }

    /// <summary>Its one value.</summary>
    public string? Fixed { get; init; }

    public DeclaredColumn Declared(string file) => new(
        Name,
        At.Attribute("type")!.Value,
        Layout.Type == ColumnType.Binary ? (int?)At.Attribute("length") ?? 0 : Layout.MaxLength,
        At.Attribute("unsigned")?.Value == "yes",
        Layout.Nullable,
        MappingPlace.Of(file, At));
}

internal sealed record LobDeclaration(XElement At, string Column, string[] EmptyLiterals, IReadOnlyDictionary<string, bool> PersonalKeys);

internal sealed record CodesDeclaration(
    XElement At, string Name, string Default, IReadOnlyList<(XElement At, string Legacy, string English)> Codes)
{
    /// <summary>Several legacy codes may stand for one English value: only for what is derived, and never goes back.</summary>
    public bool IsOneWay { get; init; }

    public string[] English => [.. Codes.Select(code => code.English).Distinct(StringComparer.Ordinal)];
}

/// <summary>Items of a list's rows that are derived from another item; they are among the list's items, too, behind all others.</summary>
internal sealed record DerivedDeclaration(XElement At, string Use, string From, IReadOnlyList<FieldDeclaration> Items);

/// <summary>A <c>field</c>, or a <c>list</c> with its <see cref="Items"/>.</summary>
internal sealed class FieldDeclaration
{
    public required XElement At { get; init; }

    public required string Name { get; init; }

    public FieldType? Type { get; init; }

    public bool Personal { get; init; }

    public bool Secret { get; init; }

    public string? Legacy { get; init; }

    public string? New { get; init; }

    public string? Codes { get; init; }

    public string? Format { get; init; }

    public bool KeptAsExtra { get; init; }

    public DateTime? NothingUntil { get; init; }

    public string? FlagOf { get; init; }

    public string[]? Rows { get; init; }

    public bool Hidden { get; init; }

    public string? Mirror { get; init; }

    public bool MirrorFillsIn { get; init; }

    public ConverterDeclaration? Converter { get; init; }

    public List<FieldDeclaration> Items { get; } = [];

    /// <summary>Of a list: what is derived from its items.</summary>
    public List<DerivedDeclaration> Derived { get; } = [];

    /// <summary>Of a list: the items that stand in legacy.</summary>
    public IEnumerable<FieldDeclaration> OwnItems => Items.Where(item => !Derived.Exists(derived => derived.Items.Contains(item)));

    /// <summary>Of a list: whether its order says nothing.</summary>
    public bool IsUnordered { get; init; }

    /// <summary>Of a list: the rows of a legacy table, and not a map in a LOB.</summary>
    public bool IsTable => IsList && !IsExtras && !Hidden && Legacy is { } place && !place.Contains('.', StringComparison.Ordinal);

    public bool IsExtras { get; init; }

    /// <summary>Of a list: what both sides have added and taken away is merged, element by element.</summary>
    public bool MergesByElement { get; init; }

    /// <summary>The item that tells a list's elements apart; -1 where there is none.</summary>
    public int KeyItem => IsExtras ? 0 : Items.FindIndex(item => item.Legacy == "key");

    public bool IsList => Type == FieldType.List;

    /// <summary>As it was written; null: by converter, group or default.</summary>
    public FieldOwner? Owner { get; init; }
}

internal sealed record OwnersDeclaration(FieldOwner? Default, FieldOwner? Existence, IReadOnlyList<(XElement At, string Group, FieldOwner Owner)> Groups);

internal sealed class ConverterDeclaration
{
    public required XElement At { get; init; }

    public required string Use { get; init; }

    public FieldOwner? Owner { get; init; }

    public List<(XElement At, string Role, string Place)> Places { get; } = [];

    public Dictionary<string, string> Parameters { get; } = new(StringComparer.Ordinal);

    public List<FieldDeclaration> Fields { get; } = [];
}

internal sealed record ReferenceDeclaration(
    XElement At, string Name, string Field, string? By, IReadOnlyList<(XElement At, string? When, string? Context, string Kind)> Targets)
{
    /// <summary>The kind of the same context that it leads to; null: to other contexts.</summary>
    public string? Within => Targets is [{ Context: null } target] ? target.Kind : null;

    public DeclaredReference Declared(string context, string kind) => new(
        kind, Name, Field, By, [.. Targets.Select(target => new ReferenceTarget(target.When, target.Context ?? context, target.Kind))]);
}

internal sealed record FindingDeclaration(XElement At, string Name, FindingCheck? Check)
{
    public string Reason { get; init; } = "";

    public string? Reference { get; init; }

    public string? Field { get; init; }

    public string? Value { get; init; }

    public string? Other { get; init; }

    public string? Table { get; init; }

    public string? Time { get; init; }

    public DateOnly? Before { get; init; }

    public string? List { get; init; }

    public string? Item { get; init; }

    public string? Same { get; init; }

    public string? After { get; init; }

    public IReadOnlyList<string> Starts => After?.Split('|', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public IReadOnlyList<(XElement At, string? When, string Field, string Value)> Targets { get; init; } = [];

    public DeclaredFinding Declared(KindDeclaration kind) => new(kind.Name, Name, Check!.Value, Reason)
    {
        Reference = Reference, Field = Field, Value = Value, Other = Other, Table = Table, Time = Time, Before = Before,
        Listed = List is null ? null : new ListedIds(List, PlaceOf(kind, Item), Starts),
        Same = Same is null ? null : PlaceOf(kind, Same),
        Targets = [.. Targets.Select(target => new FindingTarget(target.When, target.Field, target.Value))],
    };

    private int PlaceOf(KindDeclaration kind, string? item) => kind.Fields.First(field => field.Name == List).Items.FindIndex(one => one.Name == item);
}

internal sealed record SumDeclaration(XElement At, string Name, string Amount, IReadOnlyList<(XElement At, SumDimension Dimension)> By)
{
    public DeclaredSum Declared(string kind) => new(kind, Name, Amount, [.. By.Select(entry => entry.Dimension)]);
}

internal sealed record ExtrasDeclaration(FieldDeclaration Field, IReadOnlyList<(XElement At, string Place, bool Personal)> Preserved);
