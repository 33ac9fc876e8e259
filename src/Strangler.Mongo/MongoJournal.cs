using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// The new side's journal. A claim pushes <c>next_attempt_at</c> of the key's entries to the end of the lease: so an expired lease is due by
/// itself, and one index serves both.
/// </summary>
internal sealed class MongoJournal(MongoSide side) : IJournal
{
    private const int MostThinned = 1000;
    private static readonly BsonDocument ByAge = BsonDocument.Of(("created_at", 1));

    private static readonly BsonDocument Release = BsonDocument.Of(("owner", ""));

    public SideName Side => side.Name;

    /// <summary>A new entry.</summary>
    public static BsonDocument Entry(MongoSide side, EntityKey key, EntityVersion version, long foreignSeq, string actor, DateTime nowUtc) => BsonDocument.Of(
        ("_id", ObjectId.NewId(side.Options.Time)), ("context", side.Context), ("kind", key.Kind), ("key", key.Id), ("epoch", version.Epoch),
        ("counter", version.Counter), ("foreign_seq", foreignSeq), ("origin", foreignSeq > 0 ? "foreign" : "own"), ("created_at", Times.Of(nowUtc)),
        ("actor", Texts.Cut(actor, 190)), ("state", "open"), ("owner", ""), ("generation", 0L), ("attempts", 0), ("next_attempt_at", Times.Of(nowUtc)),
        ("last_error", ""));

    /// <remarks>
    /// One transaction: it sees all open entries of a key in one snapshot and writes to all of them, so of two relays that claim one key only one commits.
    /// The other one begins anew, and passes over what is taken by then.
    /// <para>Candidates come by (context, state, due time), never by id beyond a cursor: a lower id may be committed later.</para>
    /// </remarks>
    public async Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        return await side.InTransactionAsync(
            true,
            async (session, token) =>
            {
                var due = await CandidatesAsync(session, max, now, token).ConfigureAwait(false);
                return due.Count == 0 ? [] : await ClaimAsync(session, due, owner, lease, now, token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken) => SettleAsync(
        key,
        OfKey(key).With("$and", BsonArray.Of(
            BsonDocument.Of(("$or", BsonArray.Of(
                BsonDocument.Of(("epoch", BsonDocument.Of(("$lt", accepted.Epoch)))),
                BsonDocument.Of(("epoch", accepted.Epoch), ("counter", BsonDocument.Of(("$lte", accepted.Counter))))))),
            BsonDocument.Of(("$or", BsonArray.Of(
                BsonDocument.Of(("origin", "own")), BsonDocument.Of(("foreign_seq", BsonDocument.Of(("$lte", foreignSeq))))))))),
        null,
        cancellationToken);

    public Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken) => SettleAsync(
        key, OfKey(key).With("origin", "foreign").With("foreign_seq", BsonDocument.Of(("$lte", foreignSeq))), true, cancellationToken);

    public Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken) => OwedWritesAsync(
        OfKey(key).With("origin", "own").With("$or", BsonArray.Of(
            BsonDocument.Of(("epoch", BsonDocument.Of(("$gt", above.Epoch)))),
            BsonDocument.Of(("epoch", above.Epoch), ("counter", BsonDocument.Of(("$gt", above.Counter)))))),
        cancellationToken);

    public Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken) => OwedWritesAsync(
        OfKey(key).With("origin", "foreign").With("foreign_seq", BsonDocument.Of(("$gt", above))), cancellationToken);

    /// <summary>The whole key waits or is parked, entries that came after the claim as well: a key's back-off is the key's.</summary>
    public async Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        await GiveBackAsync(
            claim, error, delay is { } wait ? new("next_attempt_at", Times.After(now, wait)) : new("state", "parked"), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>State <c>unread</c>.</summary>
    public Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken) =>
        GiveBackAsync(claim, error, new("state", "unread"), cancellationToken);

    /// <summary>
    /// One snapshot: an entry that is parked or settled meanwhile is not counted twice, nor missed. Each count ends one beyond its limit, within an index; the
    /// oldest entry is the first of another one.
    /// </summary>
    public async Task<JournalDepth> DepthAsync(CancellationToken cancellationToken)
    {
        var (open, parked, unread, oldest) = await side.SnapshotAsync(
            true,
            async (session, token) => (
                await CountAsync(session, "open", token).ConfigureAwait(false), await CountAsync(session, "parked", token).ConfigureAwait(false),
                await CountAsync(session, "unread", token).ConfigureAwait(false),
                await session.FirstAsync(Names.Journal, InState("open"), token, ByAge).ConfigureAwait(false)),
            cancellationToken).ConfigureAwait(false);
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        return new JournalDepth(open, parked, oldest?.UtcOrNull("created_at"), now) { Quarantined = unread };
    }

    public async Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        var fields = BsonDocument.Of(("kind", 1), ("next_attempt_at", 1), ("lease_until", 1), ("created_at", 1), ("owner", 1));
        const int Most = (int)JournalDepth.CountLimit + 1;
        var (open, parked) = await side.SnapshotAsync(
            true,
            async (session, token) => (
                await session.FindAsync(Names.Journal, InState("open"), token, ByAge, Most, fields).ConfigureAwait(false),
                await session.FindAsync(Names.Journal, InState("parked"), token, ByAge, Most, fields).ConfigureAwait(false)),
            cancellationToken).ConfigureAwait(false);
        var leased = open.Where(entry => IsLeased(entry, now)).ToList();
        var kinds = open.Concat(parked).Select(entry => entry.Text("kind")).Distinct().Order(StringComparer.Ordinal).Select(kind =>
        {
            var ofKind = open.Where(entry => entry.Text("kind") == kind).ToList();
            var (due, claimed) = (ofKind.LongCount(entry => entry.Utc("next_attempt_at") <= now), ofKind.LongCount(entry => IsLeased(entry, now)));
            return new KindDepth(
                kind, ofKind.Count, due, claimed, ofKind.Count - due - claimed, parked.LongCount(entry => entry.Text("kind") == kind),
                ofKind.Count == 0 ? null : ofKind.Min(entry => entry.Utc("created_at")));
        });
        var claims = leased.GroupBy(entry => entry.Text("owner")).OrderBy(of => of.Key, StringComparer.Ordinal)
            .Select(of => new RelayClaims(of.Key, of.LongCount(), of.Max(entry => entry.Utc("lease_until"))));
        return new JournalOverview([.. kinds], [.. claims], open.Count > JournalDepth.CountLimit || parked.Count > JournalDepth.CountLimit);
    }

    public Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken) => ParkedAsync(null, limit, cancellationToken);

    public async Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken) =>
        (await ParkedAsync(key, 1, cancellationToken).ConfigureAwait(false)).SingleOrDefault();

    public async Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Journal,
            BsonDocument.Of(
                ("context", side.Context), ("kind", kind), ("key", BsonDocument.Of(("$in", BsonArray.FromValues(ids.Select(BsonValue.FromInt64)))))),
            cancellationToken, background: true, fields: BsonDocument.Of(("_id", 0), ("key", 1))).ConfigureAwait(false))
        .Select(entry => entry.Number("key")).ToHashSet();

    public async Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(null, cancellationToken).ConfigureAwait(false);
        var filter = BsonDocument.Of(("context", side.Context), ("state", BsonDocument.Of(("$in", BsonArray.Of("parked", "unread")))));
        filter = key is { } one ? filter.With("kind", one.Kind).With("key", one.Id) : filter;
        var change = BsonDocument.Of(("$set", BsonDocument.Of(("state", "open"), ("attempts", 0), ("next_attempt_at", Times.Of(now)))));
        return (int)await side.UpdateAsync(Names.Journal, new(filter, change, Many: true), cancellationToken).ConfigureAwait(false);
    }

    public async Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken) =>
        (int)await side.DeleteAsync(Names.Journal, OfKey(key).With("state", "parked"), cancellationToken).ConfigureAwait(false);

    /// <remarks>Key by key in the order of an index. What is removed stood between two entries that stay, and is still in the state in which it was seen.</remarks>
    public async Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken)
    {
        var (removed, upto) = (0, above);
        for (var left = keys; left > 0; left--)
        {
            var filter = BsonDocument.Of(("context", side.Context), ("kind", kind));
            filter = upto is { } last ? filter.With("key", BsonDocument.Of(("$gt", last))) : filter;
            if (await side.FirstAsync(
                Names.Journal, filter, cancellationToken, true, BsonDocument.Of(("context", 1), ("kind", 1), ("key", 1))).ConfigureAwait(false) is not { } next)
            {
                return new ThinnedRows(removed, left == keys ? null : upto);
            }

            upto = next.Number("key");
            removed += await ThinAsync(new EntityKey(kind, upto.Value), cancellationToken).ConfigureAwait(false);
        }

        return new ThinnedRows(removed, upto);
    }

    private Task<int> ThinAsync(EntityKey key, CancellationToken cancellationToken) => side.UseAsync(
        true,
        async (session, token) =>
        {
            var command = BsonDocument.Of(
                ("find", Names.Journal), ("filter", OfKey(key)),
                ("projection", BsonDocument.Of(("origin", 1), ("state", 1), ("epoch", 1), ("counter", 1), ("foreign_seq", 1))));
            Dictionary<(string Origin, string State), Between> groups = [];
            var removed = 0;
            var cursor = await session.OpenCursorAsync(command, token).ConfigureAwait(false);
            await using (cursor.ConfigureAwait(false))
            {
                await foreach (var entry in cursor.DocumentsAsync(token).ConfigureAwait(false))
                {
                    var name = (entry.Text("origin"), entry.Text("state"));
                    if (!groups.TryGetValue(name, out var group))
                    {
                        groups.Add(name, group = new Between());
                    }

                    group.Add((entry.Version(), entry.Number("foreign_seq"), entry["_id"].AsObjectId));
                    removed += group.Needless.Count < MostThinned ? 0 : await RemoveAsync(session, name.Item2, group, token).ConfigureAwait(false);
                }
            }

            foreach (var (name, group) in groups)
            {
                removed += await RemoveAsync(session, name.State, group, token).ConfigureAwait(false);
            }

            return removed;
        },
        cancellationToken);

    private static async Task<int> RemoveAsync(MongoSession session, string state, Between group, CancellationToken cancellationToken)
    {
        if (group.Needless.Count == 0)
        {
            return 0;
        }

        var ids = BsonArray.FromValues(group.Needless.Select(BsonValue.FromObjectId));
        group.Needless.Clear();
        var filter = Keys.Filter(BsonDocument.Of(("$in", ids))).With("state", state);
        return (int)(await session.DeleteAsync(Names.Journal, [new(filter, Many: true)], true, cancellationToken).ConfigureAwait(false)).ThrowIfFailed().Count;
    }

    // What is left is newer than what was accepted, so it is due now, whoever had claimed it along with the entries that are gone.
    private async Task SettleAsync(EntityKey key, BsonDocument settled, bool? background, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(background, cancellationToken).ConfigureAwait(false);
        await side.InTransactionAsync(
            background,
            async (session, token) =>
            {
                await session.DeleteAsync(Names.Journal, [new(settled, Many: true)], true, token).ConfigureAwait(false);
                await session.UpdateAsync(
                    Names.Journal,
                    [
                        new(
                            OfKey(key).With("state", "open").With("lease_until", BsonDocument.Of(("$exists", true))),
                            BsonDocument.Of(("$set", Release.With("next_attempt_at", Times.Of(now))), ("$unset", BsonDocument.Of(("lease_until", "")))), Many: true),
                    ],
                    true, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async Task<OwedWrites?> OwedWritesAsync(BsonDocument filter, CancellationToken cancellationToken)
    {
        var rows = await side.FindAsync(
            Names.Journal, filter, cancellationToken, true, fields: BsonDocument.Of(("created_at", 1), ("actor", 1))).ConfigureAwait(false);
        if (rows.Count == 0)
        {
            return null;
        }

        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        var newest = rows.MaxBy(row => (row.Utc("created_at"), row["_id"].AsObjectId))!;
        return new OwedWrites(now - newest.Utc("created_at"), now - rows.Min(row => row.Utc("created_at")), newest.Text("actor"));
    }

    // Of the open entries: a parked one may bear the generation of a relay whose clock was ahead.
    private Task<bool> GiveBackAsync(JournalClaim claim, string error, BsonElement set, CancellationToken cancellationToken) => side.InTransactionAsync(
        true,
        async (session, token) =>
        {
            var open = OfKey(claim.Key).With("state", "open");
            var rows = await session.FindAsync(Names.Journal, open, token, fields: BsonDocument.Of(("generation", 1))).ConfigureAwait(false);
            if (rows.Count == 0 || rows.Max(row => row.Number("generation")) != claim.Generation)
            {
                return false;
            }

            await session.UpdateAsync(
                Names.Journal,
                [
                    new(
                        Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(rows.Select(row => row["_id"]))))),
                        BsonDocument.Of(
                            ("$set", Release.With("last_error", Texts.Cut(error, 1000)).With(set.Name, set.Value)), ("$inc", BsonDocument.Of(("attempts", 1))),
                            ("$unset", BsonDocument.Of(("lease_until", "")))),
                        Many: true),
                ],
                true, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    // Grouped here: the entries of one key lie apart in the order of their age. The newest version of a key and its oldest creation count.
    private async Task<IReadOnlyList<ParkedKey>> ParkedAsync(EntityKey? key, int limit, CancellationToken cancellationToken)
    {
        var filter = key is { } one ? OfKey(one).With("state", "parked") : InState("parked");
        var rows = await side.FindAsync(
            Names.Journal, filter, cancellationToken, true, BsonDocument.Of(("created_at", 1), ("_id", 1)),
            (int)Math.Min(key is null ? Math.Max(limit, 1) * 10L : 1000, int.MaxValue)).ConfigureAwait(false);
        return rows.Select(row => new ParkedKey(
                new EntityKey(row.Text("kind"), row.Number("key")), row.Version(), (int)row.Number("attempts"), row.Text("last_error"), row.Utc("created_at")))
            .GroupBy(row => row.Key).Take(limit).Select(of => of.MaxBy(row => row.Version)! with
            {
                CreatedUtc = of.Min(row => row.CreatedUtc),
                Attempts = of.Max(row => row.Attempts),
            }).ToList();
    }

    // Three in four by the order in which they fell due, so that nothing waits for ever. The fourth are the latest, and come first: else
    // whoever writes one entry behind a statement that changed ten thousand would wait for all of them.
    private async Task<List<EntityKey>> CandidatesAsync(MongoSession session, int max, DateTime now, CancellationToken cancellationToken)
    {
        var latest = max / 4;
        var due = InState("open").With("next_attempt_at", BsonDocument.Of(("$lte", Times.Of(now))));
        List<BsonDocument> found = [];
        foreach (var (direction, count) in new[] { (-1, latest), (1, max - latest) })
        {
            if (count > 0)
            {
                found.AddRange(await session.FindAsync(
                    Names.Journal, due, cancellationToken, BsonDocument.Of(("next_attempt_at", direction)), count,
                    BsonDocument.Of(("kind", 1), ("key", 1))).ConfigureAwait(false));
            }
        }

        return [.. found.Select(entry => new EntityKey(entry.Text("kind"), entry.Number("key"))).Distinct()];
    }

    private async Task<IReadOnlyList<JournalClaim>> ClaimAsync(
        MongoSession session, List<EntityKey> keys, string owner, TimeSpan lease, DateTime now, CancellationToken cancellationToken)
    {
        var filter = InState("open").With("$or", BsonArray.FromDocuments(keys.GroupBy(key => key.Kind).Select(of => BsonDocument.Of(
            ("kind", of.Key), ("key", BsonDocument.Of(("$in", BsonArray.FromValues(of.Select(key => BsonValue.FromInt64(key.Id))))))))));
        List<JournalClaim> claims = [];
        List<MongoUpdate> updates = [];
        var rows = await session.FindAsync(Names.Journal, filter, cancellationToken).ConfigureAwait(false);
        foreach (var ofKey in rows.GroupBy(row => new EntityKey(row.Text("kind"), row.Number("key"))))
        {
            if (ofKey.FirstOrDefault(row => IsLeased(row, now)) is { } leased)
            {
                // An entry that came after its key was claimed waits with it: else those of one busy key would stand in front of all others.
                Add(updates, ofKey.Where(row => !IsLeased(row, now)), leased.Text("owner"), leased.Number("generation"), leased["lease_until"]);
                continue;
            }

            // Above every earlier generation of the key, also of entries that are settled and gone: hence the clock.
            var generation = Math.Max(
                ofKey.Max(row => row.Number("generation")) + 1, side.Options.Time.GetUtcNow().UtcTicks / TimeSpan.TicksPerMicrosecond);
            Add(updates, ofKey, Texts.Cut(owner, 190), generation, Times.After(now, lease));
            claims.Add(new JournalClaim(
                ofKey.Key, ofKey.Max(row => row.Version()), generation, (int)ofKey.Max(row => row.Number("attempts")), ofKey.Min(row => row.Utc("created_at"))));
        }

        await session.UpdateAsync(Names.Journal, updates, true, cancellationToken).ConfigureAwait(false);
        return claims;
    }

    private static void Add(List<MongoUpdate> updates, IEnumerable<BsonDocument> rows, string owner, long generation, BsonValue until)
    {
        var ids = BsonArray.FromValues(rows.Select(row => row["_id"]));
        if (ids.Count > 0)
        {
            updates.Add(new(
                Keys.Filter(BsonDocument.Of(("$in", ids))),
                BsonDocument.Of(("$set", BsonDocument.Of(
                    ("owner", owner), ("generation", generation), ("lease_until", until), ("next_attempt_at", until)))),
                Many: true));
        }
    }

    private static bool IsLeased(BsonDocument entry, DateTime now) => entry.UtcOrNull("lease_until") is { } until && until > now;

    // An aggregation, since transactions know no count.
    private async Task<long> CountAsync(MongoSession session, string state, CancellationToken cancellationToken)
    {
        var stages = BsonArray.Of(
            BsonDocument.Of(("$match", InState(state))), BsonDocument.Of(("$limit", JournalDepth.CountLimit + 1)),
            BsonDocument.Of(("$group", BsonDocument.Of(("_id", BsonValue.Null), ("n", BsonDocument.Of(("$sum", 1)))))));
        var found = await session.AllAsync(
            BsonDocument.Of(("aggregate", Names.Journal), ("pipeline", stages), ("cursor", BsonDocument.Empty)), cancellationToken).ConfigureAwait(false);
        return found.Count == 0 ? 0 : found[0].Number("n");
    }

    private BsonDocument InState(string state) => BsonDocument.Of(("context", side.Context), ("state", state));

    private BsonDocument OfKey(EntityKey key) => BsonDocument.Of(("context", side.Context), ("kind", key.Kind), ("key", key.Id));

    /// <summary>The least and the greatest of what came along, and what stood between.</summary>
    private sealed class Between
    {
        private (EntityVersion, long, ObjectId)? _least;
        private (EntityVersion, long, ObjectId)? _greatest;

        public List<ObjectId> Needless { get; } = [];

        public void Add((EntityVersion, long, ObjectId Id) entry)
        {
            if (_least is not { } least)
            {
                _least = entry;
            }
            else if (entry.CompareTo(least) < 0)
            {
                _least = entry;
                Push(least);
            }
            else
            {
                Push(entry);
            }
        }

        // Of what is not the least, the greatest stays.
        private void Push((EntityVersion, long, ObjectId Id) entry)
        {
            if (_greatest is not { } greatest)
            {
                _greatest = entry;
                return;
            }

            var isGreater = entry.CompareTo(greatest) > 0;
            _greatest = isGreater ? entry : greatest;
            Needless.Add(isGreater ? greatest.Item3 : entry.Id);
        }
    }
}
