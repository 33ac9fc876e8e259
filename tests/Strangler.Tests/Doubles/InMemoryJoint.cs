using Strangler.DualWrite;

namespace Strangler.Tests.Doubles;

/// <summary>
/// One transaction over both databases. Steps: joint (on the lead's connection: a failure there is the whole transaction's end) and joint-begin (on the follower's:
/// a failure there, or a lock that is not free within a second, is rolled back to the savepoint).
/// </summary>
internal sealed class InMemoryJoint(InMemoryConnection legacy, InMemoryConnection @new) : IJointTransactions
{
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(1);

    public Task<string?> ProblemAsync(CancellationToken cancellationToken) => @new.StepAsync<string?>("joint-problem", () => null, cancellationToken);

    public async Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken)
    {
        var own = (InMemoryTransaction)lead;
        var (near, far) = own.Side == SideName.Legacy ? (legacy, @new) : (@new, legacy);
        InMemoryTransaction? part = null;
        try
        {
            await near.BeforeAsync("joint", cancellationToken);
            part = await BeginAsync(far, intent, cancellationToken);
            await near.AfterAsync("joint", cancellationToken);
            return new JointPart(new InMemoryFollowerPart(own, part), own.Saved?.Clone());
        }
        catch (Exception exception) when (exception is not FollowerPartException)
        {
            part?.RollBack();
            own.RollBack();
            throw;
        }
    }

    private static async Task<InMemoryTransaction> BeginAsync(InMemoryConnection far, WriteIntent intent, CancellationToken cancellationToken)
    {
        var part = new InMemoryTransaction(far, intent, LockWait);
        try
        {
            await far.BeforeAsync("joint-begin", cancellationToken);
            await part.BeginAsync(cancellationToken);
            await far.AfterAsync("joint-begin", cancellationToken);
            return part;
        }
        catch (Exception exception)
        {
            part.RollBack();
            if (exception is SideUnavailableException)
            {
                throw new FollowerPartException(far.Database.Side, exception);
            }

            throw;
        }
    }
}

/// <summary>Commits with the lead's transaction, or is rolled back alone.</summary>
internal sealed class InMemoryFollowerPart(InMemoryTransaction lead, InMemoryTransaction part) : ISideTransaction
{
    public InMemoryTransaction Part => part;

    public SideState State => part.State;

    public RequestResult? Request => part.Request;

    public Task<long> SaveAsync(
        EntityKey key, Strangler.Mapping.AggregateRow? was, Strangler.Mapping.AggregateRow? now, CancellationToken cancellationToken) =>
        part.SaveAsync(key, was, now, cancellationToken);

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) =>
        part.SetEntityAsync(key, state, cancellationToken);

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0) =>
        part.AppendJournalAsync(key, version, actor, cancellationToken, foreignSeq);

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken) => part.ForgetConflictAsync(key, cancellationToken);

    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken) =>
        part.SaveRequestAsync(requestKey, id, version, cancellationToken);

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken) => part.LiftQuarantineAsync(key, cancellationToken);

    public Task CommitAsync(CancellationToken cancellationToken)
    {
        lead.Joined = this;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        if (lead.Joined != this && !part.IsOver)
        {
            part.RollBack();
        }

        return ValueTask.CompletedTask;
    }
}
