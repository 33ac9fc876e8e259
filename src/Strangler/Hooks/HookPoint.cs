namespace Strangler.Hooks;

/// <summary>
/// Where a process can be stopped: every step of a write, an apply, the relay, a merge, the search for lost obligations, the end of old
/// request keys, the reserving of ids, a flip and a backfill, in that order.
/// Each point stands exactly where it says, and what the databases show there is what it says. A <see cref="Hook"/> sees them together with
/// the side that the step is about.
/// </summary>
public enum HookPoint
{
    /// <summary>Write, lead: nothing has been sent for this attempt yet. A retry passes here again.</summary>
    WriteBeforeBegin,

    /// <summary>Write, lead: the transaction is open, fence and key are locked and read, nothing has been written.</summary>
    WriteBegun,

    /// <summary>Write in one transaction over both sides, lead: what the lead gets is written or buffered, the follower's part has not
    /// begun.
    /// </summary>
    JointBeforePart,

    /// <summary>
    /// Write in one transaction over both sides, lead: the follower's part is in the transaction, COMMIT has not been sent.
    /// </summary>
    JointPartDone,

    /// <summary>Write, lead: all is written or buffered (rows, version, journal, request key), COMMIT has not been sent.</summary>
    WriteBeforeCommit,

    /// <summary>Write, lead: COMMIT is acknowledged; the caller has not been told and the follower not been spoken to. What is thrown here
    /// stands for a lost reply: it must be a <see cref="DualWrite.CommitOutcomeUnknownException"/>.</summary>
    WriteCommitted,

    /// <summary>Apply (inline, relay or repair), follower: nothing has been sent for this turn yet.</summary>
    ApplyBeforeBegin,

    /// <summary>Apply, follower: the transaction is open, fence and key are locked and read; the lead has not been read.</summary>
    ApplyBegun,

    /// <summary>Apply, follower: the lead's state has been read, nothing has been written.</summary>
    ApplyLeadRead,

    /// <summary>
    /// Apply, follower: all is written or buffered (rows, id map, accepted mark, request keys), COMMIT has not been sent.
    /// </summary>
    ApplyBeforeCommit,

    /// <summary>
    /// Apply, follower: COMMIT is acknowledged, and the key is in quarantine no more; the lead's journal rows still stand.
    /// </summary>
    ApplyCommitted,

    /// <summary>Apply, lead: the journal rows of what was accepted are gone; nothing is left to do for the key.</summary>
    ApplySettled,

    /// <summary>Relay, lead: at least one key is claimed, none of them applied.</summary>
    RelayClaimed,

    /// <summary>
    /// Relay, lead: an apply has failed; neither its next time nor its parking (or setting aside) is recorded, the claim stands.
    /// </summary>
    RelayBeforeFail,

    /// <summary>Relay, lead: the failure is recorded, and with it when the key is due again or that it is parked.</summary>
    RelayFailed,

    /// <summary>Merge of another program's write, new: nothing has been sent yet.</summary>
    MergeBeforeBegin,

    /// <summary>Merge, new: the transaction is open, fence and key are locked and read; legacy has not been read.</summary>
    MergeBegun,

    /// <summary>Merge, legacy: its state has been read, nothing has been written.</summary>
    MergeLegacyRead,

    /// <summary>Merge, new: all is written or buffered (rows, version, foreign_seq, journal), COMMIT has not been sent.</summary>
    MergeBeforeCommit,

    /// <summary>Merge, new: COMMIT is acknowledged; legacy's journal rows still stand, and legacy has not been brought along.</summary>
    MergeCommitted,

    /// <summary>Merge, legacy: the journal rows of what was merged are gone; legacy has not been brought along.</summary>
    MergeSettled,

    /// <summary>Merge, new: nobody decides, and the key is listed as in conflict; its journal rows are not parked yet.</summary>
    MergeConflictListed,

    /// <summary>Search for lost obligations, lead: a key is found lost for certain; it is not listed.</summary>
    ObligationFound,

    /// <summary>Request keys: a chunk of old ones is gone from the side, the next has not been asked for.</summary>
    RequestsPruned,

    /// <summary>Ids, legacy: before a block is reserved.</summary>
    IdsBeforeReserve,

    /// <summary>Ids, legacy: the block is burnt and recorded in legacy; the new side does not know of it.</summary>
    IdsRecorded,

    /// <summary>Ids, new: the new side's pool holds the block; none of its ids is used.</summary>
    IdsReserved,

    /// <summary>Ids, new: a create has taken its id from the pool and written nothing.</summary>
    IdTaken,

    /// <summary>Flip, old lead, before step 1: gates are passed, writers go on.</summary>
    FlipBeforeDeny,

    /// <summary>Flip, old lead, after step 1: writers wait.</summary>
    FlipDenied,

    /// <summary>Flip, old lead, before each round of step 3: what is in the journal has not been carried over by this round.</summary>
    FlipBeforeDrain,

    /// <summary>Flip, old lead, before each look at the journal (step 2): the round has carried over what was due.</summary>
    FlipBeforeWatermark,

    /// <summary>Flip, old lead, after steps 2 and 3: the journal was seen empty; the new lead's fence has not been touched.</summary>
    FlipDrained,

    /// <summary>Flip, new lead, before step 4: its fence still says follower (or prepared, by a dead flipper).</summary>
    FlipBeforePrepare,

    /// <summary>Flip, new lead, after step 4: its fence says prepared.</summary>
    FlipPrepared,

    /// <summary>Flip, old lead, before step 5: the last moment at which the flip can be aborted.</summary>
    FlipBeforeDecide,

    /// <summary>Flip, old lead, after step 5: decided; nobody leads until someone promotes.</summary>
    FlipDecided,

    /// <summary>Flip, new lead, before step 6.</summary>
    FlipBeforePromote,

    /// <summary>Flip, new lead, after step 6: it leads; the audit trail does not say so yet.</summary>
    FlipPromoted,

    /// <summary>Flip, old lead: it failed before its decision; its fence still says switching.</summary>
    FlipBeforeAbort,

    /// <summary>Flip, old lead: it leads again, with the next epoch.</summary>
    FlipAborted,

    /// <summary>A move that keeps the lead, before its only compare-and-set.</summary>
    MoveBeforeSet,

    /// <summary>A move that keeps the lead, after its compare-and-set; the follower's fence has not been brought up.</summary>
    MoveSet,

    /// <summary>Backfill, new: a chunk's transaction is open and its range locked, nothing has been written.</summary>
    BackfillBegun,

    /// <summary>Backfill, new: the chunk is written or buffered, COMMIT has not been sent.</summary>
    BackfillBeforeCommit,

    /// <summary>Backfill, new: the chunk and its checkpoint are committed. What is thrown here stands for a lost reply: it must be a
    /// <see cref="DualWrite.CommitOutcomeUnknownException"/>.</summary>
    BackfillCommitted,
}
