using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// Numbers that the store gives out itself, as the server has none that count up: new ids of a collection, of runs, of audit entries. Taken from one
/// document a name outside of any transaction, else every insert would conflict with every other; what is not used becomes gaps.
/// </summary>
internal sealed class MongoNumbers
{
    private static readonly ConditionalWeakTable<MongoDatabase, MongoNumbers> Shared = [];

    private const long FirstNewId = 1_000_000_001;

    private readonly MongoDatabase _database;
    private readonly ConcurrentDictionary<string, Stock> _stocks = new();

    private MongoNumbers(MongoDatabase database) => _database = database;

    public static MongoNumbers Of(MongoDatabase database) => Shared.GetValue(database, static key => new MongoNumbers(key));

    /// <summary>The next number for the <c>_id</c> of a collection, above every one that is there.</summary>
    public async Task<long> NextAsync(string collection, CancellationToken cancellationToken) =>
        (await TakeAsync(collection, 1, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>Numbers of one process that are used up in their order, each later one greater, whichever process takes it.</summary>
    public async Task<long> NextInOrderAsync(string name, CancellationToken cancellationToken) =>
        (await RefillAsync(name, isCollection: false, 1, cancellationToken).ConfigureAwait(false)).First;

    /// <summary>Several at once.</summary>
    public async Task<long[]> TakeAsync(string collection, int count, CancellationToken cancellationToken)
    {
        var stock = _stocks.GetOrAdd(collection, static _ => new Stock());
        await stock.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var numbers = new long[count];
            for (var i = 0; i < count; i++)
            {
                if (stock.Next > stock.Last)
                {
                    (stock.Next, stock.Last) = await RefillAsync(
                        collection, isCollection: !stock.IsKnown, Math.Max(count - i, _database.Options.IdBatch), cancellationToken).ConfigureAwait(false);
                    stock.IsKnown = true;
                }

                numbers[i] = stock.Next++;
            }

            return numbers;
        }
        finally
        {
            stock.Gate.Release();
        }
    }

    // Once a process also above what is there: somebody may have put documents there by hand, or brought the sequence back from a backup. And far from the
    // ids of legacy, as in the other stores: code that goes around the id map is found out at once.
    private async Task<(long First, long Last)> RefillAsync(string name, bool isCollection, int count, CancellationToken cancellationToken)
    {
        var session = await _database.OpenBesideAsync(cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            var id = Keys.Filter(BsonDocument.Of(("name", name)));
            if (isCollection && !name.StartsWith(Names.Prefix, StringComparison.Ordinal))
            {
                var highest = await session.FirstAsync(name, BsonDocument.Empty, cancellationToken, BsonDocument.Of(("_id", -1))).ConfigureAwait(false);
                var above = Math.Max(FirstNewId - 1, highest?.Number("_id") ?? 0);
                (await session.UpdateAsync(
                    Names.Sequence, [new(id, BsonDocument.Of(("$max", BsonDocument.Of(("last", above)))), Upsert: true)], true, cancellationToken)
                    .ConfigureAwait(false)).ThrowIfFailed();
            }

            var taken = await session.FindAndModifyAsync(
                BsonDocument.Of(
                    ("findAndModify", Names.Sequence), ("query", id), ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("last", (long)count))))), ("upsert", true),
                    ("new", true)),
                cancellationToken).ConfigureAwait(false);
            var last = taken.AsDocument.Number("last");
            return (last - count + 1, last);
        }
    }

    private sealed class Stock
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public long Next { get; set; } = 1;

        public long Last { get; set; }

        public bool IsKnown { get; set; }
    }
}
