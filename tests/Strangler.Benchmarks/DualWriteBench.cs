using System.Data.Common;
using System.Globalization;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.Benchmarks;

/// <summary>
/// A write in DualWrite with its inline apply against its statements by hand: the same locks, reads, versions, hashes and journal, put
/// together ahead (no mapping,
/// no decoding, no hashing), over one connection a side.
/// </summary>
internal static class DualWriteBench
{
    private const string Context = DonationsContext.Name;
    private const string Kind = BenchWorld.Kind;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var (wrapper, legacy, @new) = (world.Donations.Donations, world.Donations.Legacy, world.Donations.New);
        var ids = await world.IdsAsync(options.Quick ? 150 : 450, cancellationToken);
        var third = ids.Count / 3;
        var hand = new HandWritten(world);
        var updates = await Turns.OfOperationsAsync(
            options,
            [
                i => RepositoryBench.UpdateAsync(wrapper.FindAsync, donation => wrapper.StoreAsync(donation, cancellationToken), ids[i % third], i, cancellationToken),
                i => hand.UpdateAsync(ids[third + (i % third)], RepositoryBench.Amount(i), cancellationToken),
                i => RepositoryBench.UpdateAsync(
                    legacy.FindAsync,
                    async donation =>
                    {
                        await legacy.StoreAsync(donation, cancellationToken);
                        await @new.StoreAsync(donation, cancellationToken);
                    },
                    ids[(2 * third) + (i % third)], i, cancellationToken),
            ],
            cancellationToken);
        // In turns of their own: the experiment has nothing of ours in it.
        var oneOrTwo = await Turns.OfOperationsAsync(
            options,
            [
                i => hand.UpdateAsync(ids[third + (i % third)], RepositoryBench.Amount(i), cancellationToken, inOne: true),
                i => hand.UpdateAsync(ids[(2 * third) + (i % third)], RepositoryBench.Amount(i), cancellationToken),
            ],
            cancellationToken);
        var joint = world.Joint.Part<DonationsContext>().Donations;
        await world.Joint.CheckAsync(cancellationToken);
        var jointUpdates = await Turns.OfOperationsAsync(
            options,
            [
                i => RepositoryBench.UpdateAsync(
                    joint.FindAsync, donation => joint.StoreAsync(donation, cancellationToken), ids[third + (i % third)], i, cancellationToken),
                i => RepositoryBench.UpdateAsync(
                    wrapper.FindAsync, donation => wrapper.StoreAsync(donation, cancellationToken), ids[i % third], i, cancellationToken),
            ],
            cancellationToken);
        var jointCreates = await Turns.OfOperationsAsync(
            options,
            [i => StoreAsync(joint, Donation(i)), i => StoreAsync(wrapper, Donation(i))],
            cancellationToken);
        var template = Donation(0);
        await wrapper.StoreAsync(template, cancellationToken);
        await hand.LearnAsync(template.Id, cancellationToken);
        var creates = await Turns.OfOperationsAsync(
            options,
            [
                i =>
                {
                    var donation = Donation(i);
                    return Turns.TimeAsync(() => wrapper.StoreAsync(donation, cancellationToken));
                },
                _ => hand.CreateAsync(cancellationToken),
                i =>
                {
                    var donation = Donation(i);
                    return Turns.TimeAsync(async () =>
                    {
                        await legacy.StoreAsync(donation, cancellationToken);
                        await @new.StoreAsync(donation, cancellationToken);
                    });
                },
            ],
            cancellationToken);
        return
        [
            BenchLine.AtMost("update: dual write with inline apply / its statements by hand", 1.10, updates[0], updates[0].Microseconds),
            BenchLine.Shown("update: dual write with inline apply / two bare writes", updates[1], updates[1].Microseconds),
            BenchLine.Shown("update by hand: one transaction over both sides / two", oneOrTwo[0], oneOrTwo[0].Microseconds),
            BenchLine.AtMost("update: dual write in one transaction / in two", 0.85, jointUpdates[0], jointUpdates[0].Microseconds),
            BenchLine.AtMost("create: dual write in one transaction / in two", 0.85, jointCreates[0], jointCreates[0].Microseconds),
            BenchLine.AtMost("create: dual write with inline apply / its statements by hand", 1.10, creates[0], creates[0].Microseconds),
            BenchLine.Shown("create: dual write with inline apply / two bare writes", creates[1], creates[1].Microseconds),
        ];

        Task<long> StoreAsync(DonationRepositoryWrapper donations, Donation donation) =>
            Turns.TimeAsync(() => donations.StoreAsync(donation, cancellationToken));
    }

    internal static Donation Donation(int number)
    {
        var person = new PersonDonor(
            new PersonName("Frau", "", "Erika", string.Create(CultureInfo.InvariantCulture, $"Muster{number}")),
            new Address("Erlenkamp 7", "12345", "Smalltown", "DE"),
            "erika@example.org");
        var donation = new Donation(
            0, new DateTime(2016, 5, 17, 11, 42, 2), RepositoryBench.Amount(number), 0, person,
            new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        donation.Track(new Tracking("frontend", "demo", 3, 1));
        donation.WriteComment(new Comment("For a world with free knowledge", "Erika", IsPublic: true));
        return donation;
    }

    /// <summary>The statements of a dual write as one would write them for this one purpose.</summary>
    private sealed class HandWritten(BenchWorld world)
    {
        private readonly AggregateWriter _legacyWriter = new(world.LegacySql);
        private readonly AggregateWriter _newWriter = new(world.NewSql);
        private readonly byte[] _hashes = new byte[world.Mapping.Schema.Fields.Count * FieldHasher.Size];
        private AggregateRow? _legacyRow;
        private AggregateRow? _newRow;
        private long _dualEpoch;

        public async Task LearnAsync(long id, CancellationToken cancellationToken)
        {
            var legacy = await world.Host.Sides.Legacy.Store.ReadAsync(new EntityKey(Kind, id), cancellationToken);
            var @new = await world.Host.Sides.New.Store.ReadAsync(new EntityKey(Kind, id), cancellationToken);
            (_legacyRow, _newRow, _dualEpoch) = (legacy.Row!, @new.Row!, legacy.Fence.DualEpoch);
        }

        /// <param name="id">Which donation.</param>
        /// <param name="amount">Its new amount.</param>
        /// <param name="cancellationToken">Ends it.</param>
        /// <param name="inOne">
        /// The follower's part within the lead's transaction, behind a savepoint: what could be had where one server holds both sides. No
        /// journal row and no settling.
        /// </param>
        public async Task<long> UpdateAsync(long id, long amount, CancellationToken cancellationToken, bool inOne = false)
        {
            var key = new EntityKey(Kind, id);
            var (legacy, @new) = (
                await world.Host.Sides.Legacy.Store.ReadAsync(key, cancellationToken), await world.Host.Sides.New.Store.ReadAsync(key, cancellationToken));
            var newId = (await world.Host.Sides.IdMap.FindNewIdAsync(Kind, id, cancellationToken))!.Value;
            var legacyNow = world.Mapping.Legacy.Put(world.Mapping.Change(world.Mapping.Legacy.Get(legacy.Row!), "amount", amount), legacy.Row);
            var newNow = world.Mapping.New.Put(world.Mapping.Change(world.Mapping.New.Get(@new.Row!), "amount", amount), @new.Row);
            var state = new EntityState(legacy.Version(legacy.Fence.DualEpoch).Next(), 0, false, _hashes);

            var lead = new Batch();
            _legacyWriter.Update(lead, id, legacy.Row!, legacyNow, null);
            EntitySql.Upsert(lead, SideName.Legacy, Context, key, state);
            var follower = new Batch();
            _newWriter.Update(follower, newId, @new.Row!, newNow, null);
            EntitySql.Upsert(follower, SideName.New, Context, key, state);
            if (inOne)
            {
                lead.Add($"SAVEPOINT strangler_follower").Add($"USE {new Sql($"`{world.NewDatabase}`")}");
                Batch[] three = [Opening(world.LegacySql, key), Opening(world.NewSql, key, lead), End(follower.Add($"USE {new Sql($"`{world.LegacyDatabase}`")}"))];
                return await Turns.TimeAsync(async () =>
                {
                    await using var connection = await world.Legacy.OpenAsync(cancellationToken);
                    await BenchWorld.ReadAsync(connection, three[0], cancellationToken);
                    await BenchWorld.ReadAsync(connection, three[1], cancellationToken);
                    await BenchWorld.RunAsync(connection, three[2], cancellationToken);
                });
            }

            Journal(lead, key, state.Version);
            Batch[] batches = [Opening(world.LegacySql, key), End(lead), Opening(world.NewSql, key), Read(key), End(follower), Settle(key, state.Version)];
            return await Turns.TimeAsync(async () =>
            {
                await using var left = await world.Legacy.OpenAsync(cancellationToken);
                await BenchWorld.ReadAsync(left, batches[0], cancellationToken);
                await BenchWorld.RunAsync(left, batches[1], cancellationToken);
                await using var right = await world.New.OpenAsync(cancellationToken);
                await BenchWorld.ReadAsync(right, batches[2], cancellationToken);
                await BenchWorld.ReadAsync(left, batches[3], cancellationToken);
                await BenchWorld.RunAsync(right, batches[4], cancellationToken);
                await BenchWorld.RunAsync(left, batches[5], cancellationToken);
            });
        }

        // What needs the id is put together when it is known; that is part of the time, here as there.
        public Task<long> CreateAsync(CancellationToken cancellationToken) => Turns.TimeAsync(async () =>
        {
            await using var left = await world.Legacy.OpenAsync(cancellationToken);
            await BenchWorld.ReadAsync(left, Opening(world.LegacySql, new EntityKey(Kind, 0)), cancellationToken);
            var lead = new Batch();
            _legacyWriter.Insert(lead, null, _legacyRow!);
            lead.Add($"SELECT {AggregateWriter.NewKey}");
            var id = Convert.ToInt64(await BenchWorld.ReadAsync(left, lead, cancellationToken), CultureInfo.InvariantCulture);
            var key = new EntityKey(Kind, id);
            var state = new EntityState(new EntityVersion(_dualEpoch, 1), 0, false, _hashes);
            lead.Clear();
            EntitySql.Upsert(lead, SideName.Legacy, Context, key, state);
            Journal(lead, key, state.Version);
            await BenchWorld.RunAsync(left, End(lead), cancellationToken);

            await using var right = await world.New.OpenAsync(cancellationToken);
            await BenchWorld.ReadAsync(right, Opening(world.NewSql, key), cancellationToken);
            await BenchWorld.ReadAsync(left, Read(key), cancellationToken);
            var follower = new Batch();
            _newWriter.Insert(follower, null, _newRow!);
            follower.Add($"INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ({Context}, {Kind}, {id}, {AggregateWriter.NewKey})");
            EntitySql.Upsert(follower, SideName.New, Context, key, state);
            await BenchWorld.RunAsync(right, End(follower), cancellationToken);
            await BenchWorld.RunAsync(left, Settle(key, state.Version), cancellationToken);
        });

        private static Batch Begin() => new Batch()
            .Add($"""
                SET SESSION sql_mode = {"STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"}, innodb_lock_wait_timeout = {3},
                    wait_timeout = {15}, @strangler_own = 'donations'
                """)
            .Add($"SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            .Add($"START TRANSACTION");

        private static Batch End(Batch batch) => batch.Add($"COMMIT").Add($"SET SESSION wait_timeout = DEFAULT, @strangler_own = NULL");

        private static void Journal(Batch batch, EntityKey key, EntityVersion version) => batch.Add($"""
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at, actor)
            VALUES ({Context}, {key.Kind}, {key.Id}, {version.Epoch}, {version.Counter}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), {"bench"})
            """);

        private static Batch Settle(EntityKey key, EntityVersion version) => End(Begin()
            .Add($"""
                DELETE j FROM strangler_journal j FORCE INDEX (strangler_journal_key) WHERE context = {Context} AND kind = {key.Kind} AND `key` = {key.Id}
                AND (epoch < {version.Epoch} OR (epoch = {version.Epoch} AND counter <= {version.Counter})) AND (origin = 'own' OR foreign_seq <= {0})
                """)
            .Add($"""
                UPDATE strangler_journal FORCE INDEX (strangler_journal_key) SET next_attempt_at = UTC_TIMESTAMP(6), lease_until = NULL, owner = ''
                WHERE context = {Context} AND kind = {key.Kind} AND `key` = {key.Id} AND state = 'open' AND lease_until IS NOT NULL
                """));

        private static Batch Opening(AggregateSql sql, EntityKey key, Batch? within = null)
        {
            var batch = (within ?? Begin()).Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {Context} LOCK IN SHARE MODE");
            if (key.Id == 0)
            {
                return batch;
            }

            if (sql.Side == SideName.Legacy)
            {
                batch.Add($"SELECT {sql.RootKey} FROM {sql.Root} WHERE {sql.RootKey} = {key.Id} FOR UPDATE");
            }

            batch.Add($"""
                INSERT INTO strangler_entity (context, kind, `key`) SELECT f.context, {key.Kind}, {key.Id} FROM strangler_fence f
                WHERE f.context = {Context} AND {FenceSql.IsDual} ON DUPLICATE KEY UPDATE counter = strangler_entity.counter
                """);
            batch.Add($"SELECT {EntitySql.Columns} FROM strangler_entity e WHERE e.context = {Context} AND e.kind = {key.Kind} AND e.`key` = {key.Id} FOR UPDATE");
            if (sql.Side == SideName.Legacy)
            {
                return batch.Add($"SELECT NULL, {sql.Columns} FROM {sql.Root} t0{sql.Joins} WHERE t0.{sql.RootKey} = {key.Id} FOR UPDATE");
            }

            batch.Add($"""
                SELECT m.new_id, {sql.Columns} FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id{sql.Joins}
                WHERE m.context = {Context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} FOR UPDATE
                """);
            foreach (var table in sql.Manys)
            {
                batch.Add($"""
                    SELECT {sql.ManyColumns[table]} FROM strangler_id_map m JOIN {sql.Names[table]} x FORCE INDEX (PRIMARY) ON x.{sql.Keys[table]} = m.new_id
                    WHERE m.context = {Context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} ORDER BY x.`ordinal` FOR UPDATE
                    """);
            }

            return batch;
        }

        private Batch Read(EntityKey key) => new Batch().Add($"""
            SELECT {FenceSql.Columns}, {EntitySql.Columns}, {world.LegacySql.Columns} FROM strangler_fence f
            LEFT JOIN strangler_entity e ON e.context = f.context AND e.kind = {key.Kind} AND e.`key` = {key.Id}
            LEFT JOIN {world.LegacySql.Root} t0 ON t0.{world.LegacySql.RootKey} = {key.Id}{world.LegacySql.Joins} WHERE f.context = {Context}
            """);
    }
}
