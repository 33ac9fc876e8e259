using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>A deliberate fault: seams that behave as they would if the engine, or a store, lacked one of its precautions.</summary>
internal sealed class Mutation(string name, string what, Func<Faulty, ContextSides, ContextSides> change)
{
    public string Name { get; } = name;

    public string What { get; } = what;

    public ContextSides Apply(InMemorySides memory, ModelProcess process) => change(new Faulty(memory, process), memory.Sides);

    public void Know(World world, ModelProcess process)
    {
    }

    public override string ToString() => Name;
}

/// <summary>The process that a faulty part belongs to.</summary>
internal sealed record Faulty(InMemorySides Memory, ModelProcess Process);
