using Strangler.Contexts;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>No context without its contracts.</summary>
public sealed class CoverageTests
{
    [TestCaseSource(nameof(Contexts))]
    public void Every_context_has_a_life_cycle_and_all_its_states_tested(string context)
    {
        foreach (var contract in new[] { typeof(ContextLifeCycleContract<>), typeof(ContextStatesContract<>) })
        {
            var entities = typeof(CoverageTests).Assembly.GetTypes()
                .Where(type => !type.IsAbstract && type.BaseType is { IsGenericType: true } parent && parent.GetGenericTypeDefinition() == contract)
                .Select(type => type.BaseType!.GenericTypeArguments[0].Namespace);
            Assert.That(
                entities, Has.Some.EqualTo($"Strangler.Contexts.{string.Concat(context.Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..]))}"),
                $"{context} needs a class that derives from {contract.Name}");
        }
    }

    private static IEnumerable<string> Contexts() => ContextList.All.Select(one => one.Name);
}
