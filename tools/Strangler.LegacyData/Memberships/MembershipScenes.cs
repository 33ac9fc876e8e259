using System.Globalization;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData.Memberships;

/// <summary>The states, oddities and damages of the tables.</summary>
internal static class MembershipScenes
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    private static readonly DateTime _later = new(2023, 3, 3, 12, 0, 0);

    public static readonly (MembershipScene Scene, int Weight)[] Common =
    [
        (Any("confirmed", draft => draft), 20),
        (Any("confirmed-with-a-bag", draft => draft.Promise(1)), 10),
        (Any("handed-on", draft => draft.Exported()), 60),
        (Any("handed-on-and-backed-up", draft => draft.Exported().BackedUp()), 60),
        (Any("of-a-company", draft => draft.Company().Exported()), 8),
        (In(2015, "never-confirmed", draft => draft.With("status", 0)), 6),
        (In(2022, "held-back", draft => draft.With("status", -2).Because(1, 2)), 4),
        (In(2022, "cancelled", draft => draft.With("status", -1).Log(_later, "cancelled by user: foc")), 4),
        (Any("purged", draft => draft.Exported().BackedUp().Scrubbed()), 20),
    ];

    public static readonly MembershipScene[] Rare =
    [
        // Each number there may be, in a row of either time.
        .. Enumerable.Range(-15, 17).Select(status => In(2018, $"early-{Number(status)}", draft => draft.With("status", status))),
        .. Enumerable.Range(-15, 17).Select(status => In(2022, $"late-{Number(status)}", draft => draft.With("status", status))),
        In(2018, "early-0-paypal", draft => draft.PayPal()),
        In(2018, "early--1-decided-by-its-log", draft => draft.With("status", -1).Log(_later, "cancelled by user: foc")),
        In(2018, "early--2-decided-by-its-log", draft => draft.With("status", -2).Log(_later, "marked for moderation by user: foc")),
        In(2018, "early-0-decided-by-its-log", draft => draft.With("status", 0).Log(_later, "marked as approved by user: foc")),
        In(2018, "early--1-with-an-early-line", draft => draft.With("status", -1).Log(new DateTime(2019, 1, 1), "cancelled by user: foc")),
        In(2018, "early--2-with-a-line-about-something-else", draft => draft.With("status", -2).Log(_later, "letter sent")),
        In(2018, "early--7-with-a-late-line", draft => draft.With("status", -7).Log(_later, "restored by user: foc")),
        In(2021, "on-the-day-of-the-change", draft => draft.With("timestamp", "2021-04-24 10:00:00").With("status", -1)),
        In(2019, "status-null", draft => draft.With("status", null)),
        In(2022, "cancelled-and-held-back", draft => draft.With("status", -3).Because(3)),
        In(2022, "reason-without-a-status", draft => draft.Because(4)),

        // Applicants
        In(2019, "company-with-a-name-of-a-person", draft => draft.Company().With("vorname", "Max").With("nachname", "Muster").With("dob", "1980-01-01")),
        In(2019, "company-with-another-salutation", draft => draft.Company().With("anrede", "nyan")),
        In(2019, "person-addressed-as-company", draft => draft.With("anrede", "Firma")),
        In(2014, "everything-null-that-may", draft => draft.With("anrede", null).With("firma", null).With("titel", null).With("strasse", null).With("plz", null)
            .With("ort", null).With("dob", null).With("iban", null).With("bic", null).With("tracking", null).With("country", null)),
        In(2019, "full-name-that-says-something-else", draft => draft.With("name", "Dr. Erika Mustermann-Probst")),
        In(2019, "full-name-of-a-company", draft => draft.Company().With("name", "Max Muster")),
        In(2019, "no-first-name", draft => draft.With("vorname", "").With("name", draft["nachname"])),
        In(2019, "zero-birthday", draft => draft.With("dob", "0000-00-00")),
        In(2019, "diverse", draft => draft.With("anrede", "Divers")),
        In(2019, "everything-full", draft => draft.With("titel", new string('ä', 16)).With("vorname", new string('ß', 50)).With("nachname", new string('é', 50))
            .With("name", new string('n', 250)).With("strasse", new string('s', 100)).With("email", new string('e', 250)).With("phone", new string('0', 30))),
        In(2019, "blanks-around", draft => draft.With("vorname", " Max ").With("email", "  max@example.org ")),
        In(2019, "handed-on-with-its-address", draft => draft.Exported().With("email", "kept@example.org")),

        // Payments
        In(2021, "paypal-unbooked", draft => draft.With("timestamp", "2021-06-01 10:00:00").PayPal()),
        In(2022, "paypal-booked", draft => draft.Booked()),
        In(2022, "paypal-booked-and-cancelled", draft => draft.Booked().With("status", -1)),
        In(2022, "paypal-unbooked-and-held-back", draft => draft.PayPal().With("status", -2)),
        In(2022, "paypal-of-seconds", draft => draft.Booked().Put("ext_payment_timestamp", "1619438201").Put("first_payment_date", "1587902201")
            .Put("ext_payment_status", "all good").Put("paypal_mc_gross", "1000").Put("paypal_mc_fee", "22")),
        In(2022, "paypal-that-says-debit", draft => draft.Booked().With("payment_type", "BEZ")),
        In(2022, "paypal-amount-that-is-none", draft => draft.Booked().Put("paypal_mc_gross", "12,00")),
        In(2022, "paypal-account-of-somebody-else", draft => draft.Booked().Put("ext_payment_account", "somebody")),
        In(2022, "paypal-purged", draft => draft.Booked().Scrubbed().Exported()),
        In(2022, "debit-without-an-account", draft => draft.NoBank().Put("iban", "").Put("bic", "")),
        In(2022, "account-in-the-blob", draft => draft.NoBank().Put("iban", "DE12500105170648489890").Put("bankname", "ING-DiBa")),
        In(2013, "account-of-old", draft => draft.With("iban", "").With("bic", "").With("account_holder", "Erika Muster")),
        In(2019, "free", draft => draft.With("membership_fee", 0)),
        In(2019, "dear", draft => draft.With("membership_fee", 100_000).With("membership_fee_interval", 1)),
        In(2012, "interval-null", draft => draft.With("membership_fee_interval", null)),
        In(2012, "interval-0", draft => draft.With("membership_fee_interval", 0)),
        In(2012, "interval-24", draft => draft.With("membership_fee_interval", 24)),
        In(2019, "receipt-2", draft => draft.With("donation_receipt", 2)),
        In(2017, "type-unknown", draft => draft.With("membership_type", "")),

        // Marks
        In(2013, "zero-export-date", draft => draft.With("export", ZeroDate)),
        In(2013, "zero-backup-date", draft => draft.With("backup", ZeroDate)),
        In(2013, "zero-creation-time", draft => draft.With("timestamp", ZeroDate)),
        In(2021, "repeated-hour", draft => draft.With("timestamp", "2021-10-31 02:30:00")),
        In(2021, "backed-up-and-not-purged", draft => draft.BackedUp()),
        In(2021, "purged-company", draft => draft.Company().Scrubbed()),
        In(2021, "purged-without-any-date", draft => draft.Scrubbed()),

        // Rows beside it
        In(2022, "three-incentives", draft => draft.Promise(1, 2, 3)),
        In(2022, "two-bags", draft => draft.Promise(1, 3)),
        In(2022, "all-reasons", draft => draft.With("status", -2).Because(1, 2, 3, 4, 5)),
        In(2023, "tokens-in-both-places", draft => draft.InTable(new LegacyTokens(draft.Dice.Hex(32), draft.Dice.Hex(32), null)).Put("token", draft.Dice.Hex(32))),
        In(2023, "empty-tokens-in-the-table", draft => draft.InTable(new LegacyTokens("", "", null))),
        In(2023, "only-an-update-token", draft => draft.Drop("token", "utoken").InTable(new LegacyTokens("", draft.Dice.Hex(32), "2023-09-01 10:00:00"))),

        // The blob, and what is left of other times
        In(2019, "blob-null", draft => draft.RawData(null)),
        In(2019, "blob-empty", draft => draft.RawData("")),
        In(2019, "blob-Array", draft => draft.RawData("Array")),
        In(2019, "blob-unknown-keys", draft => draft.Put("unheard of", "ü").Put("nested", new PhpArray()).Put("7", "seven")),
        In(2019, "blob-log-that-is-no-log", draft => draft.Put("log", "nothing")),
        In(2019, "blob-log-with-odd-keys", draft => draft.Log(draft.When, "ordinary").Put("log", OddLog())),
        In(2016, "blob-numbers-for-texts", draft => draft.Put("confirmationPage", PhpInt.Of(7))),
        In(2014, "from-a-donation", draft => draft.With("donation_id", draft.Dice.Between(1, 4_000_000))),
        In(2014, "logged-in-at-the-wiki", draft => draft.With("wikilogin", 1).With("comment", "Für die Freiheit!").With("wikimedium_shipping", "online")),
        In(2014, "no-shipping", draft => draft.With("wikimedium_shipping", "")),
        In(2019, "tracking-slash-only", draft => draft.With("tracking", "/")),
        In(2019, "tracking-full", draft => draft.With("tracking", new string('ä', 24) + "/" + new string('k', 25))),
        In(2019, "tracking-many-slashes", draft => draft.With("tracking", "a/b//c/")),
        In(2019, "two-lines", draft => draft.Log(draft.When.AddDays(1), "marked for moderation by user: foc").Log(draft.When.AddDays(2), "marked as approved by user: foc")),
    ];

    public static readonly MembershipScene[] Unreadable =
    [
        In(2019, "status-2", draft => draft.With("status", 2)),
        In(2019, "status--16", draft => draft.With("status", -16)),
        In(2019, "payment-unknown", draft => draft.With("payment_type", "UEB")),
        In(2019, "type-unheard-of", draft => draft.With("membership_type", "passive")),
        In(2019, "fee-negative", draft => draft.With("membership_fee", -5)),
        In(2019, "blob-cut-off", draft => draft.RawData("YToyOntzOjU6InRva2VuIjtz")),
        In(2019, "blob-no-base64", draft => draft.RawData("?!")),
        In(2019, "blob-no-array", draft => draft.RawData("aTo3Ow==")),
        In(2019, "impossible-creation-time", draft => draft.With("timestamp", "2016-02-30 12:00:00")),
        In(2019, "impossible-export-date", draft => draft.With("export", "2016-00-10 00:00:00")),
        In(2019, "impossible-birthday", draft => draft.With("dob", "1980-02-31")),
    ];

    private static MembershipScene Any(string kind, Func<MembershipDraft, MembershipDraft> make) => new(kind, null, make);

    private static MembershipScene In(int year, string kind, Func<MembershipDraft, MembershipDraft> make) => new(kind, year, make);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static PhpArray OddLog()
    {
        var log = new PhpArray();
        log.Set("2022-05-05 10:00:00", PhpString.Of("cancelled by user: foc"));
        log.Set("yesterday", PhpString.Of("no time"));
        return log;
    }
}
