using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

internal abstract class JointDecorator(IJointTransactions inner) : IJointTransactions
{
    protected IJointTransactions Inner => inner;

    public Task<string?> ProblemAsync(CancellationToken cancellationToken) => inner.ProblemAsync(cancellationToken);

    public abstract Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken);
}

/// <summary>Shows every follower as one that has the state before.</summary>
internal sealed class BlindJoint(IJointTransactions inner) : JointDecorator(inner)
{
    public override async Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken)
    {
        var part = await Inner.BeginFollowerAsync(lead, intent, cancellationToken);
        return part with { Follower = new Caught(part.Follower, lead.State) };
    }

    private sealed class Caught(ISideTransaction inner, SideState lead) : PartDecorator(inner)
    {
        public override SideState State => Inner.State with
        {
            Entity = new EntityState(lead.Version(lead.Fence.DualEpoch), lead.Entity?.ForeignSeq ?? 0, false, []),
        };
    }
}

/// <summary>Takes a failed part for a part that is done.</summary>
internal sealed class ForgetfulJoint(IJointTransactions inner) : JointDecorator(inner)
{
    public override async Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken)
    {
        try
        {
            return await Inner.BeginFollowerAsync(lead, intent, cancellationToken);
        }
        catch (FollowerPartException)
        {
            return new JointPart(new Nothing(lead.State), ((InMemoryTransaction)lead).Saved?.Clone());
        }
    }

    private sealed class Nothing(SideState lead) : ISideTransaction
    {
        public SideState State { get; } = lead with
        {
            Fence = lead.Fence with { Role = FenceRole.Follower },
            Entity = new EntityState(lead.Version(lead.Fence.DualEpoch), lead.Entity?.ForeignSeq ?? 0, false, []),
        };

        public RequestResult? Request => null;

        public Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken) =>
            Task.FromResult(key.Id);

        public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0) => Task.CompletedTask;

        public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task CommitAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>Two transactions after all.</summary>
internal sealed class EarlyJoint(IJointTransactions inner) : JointDecorator(inner)
{
    public override async Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken)
    {
        var part = await Inner.BeginFollowerAsync(lead, intent, cancellationToken);
        return part with { Follower = new Early(part.Follower) };
    }

    private sealed class Early(ISideTransaction inner) : PartDecorator(inner)
    {
        public override Task CommitAsync(CancellationToken cancellationToken) => ((InMemoryFollowerPart)Inner).Part.CommitAsync(cancellationToken);
    }
}

internal abstract class PartDecorator(ISideTransaction inner) : ISideTransaction
{
    public virtual SideState State => inner.State;

    public RequestResult? Request => inner.Request;

    protected ISideTransaction Inner => inner;

    public Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken) =>
        inner.SaveAsync(key, was, now, cancellationToken);

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) =>
        inner.SetEntityAsync(key, state, cancellationToken);

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0) =>
        inner.AppendJournalAsync(key, version, actor, cancellationToken, foreignSeq);

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken) => inner.ForgetConflictAsync(key, cancellationToken);

    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken) =>
        inner.SaveRequestAsync(requestKey, id, version, cancellationToken);

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken) =>
        inner.LiftQuarantineAsync(key, cancellationToken);

    public virtual Task CommitAsync(CancellationToken cancellationToken) => inner.CommitAsync(cancellationToken);

    public virtual Task ConfirmAsync(CancellationToken cancellationToken) => inner.ConfirmAsync(cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
