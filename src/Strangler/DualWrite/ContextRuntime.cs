using System.Collections.Frozen;
using System.Reflection;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Neighbours;
using Strangler.Schemas;

namespace Strangler.DualWrite;

/// <summary>One context as one process runs it: its sides, kinds and settings, and what its services share.</summary>
public sealed class ContextRuntime
{
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public ContextRuntime(
        ContextSides sides,
        IEnumerable<EntityKind> kinds,
        ContextOptions options,
        FieldHasher hasher,
        TimeProvider time,
        ILoggerFactory loggers,
        string? replica = null,
        Hook? hook = null)
    {
        options.Validate();
        Sides = sides;
        Kinds = kinds.ToFrozenDictionary(kind => kind.Name, StringComparer.Ordinal);
        Options = options.Copy();
        Hasher = hasher;
        Time = time;
        Loggers = loggers;
        Replica = replica ?? $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid().ToString("N")[..8]}";
        Hook = hook;
        Stage = new StageCache(sides, Options, loggers);
        Watch = new SwitchWatch(Stage, time);
        Shadow = new ShadowReader(this);
        InlineApply = new InlineApply(this);
        Schema = new SchemaWatch(this);
    }

    public ContextSides Sides { get; }

    public string Context => Sides.Context;

    public IReadOnlyDictionary<string, EntityKind> Kinds { get; }

    public ContextOptions Options { get; }

    public FieldHasher Hasher { get; }

    public TimeProvider Time { get; }

    public ILoggerFactory Loggers { get; }

    /// <summary>Stops this process at its steps, for tests; null in production.</summary>
    public Hook? Hook { get; }

    /// <summary>This process: <c>machine:pid:random</c>.</summary>
    public string Replica { get; }

    public StageCache Stage { get; }

    /// <summary>Compares a sample of the reads with the follower, off the callers' path; run by the relay.</summary>
    public ShadowReader Shadow { get; }

    /// <summary>The legacy tables as the mapping file declares them; empty where nobody said.</summary>
    public IReadOnlyList<DeclaredTable> LegacyTables { get; init; } = [];

    /// <summary>Whether another program loads legacy's tables anew as a whole, as the mapping says.</summary>
    public bool IsDataSet { get; init; }

    /// <summary>Other programs that someone answers for.</summary>
    public IReadOnlyList<DeclaredWriter> DeclaredWriters { get; init; } = [];

    /// <summary>Fields of this context's entities that hold ids of others, as the mapping declares.</summary>
    public IReadOnlyList<DeclaredReference> References { get; init; } = [];

    /// <summary>The other contexts of the installation.</summary>
    public INeighbours Neighbours { get; init; } = NoNeighbours.Instance;

    /// <summary>Whether legacy's tables are as the mapping says.</summary>
    public SchemaWatch Schema { get; }

    /// <summary>Whether inline applies are skipped, since the follower does not answer.</summary>
    public bool BreakerIsOpen => InlineApply.IsOpen;

    internal InlineApply InlineApply { get; }

    /// <summary>Waits for the end of a flip, for everybody here.</summary>
    internal SwitchWatch Watch { get; }

    /// <summary>Decides samples and jitter, and tells one write from another; nothing secret.</summary>
    internal Random Random { get; init; } = Random.Shared;

    internal string Build { get; } =
        typeof(ContextRuntime).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    /// <summary>The kind of that name. Throws <see cref="ArgumentException"/> naming it when there is none.</summary>
    public EntityKind Kind(string name) =>
        Kinds.TryGetValue(name, out var kind) ? kind : throw new ArgumentException(
            $"Context {Context} has no kind '{name}'.", nameof(name));

    /// <summary>Tells the relay of this process that the journal has something for it. Never blocks.</summary>
    public void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>One null check where there is no hook.</summary>
    internal ValueTask ReachAsync(HookPoint point, SideName side) => Hook is null ? ValueTask.CompletedTask : Hook(point, side);

    /// <summary>Returns after <see cref="Wake"/> or the time given, whichever is first.</summary>
    internal async Task WaitForWakeAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(atMost, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }
    }
}
