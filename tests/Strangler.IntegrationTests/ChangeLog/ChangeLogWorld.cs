using Strangler.Contexts.ChangeLog;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.ChangeLog;

namespace Strangler.IntegrationTests.ChangeLog;

/// <summary>The change log on two fresh databases.</summary>
internal sealed class ChangeLogWorld : PlainWorld<ChangeLogWorld>
{
    private ChangeLogWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(ChangeLogContext.Name, ChangeLogContext.LoggedActionKind, legacy, @new, options, "action_log", "al_id")
    {
    }

    public ChangeLogRepositoryWrapper Actions => Host.Part<ChangeLogContext>().Actions;

    public static Task<ChangeLogWorld> CreateAsync(bool migrate = true, string? options = null) => CreateAsync(
        "change_log", (legacy, @new) => new ChangeLogWorld(legacy, @new, options), connection => LegacyActionSchema.CreateAsync(connection), migrate);

    protected override IReadOnlyList<LegacyTableGenerator> Generators(LegacyRowOptions options) => [LegacyActions.Generator(options)];
}
