using Strangler.Mapping.Converters;
using Strangler.Mapping.Lenses;
using Strangler.Merging;

namespace Strangler.Mapping.Compiling;

/// <summary>From a sound declaration to lenses. Nothing is checked here any more.</summary>
internal sealed class LensBuilder(MappingDeclaration mapping, KindDeclaration kind, ConverterRegistry registry, string file)
{
    private readonly Dictionary<string, LegacyPlace> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ExtraTarget> _targets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string[]> _extrasOfField = new(StringComparer.Ordinal);
    private readonly Dictionary<(int Table, int Column), string> _fieldsByColumn = [];

    public CompiledMapping Build()
    {
        var fields = kind.Fields.Select(RecordFieldOf).ToArray();
        var schema = new RecordSchema(mapping.Context, kind.Name, mapping.Version, fields);
        var legacyFields = BuildLegacyFields(schema);
        var converted = BuildConverters(schema);
        var flags = kind.Fields.Where(field => field.FlagOf is not null)
            .Select(field => new FlagOf(
                schema.OrdinalOf(field.Name), field.Name, schema.OrdinalOf(field.FlagOf!), field.FlagOf!)).ToArray();
        var preserved = BuildPreserved();
        var plan = BuildPlan();
        var extras = kind.Extras is null ? null : new ExtrasField(
            schema.OrdinalOf(kind.Extras.Field.Name), kind.Extras.Field.Name, [.. preserved.OfType<ColumnPlace>()],
                [.. preserved.OfType<LobPlace>()], _targets, plan.Lobs);
        return new CompiledMapping(
            schema,
            new LegacyLens(schema, plan, legacyFields, converted, flags, extras) { FieldsByColumn = _fieldsByColumn },
            new NewLens(
                schema, new AggregateLayout([.. kind.New.Select(NewLayout)]),
                [.. kind.New.Select(table => BuildNewTable(table, schema))]),
            _extrasOfField,
            HarmlessExtras(),
            extras?.Ordinal ?? -1,
            new Explainer(mapping, kind).Explain(converted))
        {
            MirrorExtras =
                _targets.Where(target => target.Value.CopyOf is not null).Select(target => target.Key).ToHashSet(StringComparer.Ordinal),
            TimeZone = mapping.TimeZone,
            ForeignWriters = mapping.ForeignWriters,
            DeclaredWriters = mapping.Writers,
            DeclaredFates = mapping.Fates,
            IsDataSet = mapping.IsDataSet,
            LegacyTables = [.. kind.Legacy.Concat(kind.Lookups).Select(table => table.Declared(file))],
            DeclaredDifferences = [.. kind.Differences.Select(entry => entry.Difference with { Kind = kind.Name })],
            Sums = [.. kind.Sums.Select(sum => sum.Declared(kind.Name))],
            ErasedBy = kind.ErasedBy,
            DeletedAt = kind.DeletedAt,
            NoDeletion = kind.NoDeletion,
            References = [.. kind.References.Select(reference => reference.Declared(mapping.Context, kind.Name))],
            Findings = [.. kind.Findings.Select(finding => finding.Declared(kind))],
            Merging = new MergeRules(
                [.. kind.Fields.Select(kind.OwnerOf)], kind.Owners.Existence ?? kind.Owners.Default ?? FieldOwner.Ask,
                kind.ErasedBy is { } erased ? schema.OrdinalOf(erased) : null),
            IdSource = kind.Ids!,
        };
    }

    private RecordField RecordFieldOf(FieldDeclaration field, int ordinal)
    {
        var codes = CodesOf(field);
        return new RecordField(
            field.Name,
            ordinal,
            field.Type!.Value,
            field.Personal,
            MaxLength(field),
            codes?.English ?? [],
            [.. field.Items.Select(RecordFieldOf)],
            DefaultOf(field))
        {
            IsUnordered = field.IsUnordered, Secret = field.Secret, ElementKey = field.MergesByElement ? field.KeyItem : null,
            Derived = [.. field.Derived.Select(derived => BuildDerived(field, derived))],
        };
    }

    private DerivedItems BuildDerived(FieldDeclaration list, DerivedDeclaration derived)
    {
        var (shape, derivation) = registry.DerivationOf(derived.Use)!.Value;
        var columns = kind.New.Find(table => table.Name == list.New)!;
        return new DerivedItems(
            derivation,
            list.Items.FindIndex(item => item.Name == derived.From),
            list.Items.IndexOf(derived.Items[0]),
            value => Values.IsOf(shape.From, value),
            [
                .. derived.Items.Select(item => new DerivedItem(
                    DefaultOf(item), columns.Find(item.New!)!.Layout,
                    CodesOf(item)?.Codes.ToDictionary(code => code.Legacy, code => code.English, StringComparer.Ordinal))),
            ]);
    }

    // The store translates what refers to a kind of the same context.
    private TableLayout NewLayout(TableDeclaration table) => table.Layout with
    {
        Columns =
        [
            .. table.Columns.Select(column => column.Layout with
            {
                References = kind.Fields.Find(field => field.New == $"{table.Name}.{column.Name}") is { } field ? kind.ReferenceOf(field)?.Within : null,
                IsFlag = IsFlag(table, column),
            }),
        ],
    };

    private bool IsFlag(TableDeclaration table, ColumnDeclaration column) => table.Role == TableRole.Many
        ? kind.Fields.Find(field => field.IsList && field.New == table.Name)?.Items.Find(item => item.New == column.Name) is { Type: FieldType.Boolean }
        : kind.Fields.Find(field => field.New == $"{table.Name}.{column.Name}") is { Type: FieldType.Boolean };

    private object? DefaultOf(FieldDeclaration field) => field.Type switch
    {
        FieldType.Boolean => Values.False,
        FieldType.Integer or FieldType.Money => Values.Of(0L),
        FieldType.Text => "",
        FieldType.Code => CodesOf(field)!.Default,
        FieldType.List => RecordList.Empty,
        FieldType.Bytes => Array.Empty<byte>(),
        _ => null,
    };

    private CodesDeclaration? CodesOf(FieldDeclaration field) => kind.Codes.Find(list => list.Name == field.Codes);

    private int MaxLength(FieldDeclaration field)
    {
        if (field.Type != FieldType.Text)
        {
            return 0;
        }

        int[] lengths =
        [
            field.New is null ? 0 : LegacyPlaceRef.Find(field.New, kind.New, out _).Column?.Layout.MaxLength ?? 0,
            field.Legacy is null ? 0 : LegacyPlaceRef.Parse(field.Legacy, kind, out _)?.Column.Layout.MaxLength ?? 0,
            field.Mirror is null ? 0 : LegacyPlaceRef.Parse(field.Mirror, kind, out _)?.Column.Layout.MaxLength ?? 0,
        ];
        return lengths.Where(length => length > 0).DefaultIfEmpty().Min();
    }

    private LegacyField[] BuildLegacyFields(RecordSchema schema)
    {
        List<LegacyField> fields = [];
        foreach (var field in kind.Fields.Where(field => field is { Converter: null, FlagOf: null, IsExtras: false }))
        {
            var ordinal = schema.OrdinalOf(field.Name);
            fields.Add(
                field.Hidden ? new HiddenField(ordinal, field.Name, schema.Fields[ordinal].Default)
                : field.Rows is not null
                    ? new RowField(ordinal, field.Name, [.. field.Rows.Select(row => kind.Legacy.FindIndex(table => table.Name == row))])
                : field.IsTable ? BuildChildren(field, ordinal)
                : field.IsList ? BuildMap(field, ordinal)
                : BuildPlaced(field, schema.Fields[ordinal]));
        }

        return [.. fields];
    }

    private LegacyField BuildPlaced(FieldDeclaration field, RecordField record)
    {
        var place = Place(field.Legacy!, field.Name);
        if (field.Mirror is not null)
        {
            var mirror = Place(field.Mirror, field.Name);
            _targets.Add(mirror.ExtraName, new ExtraTarget(mirror, place, IsField: true));
            _extrasOfField.Add(field.Name, [mirror.ExtraName]);
            return new MirroredField(record.Ordinal, field.Name, place, mirror, field.MirrorFillsIn);
        }

        if (field.KeptAsExtra)
        {
            _targets.Add(place.ExtraName, new ExtraTarget(place, null, IsField: true));
            _extrasOfField.Add(field.Name, [place.ExtraName]);
        }

        var placed =
            new PlaceField(record.Ordinal, field.Name, place, FormatOf(field), record.Default, field.KeptAsExtra);
        return place is ColumnPlace { Table: > 0 } column && field.Type == FieldType.Code
            ? new CompanionField(placed, column.Table, record.Default) : placed;
    }

    private ValueFormat FormatOf(FieldDeclaration field) =>
        kind.ReferenceOf(field) is null ? Formats.Create(field, CodesOf(field)) : new ReferenceFormat();

    private MapField BuildMap(FieldDeclaration list, int ordinal)
    {
        var place = (LobPlace)Place(list.Legacy!, list.Name);
        _targets.Add(place.ExtraName, new ExtraTarget(place, null, IsField: true));
        _extrasOfField.Add(list.Name, [place.ExtraName]);
        var key = list.Items.Find(item => item.Legacy == "key")!;
        var value = list.Items.Find(item => item.Legacy == "value")!;
        return new MapField(
            ordinal, list.Name, place, key.Type == FieldType.Timestamp, value.Type == FieldType.Integer,
                keyIsFirst: ReferenceEquals(list.Items[0], key));
    }

    private ChildrenField BuildChildren(FieldDeclaration list, int ordinal)
    {
        var table = kind.Legacy.FindIndex(candidate => candidate.Name == list.Legacy);
        return new ChildrenField(
            ordinal, list.Name, table, kind.Legacy[table].OwnKey is not null, list.IsUnordered,
            [
                .. list.OwnItems.Select(item => BuildItem(item, $"{list.Name}[].{item.Name}")),
            ]);
    }

    private ChildItem BuildItem(FieldDeclaration item, string name) =>
        new(name, (ColumnPlace)Place(item.Legacy!, name), Formats.Create(item, CodesOf(item)));

    private ConvertedFields[] BuildConverters(RecordSchema schema) =>
    [
        .. kind.Converters.Select(declared =>
        {
            var places =
                declared.Places.ToLookup(place => place.Role, place => Place(place.Place, declared.Fields[0].Name), StringComparer.Ordinal);
            IReadOnlyList<(string, string)>[] codes =
                [.. declared.Fields.Select(
                    field => (IReadOnlyList<(string, string)>)[
                    .. CodesOf(field)?.Codes.Select(code => (code.Legacy, code.English)) ?? []])];
            var binding = new ConverterBinding([.. declared.Fields.Select(field => field.Name)], places, declared.Parameters, codes);
            return new ConvertedFields(
                registry.Create(declared.Use, binding), schema.OrdinalOf(declared.Fields[0].Name), declared.Fields.Count);
        }),
    ];

    private List<LegacyPlace> BuildPreserved()
    {
        List<LegacyPlace> places = [];
        foreach (var (_, text, _) in kind.Extras?.Preserved ?? [])
        {
            var place = Place(text, kind.Extras!.Field.Name);
            _targets.Add(place.ExtraName, new ExtraTarget(place, null, IsField: false));
            places.Add(place);
        }

        return places;
    }

    // One object a place: converters and fields that share a place share it.
    private LegacyPlace Place(string text, string field)
    {
        if (_places.TryGetValue(text, out var known))
        {
            return known;
        }

        var place = LegacyPlaceRef.Parse(text, kind, out _)!;
        var table = kind.Legacy.IndexOf(place.Table);
        if (place.Key is null)
        {
            var column = ColumnIndex(place);
            _fieldsByColumn.TryAdd((table, column), field);
            known = new ColumnPlace(
                place.Name, place.ExtraName, table, column, place.Column.Layout, place.Column.Default, place.Column.DropsTrailingBlanks);
        }
        else
        {
            var slot = _slots.Count;
            _slots.Add(place.Name, slot);
            known = new LobPlace(place.Name, place.ExtraName, LobTables.IndexOf(place.Table), slot, place.Key);
        }

        _places.Add(text, known);
        return known;
    }

    private int ColumnIndex(LegacyPlaceRef place) =>
        place.Table.Places(kind.Lookups).Index().First(entry => entry.Item.Column == place.Column).Index + (place.Table.OwnKey is null ? 0 : 1);

    private List<TableDeclaration> LobTables => [.. kind.Legacy.Where(table => table.Lob is not null)];

    private LegacyPlan BuildPlan() => new(
        new AggregateLayout([.. kind.Legacy.Select(table => table.LayoutWith(kind.Lookups) with { NaturalKey = NaturalKeyOf(table) })]),
        [.. kind.Legacy.Select(DefaultsOf)],
        [.. kind.Legacy.Select(table => kind.Fields.Find(field => field.Rows?.Contains(table.Name) ?? false)?.Name)],
        [.. LobTables.Select(BuildLob)],
        _slots.Count);

    private NaturalKey? NaturalKeyOf(TableDeclaration table) => table.Role == TableRole.Root && kind.Ids!.Origin == IdOrigin.Natural
        ? new NaturalKey(table.Columns.FindIndex(column => column.Name == table.Key), table.Find(table.Key)!.Layout.Type == ColumnType.Text)
        : null;

    // The database allots an own key, and a reference is found by what is looked up.
    private object?[] DefaultsOf(TableDeclaration table)
    {
        var columns = table.Places(kind.Lookups).Select(place => place.Column.Lookup is null ? place.Column.Default : null);
        return [.. table.OwnKey is null ? columns : columns.Prepend(null)];
    }

    private LobPlan BuildLob(TableDeclaration table)
    {
        var column = table.Find(table.Lob!.Column)!;
        var name = $"{table.Name}.{column.Name}";
        return new LobPlan(
            kind.Legacy.IndexOf(table),
            table.Columns.IndexOf(column),
            name,
            (table.Role == TableRole.Root ? "" : table.Name + ".") + column.Name + "/",
            table.Lob.EmptyLiterals,
            column.Layout.MaxBytes,
            new KeyIndex(
                _slots.Where(slot => slot.Key.StartsWith(name + "/", StringComparison.Ordinal)).Select(
                slot => (slot.Key[(name.Length + 1)..], slot.Value))));
    }

    private IEnumerable<string> HarmlessExtras()
    {
        foreach (var (_, text, personal) in kind.Extras?.Preserved ?? [])
        {
            if (!personal)
            {
                yield return Place(text, "").ExtraName;
            }
        }

        foreach (var field in kind.Fields.Where(field => field is { KeptAsExtra: true, Personal: false }))
        {
            yield return Place(field.Legacy!, field.Name).ExtraName;
        }
    }

    private NewTable BuildNewTable(TableDeclaration table, RecordSchema schema)
    {
        if (table.Role == TableRole.Many)
        {
            var list = kind.Fields.Find(field => field.IsList && field.New == table.Name)!;
            return new NewTable(
                table.Role, schema.OrdinalOf(list.Name),
                [.. table.Columns.Select(column => BuildNewColumn(table, column, list.Items, list.Name, i => i))]);
        }

        return new NewTable(
            table.Role, -1,
                [.. table.Columns.Select(
                column => BuildNewColumn(table, column, kind.Fields, null, i => schema.OrdinalOf(kind.Fields[i].Name)))]);
    }

    private NewColumn BuildNewColumn(
        TableDeclaration table, ColumnDeclaration column, List<FieldDeclaration> fields, string? list, Func<int, int> ordinal)
    {
        var place = $"{table.Name}.{column.Name}";
        var at = fields.FindIndex(field => (list is null ? field.New : $"{table.Name}.{field.New}") == place);
        var field = fields[at];
        NewValue value = field.Type switch
        {
            FieldType.Boolean => new NewBoolean(place),
            FieldType.Integer when list is null && kind.ReferenceOf(field) is not null => new NewReference(place, column.Layout),
            FieldType.Integer or FieldType.Money => new NewInteger(place, column.Layout),
            FieldType.Code => new NewCode(place, CodesOf(field)!.English),
            FieldType.Timestamp => new NewTimestamp(place),
            FieldType.Real => new NewReal(place, column.Layout),
            FieldType.Count => new NewCount(place, column.Layout),
            FieldType.Date => new NewDate(place),
            FieldType.Bytes => new NewBytes(place, column.Layout),
            _ => new NewText(place, column.Layout),
        };
        return new NewColumn(ordinal(at), list is null ? field.Name : $"{list}[].{field.Name}", DefaultOf(field), value);
    }
}
