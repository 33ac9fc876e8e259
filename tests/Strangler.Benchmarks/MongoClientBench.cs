using System.Diagnostics;
using System.Globalization;
using Strangler.LocalServers;
using Strangler.Mongo;
using Strangler.Mongo.Bson;
using Strangler.Mongo.Drivers;

namespace Strangler.Benchmarks;

/// <summary>
/// The MongoDB client: documents of about 1 KB. Streaming and inserting against the driver's own calls with bytes that are ready, the
/// answers discarded. The server has most of
/// the time, so the client's processor time a document stands beside it.
/// </summary>
internal static class MongoClientBench
{
    public const string Name = "mongo-client";

    private const string Collection = "documents";
    private const int BatchSize = 1000;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        await using var server = await MongoServer.AcquireAsync(new(), cancellationToken);
        await using var source = MongoDataSource.Create(server.ConnectionString("bench"), new());
        await using var session = await source.OpenAsync(cancellationToken);
        await session.RunAsync(BsonDocument.Of(("dropDatabase", 1)), cancellationToken);
        BsonDocument[] documents = [.. Enumerable.Range(0, options.Rows).Select(Make)];
        byte[][] bytes = [.. documents.Select(document => document.ToBytes())];
        List<BenchLine> lines =
        [
            Measure("codec: BsonDocument.Parse, one core", bytes, raw => BsonDocument.Parse(raw), options),
            Measure("codec: all fields by BsonReader, nothing made, one core", bytes, Walk, options),
            Measure("codec: BsonDocument.ToBytes, one core", documents, document => document.ToBytes(), options),
        ];
        var raw = await RawSessionAsync(server, cancellationToken);
        lines.Add(await StreamAsync(session, documents, raw, options, cancellationToken));
        lines.Add(await InsertAsync(session, documents, bytes, raw, options, cancellationToken));
        raw.Close();
        await session.RunAsync(BsonDocument.Of(("dropDatabase", 1)), cancellationToken);
        return lines;
    }

    private static BsonDocument Make(int i) => BsonDocument.Of(
        ("_id", ObjectId.NewId(TimeProvider.System)), ("number", i), ("name", "Somebody's name"),
            ("created", BsonValue.FromMilliseconds(1_600_000_000_000 + i)),
        ("amount", 12.5), ("views", (long)i), ("isActive", true), ("parent", BsonValue.Null),
            ("tags", BsonArray.Of("one", "two", "three", "four")),
        ("address", BsonDocument.Of(("street", "Some street 17"), ("city", "Somewhere"), ("postcode", "12345"), ("country", "DE"))),
        ("revisions", BsonArray.FromDocuments(Enumerable.Range(0, 4).Select(r => BsonDocument.Of(
            ("version", r), ("author", ObjectId.NewId(TimeProvider.System)), ("at", BsonValue.FromMilliseconds(r)),
                ("reason", "because of something"))))),
        ("text", new string('x', 280)));

    private static object Walk(byte[] raw)
    {
        var reader = new BsonReader(raw);
        return Walk(reader);
    }

    private static object Walk(BsonReader reader)
    {
        var fields = 0;
        while (reader.Read())
        {
            fields += reader.NameBytes.Length;
            if (reader.Type is BsonType.Document or BsonType.Array)
                Walk(reader.GetDocument());
        }
        return Collection;
    }

    private static async Task<IMongoDriverSession> RawSessionAsync(MongoServer server, CancellationToken cancellationToken) =>
        await MongoDriver.Create(MongoAddress.Parse(server.ConnectionString("bench")), new()).OpenAsync(cancellationToken);

    private static async Task<BenchLine> StreamAsync(
        MongoSession session, BsonDocument[] documents, IMongoDriverSession raw, BenchOptions options, CancellationToken cancellationToken)
    {
        (await session.InsertAsync(Collection, documents, ordered: false, cancellationToken)).ThrowIfFailed();
        var (turns, ours, bare) = (new Turns(), new List<double>(), new List<double>());
        for (var round = -1; round < options.Runs; round++)
        {
            var one = await TimedAsync(ours, () => OursAsync(session, documents.Length, cancellationToken));
            var other = await TimedAsync(bare, () => BareAsync(raw, cancellationToken));
            if (round >= 0)
                turns.Add(one, other);
        }
        return BenchLine.Shown("mongo: streaming documents / the driver's calls, discarded", turns,
            Figures(turns, documents.Length, ours, bare));
    }

    private static async Task OursAsync(MongoSession session, int count, CancellationToken cancellationToken)
    {
        await using var cursor = await session.OpenCursorAsync(BsonDocument.Of(("find", Collection), ("batchSize", BatchSize)),
            cancellationToken);
        while (await cursor.NextBatchAsync(cancellationToken))
        {
            for (var i = 0; i < cursor.Count; i++)
                count -= cursor[i].Count > 0 ? 1 : 0;
        }
        if (count != 0)
            throw new InvalidOperationException($"{count} documents are missing.");
    }

    private static async Task BareAsync(IMongoDriverSession raw, CancellationToken cancellationToken)
    {
        var reply = new ReplyBuffer();
        var command = BsonDocument.Of(("find", Collection), ("batchSize", BatchSize));
        while (true)
        {
            await raw.RunAsync("bench", command.ToBytes(), reply, cancellationToken);
            var id = IdOf(reply.Reply.Span);
            if (id == 0)
                return;
            command = BsonDocument.Of(("getMore", id), ("collection", Collection), ("batchSize", BatchSize));
        }
    }

    private static long IdOf(ReadOnlySpan<byte> reply)
    {
        var outer = new BsonReader(reply);
        outer.Read();
        var cursor = outer.GetDocument();
        while (cursor.Read())
        {
            if (cursor.Name == "id")
                return cursor.GetInt64();
        }
        return 0;
    }

    private static async Task<BenchLine> InsertAsync(
        MongoSession session, BsonDocument[] documents, byte[][] bytes, IMongoDriverSession raw, BenchOptions options,
            CancellationToken cancellationToken)
    {
        var (turns, ours, bare) = (new Turns(), new List<double>(), new List<double>());
        var commands = bytes.Chunk(BatchSize).Select(Command).ToList();
        for (var round = -1; round < options.Runs; round++)
        {
            await session.RunAsync(BsonDocument.Of(("drop", Collection)), cancellationToken);
            var one = await TimedAsync(ours, async () =>
            {
                foreach (var chunk in documents.Chunk(BatchSize))
                    (await session.InsertAsync(Collection, chunk, ordered: false, cancellationToken)).ThrowIfFailed();
            });
            await session.RunAsync(BsonDocument.Of(("drop", Collection)), cancellationToken);
            var other = await TimedAsync(bare, async () =>
            {
                foreach (var command in commands)
                    await raw.RunAsync("bench", command, new ReplyBuffer(), cancellationToken);
            });
            if (round >= 0)
                turns.Add(one, other);
        }
        return BenchLine.Shown("mongo: inserting documents / the driver's calls with bytes that are ready", turns,
            Figures(turns, documents.Length, ours, bare));
    }

    private static byte[] Command(byte[][] documents)
    {
        var writer = new BsonWriter();
        var start = writer.Begin();
        writer.Write("insert", Collection);
        writer.Write("ordered", false);
        var array = writer.BeginArray("documents");
        for (var i = 0; i < documents.Length; i++)
            writer.WriteRaw(i, documents[i]);
        writer.End(array);
        writer.Write("writeConcern", BsonDocument.Of(("w", "majority")));
        writer.End(start);
        return writer.Written.ToArray();
    }

    /// <summary>Seconds; the processor time is noted beside it.</summary>
    private static async Task<double> TimedAsync(List<double> processor, Func<Task> work)
    {
        var before = Environment.CpuUsage.TotalTime;
        var seconds = await Turns.SecondsAsync(work);
        processor.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds);
        return seconds;
    }

    private static string Figures(Turns turns, int count, List<double> ours, List<double> bare) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{count / turns.Ours:N0} / {count / turns.Bare:N0} documents/s; client's processor {Turns.Median(ours.Skip(1)) * 1e6 / count:0.0} / {Turns.Median(bare.Skip(1)) * 1e6 / count:0.0} µs a document");

    private static BenchLine Measure<T>(string what, T[] items, Func<T, object> work, BenchOptions options)
    {
        List<double> rates = [];
        var allocated = 0L;
        for (var round = -1; round < options.Runs; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var began = Stopwatch.GetTimestamp();
            foreach (var item in items)
                GC.KeepAlive(work(item));
            if (round >= 0)
                rates.Add(items.Length / Stopwatch.GetElapsedTime(began).TotalSeconds);
            allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / items.Length;
        }
        return BenchLine.Shown(what, string.Create(CultureInfo.InvariantCulture,
            $"{Turns.Median(rates):N0} documents/s ({rates.Min():N0} – {rates.Max():N0}), {allocated:N0} bytes a document"));
    }
}
