using Strangler.DualWrite;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>One side of one context: runs work on its database and says every failure in the engine's words.</summary>
internal sealed class MongoSide(SideName name, string context, MongoDatabase database)
{
    // A transaction that met another's is repeated at once, then after a growing pause.
    private const int MostAttempts = 8;
    private const int MostReads = 4;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(2);

    public SideName Name { get; } = name;

    public string Context { get; } = context;

    public MongoDatabase Database { get; } = database;

    public MongoSideOptions Options => Database.Options;

    /// <summary>Lends a session.</summary>
    /// <param name="background">Which pool; null: as the present lane says.</param>
    /// <param name="work">What to do with it.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<T> UseAsync<T>(bool? background, Func<MongoSession, CancellationToken, Task<T>> work,
        CancellationToken cancellationToken)
    {
        var session = await OpenAsync(background ?? Lane.IsBackground, cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            try
            {
                return await work(session, cancellationToken).ConfigureAwait(false);
            }
            catch (MongoFailureException e)
            {
                throw Translate(e);
            }
        }
    }

    /// <summary>
    /// Runs work in a transaction and commits it; repeats it as a whole where it met another's. The work must do nothing but what the
    /// transaction takes back.
    /// </summary>
    /// <exception cref="CommitOutcomeUnknownException">It may have been committed.</exception>
    public async Task<T> InTransactionAsync<T>(
        bool? background, Func<MongoSession, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var session = await OpenAsync(background ?? Lane.IsBackground, cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                try
                {
                    session.BeginTransaction(Options.TransactionDeadline);
                    var result = await work(session, cancellationToken).ConfigureAwait(false);
                    await session.CommitAsync().ConfigureAwait(false);
                    return result;
                }
                catch (MongoFailureException e) when (!e.IsTransientTransaction || e.IsCommitUnknown || attempt == MostAttempts)
                {
                    throw Translate(e);
                }
                catch (MongoFailureException)
                {
                    // Its session goes back before the pause.
                }
            }

            await Task.Delay(FirstPause * (1 << attempt) * (0.5 + Random.Shared.NextDouble()), Options.Time,
                cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<MongoSession> OpenAsync(bool background, CancellationToken cancellationToken)
    {
        try
        {
            return await Database.OpenAsync(background, cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e)
        {
            throw Translate(e, opening: true);
        }
    }

    /// <summary>
    /// Beside a transaction that the caller has open, and so not of its pool: who holds a session never waits for another one of the same pool.
    /// </summary>
    public Task<T> WithinAsync<T>(Func<MongoSession, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        OnAsync(Database.OpenBesideAsync, work, cancellationToken);

    /// <summary>What takes as long as it takes.</summary>
    public Task UnhurriedAsync(Func<MongoSession, CancellationToken, Task> work, CancellationToken cancellationToken) => OnAsync(
        Database.OpenUnhurriedAsync,
        async (session, token) =>
        {
            await work(session, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private async Task<T> OnAsync<T>(
        Func<CancellationToken, Task<MongoSession>> open, Func<MongoSession, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            var session = await open(cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                return await work(session, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (MongoFailureException e)
        {
            throw Translate(e);
        }
    }

    /// <summary>What was read may be this primary's alone: nothing may be concluded from it, and asking again may.</summary>
    public SideUnavailableException Unconfirmed(CommitOutcomeUnknownException cause) =>
        new(Name, "the majority of the set did not confirm what was read.", true, cause) { IsOutage = true };

    /// <summary>A read, asked once more where the connection turned out to be lost, or its snapshot was not to be had.</summary>
    public async Task<T> ReadAsync<T>(bool? background, Func<MongoSession, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            return await UseAsync(background, read, cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (e.IsConnectionLost || e.InnerException is MongoFailureException { IsTransientTransaction: true })
        {
            return await UseAsync(background, read, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Several reads of one moment: a transaction that writes nothing, and is committed all the same: only by that is it certain that the majority has what was
    /// read. Repeated where its snapshot was not to be had, or its connection.
    /// </summary>
    public async Task<T> SnapshotAsync<T>(bool? background, Func<MongoSession, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await UseAsync(
                    background,
                    async (session, token) =>
                    {
                        session.BeginTransaction(background ?? Lane.IsBackground ? Options.BackgroundCommandTimeout : Options.TransactionDeadline);
                        var result = await read(session, token).ConfigureAwait(false);
                        await session.CommitAsync(asksAgain: false).ConfigureAwait(false);
                        return result;
                    },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (CommitOutcomeUnknownException e)
            {
                throw Unconfirmed(e);
            }
            catch (SideUnavailableException e) when (
                attempt < MostReads && (e.IsConnectionLost || e.InnerException is MongoFailureException { IsTransientTransaction: true }))
            {
                await Task.Delay(FirstPause * (1 << attempt), Options.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The documents of a find outside of a transaction.</summary>
    public Task<List<BsonDocument>> FindAsync(
        string collection, BsonDocument filter, CancellationToken cancellationToken, bool? background = null, BsonDocument? sort = null, int limit = 0,
        BsonDocument? fields = null) =>
        ReadAsync(background, (session, token) => session.FindAsync(collection, filter, token, sort, limit, fields), cancellationToken);

    /// <summary>The first of them; null when there is none.</summary>
    public async Task<BsonDocument?> FirstAsync(
        string collection, BsonDocument filter, CancellationToken cancellationToken, bool? background = null, BsonDocument? sort = null) =>
        (await FindAsync(collection, filter, cancellationToken, background, sort, limit: 1).ConfigureAwait(false)).FirstOrDefault();

    /// <summary>One statement outside of a transaction. Returns how many documents it matched or inserted.</summary>
    public Task<long> UpdateAsync(string collection, MongoUpdate update, CancellationToken cancellationToken, bool? background = null) => UseAsync(
        background,
        async (session, token) =>
            (await session.UpdateAsync(collection, [update], true, token).ConfigureAwait(false)).ThrowIfFailed().Count,
        cancellationToken);

    public Task<long> DeleteAsync(string collection, BsonDocument filter, CancellationToken cancellationToken, bool? background = null) => UseAsync(
        background,
        async (session, token) =>
            (await session.DeleteAsync(collection, [new(filter, Many: true)], true, token).ConfigureAwait(false)).ThrowIfFailed().Count,
        cancellationToken);

    /// <summary>The next number of a name, greater than every one that was given out before.</summary>
    public async Task<long> NumberAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await MongoNumbers.Of(Database).NextInOrderAsync(name, cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e)
        {
            throw Translate(e);
        }
    }

    /// <summary>The server's clock.</summary>
    public Task<DateTime> NowAsync(bool? background, CancellationToken cancellationToken) => ReadAsync(
        background,
        async (session, token) =>
            (await session.RunAsync(BsonDocument.Of(("hello", 1)), token, "admin").ConfigureAwait(false)).Utc("localTime"),
        cancellationToken);

    /// <summary>
    /// Begins something that another transaction may be in the way of; tried again until the lock's time is over. The server lets nobody wait:
    /// of two transactions that write to one document, the second one is told at once.
    /// </summary>
    public async Task<T> WhenFreeAsync<T>(bool background, Func<CancellationToken, Task<T>> begin, CancellationToken cancellationToken)
    {
        var began = Options.Time.GetTimestamp();
        var lost = 0;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await begin(cancellationToken).ConfigureAwait(false);
            }
            catch (MongoFailureException e) when (
                e.Kind == MongoErrorKind.WriteConflict && Options.Time.GetElapsedTime(began) < Database.LockTimeout(background))
            {
                // As in a queue it is no longer than a transaction takes; at random, so that several do not meet again.
            }
            catch (SlotLostException) when (++lost < MostAttempts)
            {
                continue;
            }
            catch (SlotLostException e)
            {
                throw new SideUnavailableException(Name, "slots of the fence vanish again and again; try again.", true, e);
            }
            catch (MongoFailureException e)
            {
                throw Translate(e);
            }

            await Task.Delay(FirstPause * (1 << Math.Min(attempt, 4)) * (0.1 + Random.Shared.NextDouble()), Options.Time, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    public Exception NotMigrated() => new NotMigratedException(Context, Name);

    /// <summary>Refuses what is no primary of a replica set: without one there are neither transactions nor change streams.</summary>
    /// <exception cref="SideUnavailableException">Not transient; the message has the commands that cure it.</exception>
    public Task CheckTopologyAsync(CancellationToken cancellationToken) => UseAsync(
        true,
        async (session, token) =>
        {
            await MongoTopology.CheckAsync(session, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    /// <summary>The failure in the engine's words.</summary>
    public Exception Translate(MongoFailureException failure, bool opening = false)
    {
        if (failure.IsCommitUnknown)
            return new CommitOutcomeUnknownException(Name, failure);
        var at = Database.Display;
        var (reason, transient) = failure.Kind switch
        {
            MongoErrorKind.Unreachable => ($"no connection to {at}; is the server up, has its set a primary, and are host and port right?",
                true),
            MongoErrorKind.AccessDenied => ($"{at} refuses access; check user, password, authSource and roles ({failure.Message})", false),
            MongoErrorKind.WriteConflict => ("another transaction wrote the same document; try again.", true),
            MongoErrorKind.NoTransaction => ("the transaction was ended by the server; try again.", true),
            MongoErrorKind.ConnectionLost => ($"the connection to {at} was lost.", true),
            MongoErrorKind.NotPrimary => ($"{at} has no primary at the moment that takes writes.", true),
            MongoErrorKind.Timeout => ($"{at} did not answer in time.", true),
            MongoErrorKind.Interrupted => ("the command was ended on the server.", true),
            MongoErrorKind.DiskFull => ($"{at}: its disk is full.", true),
            MongoErrorKind.CursorLost => ("the rest of a result was no longer to be had; try again.", true),
            MongoErrorKind.NotConfirmed => ($"{at}: the majority of the set did not confirm in time.", true),
            // The server's own words (IllegalOperation) do not say what would cure it.
            MongoErrorKind.Unsuitable when failure.Code != 0 && IsOfStandalone(failure) => (MongoTopology.Standalone(at), false),
            _ => (failure.Message, failure.IsTransientTransaction),
        };
        return new SideUnavailableException(Name, reason, transient, failure)
        {
            IsOutage = IsOutage(failure.Kind),
            IsConnectionLost = failure.Kind is MongoErrorKind.ConnectionLost && !opening,
        };
    }

    private static bool IsOfStandalone(MongoFailureException failure) =>
        failure.Message.Contains("replica set", StringComparison.Ordinal) || failure.Message.Contains("tandalone", StringComparison.Ordinal);

    private static bool IsOutage(MongoErrorKind kind) => kind is MongoErrorKind.Unreachable or MongoErrorKind.ConnectionLost
        or MongoErrorKind.NotPrimary
        or MongoErrorKind.Timeout or MongoErrorKind.DiskFull or MongoErrorKind.NotConfirmed;
}
