using Dapper;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Memberships;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// A table in which several contexts have rows, told apart by a column of one value each (<c>legacy_auth_tokens</c>: D donations, M memberships): rows of
/// others are no news; a row that comes into the context, or leaves it, is (Case42).
/// </summary>
[Category("Case42")]
public sealed class SharedTableTests
{
    private MembershipsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await MembershipsWorld.CreateAsync();
        await _world.MoveToAsync(Stage.DualWrite);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [SetUp]
    public async Task Fill()
    {
        await _world.RunForeignAsync("DELETE FROM legacy_auth_tokens; DELETE FROM request");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await _world.RunForeignAsync(string.Join(';', Enumerable.Range(1, 4).Select(id =>
            $"INSERT INTO request (id, timestamp, email, comment, status) VALUES ({id}, '2023-09-01 12:00:00', 'm{id}@example.org', '', 1)")));
        await _world.RunForeignAsync(
            """
            INSERT INTO legacy_auth_tokens (id, authentication_context, access_token, update_token)
            VALUES (1, 'M', 'a', 'u'), (2, 'D', 'a', 'u'), (3, 'M', 'a', 'u'), (3, 'D', 'a', 'u')
            """);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await _world.RunForeignAsync("DELETE FROM strangler_foreign_write");
    }

    [TestCase("INSERT INTO legacy_auth_tokens VALUES (4, 'D', 'a', 'u', NULL)")]
    [TestCase("INSERT INTO legacy_auth_tokens VALUES (4, 'M', 'a', 'u', NULL)", 4L)]
    [TestCase("INSERT INTO legacy_auth_tokens VALUES (4, 'M', 'a', 'u', NULL), (4, 'D', 'a', 'u', NULL), (9, 'D', 'a', 'u', NULL)", 4L)]
    [TestCase("UPDATE legacy_auth_tokens SET access_token = 'b' WHERE authentication_context = 'D'")]
    [TestCase("UPDATE legacy_auth_tokens SET access_token = 'b' WHERE id = 1", 1L)]
    [TestCase("UPDATE legacy_auth_tokens SET access_token = 'b'", 1L, 3L)]
    [TestCase("UPDATE legacy_auth_tokens SET access_token = 'a', update_token = 'u'")]
    [TestCase("UPDATE legacy_auth_tokens SET authentication_context = 'D' WHERE id = 1", 1L, TestName = "A row that leaves the context is news")]
    [TestCase("UPDATE legacy_auth_tokens SET authentication_context = 'M' WHERE id = 2", 2L, TestName = "A row that comes into the context is news")]
    [TestCase("UPDATE legacy_auth_tokens SET authentication_context = 'X' WHERE id = 2", TestName = "A row that goes from one of the others to another is none")]
    [TestCase("UPDATE legacy_auth_tokens SET authentication_context = 'm' WHERE id = 1", TestName = "What the table's collation calls the same is the same")]
    [TestCase("UPDATE legacy_auth_tokens SET id = 4 WHERE id = 1", 4L, 1L)]
    [TestCase("UPDATE legacy_auth_tokens SET id = 4 WHERE id = 2")]
    [TestCase("UPDATE legacy_auth_tokens SET id = 4, authentication_context = 'D' WHERE id = 1", 1L)]
    [TestCase("UPDATE legacy_auth_tokens SET id = 4, authentication_context = 'M' WHERE id = 2", 4L)]
    [TestCase("REPLACE INTO legacy_auth_tokens VALUES (3, 'D', 'b', 'u', NULL)")]
    [TestCase("INSERT INTO legacy_auth_tokens VALUES (1, 'M', 'b', 'u', NULL) ON DUPLICATE KEY UPDATE access_token = 'b'", 1L)]
    [TestCase("DELETE FROM legacy_auth_tokens WHERE authentication_context = 'D'")]
    [TestCase("DELETE FROM legacy_auth_tokens WHERE id = 3", 3L)]
    [TestCase("DELETE FROM legacy_auth_tokens", 1L, 3L)]
    [TestCase("SET @strangler_own = 'donations'; UPDATE legacy_auth_tokens SET access_token = 'b'", 1L, 3L, TestName = "What another context writes is another program's")]
    [TestCase("SET @strangler_own = 'memberships'; UPDATE legacy_auth_tokens SET access_token = 'b'; SET @strangler_own = NULL", TestName = "What is our own is none")]
    public async Task Of_a_shared_table_only_the_context_s_own_rows_are_news(string sql, params long[] keys)
    {
        await _world.RunForeignAsync(sql);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(
            await connection.QueryAsync<long>("SELECT CAST(`key` AS SIGNED) FROM strangler_journal WHERE origin = 'foreign' ORDER BY id"), Is.EquivalentTo(keys));
        Assert.That(
            await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_foreign_write"), keys.Length == 0 ? Is.Zero : Is.Positive,
            "nor does the census count what is none of the context's");
        if (sql.Contains("'memberships'", StringComparison.Ordinal))
        {
            return;
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    [Test]
    public async Task What_changed_of_a_row_is_named_whatever_came_in_or_left_by_it()
    {
        await _world.RunForeignAsync("UPDATE legacy_auth_tokens SET authentication_context = 'D', access_token = 'b' WHERE id = 1");
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(
            await connection.QueryAsync<string>("SELECT `columns` FROM strangler_foreign_write"), Is.EqualTo(new[] { "authentication_context,access_token" }));
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await _world.RecordAsync(SideName.New, 1))!["token.access"], Is.EqualTo(""));
    }
}
