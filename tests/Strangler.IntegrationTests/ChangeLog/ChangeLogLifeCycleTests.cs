using System.Globalization;
using Strangler.Contexts.ChangeLog;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.ChangeLog;

/// <summary>The life cycle of the change log; all of it within one second, and none is lost.</summary>
public sealed class ChangeLogLifeCycleTests : AppendOnlyLifeCycleContract<LoggedAction>
{
    private static readonly DateTime Noon = new(2018, 8, 16, 12, 0, 0);

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await ChangeLogWorld.CreateAsync(options: options);

    private protected override AppendOnlyWrapper<LoggedAction> WrapperOf(ContextHost host) => host.Part<ChangeLogContext>().Actions;

    private protected override LoggedAction New(long id, long number) => new(id, Noon, $"n{number}", "erika.muster", "198.51.100.7", "5e55");

    private protected override long NumberOf(LoggedAction entity) => long.Parse(entity.Action[1..], CultureInfo.InvariantCulture);

    private protected override long IdOf(LoggedAction entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("action", $"n{number}");

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO action_log (al_id, al_type, al_username, al_password) VALUES ({id}, 'n{number}', 'max.muster', 'geheim')";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE action_log SET al_type = 'n{number}' WHERE al_id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM action_log WHERE al_id = {id}";
}
