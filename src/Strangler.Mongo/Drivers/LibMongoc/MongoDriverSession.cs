using System.Buffers.Binary;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Drivers.LibMongoc;

/// <summary>A client of the pool and a session of it. Everything here runs on a blocking thread, but for what only queues.</summary>
internal sealed unsafe class MongoDriverSession : IMongoDriverSession
{
    private readonly MongoDriver _driver;
    private readonly ClientHandle _client;
    private readonly SessionHandle _session;
    private readonly TimeSpan _commandTimeout;
    private TimeSpan? _begins;

    public MongoDriverSession(MongoDriver driver, ClientHandle client, SessionHandle session, TimeSpan commandTimeout)
    {
        (_driver, _client, _session, _commandTimeout) = (driver, client, session, commandTimeout);
        Id = BsonDocument.Parse(Bytes((byte*)Native.mongoc_client_session_get_lsid(session)));
    }

    public BsonDocument Id { get; }

    public BsonTimestamp? OperationTime
    {
        get
        {
            Native.mongoc_client_session_get_operation_time(_session, out var seconds, out var increment);
            return seconds == 0 ? null : new(seconds, increment);
        }
    }

    public Task RunAsync(string database, ReadOnlyMemory<byte> command, ReplyBuffer reply, CancellationToken abandoned) =>
        _driver.RunAsync(() => Run(database, command.Span, reply, abandoned), abandoned);

    // The library looks for a primary then, and may wait for one: so it is done with the first command.
    public void Begin(TimeSpan commitTime) => _begins = commitTime;

    public Task CommitAsync(CancellationToken abandoned) => _driver.RunAsync(Commit, abandoned);

    public Task AbortAsync(CancellationToken abandoned)
    {
        if (_begins is null)
            return _driver.RunAsync(() => Native.mongoc_client_session_abort_transaction(_session, out _), abandoned);
        _begins = null;
        return Task.CompletedTask;
    }

    public void Close() => _driver.Dispose(_session, _client);

    private void BeginIfAsked()
    {
        if (_begins is not { } commitTime)
            return;
        var (options, read, write) = (Native.mongoc_transaction_opts_new(), Native.mongoc_read_concern_new(),
            Native.mongoc_write_concern_new());
        try
        {
            // Of no level: the first command says it, with a time that the library has no setting for.
            Native.mongoc_write_concern_set_wmajority(write, (int)_commandTimeout.TotalMilliseconds);
            Native.mongoc_transaction_opts_set_read_concern(options, read);
            Native.mongoc_transaction_opts_set_write_concern(options, write);
            Native.mongoc_transaction_opts_set_max_commit_time_ms(options, (long)commitTime.TotalMilliseconds);
            if (!Native.mongoc_client_session_start_transaction(_session, options, out var error))
                throw Failures.Of(error, BsonDocument.Empty);
            _begins = null;
        }
        finally
        {
            Native.mongoc_write_concern_destroy(write);
            Native.mongoc_read_concern_destroy(read);
            Native.mongoc_transaction_opts_destroy(options);
        }
    }

    private bool Run(string database, ReadOnlySpan<byte> command, ReplyBuffer into, CancellationToken abandoned)
    {
        BeginIfAsked();
        var memory = stackalloc byte[4 * Native.BsonSize];
        var request = Aligned(memory);
        var options = request + Native.BsonSize;
        var reply = options + Native.BsonSize;
        fixed (byte* data = command)
        {
            if (!Native.bson_init_static(request, data, (nuint)command.Length))
                throw new InvalidOperationException("The command is no BSON document.");
            Native.bson_init(options);
            try
            {
                if (!Native.mongoc_client_session_append(_session, options, out var error))
                    throw Failures.Of(error, BsonDocument.Empty);
                // The reply is there in any case, and must be destroyed in any case.
                var isDone = Native.mongoc_client_command_with_opts(_client, database, request, 0, options, reply, out error);
                Answer(isDone, reply, error, into, abandoned);
                return true;
            }
            finally
            {
                Native.bson_destroy(options);
            }
        }
    }

    private static void Answer(bool isDone, byte* reply, MongocError error, ReplyBuffer into, CancellationToken abandoned)
    {
        try
        {
            var bytes = Bytes(reply);
            if (!isDone && !IsAnswer(bytes))
                throw Failures.Of(error, BsonDocument.Parse(bytes));
            if (!abandoned.IsCancellationRequested)
                bytes.CopyTo(into.Take(bytes.Length));
        }
        finally
        {
            Native.bson_destroy(reply);
        }
    }

    private bool Commit()
    {
        BeginIfAsked();
        var memory = stackalloc byte[4 * Native.BsonSize];
        var reply = Aligned(memory);
        var isDone = Native.mongoc_client_session_commit_transaction(_session, reply, out var error);
        try
        {
            return isDone ? true : throw Failures.Of(error, BsonDocument.Parse(Bytes(reply)));
        }
        finally
        {
            Native.bson_destroy(reply);
        }
    }

    /// <summary>Whether the server has said something: without an answer, the reply has at most labels.</summary>
    private static bool IsAnswer(ReadOnlySpan<byte> reply)
    {
        var reader = new BsonReader(reply);
        while (reader.Read())
        {
            if (reader.NameBytes.SequenceEqual("ok"u8))
                return true;
        }
        return false;
    }

    private static ReadOnlySpan<byte> Bytes(byte* bson)
    {
        var data = Native.bson_get_data(bson);
        return new(data, BinaryPrimitives.ReadInt32LittleEndian(new ReadOnlySpan<byte>(data, sizeof(int))));
    }

    private static byte* Aligned(byte* memory) =>
        (byte*)(((nuint)memory + Native.BsonSize - 1) & ~(nuint)(Native.BsonSize - 1));
}
