using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mapping.Converters;
using Strangler.Schemas;

namespace Strangler.IntegrationTests.MySql;

/// <summary>
/// Legacy tables of many rows, shared rows and columns of one value on a real server: read, range read, written row by row, captured,
/// compared with the
/// catalogue; and shared rows found or inserted by many writers at once.
/// </summary>
[CancelAfter(240_000)]
[NonParallelizable]
internal sealed class MySqlChildRowsTests
{
    private const string Tables = """
        CREATE TABLE herkunft (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ort VARCHAR(20) NOT NULL) CHARACTER SET utf8;
        CREATE TABLE marke (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL, quelle VARCHAR(20) NOT NULL DEFAULT '')
            CHARACTER SET utf8 AUTO_INCREMENT = 70;
        CREATE TABLE ding (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, titel VARCHAR(50) NOT NULL, herkunft_id INT NULL,
            FOREIGN KEY (herkunft_id) REFERENCES herkunft (id)) CHARACTER SET utf8;
        CREATE TABLE ding_schritt (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ding_id INT NOT NULL, art VARCHAR(10) NOT NULL, text VARCHAR(40) NULL,
            am DATETIME NULL, euro INT NOT NULL, KEY schritt_von (ding_id)) CHARACTER SET utf8 AUTO_INCREMENT = 500;
        CREATE TABLE ding_marke (ding_id INT NOT NULL, marke_id INT NOT NULL, PRIMARY KEY (ding_id, marke_id), KEY (marke_id),
            FOREIGN KEY (ding_id) REFERENCES ding (id), FOREIGN KEY (marke_id) REFERENCES marke (id)) CHARACTER SET utf8;
        CREATE TABLE ding_wort (ding_id INT NOT NULL, wort VARCHAR(20) NULL, zahl INT NOT NULL, KEY wort_von (ding_id)) CHARACTER SET utf8;
        CREATE TABLE schluessel (id INT NOT NULL, art VARCHAR(4) NOT NULL, wert VARCHAR(20) NOT NULL, PRIMARY KEY (id, art)) CHARACTER SET utf8;
        """;

    private const string Everything = """
        SELECT CONCAT_WS(' | ', d.id, d.titel,
            (SELECT h.ort FROM herkunft h WHERE h.id = d.herkunft_id),
            (SELECT GROUP_CONCAT(s.id, ' ', s.art, ' ', COALESCE(s.text, '-'), ' ', s.euro ORDER BY s.id SEPARATOR ', ') FROM ding_schritt s WHERE s.ding_id = d.id),
            (SELECT GROUP_CONCAT(m.id, ' ', m.name, ' ', m.quelle ORDER BY m.id SEPARATOR ', ') FROM ding_marke x JOIN marke m ON m.id = x.marke_id
                WHERE x.ding_id = d.id),
            (SELECT GROUP_CONCAT(COALESCE(w.wort, '-'), ' ', w.zahl ORDER BY w.wort, w.zahl SEPARATOR ', ') FROM ding_wort w WHERE w.ding_id = d.id),
            (SELECT GROUP_CONCAT(k.art, ' ', k.wert ORDER BY k.art SEPARATOR ', ') FROM schluessel k WHERE k.id = d.id))
        FROM ding d ORDER BY d.id
        """;

    private static readonly CompiledMapping Mapping =
        MappingFile.Load(Path.Combine(AppContext.BaseDirectory, "things.xml"), "thing", new ConverterRegistry());

    private MySqlTestSides _sides = null!;

    private ISideStore Store => _sides.Sides.Legacy.Store;

    [SetUp]
    public async Task CreateSides() => _sides = await MySqlTestSides.CreateAsync(Tables, Mapping.Legacy.Layout);

    [TearDown]
    public Task DropSides() => _sides.DisposeAsync().AsTask();

    [Test]
    public async Task Rows_come_and_go_one_by_one_and_those_that_stay_keep_their_keys()
    {
        var id = await PutAsync(0, ("title", "one"), ("origin", "Köln"),
            ("steps", List(["plan", "a", null, 100L], ["deed", "b", new DateTime(2020, 1, 2, 3, 4, 5), 0L], ["plan", "c", null, 0L])),
            ("tags", List(["x", "street"], ["x", ""])), ("words", List(["w", 1L], ["", 2L])), ("key.secret", "s3"));
        Assert.That(
            await EverythingAsync(), Is.EqualTo(new[] { $"{id} | one | Köln | 500 plan a 1, 501 tat b 0, 502 plan c 0 | 70 x , 71 x street | - 2, w 1 | D s3" }).Or.EqualTo(
                new[] { $"{id} | one | Köln | 500 plan a 1, 501 tat b 0, 502 plan c 0 | 70 x street, 71 x  | - 2, w 1 | D s3" }));

        await _sides.RunAsync(SideName.Legacy, $"INSERT INTO schluessel VALUES ({id}, 'M', 'theirs'); UPDATE ding_wort SET wort = NULL WHERE zahl = 2");
        await PutAsync(id, ("steps", List(["plan", "a", null, 100L], ["plan", "c2", null, 0L], ["plan", "d", null, 0L])),
            ("tags", List(["x", "street"])), ("words", List(["W", 1L], ["", 2L])), ("origin", ""));
        var text = (await EverythingAsync()).Single();
        Assert.That(text, Does.Contain("500 plan a 1, ").And.Contain(" plan c2 0, ").And.Contain(" plan d 0").And.Not.Contain("tat"));
        Assert.That(text, Does.Match(@"\| 7[01] x street \|").And.Contain("| - 2, W 1 |").And.Contain("D s3, M theirs").And.Not.Contain("Köln"));
        Assert.That(await CountAsync("marke"), Is.EqualTo(2), "shared rows stay");

        var range = await Store.ReadRangeAsync("thing", 1, 100, default);
        Assert.That(range.Items.Single().Row!.SameAs(await RowAsync(id)));
        Assert.That((await Store.ReadRangeAsync("thing", [id], default)).Items.Single().Row!.SameAs(await RowAsync(id)));

        await PutAsync(id, ("key.secret", "other"));
        Assert.That((await EverythingAsync()).Single(), Does.Contain("D other, M theirs"));
        await DeleteAsync(id);
        foreach (var table in new[] { "ding", "ding_schritt", "ding_marke", "ding_wort" })
        {
            Assert.That(await CountAsync(table), Is.Zero, table);
        }

        Assert.That(await _sides.QueryAsync<string>(SideName.Legacy, "SELECT wert FROM schluessel"), Is.EqualTo(new[] { "theirs" }));
    }

    [Test]
    public async Task Of_rows_that_are_the_same_one_can_go()
    {
        var id = await PutAsync(0, ("title", "twins"));
        await _sides.RunAsync(SideName.Legacy, $"INSERT INTO ding_wort VALUES ({id}, 'w', 1), ({id}, 'w', 1), ({id}, 'w', 1), ({id}, 'W ', 1), ({id}, NULL, 1)");
        await PutAsync(id, ("words", List(["w", 1L], ["w", 1L], ["", 1L])));
        Assert.That(
            await _sides.QueryAsync<string>(SideName.Legacy, "SELECT COALESCE(wort, '-') FROM ding_wort ORDER BY 1"), Is.EqualTo(new[] { "-", "w", "w" }),
            "by its bytes: the collation calls 'W ' the same");
    }

    [Test]
    public async Task A_shared_row_is_found_by_its_bytes_and_inserted_once_by_whoever_needs_it_first()
    {
        await _sides.RunAsync(SideName.Legacy, "INSERT INTO marke (id, name, quelle) VALUES (1, 'strasse', ''), (2, 'Strasse', ''), (3, 'Strasse', '')");
        await PutAsync(0, ("title", "one"), ("tags", List(["Strasse", ""], ["straße", ""])));
        Assert.That(await TagsAsync(), Is.EqualTo(new[] { "2 Strasse", "70 straße" }));

        const int Writers = 24;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(
            () => RetriedAsync(() => PutAsync(0, ("title", $"{writer}"), ("tags", List(["new", "a"], ["new", "b"], [$"own {writer % 4}", ""])), ("origin", "Ulm"))))));
        Assert.That(
            await _sides.QueryAsync<string>(SideName.Legacy, "SELECT CONCAT(name, '/', quelle) FROM marke WHERE id > 3 ORDER BY 1"),
            Is.EquivalentTo(new[] { "new/a", "new/b", "own 0/", "own 1/", "own 2/", "own 3/", "straße/" }));
        Assert.That(await _sides.QueryAsync<string>(SideName.Legacy, "SELECT ort FROM herkunft"), Is.EqualTo(new[] { "Ulm" }));
        Assert.That(await CountAsync("ding_marke"), Is.EqualTo(2 + (3 * Writers)));
    }

    // Whoever looks while another one has inserted and not committed must not insert a second one.
    [Test]
    public async Task A_writer_that_finds_nothing_waits_for_the_one_that_is_inserting()
    {
        const string Waiting = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
        await using var first = await Store.BeginAsync(new WriteIntent(new EntityKey("thing", 0)), default);
        var wanted = Mapping.Schema.Blank().With(("title", "first"), ("tags", List(["new", "street"])));
        await first.SaveAsync(new EntityKey("thing", 0), null, Mapping.Legacy.Put(wanted, null), default);
        var second = PutAsync(0, ("title", "second"), ("tags", List(["new", "street"])));
        while (!second.IsCompleted && (await _sides.QueryAsync<long>(SideName.Legacy, Waiting)).Single() == 0)
        {
            // The server keeps this view for a tenth of a second.
            await Task.Delay(TimeSpan.FromMilliseconds(150));
        }

        await first.CommitAsync(default);
        await second;
        Assert.That(await TagsAsync(), Is.EqualTo(new[] { "70 new", "70 new" }));
    }

    [Test]
    public async Task A_writer_of_one_entity_does_not_wait_for_another_s_rows_nor_for_shared_ones()
    {
        var (one, other) = (await PutAsync(0, ("title", "one"), ("tags", List(["x", ""])), ("steps", List(["plan", "a", null, 0L]))), 0L);
        other = await PutAsync(0, ("title", "other"), ("tags", List(["x", ""])), ("steps", List(["plan", "b", null, 0L])));
        await using var held = await Store.BeginAsync(new WriteIntent(new EntityKey("thing", one)), default);
        await PutAsync(other, ("title", "changed"), ("tags", List(["x", ""], ["y", ""])), ("steps", List(["deed", "b", null, 0L])), ("words", List(["w", 1L])));
        Assert.That(await EverythingAsync(), Has.One.Contains("changed"));
    }

    /// <summary>Case42: other programs' writes of rows below the root.</summary>
    [Test]
    [Category("Case42")]
    public async Task Every_entity_that_a_row_belonged_or_belongs_to_is_noted()
    {
        await _sides.RunAsync(SideName.Legacy, """
            INSERT INTO herkunft (id, ort) VALUES (1, 'Köln'); INSERT INTO marke (id, name) VALUES (1, 'x'), (2, 'y');
            INSERT INTO ding (id, titel, herkunft_id) VALUES (1, 'a', 1), (2, 'b', NULL), (3, 'c', 1);
            INSERT INTO ding_schritt (id, ding_id, art, euro) VALUES (1, 1, 'plan', 0), (2, 2, 'plan', 0);
            INSERT INTO ding_marke VALUES (1, 1), (2, 1), (3, 2); INSERT INTO schluessel VALUES (1, 'D', 's'), (1, 'M', 's'), (2, 'M', 's');
            """);
        await _sides.SetFenceAsync(SideName.Legacy, new FenceRow(FenceRole.Lead, Stage.DualWrite, 2, 2));
        Assert.That((await _sides.Sides.Capture!.LookAsync(default)).Parts, Has.Count.EqualTo(21), "seven tables");
        await _sides.Sides.Capture.InstallAsync(TimeSpan.FromSeconds(30), null, default);
        foreach (var (sql, keys) in new (string, long[])[]
                 {
                     ("INSERT INTO ding_schritt (ding_id, art, euro) VALUES (3, 'plan', 0)", [3]), ("UPDATE ding_schritt SET art = 'tat' WHERE id = 2", [2]),
                     ("UPDATE ding_schritt SET ding_id = 3 WHERE id = 1", [1, 3]), ("UPDATE ding_schritt SET id = 900 WHERE id = 2", [2]),
                     ("DELETE FROM ding_schritt WHERE ding_id = 3", [3, 3]), ("UPDATE ding_marke SET marke_id = 2 WHERE ding_id = 1", [1]),
                     ("UPDATE ding_marke SET ding_id = 2 WHERE ding_id = 1", [1, 2]), ("DELETE FROM ding_marke WHERE marke_id = 2 AND ding_id = 2", [2]),
                     ("INSERT INTO ding_wort VALUES (1, 'w', 1)", [1]), ("UPDATE ding_wort SET wort = 'W'", [1]), ("UPDATE marke SET name = 'X' WHERE id = 1", [2]),
                     ("UPDATE marke SET quelle = 'street' WHERE id = 2", [3]), ("UPDATE marke SET name = name", []), ("INSERT INTO marke (name) VALUES ('z')", []),
                     ("UPDATE herkunft SET ort = 'Bonn'", [1, 3]), ("UPDATE schluessel SET wert = 'new'", [1]), ("UPDATE schluessel SET wert = 'M' WHERE art = 'M'", []),
                     ("INSERT INTO schluessel VALUES (3, 'M', 'x')", []), ("UPDATE schluessel SET art = 'D' WHERE id = 3", [3]),
                     ("UPDATE schluessel SET id = 2 WHERE id = 3", [2, 3]), ("UPDATE schluessel SET art = 'Z' WHERE id = 2 AND art = 'D'", [2]),
                     ("DELETE FROM schluessel WHERE art <> 'D'", []), ("DELETE FROM schluessel", [1]),
                 })
        {
            await _sides.RunAsync(SideName.Legacy, $"DELETE FROM strangler_journal; {sql}");
            Assert.That(
                await _sides.QueryAsync<long>(SideName.Legacy, "SELECT CAST(`key` AS SIGNED) FROM strangler_journal ORDER BY id"), Is.EquivalentTo(keys), sql);
        }

        // What we write ourselves is none of it, shared rows included.
        await _sides.RunAsync(SideName.Legacy, "DELETE FROM strangler_journal; DELETE FROM strangler_entity");
        await PutAsync(1, ("tags", List(["ours", ""])), ("steps", List(["plan", "ours", null, 0L])), ("origin", "ours"), ("key.secret", "ours"));
        Assert.That(await CountAsync("strangler_journal"), Is.Zero);
    }

    [Test]
    public async Task The_catalogue_is_compared_with_what_the_file_says_of_keys_and_indexes()
    {
        Assert.That(await DifferencesAsync(), Is.Empty);
        await _sides.RunAsync(SideName.Legacy, """
            ALTER TABLE ding_schritt DROP KEY schritt_von, ADD KEY other (ding_id), MODIFY id INT NOT NULL;
            ALTER TABLE marke DROP quelle; DROP TABLE ding_wort
            """);
        var found = await DifferencesAsync();
        Assert.That(found, Has.Some.Contains("no index schritt_von begins with ding_id (these do: other)"));
        Assert.That(found, Has.Some.Contains("ding_schritt.id: the column is int and not AUTO_INCREMENT"));
        Assert.That(found, Has.Some.Contains("the table marke has no column quelle").And.Some.Contains("the database has no table ding_wort"));
    }

    private async Task<List<string>> DifferencesAsync()
    {
        var actual = await _sides.Sides.LegacyTables!.ColumnsAsync([.. Mapping.LegacyTables.Select(table => table.Name)], default);
        return [.. SchemaRules.Compare(Mapping.LegacyTables, actual).Where(difference => difference.Stops).Select(difference => difference.ToString())];
    }

    private static RecordList List(params object?[][] rows) => new(rows);

    private async Task<AggregateRow> RowAsync(long id) => (await Store.ReadAsync(new EntityKey("thing", id), default)).Row!;

    private async Task<long> PutAsync(long id, params (string Field, object? Value)[] changes)
    {
        var key = new EntityKey("thing", id);
        await using var transaction = await Store.BeginAsync(new WriteIntent(key), default);
        var was = transaction.State.Row;
        var record = was is null ? Mapping.Schema.Blank() : Mapping.Legacy.Get(was);
        var wanted = record.With(changes);
        var saved = await transaction.SaveAsync(key, was, Mapping.Legacy.Put(wanted, was), default);
        await transaction.CommitAsync(default);
        var shown = Mapping.Legacy.Get(await RowAsync(saved));
        foreach (var (field, value) in changes)
        {
            Assert.That(shown[field], Is.EqualTo(Mapping.Schema.Fields[Mapping.Schema.OrdinalOf(field)].Canonical(value)), field);
        }

        return saved;
    }

    private async Task DeleteAsync(long id)
    {
        var key = new EntityKey("thing", id);
        await using var transaction = await Store.BeginAsync(new WriteIntent(key), default);
        await transaction.SaveAsync(key, transaction.State.Row, null, default);
        await transaction.CommitAsync(default);
    }

    // As the engine does it: a deadlock's victim is repeated as a whole.
    private static async Task RetriedAsync(Func<Task> write)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await write();
                return;
            }
            catch (SideUnavailableException e) when (e.IsTransient && attempt < 20)
            {
            }
        }
    }

    private async Task<IReadOnlyList<string>> EverythingAsync() => await _sides.QueryAsync<string>(SideName.Legacy, Everything);

    private Task<IReadOnlyList<string>> TagsAsync() => _sides.QueryAsync<string>(
        SideName.Legacy, "SELECT CONCAT(m.id, ' ', m.name) FROM ding_marke x JOIN marke m ON m.id = x.marke_id ORDER BY m.id");

    private async Task<long> CountAsync(string table) => (await _sides.QueryAsync<long>(SideName.Legacy, $"SELECT COUNT(*) FROM {table}")).Single();
}
