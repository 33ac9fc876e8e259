using System.Globalization;
using Strangler.Mongo.Bson;
using Strangler.Mongo.Drivers;

namespace Strangler.Mongo;

/// <summary>
/// A session with the primary: commands, cursors, one transaction at a time. Disposing it aborts an open transaction and gives the
/// session back. Not
/// thread-safe: one call at a time.
/// </summary>
/// <remarks>
/// How a call ends early: 1. the token fires or the deadline passes; 2. a second session asks the server to end what this one does
/// (<c>killSessions</c>, which
/// also ends its transaction); 3. normally the call now returns; 4. if not, within a grace, it is left to itself, and with it the
/// connection. After either,
/// the session is not used again.
/// </remarks>
public sealed class MongoSession : IAsyncDisposable
{
    private const string ReadConcern = "readConcern";
    private const string OneAtATime = "A session runs one call at a time; an earlier one has not ended yet.";

    private static readonly string[] Readable = ["find", "aggregate", "distinct", "count"];

    private readonly MongoDataSource _source;
    private readonly IMongoDriverSession _raw;
    private readonly ReplyBuffer _reply = new();
    private readonly BsonWriter _writer = new();
    private CancellationTokenSource? _deadline;
    private Task? _abandoned;
    private bool _isBroken;
    private bool _isDisposed;
    private bool _isFirst;
    private int _calls;

    internal MongoSession(MongoDataSource source, IMongoDriverSession raw) => (_source, _raw) = (source, raw);

    /// <summary>A transaction was begun and is neither committed nor aborted.</summary>
    public bool IsInTransaction { get; private set; }

    internal MongoDataSource Source => _source;

    /// <summary>It is not used again, and whether the server has ended its transaction is not known.</summary>
    internal bool IsBroken => _isBroken;

    /// <summary>Runs a command once, as it is.</summary>
    /// <param name="command">The command's name comes first.</param>
    /// <param name="cancellationToken">Ends it, on the server, too.</param>
    /// <param name="database">Null: the connection string's.</param>
    /// <exception cref="MongoFailureException">The server refused, or did not answer.</exception>
    public async Task<BsonDocument> RunAsync(BsonDocument command, CancellationToken cancellationToken, string? database = null)
    {
        await SendAsync(command, _reply, cancellationToken, database).ConfigureAwait(false);
        return Checked(_reply);
    }

    /// <summary>Runs a command that only reads, confirmed by the majority. Outside of a transaction it is repeated once where the
    /// connection turns out to be cut or
    /// the server to be the primary no more.</summary>
    /// <inheritdoc cref="RunAsync"/>
    public async Task<BsonDocument> ReadAsync(BsonDocument command, CancellationToken cancellationToken)
    {
        await SendReadAsync(command, _reply, cancellationToken).ConfigureAwait(false);
        return Checked(_reply);
    }

    /// <summary>Opens a cursor with a find, aggregate or list command; repeated as <see cref="ReadAsync"/>. The first batch is
    /// there.</summary>
    /// <inheritdoc cref="RunAsync"/>
    public async Task<MongoCursor> OpenCursorAsync(BsonDocument command, CancellationToken cancellationToken)
    {
        var buffer = new ReplyBuffer();
        await SendReadAsync(command, buffer, cancellationToken).ConfigureAwait(false);
        return new MongoCursor(this, buffer, command);
    }

    /// <summary>Runs a findAndModify, once: see <see cref="InsertAsync"/>.</summary>
    /// <returns>Its <c>value</c>; <see cref="BsonType.Null"/> when nothing matched.</returns>
    /// <inheritdoc cref="RunAsync"/>
    public async Task<BsonValue> FindAndModifyAsync(BsonDocument command, CancellationToken cancellationToken)
    {
        await SendAsync(command, _reply, cancellationToken).ConfigureAwait(false);
        return Checked(_reply)["value"];
    }

    /// <summary>
    /// Inserts documents, in as many commands as it takes, each sent once. Outside of a transaction, after
    /// <see cref="MongoErrorKind.ConnectionLost"/> nobody knows whether it was carried out. What must happen exactly once belongs in a
    /// transaction, whose commit can
    /// be asked for again.
    /// </summary>
    /// <remarks>Retryable writes are no way out: neither driver makes them of commands, and neither lets others number a session's
    /// writes.</remarks>
    /// <param name="collection">Where.</param>
    /// <param name="documents">Those without an _id get one from the server.</param>
    /// <param name="ordered">False: a document that fails does not keep the others from being inserted.</param>
    /// <param name="cancellationToken">Ends it; what was inserted stays, unless in a transaction.</param>
    /// <returns>Counts, and errors per document. In a transaction every error is thrown: it has ended the transaction.</returns>
    /// <exception cref="MongoFailureException">A whole command failed.</exception>
    public Task<MongoWriteResult> InsertAsync(
        string collection, IReadOnlyList<BsonDocument> documents, bool ordered, CancellationToken cancellationToken) =>
        WriteAsync(new("insert", "documents", collection, ordered), documents, cancellationToken);

    /// <summary>Updates, upserts or replaces; see <see cref="InsertAsync"/>.</summary>
    public Task<MongoWriteResult> UpdateAsync(
        string collection, IReadOnlyList<MongoUpdate> updates, bool ordered, CancellationToken cancellationToken) =>
        WriteAsync(new("update", "updates", collection, ordered), [.. updates.Select(update => update.ToDocument())], cancellationToken);

    /// <summary>Deletes; see <see cref="InsertAsync"/>.</summary>
    public Task<MongoWriteResult> DeleteAsync(
        string collection, IReadOnlyList<MongoDelete> deletes, bool ordered, CancellationToken cancellationToken) =>
        WriteAsync(new("delete", "deletes", collection, ordered), [.. deletes.Select(delete => delete.ToDocument())], cancellationToken);

    /// <summary>Begins a transaction: reads see one snapshot, the commit is confirmed by the majority. Costs no round trip.</summary>
    /// <param name="deadline">How long it may last, its commit included; then it is over.</param>
    public void BeginTransaction(TimeSpan deadline)
    {
        if (IsInTransaction)
            throw new InvalidOperationException("A transaction is open.");
        ThrowIfUnusable();
        _raw.Begin(_source.Options.CommandTimeout < deadline ? _source.Options.CommandTimeout : deadline);
        _deadline = new CancellationTokenSource(deadline, _source.Options.Time);
        (IsInTransaction, _isFirst) = (true, true);
    }

    /// <summary>
    /// Commits. While the outcome is unknown the server is asked again, which is harmless, until the deadline; no token ends that early.
    /// </summary>
    /// <exception cref="MongoFailureException">
    /// <see cref="MongoFailureException.IsCommitUnknown"/>: it may have happened. Otherwise it has not.
    /// </exception>
    public Task CommitAsync() => CommitAsync(asksAgain: true);

    /// <param name="asksAgain">False: of a transaction that has written nothing, an unknown outcome is no worse than a failure.</param>
    internal async Task CommitAsync(bool asksAgain)
    {
        if (!IsInTransaction)
            throw new InvalidOperationException("No transaction is open.");
        ThrowIfUnusable();
        IsInTransaction = false;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await CallAsync(_raw.CommitAsync, _source.Options.CommandTimeout, _deadline!.Token).ConfigureAwait(false);
                _source.Clock.Advance(_raw.OperationTime);
                EndDeadline();
                return;
            }
            catch (MongoFailureException e) when (asksAgain && e.IsCommitUnknown && !_isBroken && !_deadline!.IsCancellationRequested)
            {
                // The driver itself has tried twice: the server is away for longer than a moment.
                await Task.Delay(Pause(attempt), _source.Options.Time, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                _isBroken = true;
                if (e is MongoFailureException { Kind: MongoErrorKind.ConnectionLost })
                    KillBehind();
                throw Unknown(e);
            }
        }
    }

    /// <summary>Gives up what the transaction has written. Never throws: an unreachable server does it by itself.</summary>
    public async Task AbortAsync()
    {
        if (!IsInTransaction)
            return;
        IsInTransaction = false;
        EndDeadline();
        if (_isBroken)
            return;
        try
        {
            await CallAsync(_raw.AbortAsync, _source.Options.CancellationGrace, CancellationToken.None).ConfigureAwait(false);
        }
        catch (MongoFailureException e)
        {
            _isBroken = true;
            if (e.Kind is MongoErrorKind.ConnectionLost)
                KillBehind();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        await AbortAsync().ConfigureAwait(false);
        _isDisposed = true;
        EndDeadline();
        _source.Return(_raw, !_isBroken, _abandoned);
    }

    /// <summary>Sends a command with what every command gets: limits of time, and concerns where there is no transaction.</summary>
    internal async Task SendAsync(
        BsonDocument command, ReplyBuffer reply, CancellationToken cancellationToken, string? database = null,
        bool isBounded = true)
    {
        BeginWriting();
        var start = _writer.Begin();
        for (var i = 0; i < command.Count; i++)
            _writer.Write(command[i].Name, command[i].Name == ReadConcern ? NotOlder(command[i].Value) : command[i].Value);
        WriteGeneric(command, isBounded);
        _writer.End(start);
        await ExecuteAsync(database ?? _source.Database, _writer.Written, reply, cancellationToken).ConfigureAwait(false);
        Advance(IsMajorityWrite(command) ? "majority" : LevelOf(command), reply);
    }

    private static bool IsMajorityWrite(BsonDocument command) =>
        command.Contains("writeConcern") || (command.Count > 0 && command[0].Name == "findAndModify");

    /// <summary>What it reads: as it says, or as <see cref="WriteGeneric"/> says for it; null of what reads no documents.</summary>
    private static string? LevelOf(BsonDocument command) => command[ReadConcern] is { Type: BsonType.Document } concern
        ? concern.AsDocument["level"].AsString
        : command.Count > 0 && Readable.Contains(command[0].Name) ? "majority" : null;

    /// <summary>
    /// By what the majority has alone: not by a hello or a local read, whose time is this primary's. Such a time may be taken back, and whoever asks for it
    /// waits for the others, or is refused by the next primary. Nor by a command within a transaction: that is this primary's until it is committed.
    /// </summary>
    private void Advance(string? level, ReplyBuffer reply)
    {
        if (!IsInTransaction && level is "majority" or "snapshot" && ServerTimes.Of(reply.Reply.Span) is { IsAcknowledged: true } times)
            _source.Clock.Advance(level == "majority" ? times.Operation : times.Snapshot);
    }

    internal static BsonDocument Checked(ReplyBuffer reply)
    {
        var document = reply.Parse();
        if (!document["ok"].TryGetInt64(out var ok) || ok != 1)
            throw MongoFailureException.Of(document);
        if (document["writeConcernError"].Type == BsonType.Document)
            throw MongoFailureException.Of(document["writeConcernError"].AsDocument, MongoFailureException.LabelsOf(document));
        return document;
    }

    /// <summary>Whether its last command found the connection cut; then those that lie idle may be as well.</summary>
    internal void NoteFailure(MongoFailureException failure)
    {
        if (failure.Kind is MongoErrorKind.ConnectionLost or MongoErrorKind.NotPrimary)
            _source.ForgetIdle();
    }

    private static TimeSpan Pause(int attempt) => TimeSpan.FromMilliseconds(Math.Min(50 << Math.Min(attempt, 5), 1000));

    private async Task SendReadAsync(BsonDocument command, ReplyBuffer reply, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(command, reply, cancellationToken).ConfigureAwait(false);
            if (IsInTransaction || Outcome(reply) is not { IsRetryableRead: true })
                return;
        }
        catch (MongoFailureException e) when (!IsInTransaction && e.IsRetryableRead && !_isBroken)
        {
            NoteFailure(e);
        }
        await SendAsync(command, reply, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Only errors are short enough to be parsed twice.</summary>
    private static MongoFailureException? Outcome(ReplyBuffer reply)
    {
        const int LongestError = 4096;
        if (reply.Reply.Length > LongestError)
            return null;
        var document = reply.Parse();
        return document["ok"].TryGetInt64(out var ok) && ok == 1 ? null : MongoFailureException.Of(document);
    }

    private async Task<MongoWriteResult> WriteAsync(MongoWriteCommand command, IReadOnlyList<BsonDocument> statements,
        CancellationToken cancellationToken)
    {
        var result = new MongoWriteResult();
        for (var done = 0; done < statements.Count;)
        {
            BeginWriting();
            var count = command.Write(_writer, statements, done, writer =>
                WriteGeneric(BsonDocument.Empty, isBounded: true, isWrite: true));
            await ExecuteAsync(_source.Database, _writer.Written, _reply, cancellationToken).ConfigureAwait(false);
            Advance("majority", _reply);
            result.Add(Checked(_reply), done);
            done += count;
            if (result.Errors.Count > 0 && IsInTransaction)
                throw result.Errors[0].Failure;
            if (result.Errors.Count > 0 && command.IsOrdered)
                break;
        }
        return result;
    }

    /// <summary>A call that is under way still reads what was written.</summary>
    private void BeginWriting()
    {
        ThrowIfUnusable();
        if (Volatile.Read(ref _calls) == 1)
            throw new InvalidOperationException(OneAtATime);
        _writer.Clear();
    }

    private void WriteGeneric(BsonDocument command, bool isBounded, bool isWrite = false)
    {
        var timeout = _source.Options.CommandTimeout;
        if (isBounded && !command.Contains("maxTimeMS"))
            _writer.Write("maxTimeMS", (int)Math.Min(timeout.TotalMilliseconds, int.MaxValue));
        if (IsInTransaction)
        {
            if (_isFirst)
                _writer.Write(ReadConcern, NotOlder(BsonDocument.Of(("level", "snapshot"))));
            _isFirst = false;
            return;
        }
        if ((isWrite || (command.Count > 0 && command[0].Name == "findAndModify")) && !command.Contains("writeConcern"))
            _writer.Write("writeConcern", BsonDocument.Of(("w", "majority"),
                ("wtimeout", (int)Math.Min(timeout.TotalMilliseconds, int.MaxValue))));
        if (command.Count > 0 && Readable.Contains(command[0].Name) && !command.Contains(ReadConcern))
            _writer.Write(ReadConcern, NotOlder(BsonDocument.Of(("level", "majority"))));
    }

    private BsonValue NotOlder(BsonValue concern) => _source.Clock.Latest is { } time
        ? concern.AsDocument.With("afterClusterTime", BsonValue.FromTimestamp(time))
        : concern;

    private async Task ExecuteAsync(string database, ReadOnlyMemory<byte> command, ReplyBuffer reply, CancellationToken cancellationToken)
    {
        ThrowIfUnusable();
        if (_deadline is not { } deadline)
        {
            await CallAsync(abandoned => _raw.RunAsync(database, command, reply, abandoned), _source.Options.CommandTimeout,
                cancellationToken)
                .ConfigureAwait(false);
            return;
        }
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await CallAsync(abandoned => _raw.RunAsync(database, command, reply, abandoned), _source.Options.CommandTimeout, both.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MongoFailureException(MongoErrorKind.Timeout, $"The transaction on {_source.Display} took longer than it may.", e);
        }
    }

    private async Task CallAsync(Func<CancellationToken, Task> call, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Exchange(ref _calls, 1) == 1)
            throw new InvalidOperationException(OneAtATime);
        var abandon = new CancellationTokenSource();
        // The server's own limit comes first; ours is for a server that does not answer at all.
        var limit = timeout + (_source.Options.CancellationGrace / 2);
        var running = call(abandon.Token);
        try
        {
            await running.WaitAsync(limit, _source.Options.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && !running.IsCompleted)
        {
            await InterruptAsync(running, abandon).ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
                throw new OperationCanceledException("The caller cancelled the database call.", running.Exception?.InnerException,
                    cancellationToken);
            throw new MongoFailureException(MongoErrorKind.Timeout, string.Create(CultureInfo.InvariantCulture,
                $"{_source.Display} did not answer a command within its {timeout.TotalSeconds:0.#} s."), running.Exception?.InnerException);
        }
        catch (MongoFailureException e)
        {
            // The session itself may still do, but nobody knows whether the server still has what it had begun: nobody was answered.
            _isBroken |= IsInTransaction && (e.Code == 0 || e.Kind is MongoErrorKind.ConnectionLost);
            if (IsInTransaction && e.Kind is MongoErrorKind.ConnectionLost)
                KillBehind();
            NoteFailure(e);
            throw;
        }
        finally
        {
            if (running.IsCompleted)
                abandon.Dispose();
            Volatile.Write(ref _calls, 0);
        }
    }

    /// <summary>
    /// A transaction outlives its connection, for as long as the server lets one last, and is in the way of all that it has written to, of a slot of the fence
    /// above all. Nobody waits for it: should it fail, the server ends it later by itself.
    /// </summary>
    private void KillBehind() => _ = QuietlyAsync(KillAsync());

    private async Task KillAsync()
    {
        using var grace = new CancellationTokenSource(_source.Options.CancellationGrace, _source.Options.Time);
        await _source.KillAsync(_raw.Id, grace.Token).ConfigureAwait(false);
    }

    private async Task InterruptAsync(Task running, CancellationTokenSource abandon)
    {
        _isBroken = true;
        var grace = _source.Options.CancellationGrace;
        using var side = new CancellationTokenSource(grace, _source.Options.Time);
        var kill = QuietlyAsync(_source.KillAsync(_raw.Id, side.Token));
        try
        {
            await QuietlyAsync(running).WaitAsync(grace, _source.Options.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _abandoned = running;
            await abandon.CancelAsync().ConfigureAwait(false);
            _ = QuietlyAsync(running).ContinueWith(_ => abandon.Dispose(), CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default);
        }
        _ = kill;
    }

    /// <summary>
    /// What ended a commit: unless the server has said no, it may have happened. That a server knows no such transaction says it only with the label: without
    /// it the server could not reach the majority, which may know better.
    /// </summary>
    private MongoFailureException Unknown(Exception e)
    {
        var isRefused = e is MongoFailureException { IsCommitUnknown: false } failure
            && (failure.Kind is MongoErrorKind.WriteConflict or MongoErrorKind.Duplicate or MongoErrorKind.Invalid or MongoErrorKind.TooLarge
                || (failure.Kind == MongoErrorKind.NoTransaction && failure.IsTransientTransaction));
        EndDeadline();
        return isRefused ? (MongoFailureException)e : new(
            (e as MongoFailureException)?.Kind ?? MongoErrorKind.Timeout,
                $"Whether the transaction on {_source.Display} was committed is unknown.", e)
        {
            Labels = ["UnknownTransactionCommitResult"],
        };
    }

    private void EndDeadline()
    {
        _deadline?.Dispose();
        _deadline = null;
    }

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_isBroken)
        {
            throw new MongoFailureException(MongoErrorKind.ConnectionLost,
                $"The session with {_source.Display} was given up by an earlier call. Open a new one.");
        }
    }

    private static async Task QuietlyAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
