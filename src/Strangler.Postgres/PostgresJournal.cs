using Npgsql;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Postgres;

/// <summary>
/// One side's journal. A claim pushes <c>next_attempt_at</c> of the key's rows to the end of the lease: so an expired lease is due by
/// itself, and one index serves both.
/// </summary>
internal sealed class PostgresJournal(PostgresSide side) : IJournal
{
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
                await side.ExecuteAsync(connection, PostgresSide.EndWrite(new Batch()), true, token).ConfigureAwait(false);
                return (IReadOnlyList<JournalClaim>)claims;
            },
            cancellationToken);

    public Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken) =>
        side.WriteAsync(
            ReleaseLeft(
                new Batch().Add($"""
                    DELETE FROM strangler_journal WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}
                    AND (epoch, counter) <= ({accepted.Epoch}, {accepted.Counter}) AND (origin = 'own' OR foreign_seq <= {foreignSeq})
                    """),
                key),
            cancellationToken);

    public Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken) =>
        side.WriteAsync(
            ReleaseLeft(
                new Batch().Add($"""
                    DELETE FROM strangler_journal WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}
                    AND origin = 'foreign' AND foreign_seq <= {foreignSeq}
                    """),
                key),
            cancellationToken,
            background: true);

    public Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken) =>
        OwedWritesAsync(key, batch => batch.Part($"origin = 'own' AND (epoch, counter) > ({above.Epoch}, {above.Counter})"), cancellationToken);

    public Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken) =>
        OwedWritesAsync(key, batch => batch.Part($"origin = 'foreign' AND foreign_seq > {above}"), cancellationToken);

    /// <summary>The whole key waits or is parked, rows that came after the claim as well: a key's back-off is the key's.</summary>
    public Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken) =>
        GiveBackAsync(claim, error, batch => delay is { } wait
            ? batch.Part($"next_attempt_at = statement_timestamp() + {Times.Whole(wait)}")
            : batch.Part($"state = 'parked'"), cancellationToken);

    /// <summary>State <c>unread</c>.</summary>
    public Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken) =>
        GiveBackAsync(claim, error, batch => batch.Part($"state = 'unread'"), cancellationToken);

    /// <summary>Each count ends one beyond its limit, within an index; the oldest row is the first of another one.</summary>
    public async Task<JournalDepth> DepthAsync(CancellationToken cancellationToken) =>
        (await side.FirstAsync(
            new Batch().Add($"""
                SELECT (SELECT COUNT(*) FROM (
                        SELECT 1 FROM strangler_journal WHERE context = {side.Context} AND state = 'open' LIMIT {JournalDepth.CountLimit + 1}) o),
                    (SELECT COUNT(*) FROM (
                        SELECT 1 FROM strangler_journal WHERE context = {side.Context} AND state = 'parked' LIMIT {JournalDepth.CountLimit + 1}) p),
                    (SELECT created_at FROM strangler_journal WHERE context = {side.Context} AND state = 'open' ORDER BY created_at LIMIT 1),
                    statement_timestamp(),
                    (SELECT COUNT(*) FROM (
                        SELECT 1 FROM strangler_journal WHERE context = {side.Context} AND state = 'unread' LIMIT {JournalDepth.CountLimit + 1}) q)
                """),
            reader => new JournalDepth(reader.GetInt64(0), reader.GetInt64(1), Times.UtcOrNull(reader, 2), Times.Utc(reader, 3))
            {
                Quarantined = reader.GetInt64(4),
            },
            cancellationToken,
            background: true).ConfigureAwait(false))!;

    public Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken)
    {
        var batch = new Batch();
        foreach (var state in (ReadOnlySpan<string>)["open", "parked"])
        {
            batch.Add($"""
                SELECT kind, COUNT(*), COUNT(*) FILTER (WHERE next_attempt_at <= statement_timestamp()),
                    COUNT(*) FILTER (WHERE lease_until > statement_timestamp()), MIN(created_at) FROM (
                    SELECT kind, next_attempt_at, lease_until, created_at FROM strangler_journal
                    WHERE context = {side.Context} AND state = {state} ORDER BY created_at LIMIT {JournalDepth.CountLimit + 1}) j
                GROUP BY kind ORDER BY kind
                """);
        }

        batch.Add($"""
            SELECT owner, COUNT(*), MAX(lease_until) FROM (
                SELECT owner, lease_until FROM strangler_journal
                WHERE context = {side.Context} AND state = 'open' ORDER BY created_at LIMIT {JournalDepth.CountLimit + 1}) j
            WHERE lease_until > statement_timestamp() GROUP BY owner ORDER BY owner
            """);
        return side.QueryAsync(batch, ReadOverviewAsync, cancellationToken, background: true);
    }

    public Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken) =>
        ParkedAsync(null, limit, cancellationToken);

    public async Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken) =>
        (await ParkedAsync(key, 1, cancellationToken).ConfigureAwait(false)).SingleOrDefault();

    public async Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        (await side.ListAsync(
            new Batch().Add($"""
                SELECT DISTINCT key FROM strangler_journal WHERE context = {side.Context} AND kind = {kind} AND key = ANY({ids.ToArray()})
                """),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false)).ToHashSet();

    public Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"UPDATE strangler_journal SET state = 'open', attempts = 0, next_attempt_at = statement_timestamp()");
        batch.Part($" WHERE context = {side.Context} AND state IN ('parked', 'unread')");
        if (key is { } one)
        {
            batch.Part($" AND kind = {one.Kind} AND key = {one.Id}");
        }

        return side.WriteAsync(batch.End(), cancellationToken);
    }

    public Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_journal WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND state = 'parked'
                """),
            cancellationToken);

    public async Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken)
    {
        var from = above ?? long.MinValue;
        var upto = await side.FirstAsync(
            new Batch().Add($"""
                SELECT MAX(key) FROM (
                    SELECT DISTINCT key FROM strangler_journal WHERE context = {side.Context} AND kind = {kind} AND key > {from} ORDER BY key LIMIT {keys}) k
                """),
            reader => reader.IsDBNull(0) ? (long?)null : reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        if (upto is not { } last)
        {
            return new ThinnedRows(0, null);
        }

        var removed = 0;
        for (var gone = MostThinned; gone == MostThinned; removed += gone)
        {
            gone = await side.WriteAsync(Between(kind, from, last), cancellationToken, background: true).ConfigureAwait(false);
        }

        return new ThinnedRows(removed, last);
    }

    private Batch Between(string kind, long above, long upto) => new Batch().Add($"""
        WITH numbered AS (
            SELECT id, ROW_NUMBER() OVER (PARTITION BY key, origin, state ORDER BY epoch, counter, foreign_seq, id) AS first,
                ROW_NUMBER() OVER (PARTITION BY key, origin, state ORDER BY epoch DESC, counter DESC, foreign_seq DESC, id DESC) AS last
            FROM strangler_journal WHERE context = {side.Context} AND kind = {kind} AND key > {above} AND key <= {upto}),
        between_them AS (
            SELECT j.id FROM strangler_journal j JOIN numbered n ON n.id = j.id WHERE n.first > 1 AND n.last > 1
            ORDER BY j.id LIMIT {MostThinned} FOR UPDATE OF j SKIP LOCKED)
        DELETE FROM strangler_journal WHERE id IN (SELECT id FROM between_them)
        """);

    // What is left is newer than what was accepted, so it is due now, whoever had claimed it along with the rows that are gone.
    private Batch ReleaseLeft(Batch batch, EntityKey key) => batch.Add($"""
        UPDATE strangler_journal SET next_attempt_at = statement_timestamp(), lease_until = NULL, owner = ''
        WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND state = 'open' AND lease_until IS NOT NULL
        """);

    private Task<OwedWrites?> OwedWritesAsync(EntityKey key, Func<Batch, Batch> which, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"""
            SELECT statement_timestamp() - MAX(created_at), statement_timestamp() - MIN(created_at), (array_agg(actor ORDER BY id DESC))[1]
            FROM strangler_journal WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND
            """).Raw(" ");
        return side.FirstAsync(
            which(batch).End(),
            reader => reader.IsDBNull(0)
                ? null
                : new OwedWrites(reader.GetFieldValue<TimeSpan>(0), reader.GetFieldValue<TimeSpan>(1), reader.GetString(2)),
            cancellationToken,
            background: true);
    }

    // Of the open rows: a parked one may bear the generation of a relay whose clock was ahead. They are locked by a statement of their own
    // first, so that the next one sees what was committed meanwhile.
    private Task GiveBackAsync(JournalClaim claim, string error, Func<Batch, Batch> set, CancellationToken cancellationToken)
    {
        var key = claim.Key;
        var batch = new Batch().Add($"""
            SELECT 1 FROM strangler_journal
            WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND state = 'open' ORDER BY id FOR UPDATE
            """);
        batch.Part($"UPDATE strangler_journal SET attempts = attempts + 1, last_error = {Texts.Cut(error, 1000)}, lease_until = NULL, owner = '', ");
        set(batch).Part($"""
             WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND state = 'open' AND {claim.Generation} = (
                SELECT COALESCE(MAX(generation), 0) FROM strangler_journal
                WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND state = 'open')
            """).End();
        return side.WriteAsync(batch, cancellationToken, background: true);
    }

    // Grouped here: the rows of one key lie apart in the order of their age. The newest version of a key and its oldest creation count.
    private async Task<IReadOnlyList<ParkedKey>> ParkedAsync(EntityKey? key, int limit, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT kind, key, epoch, counter, attempts, last_error, created_at FROM strangler_journal");
        batch.Part($" WHERE context = {side.Context} AND state = 'parked'");
        if (key is { } one)
        {
            batch.Part($" AND kind = {one.Kind} AND key = {one.Id}");
        }

        batch.Part($" ORDER BY created_at, id LIMIT {(key is null ? Math.Max(limit, 0) * 10L : 1000L)}").End();
        var rows = await side.ListAsync(
            batch,
            reader => new ParkedKey(
                new EntityKey(reader.GetString(0), reader.GetInt64(1)), new EntityVersion(reader.GetInt64(2), reader.GetInt64(3)),
                reader.GetInt32(4), reader.GetString(5), Times.Utc(reader, 6)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return rows.GroupBy(row => row.Key).Take(limit).Select(of => of.MaxBy(row => row.Version)! with
        {
            CreatedUtc = of.Min(row => row.CreatedUtc),
            Attempts = of.Max(row => row.Attempts),
        }).ToList();
    }

    private static async Task<JournalOverview> ReadOverviewAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        SortedDictionary<string, KindDepth> kinds = new(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (open, due, claimed) = (reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
            kinds.Add(reader.GetString(0), new KindDepth(
                reader.GetString(0), open, due, claimed, open - due - claimed, 0, Times.Utc(reader, 4)));
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
            claims.Add(new RelayClaims(reader.GetString(0), reader.GetInt64(1), Times.Utc(reader, 2)));
        }

        var isPartial = kinds.Values.Sum(kind => kind.Open) > JournalDepth.CountLimit
            || kinds.Values.Sum(kind => kind.Parked) > JournalDepth.CountLimit;
        return new JournalOverview([.. kinds.Values], claims, isPartial);
    }

    // Three in four by the order in which they fell due, so that nothing waits for ever. The fourth are the latest, and come first: else
    // whoever writes one row behind a statement that changed ten thousand would wait for all of them.
    private Task<List<EntityKey>> CandidatesAsync(PostgresConnection connection, int max, CancellationToken cancellationToken)
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
        SELECT kind, key FROM strangler_journal
        WHERE context = {side.Context} AND state = 'open' AND next_attempt_at <= statement_timestamp()
        {new Sql(order)} LIMIT {max} FOR UPDATE SKIP LOCKED
        """);

    private static async Task<List<EntityKey>> ReadKeysAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        List<EntityKey> keys = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            keys.Add(new EntityKey(reader.GetString(0), reader.GetInt64(1)));
        }

        return keys;
    }

    private async Task<List<JournalClaim>> ClaimAsync(
        PostgresConnection connection, List<EntityKey> keys, string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT kind, key, id FROM strangler_journal WHERE ");
        OfKeys(batch, keys).End();
        batch.Part($"""
            SELECT kind, key, id, epoch, counter, generation, attempts, created_at, COALESCE(lease_until > statement_timestamp(), false),
                lease_until, owner
            FROM strangler_journal WHERE
            """).Raw(" ");
        OfKeys(batch, keys).Part($" FOR UPDATE SKIP LOCKED").End();
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
        batch.Add($"""
            UPDATE strangler_journal SET owner = {Texts.Cut(owner, 190)}, generation = {generation},
                lease_until = statement_timestamp() + {Times.Whole(lease)}, next_attempt_at = statement_timestamp() + {Times.Whole(lease)}
            WHERE id = ANY({rows.Select(row => row.Id).ToArray()})
            """);
        return new JournalClaim(
            rows.Key, rows.Max(row => row.Version), generation, rows.Max(row => row.Attempts), rows.Min(row => row.CreatedUtc));
    }

    /// <summary>A row that came after its key was claimed waits with it: else the rows of one busy key would stand in front of all
    /// others.</summary>
    private static void Join(Batch batch, IEnumerable<Row> rows, Row leased)
    {
        var late = rows.Where(row => !row.IsLeased).Select(row => row.Id).ToArray();
        if (late.Length > 0)
        {
            batch.Add($"""
                UPDATE strangler_journal SET owner = {leased.Owner}, generation = {leased.Generation}, lease_until = {leased.LeaseUntil},
                    next_attempt_at = {leased.LeaseUntil} WHERE id = ANY({late})
                """);
        }
    }

    private static async Task<(Dictionary<EntityKey, HashSet<long>> Visible, List<Row> Locked)> ReadRowsAsync(
        NpgsqlDataReader reader, CancellationToken cancellationToken)
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

    private static Row Read(NpgsqlDataReader reader) => new(
        new EntityKey(reader.GetString(0), reader.GetInt64(1)),
        reader.GetInt64(2),
        new EntityVersion(reader.GetInt64(3), reader.GetInt64(4)),
        reader.GetInt64(5),
        reader.GetInt32(6),
        Times.Utc(reader, 7),
        reader.GetBoolean(8),
        Times.UtcOrNull(reader, 9),
        reader.GetString(10));

    private Batch OfKeys(Batch batch, List<EntityKey> keys)
    {
        batch.Part($"context = {side.Context} AND state = 'open' AND (");
        var separator = "";
        foreach (var kind in keys.GroupBy(key => key.Kind))
        {
            batch.Raw(separator).Part($"(kind = {kind.Key} AND key = ANY({kind.Select(key => key.Id).ToArray()}))");
            separator = " OR ";
        }

        return batch.Raw(")");
    }

    private sealed record Row(
        EntityKey Key, long Id, EntityVersion Version, long Generation, int Attempts, DateTime CreatedUtc, bool IsLeased,
        DateTime? LeaseUntil, string Owner);
}
