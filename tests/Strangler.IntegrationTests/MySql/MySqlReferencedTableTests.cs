using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.IntegrationTests.MySql;

/// <summary>A root that refers to a table with a key of its own, below which another one hangs (class-table inheritance).</summary>
[CancelAfter(120_000)]
internal sealed class MySqlReferencedTableTests
{
    private const string Tables = """
        CREATE TABLE payment (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, type VARCHAR(3) NOT NULL) AUTO_INCREMENT = 500;
        CREATE TABLE payment_sofort (id INT NOT NULL PRIMARY KEY, confirmed_at DATETIME NULL, FOREIGN KEY (id) REFERENCES payment (id));
        CREATE TABLE thing (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, payment_id INT NULL UNIQUE, code
        VARCHAR(36) NOT NULL UNIQUE,
            FOREIGN KEY (payment_id) REFERENCES payment (id));
        """;

    private static readonly AggregateLayout Layout = new(
    [
        new TableLayout("thing", TableRole.Root, "id",
        [
            new ColumnLayout("name", ColumnType.Text, false), new ColumnLayout("payment_id", ColumnType.Integer, true),
            new ColumnLayout("code", ColumnType.Text, false),
        ]),
        new TableLayout("payment", TableRole.Referenced, "id", [new ColumnLayout("type", ColumnType.Text, false)], "payment_id"),
        new TableLayout("payment_sofort", TableRole.One, "id", [new ColumnLayout("confirmed_at", ColumnType.DateTime, true)],
            Parent: "payment"),
    ]);

    [Test]
    public async Task A_referenced_table_follows_its_root_through_life()
    {
        await using var sides = await MySqlTestSides.CreateAsync(Tables, Layout);
        var store = sides.Sides.Legacy.Store;
        var paid = Row("a", "SUB", "2016-05-17 11:42:02");

        var id = await ChangeAsync(store, 0, paid);
        Assert.That(await TextAsync(), Is.EqualTo("a 500 SUB 2016-05-17 11:42:02"));
        await ChangeAsync(store, id, Changed(await RowAsync(), row => row.Tables[2] = [[null]]));
        Assert.That(await TextAsync(), Is.EqualTo("a 500 SUB -"));
        await ChangeAsync(store, id, Changed(await RowAsync(), row => (row.Tables[1], row.Tables[2]) = ([], [])));
        Assert.That(await TextAsync(), Is.EqualTo("a - - -"));
        Assert.That(await sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM payment"), Is.EqualTo(new[] { 0L }));
        await ChangeAsync(store, id,
            Changed(await RowAsync(), row => (row.Tables[1], row.Tables[2]) = ([["SUB"]], [["2020-01-01 00:00:00"]])));
        Assert.That(await TextAsync(), Is.EqualTo("a 501 SUB 2020-01-01 00:00:00"));
        var range = await store.ReadRangeAsync("thing", 1, 10, default);
        Assert.That(range.Items.Single().Row!.SameAs(await RowAsync()), Is.True);
        await ChangeAsync(store, id, null);
        Assert.That(await sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM payment"), Is.EqualTo(new[] { 0L }));

        async Task<AggregateRow> RowAsync() => (await store.ReadAsync(new EntityKey("thing", id), default)).Row!;

        async Task<string> TextAsync() => (await sides.QueryAsync<string>(SideName.Legacy, """
            SELECT CONCAT_WS(' ', t.name, COALESCE(t.payment_id, '-'), COALESCE(p.type, '-'), COALESCE(s.confirmed_at, '-'))
            FROM thing t LEFT JOIN payment p ON p.id = t.payment_id LEFT JOIN payment_sofort s ON s.id = p.id
            """)).Single();
    }

    [Test]
    public async Task Ids_are_burnt_in_a_table_whose_other_columns_are_unique_and_refer_elsewhere()
    {
        await using var sides = await MySqlTestSides.CreateAsync(Tables, Layout);

        Assert.That(await sides.Sides.PublicIds.ReserveAsync("thing", 1500, default), Is.EqualTo(1500));

        var id = await ChangeAsync(sides.Sides.Legacy.Store, 0, Row("after", "SUB", null));
        Assert.That(id, Is.GreaterThan(1500));
        Assert.That(await sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM thing"), Is.EqualTo(new[] { 1L }));
    }

    /// <summary>Two roots refer to one row: a change for one gives it a row of its own, and a row goes with the last who refers to it.</summary>
    [Test]
    public async Task A_shared_row_is_changed_for_one_and_removed_for_none_while_another_refers_to_it()
    {
        const string Shared = """
            CREATE TABLE payment (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, type VARCHAR(3) NOT NULL) AUTO_INCREMENT = 500;
            CREATE TABLE thing (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, payment_id INT NULL, code VARCHAR(36) NOT NULL,
                FOREIGN KEY (payment_id) REFERENCES payment (id));
            INSERT INTO payment VALUES (7, 'SUB');
            INSERT INTO thing VALUES (1, 'a', 7, ''), (2, 'b', 7, ''), (3, 'c', 7, '');
            """;
        var layout = new AggregateLayout([Layout.Root, Layout.Tables[1] with { IsShared = true }]);
        await using var sides = await MySqlTestSides.CreateAsync(Shared, layout);
        var store = sides.Sides.Legacy.Store;

        await ChangeAsync(store, 1, Changed(await RowAsync(1), row => row.Tables[1][0][0] = "MCP"));
        Assert.That(await TextAsync(), Is.EqualTo("1:500:MCP 2:7:SUB 3:7:SUB"), "a row of its own");
        await ChangeAsync(store, 1, Changed(await RowAsync(1), row => row.Tables[1][0][0] = "PPL"));
        Assert.That(await TextAsync(), Is.EqualTo("1:500:PPL 2:7:SUB 3:7:SUB"), "its own row is changed in place");
        await ChangeAsync(store, 2, Changed(await RowAsync(2), row => row.Root[0] = "b2"));
        Assert.That(await TextAsync(), Is.EqualTo("1:500:PPL 2:7:SUB 3:7:SUB"), "what was not changed stays shared");
        await ChangeAsync(store, 2, Changed(await RowAsync(2), row => row.Tables[1] = []));
        Assert.That(await TextAsync(), Is.EqualTo("1:500:PPL 2:-:- 3:7:SUB"));
        await ChangeAsync(store, 3, null);
        await ChangeAsync(store, 1, Changed(await RowAsync(1), row => row.Tables[1] = []));
        Assert.That(await TextAsync(), Is.EqualTo("1:-:- 2:-:-"));
        Assert.That(await sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM payment"), Is.EqualTo(new[] { 0L }));

        async Task<AggregateRow> RowAsync(long id) => (await store.ReadAsync(new EntityKey("thing", id), default)).Row!;

        async Task<string> TextAsync() => (await sides.QueryAsync<string>(SideName.Legacy, """
            SELECT GROUP_CONCAT(CONCAT_WS(':', t.id, COALESCE(t.payment_id, '-'), COALESCE(p.type, '-')) ORDER BY t.id SEPARATOR ' ')
            FROM thing t LEFT JOIN payment p ON p.id = t.payment_id
            """)).Single();
    }

    private static AggregateRow Row(string name, string type, string? confirmed) =>
        new(Layout, [[[name, null, "code"]], [[type]], [[confirmed]]]);

    private static AggregateRow Changed(AggregateRow row, Action<AggregateRow> change)
    {
        var copy = row.Clone();
        change(copy);
        return copy;
    }

    private static async Task<long> ChangeAsync(ISideStore store, long id, AggregateRow? now)
    {
        var key = new EntityKey("thing", id);
        await using var transaction = await store.BeginAsync(new WriteIntent(key), default);
        var saved = await transaction.SaveAsync(key, transaction.State.Row, now, default);
        await transaction.CommitAsync(default);
        return saved;
    }
}
