using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Neighbours;

/// <summary>A reference of another context that leads into this one.</summary>
/// <param name="Context">The other context.</param>
/// <param name="Reference">Its reference.</param>
public sealed record IncomingReference(string Context, DeclaredReference Reference);

/// <summary>
/// The other contexts of the installation, as far as declared references lead to them or come from them. Contexts know nothing of each other;
/// what one means for another is declared in their mappings, and asked here.
/// </summary>
public interface INeighbours
{
    /// <summary>Null: the installation does not have the context configured. Connects to nothing by itself.</summary>
    ContextRuntime? Find(string context);

    /// <summary>References of configured contexts into this one.</summary>
    IReadOnlyList<IncomingReference> Incoming();
}

/// <summary>A context on its own.</summary>
public sealed class NoNeighbours : INeighbours
{
    public static INeighbours Instance { get; } = new NoNeighbours();

    public ContextRuntime? Find(string context) => null;

    public IReadOnlyList<IncomingReference> Incoming() => [];
}
