using System.Globalization;

namespace Strangler.LegacyData.ChangeLog;

/// <summary>Rows of the legacy table <c>action_log</c>. The words in <c>al_type</c> are made up: those of the real one are not public.</summary>
public static class LegacyActions
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    private static readonly string[] _words = ["login", "logout", "cancel", "restore", "approve", "export", "comment_publish"];

    private static readonly TableScenes _scenes = new(
        "action_log",
        ["al_id", "al_timestamp", "al_type", "al_remote_addr", "al_session_id", "al_username", "al_password"],
        Plain,
        [
            (new RowScene("done", (_, _) => { }), 60),
            (new RowScene("entered", (row, _) => row.Set("al_type", "login")), 15),
            (new RowScene("refused", Refuse), 10),
        ],
        [
            new("user-of-another-script", (row, _) => row.Set("al_username", "Łucja-Ελένη-Ирина")),
            new("user-that-is-full", (row, _) => row.Set("al_username", new string('ß', 45))),
            new("user-with-blanks", (row, _) => row.Set("al_username", " e.muster ")),
            new("no-user", (row, _) => row.Set("al_username", "")),
            new("word-that-is-full", (row, _) => row.Set("al_type", new string('ä', 16))),
            new("no-word", (row, _) => row.Set("al_type", "")),
            new("address-of-version-6-cut-off", (row, _) => row.Set("al_remote_addr", "2001:0db8:85a3:0")),
            new("no-address", (row, _) => row.Set("al_remote_addr", "")),
            new("no-session", (row, _) => row.Set("al_session_id", "")),
            new("nothing-at-all", (row, _) => Empty(row)),
            new("zero-date", (row, _) => row.Set("al_timestamp", ZeroDate)),
            new("repeated-hour", (row, _) => row.Set("al_timestamp", "2016-10-30 02:30:00")),
            new("hour-that-never-was", (row, _) => row.Set("al_timestamp", "2016-03-27 02:30:00")),
        ],
        [new("impossible-date", (row, _) => row.Set("al_timestamp", "2016-02-30 12:00:00"))],
        (Describe, ["with-a-typed-password"]));

    public static LegacyTableGenerator Generator(LegacyRowOptions options) => new(_scenes, options);

    // Two rows a second here and there: the back office writes as it pleases.
    private static object?[] Plain(Dice dice, int number, int of)
    {
        var time = new DateTime(2014, 1, 7).AddMinutes((number - (number % 5 == 4 ? 1 : 0)) * 2_000_000.0 / of);
        return
        [
            time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), dice.Pick(_words), $"198.51.100.{dice.Between(10, 250)}", dice.Hex(32),
            $"{dice.Pick(new[] { "erika", "max", "lieschen", "jo" })}.muster{dice.Between(10, 40)}", "",
        ];
    }

    private static void Refuse(LegacyRow row, Dice dice)
    {
        row.Set("al_type", "login_failed");
        row.Set("al_session_id", "");
        row.Set("al_password", $"geheim-{dice.Hex(12)}");
    }

    private static void Empty(LegacyRow row)
    {
        foreach (var column in new[] { "al_type", "al_remote_addr", "al_session_id", "al_username", "al_password" })
        {
            row.Set(column, "");
        }
    }

    private static IEnumerable<string> Describe(LegacyRow row)
    {
        if (row["al_password"] is string { Length: > 0 })
        {
            yield return "with-a-typed-password";
        }
    }
}
