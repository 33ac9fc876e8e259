using System.Globalization;
using System.Text;

namespace Strangler.LegacyData.Subscriptions;

/// <summary>A row in the making.</summary>
internal sealed class SubscriptionDraft(Dice dice, int id, DateTime when)
{
    private readonly object?[] _values = new object?[LegacySubscription.ColumnNames.Count];

    public Dice Dice => dice;

    public DateTime When => when;

    public SubscriptionDraft With(string column, object? value)
    {
        _values[LegacySubscription.PositionOf(column)] = value;
        return this;
    }

    public object? this[string column] => _values[LegacySubscription.PositionOf(column)];

    /// <summary>As the program of its year inserted it.</summary>
    public SubscriptionDraft Plain()
    {
        var person = Person.Of(dice);
        var isOld = when.Year < 2016;
        return With("id", id)
            .With("full_name", isOld ? person.FullName : "")
            .With("email", person.Email)
            .With("status", 0)
            .With("confirmationCode", isOld ? Secret() : Encoding.ASCII.GetBytes(dice.Hex(32)))
            .With("tracking", dice.Pick(_trackings))
            .With("source", dice.Pick(_sources))
            .With("createdAt", Time(when));
    }

    public SubscriptionDraft Confirmed() => With("status", 1);

    /// <summary>16 bytes of which one is no text, whatever chance makes of the others.</summary>
    public byte[] Secret()
    {
        var bytes = Convert.FromHexString(dice.Hex(32));
        bytes[7] |= 0x80;
        bytes[8] = 0x00;
        return bytes;
    }

    public LegacySubscription Finish(string kind)
    {
        List<string> kinds = [kind];
        kinds.Add(this["status"] is int status ? $"status-{status.ToString(CultureInfo.InvariantCulture)}" : "status-null");
        kinds.Add(this["confirmationCode"] switch { null => "code-none", byte[] { Length: 16 } => "code-bytes", _ => "code-text" });
        kinds.Add(this["export"] is null ? "not-exported" : "exported");
        kinds.Add(this["backup"] is null ? "not-backed-up" : "backed-up");
        return new LegacySubscription(_values, [.. kinds.Distinct()]);
    }

    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static readonly string?[] _trackings =
        [null, null, "", "test/blue", "dewiki/wikipedia:spenden", "de.wikipedia.org/sidebar", "wlightbox", "mt15_wmde_02/sitenotice"];

    private static readonly string?[] _sources = [null, "", "remind me later", "testCampaign"];
}

/// <summary>How one kind of row, or of rows that belong together, comes about.</summary>
internal sealed record SubscriptionScene(string Kind, Func<Func<DateTime?, SubscriptionDraft>, IEnumerable<SubscriptionDraft>> Play)
{
    public static SubscriptionScene One(string kind, Func<SubscriptionDraft, SubscriptionDraft> make, int? year = null) =>
        new(kind, next => [make(next(year is { } then ? new DateTime(then, 5, 17, 11, 42, 2) : null).Plain())]);
}

/// <summary>The states, oddities and damages of the table.</summary>
internal static class SubscriptionScenes
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    public static readonly (SubscriptionScene Scene, int Weight)[] Common =
    [
        (SubscriptionScene.One("new", draft => draft), 30),
        (SubscriptionScene.One("confirmed", draft => draft.Confirmed()), 40),
        (SubscriptionScene.One(
            "handed-on", draft => draft.Confirmed().With("export", SubscriptionDraft.Time(draft.When.AddDays(1)))), 60),
        (SubscriptionScene.One(
            "handed-on-and-backed-up",
            draft => draft.Confirmed().With("export", SubscriptionDraft.Time(draft.When.AddDays(1)))
                .With("backup", SubscriptionDraft.Time(draft.When.AddDays(90)))), 60),
        (SubscriptionScene.One("from-2015", draft => draft.Confirmed(), 2015), 20),
        (SubscriptionScene.One("held-back", draft => draft.With("status", 2), 2017), 3),
    ];

    public static readonly SubscriptionScene[] Rare =
    [
        SubscriptionScene.One("held-back-and-handed-on", draft => draft.With("status", 2).With("export", SubscriptionDraft.Time(draft.When)), 2018),
        SubscriptionScene.One("status-null", draft => draft.With("status", null)),
        SubscriptionScene.One("no-creation-time", draft => draft.With("createdAt", null)),
        SubscriptionScene.One("zero-creation-time", draft => draft.With("createdAt", ZeroDate), 2012),
        SubscriptionScene.One("zero-export-date", draft => draft.Confirmed().With("export", ZeroDate), 2013),
        SubscriptionScene.One("zero-backup-date", draft => draft.Confirmed().With("backup", ZeroDate), 2013),
        SubscriptionScene.One("both-dates-zero", draft => draft.With("export", ZeroDate).With("backup", ZeroDate), 2012),
        SubscriptionScene.One("epoch-export-date", draft => draft.With("export", "1970-01-01 01:00:00"), 2013),
        SubscriptionScene.One("repeated-hour", draft => draft.With("createdAt", "2021-10-31 02:30:00")),
        SubscriptionScene.One("no-code", draft => draft.With("confirmationCode", null)),
        SubscriptionScene.One("empty-code", draft => draft.With("confirmationCode", Array.Empty<byte>())),
        SubscriptionScene.One("capital-code", draft => draft.With("confirmationCode", Encoding.ASCII.GetBytes(draft.Dice.Hex(32).ToUpperInvariant()))),
        SubscriptionScene.One("foreign-code", draft => draft.With("confirmationCode", "nicht hexadezimal: süß"u8.ToArray())),
        SubscriptionScene.One("short-code", draft => draft.With("confirmationCode", Encoding.ASCII.GetBytes(draft.Dice.Hex(8)))),
        SubscriptionScene.One("bytes-that-are-letters", draft => draft.With("confirmationCode", Encoding.ASCII.GetBytes(draft.Dice.Hex(16))), 2014),
        SubscriptionScene.One("bytes-that-end-in-blanks", draft => draft.With("confirmationCode", EndingInBlanks(draft.Secret())), 2014),
        SubscriptionScene.One("bytes-in-a-new-row", draft => draft.With("confirmationCode", draft.Secret())),
        SubscriptionScene.One("digits-in-an-old-row", draft => draft.With("confirmationCode", Encoding.ASCII.GetBytes(draft.Dice.Hex(32))), 2014),
        SubscriptionScene.One("tracking-slash-only", draft => draft.With("tracking", "/")),
        SubscriptionScene.One("tracking-no-keyword", draft => draft.With("tracking", "campaign/")),
        SubscriptionScene.One("tracking-no-campaign", draft => draft.With("tracking", "/keyword")),
        SubscriptionScene.One("tracking-many-slashes", draft => draft.With("tracking", "a/b//c/")),
        SubscriptionScene.One("tracking-capitals", draft => draft.With("tracking", "WMDE_Banner/Straße ")),
        SubscriptionScene.One("tracking-full", draft => draft.With("tracking", new string('ä', 24) + "/" + new string('k', 25))),
        SubscriptionScene.One("source-full", draft => draft.With("source", new string('ß', 50))),
        SubscriptionScene.One("address", draft => draft.With("address_id", draft.Dice.Between(1, 50_000)), 2019),
        SubscriptionScene.One("full-name", draft => draft.With("full_name", "nyan Erika Müller-Łódź ")),
        SubscriptionScene.One("email-of-another-script", draft => draft.With("email", "почта@пример.example")),
        SubscriptionScene.One("email-with-blanks", draft => draft.With("email", " nyan@awesomecats.example  ")),
        SubscriptionScene.One("email-full", draft => draft.With("email", new string('e', 238) + "@example.org")),
        SubscriptionScene.One(
            "anonymized",
            draft => draft.Confirmed().With("email", "").With("full_name", "").With("confirmationCode", null)
                .With("backup", SubscriptionDraft.Time(draft.When.AddDays(30)))),
        SubscriptionScene.One("no-email-yet-a-code", draft => draft.With("email", "")),
        new SubscriptionScene("within-half-an-hour", Twice("Unicorn@dancingonrainbows.example", "unicorn@dancingonrainbows.example", minutes: 10)),
        new SubscriptionScene("same-by-collation", Twice("Weiß@example.org", "weiss@EXAMPLE.org ", minutes: 29)),
        new SubscriptionScene("same-but-later", Twice("nyan@awesomecats.example", "nyan@awesomecats.example", minutes: 14_400)),
    ];

    public static readonly SubscriptionScene[] Unreadable =
    [
        SubscriptionScene.One("status--1", draft => draft.With("status", -1)),
        SubscriptionScene.One("status--2", draft => draft.With("status", -2)),
        SubscriptionScene.One("status-3", draft => draft.With("status", 3)),
        SubscriptionScene.One("cut-off-bytes", draft => draft.With("confirmationCode", draft.Secret()[..9])),
        SubscriptionScene.One("impossible-date", draft => draft.With("createdAt", "2016-02-30 12:00:00")),
        SubscriptionScene.One("impossible-export-date", draft => draft.With("export", "2016-00-10 00:00:00")),
    ];

    private static Func<Func<DateTime?, SubscriptionDraft>, IEnumerable<SubscriptionDraft>> Twice(string first, string second, int minutes) => next =>
    {
        var one = next(null).Plain().With("email", first);
        return [one, next(one.When.AddMinutes(minutes)).Plain().With("email", second)];
    };

    private static byte[] EndingInBlanks(byte[] secret)
    {
        secret[14] = secret[15] = (byte)' ';
        return secret;
    }
}
