using Strangler.DualWrite;

namespace Strangler.Mongo;

/// <summary>A transaction that takes part in the fence. Disposing it without a commit aborts it.</summary>
internal sealed class FencedTransaction : IAsyncDisposable
{
    private readonly FenceSlots _slots;
    private readonly string _slot;
    private bool _isOver;

    private FencedTransaction(MongoSession session, FenceSlots slots, string slot) => (Session, _slots, _slot) = (session, slots, slot);

    public MongoSession Session { get; }

    /// <summary>As it is until the commit; else the commit fails.</summary>
    public FenceRow Fence { get; private set; } = null!;

    /// <summary>The server's clock at the beginning.</summary>
    public DateTime NowUtc { get; private set; }

    /// <exception cref="MongoFailureException"><see cref="MongoErrorKind.WriteConflict"/>: the fence is being set; <see cref="MongoSide.WhenFreeAsync"/>.</exception>
    public static async Task<FencedTransaction> BeginAsync(MongoSide side, bool background, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var slots = FenceSlots.Of(side.Database, side.Context);
        var slot = await slots.TakeAsync(side, cancellationToken).ConfigureAwait(false);
        FencedTransaction transaction;
        try
        {
            transaction = new FencedTransaction(await side.OpenAsync(background, cancellationToken).ConfigureAwait(false), slots, slot);
        }
        catch
        {
            slots.GiveBack(slot);
            throw;
        }

        try
        {
            transaction.Session.BeginTransaction(deadline);
            (transaction.Fence, transaction.NowUtc) = await slots.EnterAsync(transaction.Session, side, slot, cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch (SlotLostException)
        {
            await transaction.EndAsync(keepsSlot: false).ConfigureAwait(false);
            slots.Forget();
            throw;
        }
        catch
        {
            await transaction.EndAsync(keepsSlot: true).ConfigureAwait(false);
            throw;
        }
    }

    public ValueTask DisposeAsync() => EndAsync(keepsSlot: true);

    // The slot only where the server is known to have ended the transaction: else the next one would wait for it.
    private async ValueTask EndAsync(bool keepsSlot)
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        await Session.AbortAsync().ConfigureAwait(false);
        if (keepsSlot && !Session.IsBroken)
        {
            _slots.GiveBack(_slot);
        }

        await Session.DisposeAsync().ConfigureAwait(false);
    }
}
