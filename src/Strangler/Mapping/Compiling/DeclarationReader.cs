using System.Globalization;
using System.Xml.Linq;
using Strangler.Mapping.Lenses;
using Strangler.Merging;

namespace Strangler.Mapping.Compiling;

/// <summary>
/// Takes the document apart. Tolerates what the schema has complained about already (a missing attribute reads as ""), so that the checks
/// behind it can go on.
/// </summary>
internal sealed class DeclarationReader(Problems problems)
{
    public MappingDeclaration Read(XElement root)
    {
        var kinds = Elements(root, "kind").Select(ReadKind).ToList();
        CheckUnique(kinds.Select(kind => (kind.At, kind.Name)), "kind");
        _ = int.TryParse(Get(root, "version"), NumberStyles.None, CultureInfo.InvariantCulture, out var version);
        return new MappingDeclaration(Get(root, "context"), version, ReadTimeZone(root), ReadForeignWriters(root), ReadWriters(root), ReadFates(root), kinds)
        {
            IsDataSet = Flag(root, "data-set"),
        };
    }

    private KindDeclaration ReadKind(XElement at)
    {
        var kind = new KindDeclaration
        {
            At = at, Name = Get(at, "name"), ErasedBy = at.Attribute("erased-by")?.Value, DeletedAt = at.Attribute("deleted-at")?.Value,
            NoDeletion = Elements(at, "no-deletion").FirstOrDefault()?.Attribute("reason")?.Value,
        };
        ReadTables(at, "legacy", kind.Legacy, isLegacy: true);
        kind.Lookups.AddRange(kind.Legacy.Where(table => table.IsLookup));
        kind.Legacy.RemoveAll(table => table.IsLookup);
        ReadTables(at, "new", kind.New, isLegacy: false);
        kind.Codes.AddRange(Elements(at, "codes").Select(ReadCodes));
        kind.Ids = ReadIds(at, kind);
        kind.Owners = ReadOwners(at);
        foreach (var element in Elements(at, "fields").Elements())
        {
            ReadFieldOrGroup(element, kind);
        }

        foreach (var element in Elements(at, "difference"))
        {
            ReadDifference(element, kind);
        }

        kind.References.AddRange(Elements(at, "reference").Select(ReadReference));
        CheckUnique(kind.References.Select(reference => (reference.At, reference.Name)), "reference");
        kind.Findings.AddRange(Elements(at, "finding").Select(ReadFinding));
        CheckUnique(kind.Findings.Select(finding => (finding.At, finding.Name)), "finding");
        kind.Sums.AddRange(Elements(at, "sum").Select(ReadSum));
        CheckUnique(kind.Sums.Select(sum => (sum.At, sum.Name)), "sum");
        return kind;
    }

    private TimeZoneInfo ReadTimeZone(XElement root)
    {
        if (TimeZoneInfo.TryFindSystemTimeZoneById(Get(root, "time-zone"), out var zone))
        {
            return zone;
        }

        problems.Add(At(root, "time-zone"), "", $"unknown time zone '{Get(root, "time-zone")}'");
        return TimeZoneInfo.Utc;
    }

    private ForeignWritersNone? ReadForeignWriters(XElement root)
    {
        if (root.Attribute("foreign-writers") is not { } at)
        {
            return null;
        }

        var declared = new ForeignWritersNone(Get(root, "foreign-writers-owner"), Get(root, "foreign-writers-reason"));
        if (declared.Owner.Length == 0 || declared.Reason.Length == 0)
        {
            problems.Add(
                at, "", "foreign-writers=\"none\" needs foreign-writers-owner and foreign-writers-reason: someone has to answer for it");
        }

        return declared;
    }

    private List<DeclaredWriter> ReadWriters(XElement root)
    {
        List<DeclaredWriter> writers = [];
        foreach (var at in Elements(root, "foreign-writer"))
        {
            if (root.Attribute("foreign-writers") is not null)
            {
                problems.Add(at, Get(at, "user"), "foreign-writers=\"none\" says that there is no such program");
            }

            // Anything else is the schema's to complain about.
            if (DateOnly.TryParseExact(Get(at, "until"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var until))
            {
                writers.Add(new DeclaredWriter(Get(at, "user"), Get(at, "owner"), Get(at, "reason"), until));
            }
        }

        CheckUnique(Elements(root, "foreign-writer").Select(at => (at, Get(at, "user"))), "foreign writer");
        return writers;
    }

    private List<DeclaredFate> ReadFates(XElement root)
    {
        CheckUnique(Elements(root, "table-fate").Select(at => (at, Get(at, "name"))), "table-fate");
        return
        [
            .. Elements(root, "table-fate").Select(at => new DeclaredFate(
                Get(at, "name"), Get(at, "fate") == "kept" ? TableFate.Kept : TableFate.Dropped, Get(at, "reason"))),
        ];
    }

    private IdSource? ReadIds(XElement kind, KindDeclaration declaration)
    {
        if (Elements(kind, "ids").FirstOrDefault() is not { } at || declaration.Legacy.FirstOrDefault() is not { } root)
        {
            return null;
        }

        if (Get(at, "from") == "auto-increment")
        {
            return new IdSource(IdOrigin.AutoIncrement, root.Name, root.Key);
        }

        if (Get(at, "from") == "natural-key")
        {
            return new IdSource(IdOrigin.Natural, root.Name, root.Key);
        }

        if (Get(at, "table").Length == 0 || Get(at, "column").Length == 0)
        {
            problems.Add(at, "ids", "a generator needs table and column");
        }

        return new IdSource(IdOrigin.GeneratorTable, Get(at, "table"), Get(at, "column"));
    }

    private void ReadTables(XElement kind, string side, List<TableDeclaration> tables, bool isLegacy)
    {
        foreach (var at in Elements(kind, side).Elements().Where(element => element.Name.LocalName == "table"))
        {
            tables.Add(ReadTable(at, isLegacy));
        }

        CheckUnique(tables.Select(table => (table.At, table.Name)), "table");
    }

    private TableDeclaration ReadTable(XElement at, bool isLegacy)
    {
        var table = new TableDeclaration
        {
            At = at, Name = Get(at, "name"), Key = Get(at, "key"), IsLegacy = isLegacy, IsLookup = Get(at, "role") == "lookup",
            Role = Enum.TryParse<TableRole>(Get(at, "role"), ignoreCase: true, out var parsed) ? parsed : TableRole.One,
            ReferencedBy = at.Attribute("referenced-by")?.Value, Parent = at.Attribute("below")?.Value,
            OwnKey = at.Attribute("own-key")?.Value, Index = at.Attribute("index")?.Value, IsShared = Flag(at, "shared"),
        };
        var basicPlaneOnly = Get(at, "character-set") == "utf8";
        List<ColumnDeclaration> columns = [.. Elements(at, "column").Select(column => ReadColumn(column, basicPlaneOnly, isLegacy))];
        var staying = columns.ToLookup(column => column.At.Attribute("stays") is not null);
        table.Columns.AddRange(staying[false].Where(column => column.Fixed is null));
        table.Fixed.AddRange(staying[false].Where(column => column.Fixed is not null));
        table.Staying.AddRange(staying[true].Select(column => (column, Get(column.At, "stays"))));
        table.Lob = Elements(at, "lob").Select(ReadLob).FirstOrDefault();
        CheckUnique(columns.Select(column => (column.At, column.Name)), "column");
        return table;
    }

    private ColumnDeclaration ReadColumn(XElement at, bool basicPlaneOnly, bool isLegacy)
    {
        var type = Get(at, "type");
        var isNullable = Flag(at, "null");
        _ = int.TryParse(Get(at, "length"), NumberStyles.None, CultureInfo.InvariantCulture, out var length);
        var (columnType, maxBytes, min, max) = SqlType(type, Flag(at, "unsigned"));
        if (type is "char" or "varchar" or "binary" or "varbinary" && length == 0)
        {
            problems.Add(at, Get(at, "name"), $"a {type} column needs its length");
        }

        var layout = new ColumnLayout(
            Get(at, "name"),
            columnType,
            isNullable,
            columnType == ColumnType.Text ? length : 0,
            columnType == ColumnType.Binary && length > 0 ? length : maxBytes,
            min,
            max,
            basicPlaneOnly && columnType == ColumnType.Text) { IsSingle = type == "float" };
        return new ColumnDeclaration(
            at, layout, DefaultOf(at, layout, isLegacy), Flag(at, "personal") || Flag(at, "secret"), type == "char")
        {
            Secret = Flag(at, "secret"), Lookup = at.Attribute("lookup")?.Value, Fixed = at.Attribute("fixed")?.Value,
        };
    }

    private object? DefaultOf(XElement at, ColumnLayout column, bool isLegacy)
    {
        var given = at.Attribute("default");
        if (given is not null && column.Type == ColumnType.Integer)
        {
            if (Numbers.TryInteger(given.Value, out var number) && number >= column.MinValue && number <= column.MaxValue)
            {
                return Values.Of(number);
            }

            problems.Add(given, column.Name, "the default does not fit the column");
        }

        if (given is not null && column.Type == ColumnType.Text)
        {
            return given.Value;
        }

        if (given is not null && column.Type == ColumnType.DateTime)
        {
            if (Values.TryDateTime(given.Value, out _) || Values.TryDate(given.Value, out _))
            {
                return given.Value;
            }

            problems.Add(given, column.Name, "the default is no time written Y-m-d H:i:s, and no date written Y-m-d");
        }

        // What an insert of the legacy programs leaves out: NULL where that is allowed.
        return column.Nullable && isLegacy ? null : column.Type switch
        {
            ColumnType.Integer => Values.Of(0L),
            ColumnType.Text => "",
            ColumnType.Binary => Array.Empty<byte>(),
            ColumnType.Real when isLegacy => 0d,
            _ => null,
        };
    }

    private static (ColumnType Type, int MaxBytes, long Min, long Max) SqlType(string type, bool unsigned) => type switch
    {
        "tinyint" => (ColumnType.Integer, 0, unsigned ? 0 : sbyte.MinValue, unsigned ? byte.MaxValue : sbyte.MaxValue),
        "smallint" => (ColumnType.Integer, 0, unsigned ? 0 : short.MinValue, unsigned ? ushort.MaxValue : short.MaxValue),
        "int" => (ColumnType.Integer, 0, unsigned ? 0 : int.MinValue, unsigned ? uint.MaxValue : int.MaxValue),
        "bigint" => (ColumnType.Integer, 0, unsigned ? 0 : long.MinValue, long.MaxValue),
        "datetime" or "date" => (ColumnType.DateTime, 0, 0, 0),
        "float" or "double" => (ColumnType.Real, 0, 0, 0),
        "text" => (ColumnType.Text, ushort.MaxValue, 0, 0),
        "mediumtext" => (ColumnType.Text, 16_777_215, 0, 0),
        "blob" => (ColumnType.Binary, ushort.MaxValue, 0, 0),
        "mediumblob" => (ColumnType.Binary, 16_777_215, 0, 0),
        "binary" or "varbinary" => (ColumnType.Binary, 0, 0, 0),
        _ => (ColumnType.Text, 0, 0, 0),
    };

    private LobDeclaration ReadLob(XElement at)
    {
        var keys = Elements(at, "key").Select(key => (At: key, Name: Get(key, "name"), Personal: Flag(key, "personal"))).ToList();
        CheckUnique(keys.Select(key => (key.At, key.Name)), "key");
        return new LobDeclaration(
            at,
            Get(at, "column"),
            [.. Elements(at, "reads-as-empty").Select(literal => Get(literal, "text"))],
            keys.DistinctBy(key => key.Name).ToDictionary(key => key.Name, key => key.Personal, StringComparer.Ordinal));
    }

    private CodesDeclaration ReadCodes(XElement at) =>
        new(at, Get(at, "name"), Get(at, "default"),
            [.. Elements(at, "code").Select(code => (code, Get(code, "legacy"), Get(code, "english")))])
        {
            IsOneWay = Flag(at, "one-way"),
        };

    private void ReadFieldOrGroup(XElement at, KindDeclaration kind)
    {
        switch (at.Name.LocalName)
        {
            case "field":
                kind.Fields.Add(ReadField(at, null));
                break;
            case "list":
                kind.Fields.Add(ReadList(at));
                break;
            case "extras":
                ReadExtras(at, kind);
                break;
            case "converter":
                ReadConverter(at, kind);
                break;
        }
    }

    private FieldDeclaration ReadField(XElement at, ConverterDeclaration? converter) => new()
    {
        At = at,
        Name = Get(at, "name"),
        Type = Enum.TryParse<FieldType>(Get(at, "type"), ignoreCase: true, out var type) ? type : null,
        Personal = Flag(at, "personal") || Flag(at, "secret"),
        Secret = Flag(at, "secret"),
        Legacy = at.Attribute("legacy")?.Value,
        New = at.Attribute("new")?.Value,
        Codes = at.Attribute("codes")?.Value,
        Format = at.Attribute("format")?.Value,
        KeptAsExtra = Get(at, "otherwise") == "extra",
        NothingUntil = ReadTime(at, "nothing-until"),
        FlagOf = at.Attribute("flag-of")?.Value,
        Rows = at.Attribute("row")?.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Hidden = Get(at, "legacy") == "none",
        Mirror = at.Attribute("mirror")?.Value,
        MirrorFillsIn = Flag(at, "mirror-fills-in"),
        Converter = converter,
        Owner = OwnerOf(at, "owner"),
    };

    private FieldDeclaration ReadList(XElement at)
    {
        var list = new FieldDeclaration
        {
            At = at, Name = Get(at, "name"), Type = FieldType.List, Personal = Flag(at, "personal"), Legacy = at.Attribute("legacy")?.Value,
            New = at.Attribute("new")?.Value, Hidden = Get(at, "legacy") == "none", IsUnordered = Get(at, "order") == "none",
            Owner = OwnerOf(at, "owner"),
            MergesByElement = Get(at, "merge") == "union",
        };
        list.Items.AddRange(Elements(at, "item").Select(item => ReadField(item, null)));
        list.Derived.AddRange(Elements(at, "derived").Select(derived => new DerivedDeclaration(
            derived, Get(derived, "use"), Get(derived, "from"), [.. Elements(derived, "item").Select(item => ReadField(item, null))])));
        list.Items.AddRange(list.Derived.SelectMany(derived => derived.Items));
        CheckUnique(list.Items.Select(item => (item.At, item.Name)), "item");
        return list;
    }

    private void ReadExtras(XElement at, KindDeclaration kind)
    {
        var list = new FieldDeclaration
        {
            At = at, Name = Get(at, "name"), Type = FieldType.List, Personal = true, New = at.Attribute("new")?.Value, IsExtras = true,
            Owner = OwnerOf(at, "owner"), MergesByElement = Get(at, "merge") == "union",
        };
        list.Items.Add(new FieldDeclaration { At = at, Name = "name", Type = FieldType.Text, New = "name" });
        list.Items.Add(new FieldDeclaration { At = at, Name = "content", Type = FieldType.Bytes, Personal = true, New = "content" });
        kind.Fields.Add(list);
        if (kind.Extras is not null)
        {
            problems.Add(at, list.Name, "there can be one list of extras only");
        }

        kind.Extras = new ExtrasDeclaration(
            list, [.. Elements(at, "preserve").Select(place => (place, Get(place, "place"), Flag(place, "personal")))]);
    }

    private void ReadConverter(XElement at, KindDeclaration kind)
    {
        var converter = new ConverterDeclaration { At = at, Use = Get(at, "use"), Owner = OwnerOf(at, "owner") };
        converter.Places.AddRange(Elements(at, "place").Select(place => (place, Get(place, "role"), Get(place, "at"))));
        foreach (var parameter in Elements(at, "parameter"))
        {
            if (!converter.Parameters.TryAdd(Get(parameter, "name"), Get(parameter, "value")))
            {
                problems.Add(parameter, Get(parameter, "name"), "the parameter is given twice");
            }
        }

        converter.Fields.AddRange(Elements(at, "field").Select(field => ReadField(field, converter)));
        kind.Converters.Add(converter);
        kind.Fields.AddRange(converter.Fields);
    }

    private OwnersDeclaration ReadOwners(XElement kind)
    {
        if (Elements(kind, "owners").FirstOrDefault() is not { } at)
        {
            return new OwnersDeclaration(null, null, []);
        }

        var groups = Elements(at, "group").Select(group => (At: group, Name: Get(group, "name"), Owner: OwnerOf(group, "owner") ?? FieldOwner.Ask)).ToList();
        CheckUnique(groups.Select(group => (group.At, group.Name)), "group");
        return new OwnersDeclaration(OwnerOf(at, "default"), OwnerOf(at, "existence"), groups);
    }

    private static FieldOwner? OwnerOf(XElement at, string attribute) =>
        Enum.TryParse<FieldOwner>(Get(at, attribute), ignoreCase: true, out var owner) ? owner : null;

    private void ReadDifference(XElement at, KindDeclaration kind)
    {
        if (DateOnly.TryParseExact(Get(at, "until"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var until))
        {
            kind.Differences.Add((at, new DeclaredDifference(Get(at, "field"), Get(at, "owner"), Get(at, "reason"), until)));
        }
    }

    private static ReferenceDeclaration ReadReference(XElement at) => new(
        at,
        Get(at, "name"),
        Get(at, "field"),
        at.Attribute("by")?.Value,
        [.. Elements(at, "to").Select(to => (to, to.Attribute("when")?.Value, to.Attribute("context")?.Value, Get(to, "kind")))]);

    private static FindingDeclaration ReadFinding(XElement at) =>
        new(at, Get(at, "name"), Enum.TryParse<FindingCheck>(Get(at, "check").Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var check) ? check : null)
        {
            Reason = Get(at, "reason"),
            Reference = at.Attribute("reference")?.Value,
            Field = at.Attribute("field")?.Value,
            Value = at.Attribute("value")?.Value,
            Other = at.Attribute("other")?.Value,
            Table = at.Attribute("table")?.Value,
            List = at.Attribute("list")?.Value,
            Item = at.Attribute("item")?.Value,
            Same = at.Attribute("same")?.Value,
            After = at.Attribute("after")?.Value,
            Time = at.Attribute("time")?.Value,
            Before = DateOnly.TryParseExact(Get(at, "before"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null,
            Targets = [.. Elements(at, "target").Select(target => (target, target.Attribute("when")?.Value, Get(target, "field"), Get(target, "value")))],
        };

    private static SumDeclaration ReadSum(XElement at) => new(
        at,
        Get(at, "name"),
        Get(at, "amount"),
        [
            .. Elements(at, "by").Select(by => (by, new SumDimension(
                Get(by, "field"), Enum.TryParse<SumPeriod>(Get(by, "per"), ignoreCase: true, out var per) ? per : SumPeriod.None))),
        ]);

    private DateTime? ReadTime(XElement at, string attribute)
    {
        if (at.Attribute(attribute) is not { } given)
        {
            return null;
        }

        if (Values.TryDateTime(given.Value, out var time))
        {
            return time;
        }

        problems.Add(given, Get(at, "name"), $"{attribute} is no time written Y-m-d H:i:s");
        return null;
    }

    private void CheckUnique(IEnumerable<(XElement At, string Name)> named, string what)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (at, name) in named)
        {
            if (name.Length > 0 && !seen.Add(name))
            {
                problems.Add(at, name, $"the {what} is declared twice");
            }
        }
    }

    private static IEnumerable<XElement> Elements(XElement at, string name) => at.Elements(XName.Get(name, XmlSource.Namespace));

    private static string Get(XElement at, string attribute) => at.Attribute(attribute)?.Value ?? "";

    private static XObject At(XElement at, string attribute) => at.Attribute(attribute) ?? (XObject)at;

    private static bool Flag(XElement at, string attribute) => Get(at, attribute) == "yes";
}
