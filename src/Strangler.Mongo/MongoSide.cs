using Strangler.DualWrite;

namespace Strangler.Mongo;

/// <summary>One side of one context: runs work on its database and says every failure in the engine's words.</summary>
internal sealed class MongoSide(SideName name, string context, MongoDatabase database)
{
    // A transaction that met another's is repeated at once, then after a growing pause.
    private const int MostAttempts = 8;
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
            _ => (failure.Message, failure.IsTransientTransaction),
        };
        return new SideUnavailableException(Name, reason, transient, failure)
        {
            IsOutage = IsOutage(failure.Kind),
            IsConnectionLost = failure.Kind is MongoErrorKind.ConnectionLost && !opening,
        };
    }

    private static bool IsOutage(MongoErrorKind kind) => kind is MongoErrorKind.Unreachable or MongoErrorKind.ConnectionLost
        or MongoErrorKind.NotPrimary
        or MongoErrorKind.Timeout or MongoErrorKind.DiskFull or MongoErrorKind.NotConfirmed;
}
