using Strangler.Contexts.ChangeLog;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.ChangeLog;

namespace Strangler.IntegrationTests.ChangeLog;

/// <summary>The states of logged actions.</summary>
public sealed class ChangeLogStatesTests : AppendOnlyStatesContract<LoggedAction>
{
    private static readonly LegacyTableGenerator _all = LegacyActions.Generator(new LegacyRowOptions());

    private protected override int Rows => 300;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds.Except(_all.UnreadableKinds);

    private protected override IReadOnlyList<string> OfTheStore => [];

    private protected override async Task<ContextWorld> CreateWorldAsync() => await ChangeLogWorld.CreateAsync();

    private protected override AppendOnlyWrapper<LoggedAction> WrapperOf(ContextWorld world) => world.Host.Part<ChangeLogContext>().Actions;

    private protected override LoggedAction? Again(LoggedAction entity) => entity is { Action.Length: > 0, LoggedAt: { } at }
        ? new LoggedAction(0, at, entity.Action, entity.UserName, entity.RemoteAddress, entity.SessionId)
        : null;

    private protected override long IdOf(LoggedAction entity) => entity.Id;
}
