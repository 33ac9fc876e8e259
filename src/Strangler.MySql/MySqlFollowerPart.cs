using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>The follower's part of a joint transaction: the same statements as a transaction of its own, on the lead's
/// connection.</summary>
internal sealed class MySqlFollowerPart(MySqlOwnTransaction lead, MySqlSide side, AggregateSql sql, WriteIntent intent)
    : MySqlSideTransaction(side, sql, intent)
{
    public SideName Name => Side.Name;

    public string Database => Side.Database.Name;

    public void AddOpening(Batch batch) => Open(batch);

    public Task<object?> ReadAsync(DbDataReader reader, CancellationToken cancellationToken) => ReadOpeningAsync(reader, cancellationToken);

    public Batch Writes()
    {
        RemovePlaceholder();
        return Pending;
    }

    public Exception Failure(Exception e, CancellationToken cancellationToken) => Explain(e, cancellationToken);

    public override Task CommitAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        cancellationToken.ThrowIfCancellationRequested();
        IsOver = true;
        lead.Join(this);
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        IsOver = true;
        await lead.GiveUpAsync(this).ConfigureAwait(false);
    }

    protected override async Task<T?> RunAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>>? read, CancellationToken cancellationToken)
        where T : default =>
        await lead.RunPartAsync<T?>(
            this,
            batch,
            async (reader, token) => read is null ? default : await read(reader, token).ConfigureAwait(false),
            static () => true,
            cancellationToken).ConfigureAwait(false);
}
