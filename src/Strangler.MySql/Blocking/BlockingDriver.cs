using System.Data.Common;

namespace Strangler.MySql.Blocking;

/// <summary>A driver of which only the synchronous methods are used.</summary>
/// <param name="Create">A connection that is not open yet, without the driver's own pool.</param>
/// <param name="CreateSide">The same with short timeouts, for KILL.</param>
/// <param name="ThreadId">The server's id of an open connection.</param>
/// <param name="Wire">The stream that an open or opening connection talks through; null when it can't be had.</param>
/// <param name="Database">The default database; null when there is none.</param>
internal sealed record BlockingDriver(
    Func<DbConnection> Create,
    Func<DbConnection> CreateSide,
    Func<DbConnection, int> ThreadId,
    Func<DbConnection, Stream?> Wire,
    string? Database);
