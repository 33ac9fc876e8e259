using Strangler.Contexts;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>No context without its contracts.</summary>
public sealed class CoverageTests
{
    private static readonly Type[][] Contracts =
    [
        [typeof(ContextLifeCycleContract<>), typeof(AppendOnlyLifeCycleContract<>)], [typeof(ContextStatesContract<>), typeof(AppendOnlyStatesContract<>)],
    ];

    [TestCaseSource(nameof(Contexts))]
    public void Every_context_has_a_life_cycle_and_all_its_states_tested(string context)
    {
        foreach (var either in Contracts)
        {
            var entities = Concrete()
                .Where(type => type.BaseType is { IsGenericType: true } parent && either.Contains(parent.GetGenericTypeDefinition()))
                .Select(type => type.BaseType!.GenericTypeArguments[0].Namespace);
            Assert.That(
                entities, Has.Some.EqualTo($"Strangler.Contexts.{FolderOf(context)}"),
                $"{context} needs a class that derives from {string.Join(" or ", either.Select(contract => contract.Name))}");
        }
    }

    [TestCaseSource(nameof(Contexts))]
    public void Every_context_has_the_journey_of_an_operator(string context) => Assert.That(
        Concrete().Where(type => type.Name.EndsWith("JourneyTests", StringComparison.Ordinal) && type.Name.StartsWith(FolderOf(context), StringComparison.Ordinal))
            .Concat(context == "donations" ? [typeof(Cli.JourneyTests)] : []),
        Is.Not.Empty, $"{context} needs a class that derives from {nameof(ContextJourneyContract)}");

    private static IEnumerable<Type> Concrete() => typeof(CoverageTests).Assembly.GetTypes().Where(type => !type.IsAbstract);

    private static string FolderOf(string context) => string.Concat(context.Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

    private static IEnumerable<string> Contexts() => ContextList.All.Select(one => one.Name);
}
