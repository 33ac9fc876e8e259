using System.Data.Common;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.MySql;

/// <summary>
/// One side's journal. A claim pushes <c>next_attempt_at</c> of the key's rows to the end of the lease: so an expired lease is due by
/// itself, and one index serves both.
/// </summary>
internal sealed class MySqlJournal(MySqlSide side) : IJournal
{
    // Forced: on a small table the server would scan, and a scan that locks waits for every row that anybody has written and not committed
    // yet.
    private static readonly Sql ByKey = new("FORCE INDEX (strangler_journal_key)");
    private static readonly Sql ByAge = new("FORCE INDEX (strangler_journal_age)");

    // A transaction of this many deletions takes tens of milliseconds.
    private const int MostThinned = 5_000;

    public SideName Side => side.Name;

    /// <remarks>
    /// A key is claimed only by whoever can lock <em>all</em> of its open rows at once, none of them under a running lease. Two relays that
    /// each hold some of a key's rows both pass it over; it is due again at once. No statement here waits for a lock, so claims cannot
    /// deadlock.
    /// <para>Candidates come by (context, state, due time), never by id beyond a cursor: a lower id may be committed later.</para>
    /// </remarks>
    public Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var due = await CandidatesAsync(connection, max, token).ConfigureAwait(false);
                var claims = due.Count == 0 ? [] : await ClaimAsync(connection, due, owner, lease, token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, MySqlSide.EndWrite(new Batch()), true, token).ConfigureAwait(false);
                return (IReadOnlyList<JournalClaim>)claims;
            },
            cancellationToken);

    public Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken)
    {
        // What is left is newer than what was accepted, so it is due now, whoever had claimed it along with the rows that are gone.
        var batch = side.BeginWrite(new Batch(), Lane.IsBackground);
        batch.Add($"""
            DELETE j FROM strangler_journal j {ByKey} WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id}
            AND (epoch < {accepted.Epoch} OR (epoch = {accepted.Epoch} AND counter <= {accepted.Counter}))
            AND (origin = 'own' OR foreign_seq <= {foreignSeq})
            """);
        batch.Add($"""
            UPDATE strangler_journal {ByKey} SET next_attempt_at = UTC_TIMESTAMP(6), lease_until = NULL, owner = ''
            WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND state = 'open' AND lease_until IS NOT NULL
            """);
        return side.ExecuteAsync(MySqlSide.EndWrite(batch), cancellationToken, keepsSession: true);
    }

    public Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken)
    {
        var batch = side.BeginWrite(new Batch(), background: true);
        batch.Add($"""
            DELETE j FROM strangler_journal j {ByKey} WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id}
            AND origin = 'foreign' AND foreign_seq <= {foreignSeq}
            """);
        batch.Add($"""
            UPDATE strangler_journal {ByKey} SET next_attempt_at = UTC_TIMESTAMP(6), lease_until = NULL, owner = ''
            WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND state = 'open' AND lease_until IS NOT NULL
            """);
        return side.ExecuteAsync(MySqlSide.EndWrite(batch), cancellationToken, background: true);
    }

    public Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken) =>
        OwedWritesAsync(
            key,
            batch => batch.Part($"origin = 'own' AND (epoch > {above.Epoch} OR (epoch = {above.Epoch} AND counter > {above.Counter}))"),
            cancellationToken);

    public Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken) =>
        OwedWritesAsync(key, batch => batch.Part($"origin = 'foreign' AND foreign_seq > {above}"), cancellationToken);

    private async Task<OwedWrites?> OwedWritesAsync(EntityKey key, Func<Batch, Batch> which, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"""
            SELECT TIMESTAMPDIFF(MICROSECOND, MAX(created_at), UTC_TIMESTAMP(6)), TIMESTAMPDIFF(MICROSECOND, MIN(created_at), UTC_TIMESTAMP(6)),
                SUBSTRING(MAX(CONCAT(LPAD(id, 20, '0'), actor)), 21)
            FROM strangler_journal {ByKey} WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND
            """).Raw(" ");
        var rows = await side.ListAsync(
            which(batch).End(),
            reader => reader.IsDBNull(0)
                ? null
                : new OwedWrites(TimeSpan.FromMicroseconds(reader.GetInt64(0)), TimeSpan.FromMicroseconds(reader.GetInt64(1)), reader.GetString(2)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return rows.Single();
    }

    /// <summary>The whole key waits or is parked, rows that came after the claim as well: a key's back-off is the key's.</summary>
    public Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken) =>
        GiveBackAsync(claim, error, Batch (batch) => delay is { } wait
            ? batch.Part($" next_attempt_at = UTC_TIMESTAMP(6) + INTERVAL {Microseconds(wait)} MICROSECOND")
            : batch.Part($" state = 'parked'"), cancellationToken);

    /// <summary>State <c>unread</c>.</summary>
    public Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken) =>
        GiveBackAsync(claim, error, batch => batch.Part($" state = 'unread'"), cancellationToken);

    private Task GiveBackAsync(JournalClaim claim, string error, Func<Batch, Batch> set, CancellationToken cancellationToken)
    {
        var key = claim.Key;
        var batch = side.BeginWrite(new Batch(), background: true);
        // Of the open rows: a parked one may bear the generation of a relay whose clock was ahead.
        batch.Add($"""
            SELECT COALESCE(MAX(generation), 0) INTO @strangler_generation FROM strangler_journal {ByKey}
            WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND state = 'open' FOR UPDATE
            """);
        batch.Part($"""
            UPDATE strangler_journal {ByKey} SET attempts = attempts + 1, last_error = {Texts.Cut(error, 1000)},
            lease_until = NULL, owner = '',
            """);
        set(batch).Part($"""
             WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id}
                AND state = 'open' AND @strangler_generation = {claim.Generation}
            """).End();
        return side.ExecuteAsync(MySqlSide.EndWrite(batch), cancellationToken, background: true);
    }

    /// <summary>Each count ends one beyond its limit, within an index; the oldest row is the first of another one.</summary>
    public Task<JournalDepth> DepthAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT (SELECT COUNT(*) FROM (
                    SELECT 1 FROM strangler_journal FORCE INDEX (strangler_journal_age)
                    WHERE context = {side.Context} AND state = 'open' LIMIT {JournalDepth.CountLimit + 1}) o),
                    (SELECT COUNT(*) FROM (
                    SELECT 1 FROM strangler_journal FORCE INDEX (strangler_journal_age)
                    WHERE context = {side.Context} AND state = 'parked' LIMIT {JournalDepth.CountLimit + 1}) p),
                    (SELECT created_at FROM strangler_journal FORCE INDEX (strangler_journal_age)
                    WHERE context = {side.Context} AND state = 'open' ORDER BY created_at LIMIT 1),
                    UTC_TIMESTAMP(6),
                    (SELECT COUNT(*) FROM (
                    SELECT 1 FROM strangler_journal FORCE INDEX (strangler_journal_age)
                    WHERE context = {side.Context} AND state = 'unread' LIMIT {JournalDepth.CountLimit + 1}) q)
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                DateTime? oldest = reader.IsDBNull(2) ? null : FenceSql.Utc(reader, 2);
                return new JournalDepth(reader.GetInt64(0), reader.GetInt64(1), oldest, FenceSql.Utc(reader, 3))
                {
                    Quarantined = reader.GetInt64(4),
                };
            },
            cancellationToken,
            background: true);

    public Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken)
    {
        var batch = new Batch();
        foreach (var state in (ReadOnlySpan<string>)["open", "parked"])
        {
            batch.Add($"""
                SELECT kind, COUNT(*), COALESCE(SUM(next_attempt_at <= UTC_TIMESTAMP(6)), 0), COALESCE(SUM(lease_until > UTC_TIMESTAMP(6)), 0),
                MIN(created_at) FROM (
                    SELECT kind, next_attempt_at, lease_until, created_at FROM strangler_journal FORCE INDEX (strangler_journal_age)
                    WHERE context = {side.Context} AND state = {state} ORDER BY created_at LIMIT {JournalDepth.CountLimit + 1}) j
                GROUP BY kind ORDER BY kind
                """);
        }

        batch.Add($"""
            SELECT owner, COUNT(*), MAX(lease_until) FROM (
                SELECT owner, lease_until FROM strangler_journal FORCE INDEX (strangler_journal_age)
                WHERE context = {side.Context} AND state = 'open' ORDER BY created_at LIMIT {JournalDepth.CountLimit + 1}) j
            WHERE lease_until > UTC_TIMESTAMP(6) GROUP BY owner ORDER BY owner
            """);
        return side.QueryAsync(batch, ReadOverviewAsync, cancellationToken, background: true);
    }

    public Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken) =>
        ParkedAsync(null, limit, cancellationToken);

    public async Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken) =>
        (await ParkedAsync(key, 1, cancellationToken).ConfigureAwait(false)).SingleOrDefault();

    public async Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT DISTINCT `key` FROM strangler_journal {ByKey} WHERE context = {side.Context} AND kind = {kind} AND `key` IN");
        Ids(batch, ids.DefaultIfEmpty(0));
        var owed = await side.ListAsync(batch.End(), reader => reader.GetInt64(0), cancellationToken, background: true)
            .ConfigureAwait(false);
        return owed.ToHashSet();
    }

    public Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"UPDATE strangler_journal SET state = 'open', attempts = 0, next_attempt_at = UTC_TIMESTAMP(6)");
        batch.Part($" WHERE context = {side.Context} AND state IN ('parked', 'unread')");
        if (key is { } one)
        {
            batch.Part($" AND kind = {one.Kind} AND `key` = {one.Id}");
        }

        return side.ExecuteAsync(batch.End(), cancellationToken);
    }

    public Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                DELETE j FROM strangler_journal j {ByKey}
                WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND state = 'parked'
                """),
            cancellationToken);

    /// <remarks>Three questions: which keys, which of their rows, and these locked where that needs no waiting.</remarks>
    public Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var upto = await LastKeyAsync(connection, kind, above, keys, token).ConfigureAwait(false);
                if (upto is not { } last)
                {
                    return new ThinnedRows(0, null);
                }

                int removed = 0, gone;
                do
                {
                    var ids = await BetweenAsync(connection, kind, above, last, token).ConfigureAwait(false);
                    gone = ids.Count == 0 ? 0 : await RemoveAsync(connection, ids, token).ConfigureAwait(false);
                    removed += gone;
                }
                while (gone == MostThinned);

                return new ThinnedRows(removed, last);
            },
            cancellationToken);

    private async Task<long?> LastKeyAsync(DbConnection connection, string kind, long? above, int keys, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"""
            SELECT MAX(`key`) FROM (
                SELECT DISTINCT `key` FROM strangler_journal {ByKey}
                WHERE context = {side.Context} AND kind = {kind} AND `key` > {above ?? long.MinValue} ORDER BY `key` LIMIT {keys}) k
            """);
        var last = await side.ListAsync(
            connection, batch, reader => reader.IsDBNull(0) ? (long?)null : reader.GetInt64(0), true, cancellationToken).ConfigureAwait(false);
        return last.Single();
    }

    private Task<List<long>> BetweenAsync(DbConnection connection, string kind, long? above, long upto, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"""
            SELECT id FROM (
                SELECT id, ROW_NUMBER() OVER (PARTITION BY `key`, origin, state ORDER BY epoch, counter, foreign_seq, id) AS first,
                    ROW_NUMBER() OVER (PARTITION BY `key`, origin, state ORDER BY epoch DESC, counter DESC, foreign_seq DESC, id DESC) AS last
                FROM strangler_journal {ByKey}
                WHERE context = {side.Context} AND kind = {kind} AND `key` > {above ?? long.MinValue} AND `key` <= {upto}) r
            WHERE first > 1 AND last > 1 ORDER BY id LIMIT {MostThinned}
            """);
        return side.ListAsync(connection, batch, reader => reader.GetInt64(0), true, cancellationToken);
    }

    private async Task<int> RemoveAsync(DbConnection connection, List<long> ids, CancellationToken cancellationToken)
    {
        var batch = side.BeginWrite(new Batch(), background: true);
        batch.Part($"SELECT id FROM strangler_journal WHERE id IN");
        Ids(batch, ids);
        batch.Part($" FOR UPDATE SKIP LOCKED").End();
        var locked = await side.ListAsync(connection, batch, reader => reader.GetInt64(0), true, cancellationToken).ConfigureAwait(false);
        var delete = new Batch();
        if (locked.Count > 0)
        {
            delete.Part($"DELETE FROM strangler_journal WHERE id IN");
            Ids(delete, locked);
            delete.End();
        }

        await side.ExecuteAsync(connection, MySqlSide.EndWrite(delete), true, cancellationToken).ConfigureAwait(false);
        return locked.Count;
    }

    // Grouped here: the rows of one key lie apart in the order of their age. The newest version of a key and its oldest creation count.
    private async Task<IReadOnlyList<ParkedKey>> ParkedAsync(EntityKey? key, int limit, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT kind, `key`, epoch, counter, attempts, last_error, created_at FROM strangler_journal ");
        batch.Part($"{(key is null ? ByAge : ByKey)} WHERE context = {side.Context} AND state = 'parked'");
        if (key is { } one)
        {
            batch.Part($" AND kind = {one.Kind} AND `key` = {one.Id}");
        }

        batch.Part($" ORDER BY created_at, id LIMIT {(key is null ? Math.Max(limit, 0) * 10L : 1000)}").End();
        var rows = await side.ListAsync(
            batch,
            reader => new ParkedKey(
                new EntityKey(reader.GetString(0), reader.GetInt64(1)), new EntityVersion(reader.GetInt64(2), reader.GetInt64(3)),
                reader.GetInt32(4), reader.GetString(5), FenceSql.Utc(reader, 6)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return rows.GroupBy(row => row.Key).Take(limit).Select(of => of.MaxBy(row => row.Version)! with
        {
            CreatedUtc = of.Min(row => row.CreatedUtc),
            Attempts = of.Max(row => row.Attempts),
        }).ToList();
    }

    private static async Task<JournalOverview> ReadOverviewAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        SortedDictionary<string, KindDepth> kinds = new(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (open, due, claimed) = (reader.GetInt64(1), Number(reader, 2), Number(reader, 3));
            kinds.Add(reader.GetString(0), new KindDepth(
                reader.GetString(0), open, due, claimed, open - due - claimed, 0, FenceSql.Utc(reader, 4)));
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var kind = reader.GetString(0);
            kinds[kind] = (kinds.GetValueOrDefault(kind) ?? new KindDepth(kind, 0, 0, 0, 0, 0, null)) with { Parked = reader.GetInt64(1) };
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<RelayClaims> claims = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            claims.Add(new RelayClaims(reader.GetString(0), reader.GetInt64(1), FenceSql.Utc(reader, 2)));
        }

        var isPartial = kinds.Values.Sum(kind => kind.Open) > JournalDepth.CountLimit
            || kinds.Values.Sum(kind => kind.Parked) > JournalDepth.CountLimit;
        return new JournalOverview([.. kinds.Values], claims, isPartial);
    }

    // SUM is a DECIMAL.
    private static long Number(DbDataReader reader, int ordinal) => Convert.ToInt64(reader.GetValue(ordinal), CultureInfo.InvariantCulture);

    // Three in four by the order in which they fell due, so that nothing waits for ever. The fourth are the latest, and come first: else
    // whoever writes one row behind a statement that changed ten thousand would wait for all of them.
    private Task<List<EntityKey>> CandidatesAsync(DbConnection connection, int max, CancellationToken cancellationToken)
    {
        var latest = max / 4;
        var batch = side.BeginWrite(new Batch(), background: true);
        Due(batch, "ORDER BY next_attempt_at", max - latest);
        Due(batch, "ORDER BY next_attempt_at DESC", latest);
        return side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                var longestDue = await ReadKeysAsync(reader, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return (await ReadKeysAsync(reader, token).ConfigureAwait(false)).Concat(longestDue).Distinct().ToList();
            },
            true,
            cancellationToken);
    }

    private void Due(Batch batch, string order, int max) => batch.Add($"""
        SELECT kind, `key` FROM strangler_journal FORCE INDEX (strangler_journal_due)
        WHERE context = {side.Context} AND state = 'open' AND next_attempt_at <= UTC_TIMESTAMP(6)
        {new Sql(order)} LIMIT {max} FOR UPDATE SKIP LOCKED
        """);

    private static async Task<List<EntityKey>> ReadKeysAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<EntityKey> keys = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            keys.Add(new EntityKey(reader.GetString(0), reader.GetInt64(1)));
        }

        return keys;
    }

    private async Task<List<JournalClaim>> ClaimAsync(
        DbConnection connection, List<EntityKey> keys, string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT kind, `key`, id FROM strangler_journal {ByKey} WHERE ");
        OfKeys(batch, keys);
        batch.End();
        batch.Part($"""
            SELECT kind, `key`, id, epoch, counter, generation, attempts, created_at, COALESCE(lease_until > UTC_TIMESTAMP(6), 0),
            lease_until, owner
            FROM strangler_journal {ByKey} WHERE
            """).Raw(" ");
        OfKeys(batch, keys);
        batch.Part($" FOR UPDATE SKIP LOCKED").End();
        var (visible, locked) = await side.QueryAsync(connection, batch, ReadRowsAsync, true, cancellationToken).ConfigureAwait(false);

        var claims = new List<JournalClaim>();
        var update = new Batch();
        foreach (var rows in locked.GroupBy(row => row.Key))
        {
            if (!visible[rows.Key].IsSubsetOf(rows.Select(row => row.Id)))
            {
                continue;
            }

            if (rows.FirstOrDefault(row => row.IsLeased) is { } leased)
            {
                Join(update, rows, leased);
                continue;
            }

            claims.Add(Claim(update, rows, owner, lease));
        }

        if (!update.IsEmpty)
        {
            await side.ExecuteAsync(connection, update, true, cancellationToken).ConfigureAwait(false);
        }

        return claims;
    }

    private JournalClaim Claim(Batch batch, IGrouping<EntityKey, Row> rows, string owner, TimeSpan lease)
    {
        // Above every earlier generation of the key, also of rows that are settled and gone: hence the clock.
        var generation =
            Math.Max(rows.Max(row => row.Generation) + 1, side.Options.Time.GetUtcNow().UtcTicks / TimeSpan.TicksPerMicrosecond);
        batch.Part($"""
            UPDATE strangler_journal SET owner = {Texts.Cut(owner, 190)}, generation = {generation},
            lease_until = UTC_TIMESTAMP(6) + INTERVAL {Microseconds(lease)} MICROSECOND, next_attempt_at = lease_until WHERE id IN
            """);
        Ids(batch, rows.Select(row => row.Id));
        batch.End();
        return new JournalClaim(
            rows.Key, rows.Max(row => row.Version), generation, rows.Max(row => row.Attempts), rows.Min(row => row.CreatedUtc));
    }

    /// <summary>A row that came after its key was claimed waits with it: else the rows of one busy key would stand in front of all
    /// others.</summary>
    private static void Join(Batch batch, IEnumerable<Row> rows, Row leased)
    {
        var late = rows.Where(row => !row.IsLeased).Select(row => row.Id).ToList();
        if (late.Count > 0)
        {
            batch.Part($"""
                UPDATE strangler_journal SET owner = {leased.Owner}, generation = {leased.Generation}, lease_until = {leased.LeaseUntil},
                next_attempt_at = lease_until WHERE id IN
                """);
            Ids(batch, late);
            batch.End();
        }
    }

    private static async Task<(Dictionary<EntityKey, HashSet<long>> Visible, List<Row> Locked)> ReadRowsAsync(
        DbDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<EntityKey, HashSet<long>> visible = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var key = new EntityKey(reader.GetString(0), reader.GetInt64(1));
            if (!visible.TryGetValue(key, out var ids))
            {
                visible.Add(key, ids = []);
            }

            ids.Add(reader.GetInt64(2));
        }

        List<Row> locked = [];
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var row = Read(reader);
            if (visible.ContainsKey(row.Key))
            {
                locked.Add(row);
            }
        }

        return (visible, locked);
    }

    private static Row Read(DbDataReader reader) => new(
        new EntityKey(reader.GetString(0), reader.GetInt64(1)),
        reader.GetInt64(2),
        new EntityVersion(reader.GetInt64(3), reader.GetInt64(4)),
        reader.GetInt64(5),
        reader.GetInt32(6),
        FenceSql.Utc(reader, 7),
        reader.GetInt64(8) != 0,
        reader.IsDBNull(9) ? null : Clock.Text(FenceSql.Utc(reader, 9)),
        reader.GetString(10));

    private void OfKeys(Batch batch, List<EntityKey> keys)
    {
        batch.Part($"context = {side.Context} AND state = 'open' AND (");
        var separator = "";
        foreach (var kind in keys.GroupBy(key => key.Kind))
        {
            batch.Raw(separator);
            batch.Part($"(kind = {kind.Key} AND `key` IN");
            Ids(batch, kind.Select(key => key.Id));
            batch.Raw(")");
            separator = " OR ";
        }

        batch.Raw(")");
    }

    private static void Ids(Batch batch, IEnumerable<long> ids) => Lists.In(batch, ids);

    private static long Microseconds(TimeSpan time) => (long)time.TotalMicroseconds;

    private sealed record Row(
        EntityKey Key, long Id, EntityVersion Version, long Generation, int Attempts, DateTime CreatedUtc, bool IsLeased,
            string? LeaseUntil, string Owner);
}

internal static class Lists
{
    /// <summary><c> (1, 2, 3)</c>: integers of ours need no parameter, and the server plans a long list faster without.</summary>
    public static void In(Batch batch, IEnumerable<long> ids) =>
        batch.Raw($" ({string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture)))})");
}
