using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Tests.Doubles;

/// <summary>Sees every commit of both databases at the instant it happens: what no client can see. Called under the database's gate.</summary>
internal interface IWitness
{
    /// <summary>A transaction that a client's write tagged has committed.</summary>
    void LeadCommitted(InMemoryDatabase database, object tag, SideState before);

    /// <summary>A merge of other programs' writes has committed on the new side.</summary>
    void Merged(InMemoryDatabase database, EntityKey key, SideState before);

    void FenceSet(InMemoryDatabase database, FenceRow was, FenceRow now);

    void EntitySet(InMemoryDatabase database, EntityKey key, EntityState? was, EntityState now);

    /// <summary>A claim is given back; <paramref name="present"/> is the newest generation among the rows that this changed.</summary>
    void ClaimGivenBack(InMemoryDatabase database, JournalClaim claim, string error, long present);
}

/// <summary>Decides what happens at each step of a process: when it goes on, whether it fails, and whether the process survives it.</summary>
internal interface ISchedule
{
    Task PassAsync(InMemorySides process, SideName side, string step, bool before, CancellationToken cancellationToken);

    /// <summary>What becomes of a COMMIT on its way.</summary>
    CommitFate Commit(SideName side);
}

/// <param name="Happens">Whether the server commits.</param>
/// <param name="Told">Whether the client gets the reply.</param>
/// <param name="Late">How long the server still works on it, with all locks held, after the client has lost the connection.</param>
internal readonly record struct CommitFate(bool Happens, bool Told, TimeSpan Late = default)
{
    public static readonly CommitFate Done = new(true, true);
}

/// <summary>A transaction that a client can mark as its own, for the witness.</summary>
internal interface ITagged
{
    object? Tag { get; set; }
}
