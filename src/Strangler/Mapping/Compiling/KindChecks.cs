using System.Xml.Linq;
using Strangler.Mapping.Converters;

namespace Strangler.Mapping.Compiling;

/// <summary>Everything about one kind that a schema cannot see: whether names lead somewhere, types fit, and nothing is mapped twice or
/// forgotten.</summary>
internal sealed class KindChecks(MappingDeclaration mapping, KindDeclaration kind, ConverterRegistry converters, Problems problems)
{
    private readonly Dictionary<string, string> _legacyClaims = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _newClaims = new(StringComparer.Ordinal);
    private readonly List<(XElement At, LegacyPlaceRef Place)> _onlyRead = [];

    public void Run()
    {
        CheckTables(kind.Legacy, "legacy");
        CheckTables(kind.New, "new");
        CheckKey();
        kind.Lookups.ForEach(CheckLookup);
        CheckCodes();
        CheckFieldNames();
        foreach (var field in kind.Fields)
        {
            CheckField(field);
        }

        kind.Converters.ForEach(CheckConverter);
        CheckExtras();
        CheckNothingForgotten();
        CheckDifferences();
        CheckOwners();
        kind.Sums.ForEach(CheckSum);
        new ReferenceChecks(mapping, kind, problems).Run();
        if (kind.DeletedAt is { } deletion && !kind.Fields.Exists(field => field.Name == deletion && field.Type == FieldType.Timestamp))
        {
            problems.Add(kind.At.Attribute("deleted-at")!, deletion, "deleted-at names no timestamp field");
        }

        if (kind is { DeletedAt: not null, NoDeletion: not null })
        {
            problems.Add(kind.At.Attribute("deleted-at")!, kind.Name, "deleted-at and no-deletion exclude each other");
        }

        if (kind.ErasedBy is { } erasure && !kind.Fields.Exists(field => field.Name == erasure && field.Type == FieldType.Boolean))
        {
            problems.Add(kind.At.Attribute("erased-by")!, erasure, "erased-by names no boolean field");
        }
    }

    private void CheckKey()
    {
        if (kind is not { Ids: { } ids, Legacy: [{ Role: TableRole.Root } root, ..] })
        {
            return;
        }

        var key = root.Find(root.Key);
        if (ids.Origin != IdOrigin.Natural)
        {
            if (key is not null)
            {
                problems.Add(key.At, key.Name, "the key is allotted, and no column of the mapping; one that says something is ids from=\"natural-key\"");
            }
        }
        else if (key is not { Layout: { Nullable: false, Type: ColumnType.Integer or ColumnType.Text } })
        {
            problems.Add(root.At, root.Key, "a natural key is also declared as a column of its table: a whole number or a text, not NULL");
        }
        else if (key.Layout is { Type: ColumnType.Text, MaxLength: < 1 or > TextKey.MostBytes })
        {
            problems.Add(key.At, key.Name, $"a text can be a key if it has at most {TextKey.MostBytes} bytes");
        }
        else if (key.Layout.Type == ColumnType.Text && kind.Legacy.Count + kind.Lookups.Count > 1)
        {
            problems.Add(key.At, key.Name, "a kind whose key is a text has no other legacy tables");
        }
    }

    private void CheckTables(List<TableDeclaration> tables, string side)
    {
        if (tables.Count == 0 || tables[0].Role != TableRole.Root || tables.Count(table => table.Role == TableRole.Root) != 1)
        {
            problems.Add(tables.FirstOrDefault()?.At ?? kind.At, "", $"the {side} side needs exactly one root table, and it comes first");
            return;
        }

        foreach (var table in tables)
        {
            CheckRole(table, tables, side);
            foreach (var (column, _) in side == "legacy" ? [] : table.Staying)
            {
                problems.Add(column.At, column.Name, "only a column of legacy can stay there");
            }

            CheckColumnsOf(table);
            if (table.Lob is { } lob && table.Find(lob.Column) is not { Layout.Type: ColumnType.Text })
            {
                problems.Add(lob.At, lob.Column, $"the LOB is no text column of {table.Name}");
            }
        }
    }

    private void CheckRole(TableDeclaration table, List<TableDeclaration> tables, string side)
    {
        var hasChildren = table.Role == TableRole.Many && side == "legacy";
        if (!hasChildren && (table.OwnKey ?? table.Index) is not null)
        {
            problems.Add(table.At, table.Name, "own-key and index are for legacy tables of many rows");
        }

        if (hasChildren)
        {
            CheckChildren(table);
        }

        if (table.Role == TableRole.Referenced && (table.ReferencedBy is null || tables[0].Find(table.ReferencedBy) is null))
        {
            problems.Add(table.At, table.Name, "referenced-by must name the column of the root table that holds this table's key");
        }

        if (table.IsShared && (side != "legacy" || table.Role != TableRole.Referenced || tables.Exists(other => other.Parent == table.Name)))
        {
            problems.Add(table.At, table.Name, "only a referenced table of legacy, with no table below it, can be shared");
        }

        if (table.Parent is not null && tables.Find(candidate => candidate.Name == table.Parent) is not { Role: TableRole.Referenced })
        {
            problems.Add(table.At, table.Name, $"below must name a referenced table, and '{table.Parent}' is none");
        }
    }

    private void CheckChildren(TableDeclaration table)
    {
        if (table.OwnKey is { } ownKey && (ownKey == table.Key || table.Find(ownKey) is not null))
        {
            problems.Add(table.At, table.Name, $"own-key names a column beside key and columns; '{ownKey}' is one of them");
        }

        if (table is { OwnKey: not null, Index: null })
        {
            problems.Add(
                table.At, table.Name,
                $"a table with own-key needs index: the index that begins with {table.Key}, so that a search locks no other entity's rows");
        }

        if (table.Lob is { } lob)
        {
            problems.Add(lob.At, lob.Column, "a table of many rows can have no LOB");
        }

        if (kind.Fields.Count(field => field.IsTable && field.Legacy == table.Name) is var lists and not 1)
        {
            problems.Add(table.At, table.Name, lists == 0 ? "no list holds the rows of this table" : "two lists hold the rows of this table");
        }
    }

    private void CheckColumnsOf(TableDeclaration table)
    {
        foreach (var column in table.Fixed.Where(_ => !table.IsLegacy || table.Role is not (TableRole.One or TableRole.Many)))
        {
            problems.Add(column.At, column.Name, "fixed is for columns of legacy tables of one row or of many");
        }

        foreach (var column in table.Columns.Where(column => column.Lookup is not null))
        {
            if (!table.IsLegacy || table.Role == TableRole.Referenced || kind.Lookups.TrueForAll(lookup => lookup.Name != column.Lookup))
            {
                problems.Add(column.At, column.Name, $"lookup must name a legacy table of the role lookup, and '{column.Lookup}' is none");
            }

            if (column.Layout.Type != ColumnType.Integer)
            {
                problems.Add(column.At, column.Name, "a column with lookup holds a key: a whole number");
            }
        }
    }

    private void CheckLookup(TableDeclaration lookup)
    {
        if (kind.Legacy.Sum(table => table.Columns.Count(column => column.Lookup == lookup.Name)) is var references and not 1)
        {
            problems.Add(
                lookup.At, lookup.Name,
                references == 0
                    ? "no column refers to this table: lookup=\"…\"" : "two columns refer to this table, and nobody could tell whose row is meant");
        }

        if (lookup.Columns.Count == 0 || lookup.Columns.Exists(column => column.Lookup is not null))
        {
            problems.Add(lookup.At, lookup.Name, "a lookup table has the columns by which its rows are found, and refers to nothing itself");
        }

        if (lookup.Fixed.Count > 0 || lookup.Lob is not null || (lookup.OwnKey ?? lookup.Index ?? lookup.ReferencedBy ?? lookup.Parent) is not null)
        {
            problems.Add(lookup.At, lookup.Name, "a lookup table has a key and columns, and nothing else");
        }
    }

    private void CheckCodes()
    {
        foreach (var twice in kind.Codes.GroupBy(list => list.Name).Where(group => group.Count() > 1))
        {
            problems.Add(twice.Last().At, twice.Key, "the code list is declared twice");
        }

        foreach (var list in kind.Codes)
        {
            CheckBijective(list, code => code.Legacy, "legacy code");
            if (!list.IsOneWay)
            {
                CheckBijective(list, code => code.English, "English value");
            }

            if (!list.Codes.Any(code => code.English == list.Default))
            {
                problems.Add(list.At, list.Name, $"the default '{list.Default}' is none of its English values");
            }
        }
    }

    private void CheckBijective(CodesDeclaration list, Func<(XElement At, string Legacy, string English), string> side, string what)
    {
        foreach (var group in list.Codes.GroupBy(side, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            problems.Add(
                group.Last().At, list.Name,
                $"the {what} '{group.Key}' stands for two things: reading and writing must be each other's reverse");
        }
    }

    private void CheckFieldNames()
    {
        foreach (var group in kind.Fields.GroupBy(field => field.Name).Where(group => group.Key.Length > 0 && group.Count() > 1))
        {
            problems.Add(group.Last().At, group.Key, "the field is declared twice");
        }
    }

    private void CheckField(FieldDeclaration field)
    {
        if (field.Type is null)
        {
            return;
        }

        if (field.IsList)
        {
            CheckList(field);
            return;
        }

        CheckNew(field, field.New, null);
        CheckCodesOf(field);
        CheckSource(field);
        if (field.Legacy is { } legacy && !field.Hidden && Resolve(field.At, field.Name, legacy) is { } place)
        {
            Claim(field.At, field.Name, place);
            CheckPersonal(field, place);
            CheckFormat(field, place);
        }

        CheckMirror(field);
        CheckFlagOf(field);
        CheckRow(field);
    }

    private void CheckSource(FieldDeclaration field)
    {
        var sources = (field.Legacy is null ? 0 : 1) + (field.FlagOf is null ? 0 : 1) + (field.Rows is null ? 0 : 1)
            + (field.Converter is null ? 0 : 1);
        if (sources != 1)
        {
            problems.Add(
                field.At, field.Name,
                "a field comes from exactly one of: legacy, flag-of, row, or the converter around it (legacy=\"none\" hides it there)");
        }
    }

    private void CheckCodesOf(FieldDeclaration field, string? item = null, bool isDerived = false)
    {
        var name = item ?? field.Name;
        if ((field.Type == FieldType.Code) != (field.Codes is not null))
        {
            var message = field.Codes is null ? "a code needs its list: codes=\"…\"" : $"a {field.Type} has no codes";
            problems.Add(field.At, name, message);
        }
        else if (field.Codes is not null && !kind.Codes.Exists(list => list.Name == field.Codes))
        {
            problems.Add(field.At, name, $"unknown code list '{field.Codes}'");
        }
        else if (!isDerived && kind.Codes.Find(list => list.Name == field.Codes) is { IsOneWay: true })
        {
            problems.Add(field.At, name, $"the code list '{field.Codes}' is one-way, and only what is derived never goes back");
        }
    }

    private void CheckFormat(FieldDeclaration field, LegacyPlaceRef place, string? item = null)
    {
        var name = item ?? field.Name;
        var format = Formats.Of(field);
        if (format is null)
        {
            var allowed = string.Join(", ", Formats.AllowedFor(field.Type!.Value));
            var message = field.Format is null
                ? $"a {field.Type} needs its format: {allowed}"
                : $"the format '{field.Format}' does not fit a {field.Type}: {allowed}";
            problems.Add(field.At, name, message);
        }
        else if (place.Key is null && !Formats.ColumnTypesOf(format).Contains(place.Column.Layout.Type))
        {
            problems.Add(field.At, name, $"the format '{format}' does not fit the column {place.Name}");
        }

        if (field.NothingUntil is not null && field.Type != FieldType.Timestamp)
        {
            problems.Add(field.At, name, "nothing-until is for timestamps");
        }

        if (field.KeptAsExtra && kind.Extras is null)
        {
            problems.Add(field.At, name, "otherwise=\"extra\" needs a list of extras");
        }
    }

    private void CheckPersonal(FieldDeclaration field, LegacyPlaceRef place)
    {
        if (place.IsPersonal && !field.Personal)
        {
            problems.Add(field.At, field.Name, $"{place.Name} is personal: the field needs personal=\"yes\"");
        }

        if (place is { Key: null, Column.Secret: true } && !field.Secret)
        {
            problems.Add(field.At, field.Name, $"{place.Name} is a secret: the field needs secret=\"yes\"");
        }
    }

    private void CheckMirror(FieldDeclaration field)
    {
        if (field.Mirror is null)
        {
            if (field.MirrorFillsIn)
            {
                problems.Add(field.At, field.Name, "mirror-fills-in needs a mirror");
            }

            return;
        }

        if (field.Type != FieldType.Text || field.Legacy is null || field.Hidden || field.KeptAsExtra || kind.Extras is null)
        {
            problems.Add(field.At, field.Name, "only a text with a legacy place, in a kind with extras, can have a mirror");
        }

        if (Resolve(field.At, field.Name, field.Mirror) is { } place)
        {
            Claim(field.At, field.Name, place);
            CheckPersonal(field, place);
            if (place.Key is null && place.Column.Layout.Type != ColumnType.Text)
            {
                problems.Add(field.At, field.Name, $"the mirror {place.Name} is no text");
            }
        }
    }

    private void CheckFlagOf(FieldDeclaration field)
    {
        if (field.FlagOf is null)
        {
            return;
        }

        if (field.Type != FieldType.Boolean || kind.Fields.Find(other => other.Name == field.FlagOf) is not { Type: FieldType.Timestamp })
        {
            problems.Add(
                field.At, field.Name,
                $"flag-of makes a boolean of a timestamp field, and '{field.FlagOf}' is none, or the field is no boolean");
        }
    }

    private void CheckRow(FieldDeclaration field)
    {
        foreach (var name in field.Rows ?? [])
        {
            var companion = kind.Legacy.Find(table => table.Name == name);
            if (field.Type != FieldType.Boolean || companion is not { Role: TableRole.One or TableRole.Referenced })
            {
                problems.Add(
                    field.At, field.Name, $"row makes a boolean of a companion table, and '{name}' is none, or the field is no boolean");
            }
        }
    }

    private void CheckList(FieldDeclaration list)
    {
        var table = kind.New.Find(candidate => candidate.Name == list.New);
        if (list.New is not null && table is not { Role: TableRole.Many })
        {
            problems.Add(list.At, list.Name, $"unknown table '{list.New}' of many rows on the new side");
        }

        foreach (var item in list.Items.Where(item => item.Type is not null))
        {
            CheckNew(item, item.New is null ? null : $"{list.New}.{item.New}", list);
        }

        if (list.IsTable)
        {
            CheckTableList(list);
        }
        else if (!list.IsExtras && !list.Hidden && list.Legacy is not null && Resolve(list.At, list.Name, list.Legacy) is { } place)
        {
            Claim(list.At, list.Name, place);
            CheckMap(list, place);
        }
        else if (list is { IsExtras: false, Hidden: false, Legacy: null })
        {
            problems.Add(list.At, list.Name, "a list needs its legacy place, or legacy=\"none\"");
        }

        if (list is { MergesByElement: true, KeyItem: < 0 })
        {
            problems.Add(list.At, list.Name, "merge=\"union\" needs an item with legacy=\"key\", which tells the elements apart");
        }

        list.Derived.ForEach(derived => CheckDerived(list, derived));
    }

    private void CheckDerived(FieldDeclaration list, DerivedDeclaration derived)
    {
        if (converters.DerivationOf(derived.Use) is not { } known)
        {
            problems.Add(derived.At, derived.Use, $"unknown derivation; known are {string.Join(", ", converters.DerivationNames)}");
            return;
        }

        if (!derived.Items.Select(item => item.Type).SequenceEqual(known.Shape.Items.Select(type => (FieldType?)type)))
        {
            problems.Add(derived.At, derived.Use, $"the derivation fills items of these types, in this order: {string.Join(", ", known.Shape.Items)}");
        }

        var source = list.OwnItems.FirstOrDefault(item => item.Name == derived.From);
        if (source?.Type != known.Shape.From)
        {
            problems.Add(derived.At, derived.Use, $"from names no {known.Shape.From} item of the list that stands in legacy: '{derived.From}'");
        }

        foreach (var item in derived.Items)
        {
            var name = $"{list.Name}[].{item.Name}";
            CheckCodesOf(item, name, isDerived: true);
            if (item.Legacy is not null || item.Format is not null)
            {
                problems.Add(item.At, name, "what is derived has no legacy place and no format");
            }

            if (!item.Personal && !list.Personal && item.Type != FieldType.Code && source is { Personal: true })
            {
                problems.Add(item.At, name, $"{derived.From} is personal: the item needs personal=\"yes\"");
            }
        }
    }

    private void CheckTableList(FieldDeclaration list)
    {
        if (kind.Legacy.Find(candidate => candidate.Name == list.Legacy) is not { Role: TableRole.Many } table)
        {
            problems.Add(list.At, list.Name, $"unknown table '{list.Legacy}' of many rows on the legacy side");
            return;
        }

        if (table.OwnKey is null && !list.IsUnordered)
        {
            problems.Add(list.At, list.Name, $"without own-key nothing tells the order of the rows of {table.Name}: order=\"none\"");
        }

        foreach (var item in list.OwnItems.Where(item => item.Type is not null))
        {
            CheckItem(list, item, table);
        }
    }

    private void CheckItem(FieldDeclaration list, FieldDeclaration item, TableDeclaration table)
    {
        var name = $"{list.Name}[].{item.Name}";
        if (item.Legacy is null or "key" or "value")
        {
            problems.Add(item.At, name, $"an item of a table's rows needs its legacy column: {table.Name}.column, or one that is looked up");
            return;
        }

        CheckCodesOf(item, name);
        if (Resolve(item.At, name, item.Legacy, table) is { } place)
        {
            Claim(item.At, name, place);
            CheckFormat(item, place, name);
            if (place.IsPersonal && !item.Personal && !list.Personal)
            {
                problems.Add(item.At, name, $"{place.Name} is personal: the item needs personal=\"yes\"");
            }
        }
    }

    private void CheckMap(FieldDeclaration list, LegacyPlaceRef place)
    {
        var key = list.Items.Find(item => item.Legacy == "key");
        var value = list.Items.Find(item => item.Legacy == "value");
        if (place.Key is null || list.OwnItems.Count() != 2 || key is null || value is null
            || key.Type is not (FieldType.Timestamp or FieldType.Text) || value.Type is not (FieldType.Text or FieldType.Integer))
        {
            problems.Add(
                list.At, list.Name,
                    "a list is a map in a LOB with two items: legacy=\"key\" (timestamp or text) and legacy=\"value\" (text or integer)");
        }

        if (kind.Extras is null)
        {
            problems.Add(list.At, list.Name, "a list needs extras, where a map goes that is no list");
        }
    }

    private void CheckNew(FieldDeclaration field, string? text, FieldDeclaration? list)
    {
        var name = list is null ? field.Name : $"{list.Name}[].{field.Name}";
        if (text is null)
        {
            return;
        }

        var (table, column) = LegacyPlaceRef.Find(text, kind.New, out var problem);
        if (column is null)
        {
            problems.Add(field.At, name, $"new side: {problem}");
            return;
        }

        if ((table!.Role == TableRole.Many) != (list is not null))
        {
            problems.Add(field.At, name, $"{text} belongs to {(list is null ? "a table of many rows" : "a table of one row")}");
        }

        if (!_newClaims.TryAdd(text, name))
        {
            problems.Add(field.At, name, $"the new column {text} is mapped twice: {_newClaims[text]} stands there");
        }

        CheckNewType(field, name, text, column.Layout);
    }

    private void CheckNewType(FieldDeclaration field, string name, string text, ColumnLayout column)
    {
        if (column.Type != Formats.NewTypeOf(field.Type!.Value))
        {
            problems.Add(field.At, name, $"a {field.Type} does not fit the new column {text}");
        }

        if (column.Nullable != (field.Type is FieldType.Timestamp or FieldType.Date or FieldType.Real or FieldType.Count))
        {
            problems.Add(field.At, name, $"on the new side times may be NULL, counted and measured values, and nothing else: {text}");
        }

        var longest =
            kind.Codes.Find(list => list.Name == field.Codes)?.Codes.Select(code => code.English.Length).DefaultIfEmpty().Max() ?? 0;
        if (column.MaxLength > 0 && longest > column.MaxLength)
        {
            problems.Add(field.At, name, $"the longest code has {longest} characters, the new column {text} {column.MaxLength}");
        }
    }

    private void CheckConverter(ConverterDeclaration converter)
    {
        if (converters.ShapeOf(converter.Use) is not { } shape)
        {
            problems.Add(converter.At, converter.Use, $"unknown converter; known are {string.Join(", ", converters.Names)}");
            return;
        }

        if (!converter.Fields.Select(field => field.Type).SequenceEqual(shape.Fields.Select(type => (FieldType?)type)))
        {
            problems.Add(
                converter.At, converter.Use,
                $"the converter fills {shape.Fields.Count} field(s) of these types, in this order: {string.Join(", ", shape.Fields)}");
        }

        foreach (var name in shape.Parameters.Except(converter.Parameters.Keys).Concat(converter.Parameters.Keys.Except(shape.Parameters)))
        {
            problems.Add(converter.At, converter.Use, $"its parameters are: {string.Join(", ", shape.Parameters)}; look at '{name}'");
        }

        CheckPlaces(converter, shape);
    }

    private void CheckPlaces(ConverterDeclaration converter, ConverterShape shape)
    {
        foreach (var role in shape.Places)
        {
            var count = converter.Places.Count(place => place.Role == role.Role);
            if ((count == 0 && !role.Optional) || (count > 1 && !role.Many))
            {
                var often = (role.Many, role.Optional) switch { (true, _) => "at least once", (_, true) => "once, or not at all", _ => "once" };
                problems.Add(converter.At, converter.Use, $"the place '{role.Role}' must be given {often}");
            }
        }

        foreach (var (at, role, text) in converter.Places)
        {
            if (shape.Places.FirstOrDefault(place => place.Role == role) is not { } known)
            {
                problems.Add(
                    at, converter.Use, $"unknown place '{role}'; known are {string.Join(", ", shape.Places.Select(place => place.Role))}");
            }
            else if (Resolve(at, converter.Use, text) is { } place)
            {
                if (known.Written)
                {
                    Claim(at, converter.Use, place);
                }
                else
                {
                    _onlyRead.Add((at, place));
                }
            }
        }
    }

    private void CheckExtras()
    {
        if (kind.Extras is null)
        {
            if (kind.Legacy.Find(table => table.Lob is not null) is { Lob: { } lob })
            {
                problems.Add(lob.At, lob.Column, "a LOB needs a list of extras: keys that the mapping does not know must not be lost");
            }

            return;
        }

        foreach (var (at, text, personal) in kind.Extras.Preserved)
        {
            if (Resolve(at, text, text) is { } place)
            {
                Claim(at, text, place);
                if (place is { Key: null, Column.Secret: true })
                {
                    problems.Add(at, text, "a secret cannot be an extra, which is shown as any other personal value: give it a field, or let it stay");
                }

                if (place.IsPersonal && !personal)
                {
                    problems.Add(at, text, "the place is personal: it needs personal=\"yes\"");
                }
            }
        }
    }

    private void CheckNothingForgotten()
    {
        foreach (var table in kind.Legacy.Concat(kind.Lookups))
        {
            foreach (var column in table.Columns.Where(column => IsForgotten(table, column)))
            {
                problems.Add(column.At, column.Name, $"{table.Name}.{column.Name} is neither mapped nor preserved");
            }
        }

        foreach (var (at, place) in _onlyRead.Where(read => read.Place.Key is not null && !_legacyClaims.ContainsKey(read.Place.Name)))
        {
            problems.Add(at, place.Name, "the place is read by a converter only; it must be mapped or preserved, too, or it would be lost");
        }

        foreach (var table in kind.New)
        {
            foreach (var column in table.Columns.Where(column => !_newClaims.ContainsKey($"{table.Name}.{column.Name}")))
            {
                problems.Add(column.At, column.Name, $"no field stands in the new column {table.Name}.{column.Name}");
            }
        }
    }

    // A flag and what it is a flag of, decided differently, would contradict each other.
    private void CheckOwners()
    {
        foreach (var (at, group, _) in kind.Owners.Groups.Where(
            group => !kind.Fields.Exists(field => field.Name.StartsWith(group.Group + ".", StringComparison.Ordinal))))
        {
            problems.Add(at, group, "no field belongs to this group");
        }

        foreach (var flag in kind.Fields.Where(field => field is { FlagOf: not null, Owner: not null }))
        {
            if (kind.Fields.Find(field => field.Name == flag.FlagOf) is { } whole && kind.OwnerOf(whole) != flag.Owner)
            {
                problems.Add(flag.At, flag.Name, $"its owner differs from that of {whole.Name}, whose flag it is");
            }
        }
    }

    private void CheckDifferences()
    {
        foreach (var (at, difference) in kind.Differences.Where(entry => !HasField(entry.Difference.Field)))
        {
            problems.Add(at, difference.Field, "the difference is declared for a field that is not there");
        }
    }

    // A sum is shown to everyone who may see a report: nothing personal, and no more groups than finance would look at.
    private void CheckSum(SumDeclaration sum)
    {
        var amount = kind.Fields.Find(field => field.Name == sum.Amount);
        if (amount is not { Type: FieldType.Money or FieldType.Integer, Personal: false })
        {
            problems.Add(
                sum.At, sum.Amount,
                amount is null ? "the sum is declared for a field that is not there"
                : amount.Personal ? "a sum must not be made of personal values"
                : "a sum needs an amount: a field of type money or integer");
        }

        foreach (var (at, (name, per)) in sum.By)
        {
            if (ProblemOf(name, per) is { } problem)
            {
                problems.Add(at, name, problem);
            }
        }

        foreach (var (at, dimension) in sum.By.GroupBy(by => by.Dimension.Field).SelectMany(same => same.Skip(1)))
        {
            problems.Add(at, dimension.Field, "the sum is split by this field twice");
        }
    }

    private string? ProblemOf(string dimension, SumPeriod per) => (kind.Fields.Find(field => field.Name == dimension), per) switch
    {
        (null, _) => "the sum is split by a field that is not there",
        ({ Personal: true }, _) => "a sum must not be split by personal values",
        ({ Type: FieldType.Timestamp or FieldType.Date }, SumPeriod.None) => "a sum is split by a time per day, month or year",
        ({ Type: FieldType.Timestamp or FieldType.Date }, _) => null,
        (_, not SumPeriod.None) => "only a time has a day, month or year",
        ({ Type: FieldType.Boolean or FieldType.Code or FieldType.Integer }, _) => null,
        _ => "a sum can be split by a boolean, a code, an integer or a time",
    };

    private bool HasField(string name) => kind.Fields.Exists(field => field.Name == name);

    private bool IsForgotten(TableDeclaration table, ColumnDeclaration column) =>
        table.Lob?.Column != column.Name && column.Lookup is null
        && kind.Legacy.TrueForAll(other => other.ReferencedBy != column.Name)
        && !_legacyClaims.ContainsKey($"{table.Name}.{column.Name}");

    private LegacyPlaceRef? Resolve(XElement at, string field, string text, TableDeclaration? many = null)
    {
        var place = LegacyPlaceRef.Parse(text, kind, out var problem);
        if (place is null)
        {
            problems.Add(at, field, problem);
            return null;
        }

        if (many is not null ? place.Table != many : place.Table.Role == TableRole.Many)
        {
            problems.Add(
                at, field,
                many is null
                    ? $"{place.Name} belongs to a table of many rows: it can only be an item of its list" : $"{place.Name} is no column of {many.Name}");
            return null;
        }

        if (place is { Lookup: null, Column.Lookup: { } lookup })
        {
            problems.Add(at, field, $"{place.Name} is a key of {lookup}: name what is looked up there instead");
            return null;
        }

        return place;
    }

    private void Claim(XElement at, string field, LegacyPlaceRef place)
    {
        if (!_legacyClaims.TryAdd(place.Name, field))
        {
            problems.Add(at, field, $"{place.Name} is mapped twice: {_legacyClaims[place.Name]} stands there");
        }
    }
}
