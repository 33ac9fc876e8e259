using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// A write transaction on a connection of its own. Round trips: one to begin with everything that is read under lock, one to commit with
/// everything that was
/// written; one more where legacy allots the id, and one more where the follower's part is joined to it.
/// </summary>
/// <remarks>
/// With a joined part the connection visits the other side's database in between. It goes back to its pool without a reset only when it is
/// known to be back on its
/// own one.
/// </remarks>
internal sealed class MySqlOwnTransaction : MySqlSideTransaction
{
    /// <summary>A follower that is busy must not hold up the lead, whose locks are held meanwhile.</summary>
    private const int PartLockSeconds = 1;

    private static readonly Sql Savepoint = new("strangler_follower");

    private readonly DbConnection _connection;
    private readonly CancellationTokenSource _deadline;
    private readonly bool _background;
    private MySqlFollowerPart? _joined;
    private bool _isAway;
    private Exception? _lost;

    private MySqlOwnTransaction(
        MySqlSide side, AggregateSql sql, WriteIntent intent, DbConnection connection, CancellationTokenSource deadline, bool background)
        : base(side, sql, intent) => (_connection, _deadline, _background) = (connection, deadline, background);

    private Sql Home => new(AggregateSql.Quote(Side.Database.Name));

    public static async Task<MySqlOwnTransaction> BeginAsync(
        MySqlSide side, AggregateSql sql, WriteIntent intent, CancellationToken cancellationToken)
    {
        var background = Lane.IsBackground;
        var connection = await side.OpenAsync(background, cancellationToken, asNew: false).ConfigureAwait(false);
        var deadline = new CancellationTokenSource(side.Options.TransactionDeadline, side.Options.Time);
        var transaction = new MySqlOwnTransaction(side, sql, intent, connection, deadline, background);
        try
        {
            var batch = transaction.Open(side.BeginWrite(new Batch(), background));
            await transaction.RunAsync(batch, transaction.ReadOpeningAsync, cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Everything written so far, the savepoint and the part's beginning in one round trip. Returns what the entity is here by
    /// then.</summary>
    public async Task<AggregateRow?> BeginPartAsync(MySqlFollowerPart part, EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        RemovePlaceholder();
        SelectBack(Pending, key);
        Pending.Add($"SAVEPOINT {Savepoint}")
            .Add($"SET SESSION innodb_lock_wait_timeout = {PartLockSeconds}")
            .Add($"USE {new Sql(AggregateSql.Quote(part.Database))}");
        part.AddOpening(Pending);
        _isAway = true;
        AggregateRow? row = null;
        var isOwnDone = false;
        await RunPartAsync(
            part,
            Pending,
            async (reader, token) =>
            {
                row = await ReadBackAsync(reader, key, token).ConfigureAwait(false);
                isOwnDone = true;
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return await part.ReadAsync(reader, token).ConfigureAwait(false);
            },
            () => isOwnDone,
            cancellationToken).ConfigureAwait(false);
        Pending.Clear();
        return row;
    }

    /// <summary>
    /// One round trip within the part. Throws <see cref="FollowerPartException"/> when the part failed and was taken back; with anything
    /// else this transaction is
    /// over.
    /// </summary>
    public async Task<T?> RunPartAsync<T>(
        MySqlFollowerPart part, Batch batch, Func<DbDataReader, CancellationToken, Task<T>> read, Func<bool> isOwnDone,
        CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _deadline.Token);
        try
        {
            return await Side.QueryAsync(_connection, batch, read, _background, both.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (isOwnDone() && !EndsTransaction(e) && await TakeBackAsync().ConfigureAwait(false))
            {
                Pending.Clear();
                throw new FollowerPartException(part.Name, part.Failure(e, cancellationToken));
            }

            var failure = isOwnDone() ? Gone(e, cancellationToken) : Failure(e, commits: false, cancellationToken);
            await DisposeAsync().ConfigureAwait(false);
            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    /// <summary>The part's statements go with the COMMIT.</summary>
    public void Join(MySqlFollowerPart part) => _joined = part;

    /// <summary>The part is given up. Never throws: should the transaction be gone with it, its commit says so.</summary>
    public async Task GiveUpAsync(MySqlFollowerPart part)
    {
        if (!IsOver && _joined != part && _isAway && !await TakeBackAsync().ConfigureAwait(false))
        {
            _lost ??= new InvalidOperationException("its savepoint was gone");
        }
    }

    public override async Task CommitAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (_lost is { } lost)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw Gone(lost, cancellationToken);
        }

        if (_deadline.IsCancellationRequested)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw Late(new TimeoutException());
        }

        if (!HasWritten)
        {
            // Nothing to keep, the placeholder least of all.
            await DisposeAsync().ConfigureAwait(false);
            return;
        }

        if (_joined is { } part)
        {
            await CommitBothAsync(part, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            RemovePlaceholder();
            await RunAsync<object?>(MySqlSide.EndWrite(Pending), null, commits: true, partOf: null, cancellationToken).ConfigureAwait(false);
        }

        IsOver = true;
        MySqlDriver.Keep(_connection);
        await DisposeAsync().ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        if (!IsOver)
        {
            IsOver = true;
            await MySqlSide.RollBackAsync(_connection, _isAway ? Home : null).ConfigureAwait(false);
        }

        _deadline.Dispose();
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    protected override Task<T?> RunAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>>? read, CancellationToken cancellationToken)
        where T : default =>
        RunAsync(batch, read, commits: false, partOf: null, cancellationToken);

    // One round trip. The SELECT shows how far the batch came: an error before it is the part's, and nothing was committed.
    private async Task CommitBothAsync(MySqlFollowerPart part, CancellationToken cancellationToken)
    {
        if (!Pending.IsEmpty)
        {
            throw new InvalidOperationException("The lead has written after the follower's part was joined to its transaction.");
        }

        var batch = part.Writes().Add($"USE {Home}").Add($"SELECT 1");
        var isPartDone = false;
        try
        {
            await RunAsync<object?>(
                MySqlSide.EndWrite(batch),
                (_, _) =>
                {
                    isPartDone = true;
                    return Task.FromResult<object?>(null);
                },
                commits: true,
                e => !isPartDone && !EndsTransaction(e) ? part : null,
                cancellationToken).ConfigureAwait(false);
            _isAway = false;
        }
        catch (FollowerPartException)
        {
            _joined = null;
            throw;
        }
    }

    private async Task<bool> TakeBackAsync()
    {
        try
        {
            // Where it is gone, so is the transaction (1305): by a deadlock, or by a lock time-out under innodb_rollback_on_timeout.
            var batch = new Batch().Add($"ROLLBACK TO SAVEPOINT {Savepoint}").Add($"USE {Home}");
            await Side.ExecuteAsync(_connection, batch, _background, _deadline.Token).ConfigureAwait(false);
            _isAway = false;
            return true;
        }
        catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException or IOException or OperationCanceledException)
        {
            _lost = e;
            return false;
        }
    }

    /// <summary>One round trip under the transaction's deadline. After a failure nothing of the transaction is kept and it cannot be used
    /// any more, unless it was only that of the part which <paramref name="partOf"/> names.</summary>
    private async Task<T?> RunAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>>? read, bool commits, Func<Exception, MySqlFollowerPart?>? partOf,
        CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _deadline.Token);
        try
        {
            if (read is not null)
            {
                return await Side.QueryAsync(_connection, batch, read, _background, both.Token).ConfigureAwait(false);
            }

            await Side.ExecuteAsync(_connection, batch, _background, both.Token).ConfigureAwait(false);
            return default;
        }
        catch (Exception e)
        {
            var part = partOf?.Invoke(e);
            if (part is not null && await TakeBackAsync().ConfigureAwait(false))
            {
                throw new FollowerPartException(part.Name, part.Failure(e, cancellationToken));
            }

            var failure = part is null ? Failure(e, commits, cancellationToken) : Gone(e, cancellationToken);
            await DisposeAsync().ConfigureAwait(false);
            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    private static bool IsInterruption(Exception e) => e is OperationCanceledException || MySqlDriver.Classify(e)
        is MySqlErrorKind.ConnectionLost or MySqlErrorKind.Timeout or MySqlErrorKind.QueryKilled;

    private static bool EndsTransaction(Exception e) => IsInterruption(e) || MySqlDriver.Classify(e) == MySqlErrorKind.Deadlock;

    private Exception Failure(Exception e, bool commits, CancellationToken cancellationToken)
    {
        if (commits && IsInterruption(e))
        {
            return new CommitOutcomeUnknownException(Side.Name, e);
        }

        return e is not OperationCanceledException ? Explain(e, cancellationToken)
            : cancellationToken.IsCancellationRequested ? e
            : Late(e);
    }

    // Whatever it was, it began in the other side's part: without that part, the same may go well.
    private Exception Gone(Exception e, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Side.Translate(e, cancellationToken) ?? e
        : e is OperationCanceledException ? Late(e)
        : new SideUnavailableException(
            Side.Name, "the whole transaction ended in the other side's part of it; try again.", true, MySqlSide.Cause(e));

    private SideUnavailableException Late(Exception cause) =>
        new(Side.Name,
            FormattableString.Invariant($"the transaction did not end within {Side.Options.TransactionDeadline.TotalSeconds:0.#} s."),
            true, cause) { IsOutage = true };
}
