namespace Strangler.LocalServers;

/// <summary>How a private server is to be started. Every default suits tests and the demo.</summary>
public sealed class LocalServerOptions
{
    /// <summary>The folder below which servers get their own; default <c>strangler-servers-&lt;user&gt;</c> in the temporary
    /// folder.</summary>
    public string? RootFolder { get; init; }

    /// <summary>InnoDB's buffer pool in MiB, 16 to 65536; default 256.</summary>
    public int BufferPoolMegabytes { get; init; } = 256;

    /// <summary>0, 1 or 2 as <c>innodb_flush_log_at_trx_commit</c>; default 1, so that a commit survives kill -9 and power loss.</summary>
    public int FlushLogAtCommit { get; init; } = 1;

    /// <summary>The server's <c>max_connections</c>; default 200.</summary>
    public int MaxConnections { get; init; } = 200;

    /// <summary>More arguments for the server, given last so that they win; default none.</summary>
    public IReadOnlyList<string> ServerArguments { get; init; } = [];

    /// <summary>How long a start may take until the server greets, and a graceful stop until it has ended; default 60 s.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether missing server packages are installed with apt-get; default true.</summary>
    public bool InstallPackages { get; init; } = true;

    /// <summary>The clock; default the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(BufferPoolMegabytes, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BufferPoolMegabytes, 65536);
        ArgumentOutOfRangeException.ThrowIfNegative(FlushLogAtCommit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(FlushLogAtCommit, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConnections, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Deadline, TimeSpan.Zero);
    }
}
