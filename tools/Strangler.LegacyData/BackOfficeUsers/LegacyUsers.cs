using System.Globalization;

namespace Strangler.LegacyData.BackOfficeUsers;

/// <summary>Rows of the legacy table <c>users</c>: more of them than any back office has, so that every state occurs.</summary>
public static class LegacyUsers
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    private static readonly RowScene[] _rare =
    [
        new("hash-of-2016", (row, dice) => row.Set("user_pass", dice.Hex(32))),
        new("hash-in-another-form", (row, dice) => row.Set("user_pass", $"$argon2id$v=19$m=65536,t=4,p=1${dice.Hex(22)}${dice.Hex(43)}")),
        new("hash-that-is-full", (row, dice) => row.Set("user_pass", dice.Hex(255))),
        new("hash-with-blanks", (row, dice) => row.Set("user_pass", $" {dice.Hex(30)} ")),
        new("hash-of-another-script", (row, dice) => row.Set("user_pass", $"пароль {dice.Hex(16)}")),
        new("no-password", (row, _) => row.Set("user_pass", "")),
        new("never-notified", (row, _) => row.Set("user_pass_notification", null)),
        new("expiry-null", (row, _) => row.Set("user_pass_expiry", null)),
        new("expiry-zero", (row, _) => row.Set("user_pass_expiry", ZeroDate)),
        new("expiry-epoch", (row, _) => row.Set("user_pass_expiry", "1970-01-01 00:00:00")),
        new("expiry-epoch-in-berlin", (row, _) => row.Set("user_pass_expiry", "1970-01-01 01:00:00")),
        new("expiry-in-the-repeated-hour", (row, _) => row.Set("user_pass_expiry", "2021-10-31 02:30:00")),
        new("role-null", (row, _) => row.Set("user_role", null)),
        new("role-of-another-number", (row, _) => row.Set("user_role", 127)),
        new("role-below-zero", (row, _) => row.Set("user_role", -1)),
        new("active-null", (row, _) => row.Set("user_active", null)),
        new("active-of-another-number", (row, _) => row.Set("user_active", 2)),
        new("name-of-another-script", (row, _) => row.Set("user_name", $"Łucja-{row.Id}-Ελένη")),
        new("name-that-is-full", (row, _) => row.Set("user_name", row.Id.ToString("D8", CultureInfo.InvariantCulture) + new string('ß', 24))),
        new("address-that-is-full", (row, _) => row.Set("user_address", row.Id.ToString("D8", CultureInfo.InvariantCulture) + new string('ä', 44) + "@example.org")),
        new("address-that-is-none", (row, _) => row.Set("user_address", $"keine ({row.Id})")),
    ];

    private static readonly RowScene[] _unreadable =
    [
        new("notification-2", (row, _) => row.Set("user_pass_notification", 2)),
        new("notification--1", (row, _) => row.Set("user_pass_notification", -1)),
        new("impossible-expiry", (row, _) => row.Set("user_pass_expiry", "2016-02-30 12:00:00")),
    ];

    private static readonly TableScenes _scenes = new(
        "users",
        ["user_id", "user_name", "user_address", "user_pass", "user_pass_expiry", "user_pass_notification", "user_role", "user_active"],
        Plain,
        [
            (new RowScene("active", (_, _) => { }), 40),
            (new RowScene("administrator", (row, _) => row.Set("user_role", 1)), 10),
            (new RowScene("left", (row, _) => row.Set("user_active", 0)), 30),
            (new RowScene("notified", (row, _) => row.Set("user_pass_notification", 1)), 20),
            (new RowScene("made-and-never-entered", (row, _) => Made(row)), 5),
        ],
        _rare,
        _unreadable,
        (Describe, ["may-enter", "may-not-enter", "expires", "does-not-expire"]));

    public static LegacyTableGenerator Generator(LegacyRowOptions options) => new(_scenes, options);

    private static object?[] Plain(Dice dice, int number, int of)
    {
        var person = Person.Of(dice);
        var expiry = new DateTime(2018, 8, 16).AddDays(number * 1_200.0 / of).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        return
        [
            $"{person.FirstName[..1].ToLowerInvariant()}.muster{number}", $"user{number}.{dice.Hex(4)}@example.org",
            $"$2y$10${dice.Text(53, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./")}", expiry, 0, 0, 1,
        ];
    }

    private static void Made(LegacyRow row)
    {
        row.Set("user_pass_expiry", "1970-01-01 00:00:00");
        row.Set("user_pass_notification", null);
        row.Set("user_active", 0);
    }

    private static IEnumerable<string> Describe(LegacyRow row)
    {
        yield return row["user_active"] is null or 0L ? "may-not-enter" : "may-enter";
        yield return row["user_pass_expiry"] is null or ZeroDate or "1970-01-01 00:00:00" or "1970-01-01 01:00:00" ? "does-not-expire" : "expires";
    }
}
