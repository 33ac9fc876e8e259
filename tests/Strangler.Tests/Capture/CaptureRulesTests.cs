using NUnit.Framework;
using Strangler.Capture;
using Strangler.Mapping;

namespace Strangler.Tests.Capture;

/// <summary>What has to be captured, and what a look at it says.</summary>
public sealed class CaptureRulesTests
{
    private static readonly ColumnLayout Column = new("c", ColumnType.Text, Nullable: true);

    [Test]
    public void Each_table_is_captured_by_the_way_it_hangs_on_the_root()
    {
        var layout = new AggregateLayout(
        [
            new TableLayout("root", TableRole.Root, "id", [Column, new ColumnLayout("payment_id", ColumnType.Integer, Nullable: true)]),
            new TableLayout("log", TableRole.One, "root_id", []),
            new TableLayout("payment", TableRole.Referenced, "id", [Column], ReferencedBy: "payment_id"),
            new TableLayout("payment_child", TableRole.One, "id", [Column], Parent: "payment"),
            new TableLayout("items", TableRole.Many, "root_id", [Column]),
        ]);
        var tables = CaptureRules.Of(new Dictionary<string, AggregateLayout> { ["thing"] = layout });
        Assert.That(
            tables.Select(table => (table.Table, table.Owner, table.ReferencedBy)),
            Is.EqualTo(new[]
            {
                ("root", CaptureOwner.ByKey, null), ("log", CaptureOwner.ByKey, null), ("payment", CaptureOwner.ByReference, "payment_id"),
                ("payment_child", CaptureOwner.ByReference, "payment_id"), ("items", CaptureOwner.ByKey, (string?)null),
            }));
        Assert.That(tables[4].Columns.Select(column => column.Name), Is.EqualTo(new[] { "c", "ordinal" }), "the order of the rows counts");
        Assert.That(tables.Select(table => (table.Kind, table.Root, table.RootKey)), Is.All.EqualTo(("thing", "root", "id")));
    }

    [Test]
    public void A_look_says_in_a_few_words_what_is_wrong()
    {
        var (there, missing, changed) = (Part(CapturePartState.Installed), Part(CapturePartState.Missing), Part(CapturePartState.Changed));
        Assert.That(new CaptureState([there, there], [], ["a note"]).Fault, Is.Null);
        Assert.That(new CaptureState([missing, missing], [], []).Fault, Is.EqualTo("not installed"));
        Assert.That(new CaptureState([there, missing, changed, missing], [], []).Fault, Is.EqualTo("2 missing, 1 changed"));
        Assert.That(new CaptureState([there], ["t has no column c"], []).Fault, Is.EqualTo("t has no column c"));
    }

    private static CapturePart Part(CapturePartState state) => new("t", "INSERT", "n", state, "");
}
