using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.Tests.Doubles;

/// <summary>
/// An entity with just enough to it: a personal text that legacy cuts at 20, an amount, and a state that legacy's letter half hides.
/// </summary>
internal sealed class TestEntity
{
    public long Id { get; set; }

    public string Name { get; set; } = "";

    public long Amount { get; set; }

    public bool Cancelled { get; set; }

    public bool Paid { get; set; }
}

internal sealed class TestConverter : IEntityConverter<TestEntity>
{
    public RecordSchema Schema => TestLens.TestSchema;

    public TestEntity ToEntity(long id, Record record) => new()
    {
        Id = id,
        Name = record.Text("name"),
        Amount = record.Integer("amount"),
        Cancelled = record.Boolean("cancelled"),
        Paid = record.Boolean("paid"),
    };

    public Record Apply(TestEntity entity, Record present)
    {
        var record = present.With(("name", entity.Name), ("amount", entity.Amount), ("cancelled", entity.Cancelled));
        return entity.Paid == present.Boolean("paid") ? record : record.With(("paid", entity.Paid));
    }

    public long IdOf(TestEntity entity) => entity.Id;

    public void AssignId(TestEntity entity, long id) => entity.Id = id;
}

/// <summary>
/// Two hand-written lenses for <see cref="TestEntity"/>. Legacy: one letter (<c>O</c> open, <c>P</c> paid, <c>C</c> cancelled, which hides
/// <c>paid</c>), other letters are unreadable, names of 20 at most. New: a column a field.
/// </summary>
internal sealed class TestLens : IRecordLens
{
    public const string Kind = "note";

    public static readonly RecordSchema TestSchema = new("notes", Kind, 1,
    [
        new RecordField("name", 0, FieldType.Text, Personal: true, 200, [], [], ""),
        new RecordField("amount", 1, FieldType.Money, Personal: false, 0, [], [], 0L),
        new RecordField("cancelled", 2, FieldType.Boolean, Personal: false, 0, [], [], false),
        new RecordField("paid", 3, FieldType.Boolean, Personal: false, 0, [], [], false),
    ]);

    /// <summary>Nobody answers for the name or for whether an entity is there, the new side for the amount, legacy for the rest.</summary>
    public static readonly MergeRules Rules = RulesWith(FieldOwner.Ask);

    public static MergeRules RulesWith(FieldOwner existence) =>
        new([FieldOwner.Ask, FieldOwner.New, FieldOwner.Legacy, FieldOwner.Legacy], existence, null);

    public static readonly TestLens Legacy = new(SideName.Legacy, new AggregateLayout(
    [
        new TableLayout("notizen", TableRole.Root, "id",
        [
            new ColumnLayout("name", ColumnType.Text, Nullable: true, MaxLength: 20),
            new ColumnLayout("betrag", ColumnType.Integer, Nullable: false),
            new ColumnLayout("status", ColumnType.Text, Nullable: false, MaxLength: 1),
        ]),
    ]));

    public static readonly TestLens New = new(SideName.New, new AggregateLayout(
    [
        new TableLayout("notes", TableRole.Root, "id",
        [
            new ColumnLayout("name", ColumnType.Text, Nullable: false, MaxLength: 200),
            new ColumnLayout("amount", ColumnType.Integer, Nullable: false),
            new ColumnLayout("cancelled", ColumnType.Integer, Nullable: false),
            new ColumnLayout("paid", ColumnType.Integer, Nullable: false),
        ]),
    ]));

    private readonly SideName _side;

    private TestLens(SideName side, AggregateLayout layout)
    {
        _side = side;
        Layout = layout;
    }

    public RecordSchema Schema => TestSchema;

    public AggregateLayout Layout { get; }

    /// <summary>A legacy row, for planting.</summary>
    public static AggregateRow LegacyRow(string? name, long amount, string status) => new(Legacy.Layout, [[[name, amount, status]]]);

    /// <summary>A new row, for planting.</summary>
    public static AggregateRow NewRow(string name, long amount, bool cancelled, bool paid) =>
        new(New.Layout, [[[name, amount, cancelled ? 1L : 0L, paid ? 1L : 0L]]]);

    public static Record Of(string name, long amount, bool cancelled = false, object? paid = null) =>
        new(TestSchema, [name, amount, cancelled, paid ?? false]);

    public Record Get(AggregateRow row) => _side == SideName.Legacy ? GetLegacy(row.Root) : GetNew(row.Root);

    public AggregateRow Put(Record record, AggregateRow? was) => _side == SideName.Legacy ? PutLegacy(record, was) : PutNew(record, was);

    private static Record GetLegacy(object?[] root) => (string)root[2]! switch
    {
        "O" => Of((string?)root[0] ?? "", (long)root[1]!),
        "P" => Of((string?)root[0] ?? "", (long)root[1]!, paid: true),
        "C" => Of((string?)root[0] ?? "", (long)root[1]!, cancelled: true, paid: new Hidden(false)),
        _ => throw new UnreadableException("notizen.status", "unknown letter"),
    };

    private static Record GetNew(object?[] root) =>
        Of((string)root[0]!, (long)root[1]!, (long)root[2]! == 1, (long)root[3]! == 1);

    private static AggregateRow PutLegacy(Record record, AggregateRow? was)
    {
        if (record.Text("name").Length > 20)
        {
            throw new CannotHoldException("name", "longer than 20 characters");
        }

        var row = was?.Clone() ?? LegacyRow("", 0, "O");
        if (was is null || ((string?)row.Root[0] ?? "") != record.Text("name"))
        {
            row.Root[0] = record.Text("name");
        }

        row.Root[1] = record.Integer("amount");
        row.Root[2] = record.Boolean("cancelled") ? "C" : record.Boolean("paid") ? "P" : "O";
        return row;
    }

    private static AggregateRow PutNew(Record record, AggregateRow? was)
    {
        var row = was?.Clone() ?? NewRow("", 0, false, false);
        row.Root[0] = record.Text("name");
        row.Root[1] = record.Integer("amount");
        row.Root[2] = record.Boolean("cancelled") ? 1L : 0L;
        row.Root[3] = record.Boolean("paid") ? 1L : 0L;
        return row;
    }
}
