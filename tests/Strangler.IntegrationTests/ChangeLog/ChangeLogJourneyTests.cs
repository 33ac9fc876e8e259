using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.ChangeLog;

namespace Strangler.IntegrationTests.ChangeLog;

/// <summary>The command line on the change log; what was typed as a password is never said, nor is it on the new side.</summary>
public sealed class ChangeLogJourneyTests : ContextJourneyContract
{
    private static readonly LegacyRow _action = LegacyActions.Generator(new LegacyRowOptions { Rows = 600 }).Generate().First(row => row.Kinds.Contains("done"));

    private protected override IReadOnlyList<string> Explained => ["action_log.al_timestamp", "action_log.al_username", "action_log.al_password", "has no place in a log"];

    private protected override IReadOnlyList<string> Quarantined => ["action_log.al_timestamp"];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples => [("logged-action", _action.Id)];

    private protected override string PlantedDrift => $"UPDATE logged_action SET user_name = '{Planted}' WHERE id = {NewIdOf("logged-action", _action.Id)}";

    private protected override (string Kind, long Id) PlantedIn => ("logged-action", _action.Id);

    private protected override string PlantedField => "user_name";

    private protected override string ForeignUpdate => $"UPDATE action_log SET al_type = 'arrived' WHERE al_id = {_action.Id}";

    private protected override string ForeignArrived => "SELECT COUNT(*) FROM logged_action WHERE action = 'arrived'";

    private protected override string PersonalValues =>
        """
        SELECT DISTINCT al_username FROM action_log WHERE CHAR_LENGTH(al_username) > 8
        UNION SELECT al_session_id FROM action_log WHERE al_session_id <> '' UNION SELECT al_password FROM action_log WHERE al_password <> ''
        """;

    private protected override async Task<ContextWorld> CreateWorldAsync() => await ChangeLogWorld.CreateAsync(migrate: false);
}
