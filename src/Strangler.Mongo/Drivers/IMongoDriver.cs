using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Drivers;

/// <summary>What is needed of a driver: sessions that run commands. All else is made of it, in one place for all drivers.</summary>
internal interface IMongoDriver : IAsyncDisposable
{
    /// <summary>A session, which is one conversation with the primary at a time.</summary>
    /// <param name="abandoned">Nobody waits for the result any more.</param>
    /// <exception cref="MongoFailureException">No server answers, or it refuses us.</exception>
    Task<IMongoDriverSession> OpenAsync(CancellationToken abandoned);
}

/// <summary>One call at a time.</summary>
internal interface IMongoDriverSession
{
    /// <summary>The session's id as commands carry it.</summary>
    BsonDocument Id { get; }

    /// <summary>The latest of the server's times in all its answers; null before the first.</summary>
    BsonTimestamp? OperationTime { get; }

    /// <summary>Sends a command once, in the session, and in its transaction if one is open.</summary>
    /// <param name="database">Where.</param>
    /// <param name="command">One document.</param>
    /// <param name="reply">Gets the server's answer, also where that is an error.</param>
    /// <param name="abandoned">Nobody waits for the result any more: give up the connection, if that is possible.</param>
    /// <exception cref="MongoFailureException">There is no answer.</exception>
    Task RunAsync(string database, ReadOnlyMemory<byte> command, ReplyBuffer reply, CancellationToken abandoned);

    /// <summary>Begins a transaction (majority; its first command says what it reads); costs nothing yet.</summary>
    void Begin(TimeSpan commitTime);

    /// <summary>Commits it. Called again after an unknown outcome, it asks again for the same.</summary>
    /// <exception cref="MongoFailureException">With the labels of driver and server.</exception>
    Task CommitAsync(CancellationToken abandoned);

    /// <summary>Ends it. Its failure does not matter: the server ends it by itself.</summary>
    Task AbortAsync(CancellationToken abandoned);

    /// <summary>Gives it back, at once or when the call that is under way has ended; never waits and never throws.</summary>
    void Close();
}
