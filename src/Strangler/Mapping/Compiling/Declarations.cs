using System.Xml.Linq;
using Strangler.Merging;

namespace Strangler.Mapping.Compiling;

// The file as it was written, attribute by attribute. Nothing here has been checked against anything else.

internal sealed record MappingDeclaration(
    string Context, int Version, TimeZoneInfo TimeZone, ForeignWritersNone? ForeignWriters, IReadOnlyList<DeclaredWriter> Writers,
    IReadOnlyList<KindDeclaration> Kinds);

internal sealed class KindDeclaration
{
    public required XElement At { get; init; }

    public required string Name { get; init; }

    public string? ErasedBy { get; init; }

    public string? DeletedAt { get; init; }

    public IdSource? Ids { get; set; }

    public OwnersDeclaration Owners { get; set; } = new(null, null, []);

    public List<TableDeclaration> Legacy { get; } = [];

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

    public List<ColumnDeclaration> Columns { get; } = [];

    /// <summary>Columns that stay in legacy: in no layout, so never read nor written.</summary>
    public List<(ColumnDeclaration Column, string Reason)> Staying { get; } = [];

    public LobDeclaration? Lob { get; set; }

    public ColumnDeclaration? Find(string column) => Columns.Find(candidate => candidate.Name == column);

    public TableLayout Layout => new(Name, Role, Key, [.. Columns.Select(column => column.Layout)], ReferencedBy, Parent) { IsShared = IsShared };

    public DeclaredTable Declared(string file) => new(
        Name, Key, At.Attribute("character-set")?.Value, [.. Columns.Select(column => column.Declared(file))], MappingPlace.Of(file, At))
    {
        Staying = [.. Staying.Select(column => column.Column.Name)],
    };
}

internal sealed record ColumnDeclaration(XElement At, ColumnLayout Layout, object? Default, bool Personal, bool DropsTrailingBlanks)
{
    public bool Secret { get; init; }

    public string Name => Layout.Name;

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
    XElement At, string Name, string Default, IReadOnlyList<(XElement At, string Legacy, string English)> Codes);

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

    public bool IsExtras { get; init; }

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

    public IReadOnlyList<(XElement At, string? When, string Field, string Value)> Targets { get; init; } = [];

    public DeclaredFinding Declared(string kind) => new(kind, Name, Check!.Value, Reason)
    {
        Reference = Reference, Field = Field, Value = Value, Other = Other, Table = Table, Time = Time, Before = Before,
        Targets = [.. Targets.Select(target => new FindingTarget(target.When, target.Field, target.Value))],
    };
}

internal sealed record SumDeclaration(XElement At, string Name, string Amount, IReadOnlyList<(XElement At, SumDimension Dimension)> By)
{
    public DeclaredSum Declared(string kind) => new(kind, Name, Amount, [.. By.Select(entry => entry.Dimension)]);
}

internal sealed record ExtrasDeclaration(FieldDeclaration Field, IReadOnlyList<(XElement At, string Place, bool Personal)> Preserved);
