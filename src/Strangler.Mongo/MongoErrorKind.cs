namespace Strangler.Mongo;

/// <summary>What an error of a MongoDB server, or on the way to it, means to a caller.</summary>
public enum MongoErrorKind
{
    /// <summary>None of the others, for instance a command that the server does not understand.</summary>
    Other,

    /// <summary>A unique index already has the value.</summary>
    Duplicate,

    /// <summary>Another transaction wrote to the same document; this one is over.</summary>
    WriteConflict,

    /// <summary>The transaction is not open (any more): it took too long, was ended by somebody, or its server is gone.</summary>
    NoTransaction,

    /// <summary>No connection could be made, or no primary is to be found. Nothing was executed.</summary>
    Unreachable,

    /// <summary>User, password or rights.</summary>
    AccessDenied,

    /// <summary>The connection broke while in use. Whether the command took effect is unknown; an open transaction is lost.</summary>
    ConnectionLost,

    /// <summary>The server is no longer the primary, or is shutting down.</summary>
    NotPrimary,

    /// <summary>A deadline of ours or of the server passed. Whether the command took effect is unknown.</summary>
    Timeout,

    /// <summary>Somebody ended the command.</summary>
    Interrupted,

    /// <summary>The server's disk is full.</summary>
    DiskFull,

    /// <summary>The collection's validator refuses the document.</summary>
    Invalid,

    /// <summary>The document or the command is larger than the server takes.</summary>
    TooLarge,

    /// <summary>The collection or the database is not there.</summary>
    NoSuchCollection,

    /// <summary>A collection or an index of that name is there already, and is another one.</summary>
    Exists,

    /// <summary>The rest of a result is not to be had any more.</summary>
    CursorLost,

    /// <summary>A change stream cannot go on from where it was: the server has forgotten what happened since.</summary>
    HistoryLost,

    /// <summary>It was done on the primary, and not confirmed by the majority in time.</summary>
    NotConfirmed,

    /// <summary>The server is none that can be used: no member of a replica set, or too old.</summary>
    Unsuitable,
}
