using System.Runtime.CompilerServices;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// The documents of a result, batch by batch. The session may run other commands in between. Disposing it early has the server forget the
/// rest.
/// </summary>
public sealed class MongoCursor : IAsyncDisposable
{
    private readonly MongoSession _session;
    private readonly ReplyBuffer _buffer;
    private readonly List<Range> _documents = [];
    private readonly BsonValue _batchSize;
    private string _namespace = "";
    private long _id;
    private bool _hasFirst = true;

    internal MongoCursor(MongoSession session, ReplyBuffer buffer, BsonDocument command)
    {
        (_session, _buffer) = (session, buffer);
        _batchSize = command["batchSize"].IsMissing ? command.At("cursor.batchSize") : command["batchSize"];
        Read();
    }

    /// <summary>Documents of the batch at hand. A change stream's may be empty while the cursor is open.</summary>
    public int Count => _documents.Count;

    /// <summary>Nothing comes after the batch at hand.</summary>
    public bool IsExhausted => _id == 0;

    /// <summary>Of a change stream: where to resume after the batch at hand.</summary>
    public BsonDocument? ResumeToken { get; private set; }

    /// <summary>A document of the batch at hand.</summary>
    public BsonDocument this[int index] => BsonDocument.Parse(Raw(index).Span);

    /// <summary>Its bytes; valid until the next batch.</summary>
    public ReadOnlyMemory<byte> Raw(int index) => _buffer.Reply[_documents[index]];

    /// <summary>Goes to the next batch: the first time to the one that is there already.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="wait">Of a change stream: how long the server may wait for something to happen.</param>
    /// <returns>False when there is none.</returns>
    /// <exception cref="MongoFailureException">The rest is not to be had.</exception>
    public async Task<bool> NextBatchAsync(CancellationToken cancellationToken, TimeSpan? wait = null)
    {
        if (_hasFirst)
        {
            _hasFirst = false;
            return Count > 0 || !IsExhausted;
        }
        if (IsExhausted)
            return false;
        var more = More(wait);
        // A call that is given up may still write there.
        _id = 0;
        _documents.Clear();
        await _session.SendAsync(more, _buffer, cancellationToken, isBounded: false).ConfigureAwait(false);
        Read();
        return Count > 0 || !IsExhausted;
    }

    /// <summary>All documents from here on; not for change streams, which never end.</summary>
    public async IAsyncEnumerable<BsonDocument> DocumentsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (await NextBatchAsync(cancellationToken).ConfigureAwait(false))
        {
            for (var i = 0; i < Count; i++)
                yield return this[i];
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (IsExhausted)
            return;
        var kill = BsonDocument.Of(("killCursors", Collection), ("cursors", BsonArray.Of(_id)));
        _id = 0;
        try
        {
            await _session.SendAsync(kill, _buffer, CancellationToken.None, isBounded: false).ConfigureAwait(false);
        }
        catch (Exception e) when (e is MongoFailureException or ObjectDisposedException)
        {
            // The server forgets it with the session.
        }
    }

    private string Collection => _namespace[(_namespace.IndexOf('.', StringComparison.Ordinal) + 1)..];

    private BsonDocument More(TimeSpan? wait)
    {
        var more = BsonDocument.Of(("getMore", _id), ("collection", Collection));
        if (_batchSize.IsNumber)
            more = more.With("batchSize", _batchSize);
        return wait is { } time ? more.With("maxTimeMS",
            (long)Math.Min(time.TotalMilliseconds, _session.Source.Options.CommandTimeout.TotalMilliseconds)) : more;
    }

    /// <summary>Finds the documents in the reply without reading them.</summary>
    private void Read()
    {
        _documents.Clear();
        var (found, ok) = (false, false);
        var reader = new BsonReader(_buffer.Reply.Span);
        while (reader.Read())
        {
            if (reader.NameBytes.SequenceEqual("cursor"u8) && reader.Type == BsonType.Document)
            {
                found = true;
                ReadCursor(reader.GetDocument());
            }
            else if (reader.NameBytes.SequenceEqual("ok"u8))
            {
                ok = reader.GetValue().TryGetInt64(out var number) && number == 1;
            }
        }
        if (found && ok)
            return;
        _id = 0;
        _documents.Clear();
        throw MongoFailureException.Of(_buffer.Parse());
    }

    private void ReadCursor(BsonReader cursor)
    {
        while (cursor.Read())
        {
            if (cursor.NameBytes.SequenceEqual("id"u8))
                _id = cursor.GetInt64();
            else if (cursor.NameBytes.SequenceEqual("ns"u8))
                _namespace = cursor.GetString();
            else if (cursor.NameBytes.SequenceEqual("postBatchResumeToken"u8))
                ResumeToken = cursor.GetDocument().ReadRest();
            else if (cursor.NameBytes.SequenceEqual("firstBatch"u8) || cursor.NameBytes.SequenceEqual("nextBatch"u8))
                ReadBatch(cursor.GetDocument());
        }
    }

    private void ReadBatch(BsonReader batch)
    {
        while (batch.Read())
        {
            if (batch.Type == BsonType.Document)
                _documents.Add(batch.Offset..(batch.Offset + batch.ValueBytes.Length));
        }
    }
}
