using System.Globalization;
using Dapper;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// What every commit did to every donation on either side, for a failure to tell: triggers of the tests' own on entity rows, journals and
/// root rows write it down in the same transaction, so that what was rolled back is not in it.
/// </summary>
internal sealed class Chronicle(FaultWorld world)
{
    private const string Table = """
        CREATE TABLE test_chronicle (
          n BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, at DATETIME(6) NOT NULL, public_id BIGINT NULL, new_id BIGINT NULL, what TEXT NOT NULL,
          KEY test_chronicle_public (public_id)) CHARACTER SET utf8mb4
        """;

    private static readonly string[] OnBoth =
    [
        Trigger("strangler_entity", "INSERT", "NEW.`key`", "NULL", Entity),
        Trigger("strangler_entity", "UPDATE", "NEW.`key`", "NULL", Entity),
        Trigger("strangler_journal", "INSERT", "NEW.`key`", "NULL", "'  owed ', NEW.origin, ' ', NEW.epoch, '.', NEW.counter, ' seq ', NEW.foreign_seq"),
        Trigger("strangler_journal", "DELETE", "OLD.`key`", "NULL", "'  settled ', OLD.origin, ' ', OLD.epoch, '.', OLD.counter, ' seq ', OLD.foreign_seq"),
    ];

    private static readonly string[] OnLegacy =
    [
        .. new[] { ("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD") }.Select(on => Trigger(
            "spenden", on.Item1, $"{on.Item2}.id", "NULL",
            $"IF(@strangler_own IS NULL, '  another program: ', '  ours: '), '{on.Item1} ', COALESCE({on.Item2}.betrag, ''), ' ', {on.Item2}.status, ' exported ', "
            + $"{on.Item2}.dt_gruen IS NOT NULL, ' receipt ', COALESCE({on.Item2}.bescheinigung, 0), ' bytes ', COALESCE(LENGTH({on.Item2}.data), 0)")),
    ];

    private static readonly string[] OnNew =
    [
        .. new[] { ("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD") }.Select(on => Trigger(
            "donation", on.Item1, "NULL", $"{on.Item2}.id",
            $"'  {on.Item1} ', {on.Item2}.amount, ' ', {on.Item2}.payment_state, ' exported ', {on.Item2}.exported_at IS NOT NULL")),
        Trigger("donation_log_entry", "INSERT", "NULL", "NEW.donation_id", "'  line ', NEW.message"),
    ];

    private const string Entity = """
        'version ', NEW.epoch, '.', NEW.counter, ' seq ', NEW.foreign_seq, IF(NEW.tombstone, ' tombstone', ''),
        IF(LENGTH(NEW.field_hashes) % 8 = 7, ' its own', ' accepted'), IF(NEW.writer = '', '', CONCAT(' by ', NEW.writer))
        """;

    public async Task InstallAsync()
    {
        foreach (var side in Enum.GetValues<SideName>())
        {
            foreach (var statement in (string[])[Table, .. OnBoth, .. side == SideName.Legacy ? OnLegacy : OnNew])
            {
                await world.ServerOf(side).RunAsync(statement, world.DatabaseOf(side));
            }
        }
    }

    /// <summary>Of both sides together, in the order of the two servers' clocks, which are one machine's; at most so many lines.</summary>
    public async Task<IReadOnlyList<string>> TellAsync(long id, IEnumerable<(DateTime AtUtc, string What)> more)
    {
        var all = new List<(DateTime AtUtc, string What)>(more);
        foreach (var side in Enum.GetValues<SideName>())
        {
            await using var connection = await world.OpenAsync(side);
            var rows = await connection.QueryAsync<(DateTime, string)>(
                side == SideName.Legacy
                    ? "SELECT at, what FROM test_chronicle WHERE public_id = @id ORDER BY n"
                    : """
                      SELECT at, what FROM test_chronicle WHERE public_id = @id
                        OR new_id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id) ORDER BY n
                      """,
                new { id });
            all.AddRange(rows.Select(row => (row.Item1, $"{side.ToString().ToLowerInvariant()}: {row.Item2}")));
        }

        return [.. all.OrderBy(one => one.AtUtc).Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.AtUtc:HH:mm:ss.ffffff} {one.What}"))];
    }

    private static string Trigger(string table, string on, string publicId, string newId, string what) =>
        $"CREATE TRIGGER test_chronicle_{table}_{on} AFTER {on} ON {table} FOR EACH ROW INSERT INTO test_chronicle (at, public_id, new_id, what) "
        + $"VALUES (UTC_TIMESTAMP(6), {publicId}, {newId}, CONCAT({what}))";
}
