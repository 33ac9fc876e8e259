using System.Globalization;
using System.Text;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>What years of programs, editors and accidents have left in the table; all of it can be read.</summary>
internal static class QuirkScenes
{
    public static readonly Scene[] All =
    [
        .. Blobs(),
        .. Disagreements(),
        .. Types(),
        .. Unknown(),
        .. Missing(),
        .. Amounts(),
        .. Dates(),
        .. Stale(),
        .. Text(),
        .. Codes(),
    ];

    /// <summary>Kinds whose <c>data</c> is no base64 at all, though legacy reads it as an empty array.</summary>
    public static readonly string[] WithoutBlob = ["null-blob", "literal-array-blob", "empty-text-blob"];

    private static Scene[] Blobs() =>
    [
        Scene.One("null-blob", m => m.DirectDebit(at: m.Between(2011, 2012)).RawData(null)),
        Scene.One("literal-array-blob", m => m.DirectDebit(at: m.Between(2012, 2013)).RawData("Array")),
        Scene.One("empty-text-blob", m => m.DirectDebit(at: m.Between(2011, 2012)).RawData("")),
        Scene.One("empty-array-blob", m => Emptied(m.BankTransfer(at: m.Between(2012, 2013)))),
        Scene.One("long-log", m => LongLog(m.DirectDebit(), 60)),
        Scene.One("blob-near-limit", m => LongLog(m.DirectDebit(at: m.Between(2017, 2020)), 560)),
        Scene.One("empty-log", m => m.DirectDebit().Put("log", new PhpArray())),
    ];

    private static Scene[] Disagreements() =>
    [
        Scene.One("disagree-name", m => m.DirectDebit(at: m.Between(2014, 2015)).With("name", "Erika Anders")),
        Scene.One("disagree-city", m => m.DirectDebit().With("ort", "Anderstadt")),
        Scene.One("disagree-email", m => m.DirectDebit().With("email", "changed@example.org")),
        Scene.One("disagree-amount", m => m.BankTransfer(at: m.Between(2014, 2016)).With("betrag", "1.00").Put("betrag", "24.00")),
        Scene.One("disagree-interval", m => m.DirectDebit(at: m.Between(2014, 2015)).With("periode", 3).Put("periode", 12)),
        Scene.One("disagree-newsletter", m => m.DirectDebit(at: m.Between(2014, 2015)).With("info", 1).Put("info", 0)),
        Scene.One("disagree-author", m => m.DirectDebit(at: m.Between(2014, 2015)).With("eintrag", "Max M.").Put("eintrag", "anonym")),
        Scene.One("disagree-comment", m => m.Comment(m.DirectDebit(at: m.Between(2014, 2015)), "Spalte", true).Put("kommentar", "Blob")),
        Scene.One("disagree-id", m => m.DirectDebit(at: m.Between(2014, 2015)).Put("id", 1839605)),
        Scene.One("disagree-card-amount", m => m.CreditCard(true).Put("mcp_amount", "99.00")),
        Scene.One("disagree-card-amount-in-cents", m => m.CreditCard(true, at: m.Between(2021, 2021)).With("betrag", "13.37")
            .Put("mcp_amount", "1337")),
        Scene.One("disagree-paypal-accounts", m => m.PayPal(true).Put("ext_payment_account", "QEEMF34KV3ECL")),
    ];

    private static Scene[] Types() =>
    [
        Scene.One("blob-id-int", m => OldDirectDebit(m, draft => draft.Put("id", draft.Id))),
        Scene.One("blob-id-string", m => OldDirectDebit(m, draft => draft.Put("id", Number(draft.Id)))),
        Scene.One("blob-id-null", m => OldDirectDebit(m, draft => draft.Put("id", PhpNull.Instance))),
        Scene.One("impressions-int", m => m.DirectDebit().Put("impCount", 3).Put("bImpCount", 1)),
        Scene.One("impressions-string", m => m.DirectDebit().Put("impCount", "3").Put("bImpCount", "1")),
        Scene.One("impressions-empty", m => m.DirectDebit().Put("impCount", "").Put("bImpCount", "")),
        Scene.One("blob-interval-string", m => OldDirectDebit(m, draft => draft.Put("periode", "0"))),
        Scene.One("blob-newsletter-string", m => OldDirectDebit(m, draft => draft.Put("info", "1").With("info", 1))),
        Scene.One("postcode-int", m => m.DirectDebit().Put("plz", 12345)),
        Scene.One("postcode-leading-zero", m => m.DirectDebit().Put("plz", "01067").Put("ort", "Dresden").With("ort", "Dresden")),
        Scene.One("street-null", m => m.DirectDebit().Put("strasse", PhpNull.Instance)),
        Scene.One("tinyint-odd", m => m.Comment(m.DirectDebit(), "Zwei", true).With("info", 2).With("is_public", -1)
            .With("bescheinigung", 3)),
        Scene.One("newsletter-of-anonymous", m => m.BankTransfer("anonym").With("info", 1)),
    ];

    private static Scene[] Unknown() =>
    [
        Scene.One("unknown-key", m => m.DirectDebit().Put("mystery", "unbekannt").Put("memo", "")),
        Scene.One("unknown-key-nested", m => m.DirectDebit().Put("extra", Nested())),
        Scene.One("unknown-key-float", m => m.DirectDebit().Put("ratio", PhpFloat.Of(0.1)).Put("limit", PhpFloat.Of(1e25))
            .Put("old_ratio", PhpSerializer.Parse("d:0.10000000000000001;"u8))),
        Scene.One("unknown-key-bool", m => m.DirectDebit().Put("is_test", PhpBool.False).Put("is_checked", PhpBool.True)),
        Scene.One("unknown-key-bytes", m => m.DirectDebit()
            .Put("latin1", PhpString.Of((byte[])[0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72, 0x00, 0xFF]))),
        Scene.One("unknown-key-name-bytes", m => ByteNamed(m.DirectDebit())),
        Scene.One("unknown-key-numeric", m => m.DirectDebit().Put("4711", "war ein Text").Put("0815", "bleibt ein Text")),
        Scene.One("unknown-key-empty-name", m => m.DirectDebit().Put("", "ohne Namen")),
    ];

    private static Scene[] Missing() =>
    [
        Scene.One("missing-paypal-keys", m => m.PayPal(false, at: m.Between(2013, 2015))),
        Scene.One("missing-bank-keys", m => m.DirectDebit(at: m.Between(2017, 2019)).Drop("iban", "bic", "konto", "blz", "bankname")),
        Scene.One("missing-bank-extras", m => m.DirectDebit(at: m.Between(2019, 2021)).Drop("konto", "blz", "bankname")),
        Scene.One("missing-card-keys", m => m.CreditCard(false, at: m.Between(2017, 2019))),
        Scene.One("missing-tracking", m => m.DirectDebit().Drop("tracking", "impCount", "bImpCount", "layout", "skin", "color", "source")),
        Scene.One("missing-donor-type", m => Untyped(m.BankTransfer().Drop("adresstyp"))),
        Scene.One("empty-donor-type", m => Untyped(m.BankTransfer().Put("adresstyp", ""))),
        Scene.One("missing-address", m => m.DirectDebit().Drop("strasse", "plz", "ort", "country")),
        Scene.One("missing-tokens", m => m.DirectDebit().Drop("token", "utoken", "uexpiry")),
        Scene.One("missing-log", m => m.PayPal(true).Drop("log")),
        Scene.One("null-columns", m => m.BankTransfer("anonym", at: m.Between(2011, 2013)).With("name", null).With("ort", null)
            .With("email", null)),
    ];

    private static Scene[] Amounts() =>
    [
        Scene.One("amount-null", m => m.BankTransfer(at: m.Between(2011, 2014)).With("betrag", null)),
        Scene.One("amount-empty", m => m.BankTransfer(at: m.Between(2011, 2014)).With("betrag", "")),
        .. new[] { "5", "100", "0.1", "13.37", "0.00", "1234567.89" }.Select(amount =>
            Scene.One("amount-" + amount, m => m.DirectDebit(at: m.Between(2013, 2021)).With("betrag", amount))),
    ];

    private static Scene[] Dates() =>
    [
        Scene.One("zero-dt-gruen", m => m.DirectDebit().With("dt_gruen", ZeroTime)),
        Scene.One("zero-dt-del", m => m.DirectDebit(at: m.Between(2011, 2015)).With("dt_del", ZeroTime)),
        Scene.One("zero-dt-exp", m => m.DirectDebit(at: m.Between(2011, 2015)).With("dt_exp", ZeroTime)),
        Scene.One("zero-dt-backup", m => m.DirectDebit(at: m.Between(2011, 2015)).With("dt_backup", ZeroTime)),
        Scene.One("epoch-dt-gruen", m => m.DirectDebit(at: m.Between(2012, 2013)).With("dt_gruen", "1970-01-01 01:00:00")),
        Scene.One("clock-change-gap", m => m.DirectDebit(at: new DateTime(2021, 3, 28, 2, 30, 0))),
        Scene.One("clock-change-fold", m => m.DirectDebit(at: new DateTime(2020, 10, 25, 2, 30, 0))),
        Scene.One("clock-change-export", m => m.DirectDebit(at: new DateTime(2019, 3, 30, 12, 0, 0))
            .With("dt_gruen", "2019-03-31 02:15:00")),
        Scene.One("clock-change-log", m => m.DirectDebit(at: new DateTime(2020, 10, 24, 12, 0, 0))
            .Log(new DateTime(2020, 10, 25, 2, 59, 59), "marked for moderation by user: admin")),
        Scene.One("exported-before-created", m => m.DirectDebit(at: m.Between(2015, 2016)).With("dt_gruen", "2014-12-31 23:59:59")),
        Scene.One("token-expiry-far", m => m.DirectDebit().Put("uexpiry", "2038-05-17 15:58:53")),
    ];

    private static Scene[] Stale() =>
    [
        Scene.One("stale-person-to-anonymous", m => Become(m.PayPal(true, at: m.Between(2018, 2020)), "anonym")),
        Scene.One("stale-person-to-email", m => Become(m.PayPal(true, at: m.Between(2018, 2020)), "email")),
        Scene.One("stale-person-to-company", m => Become(m.BankTransfer(at: m.Between(2021, 2022)).Put("firma", "Widgets GmbH"), "firma")),
        Scene.One("stale-company-to-person", m =>
            Become(m.BankTransfer("firma", at: m.Between(2018, 2020)).Put("vorname", "Karla"), "person")),
        Scene.One("stale-bank-keys", m => StaleBank(m)),
        Scene.One("stale-page-variants", m => m.DirectDebit(at: m.Between(2021, 2022)).Put("skin", "10h16").Put("layout", "old")
            .Put("color", "red")),
        Scene.One("old-token-in-new-row", m => m.DirectDebit(at: m.Between(2017, 2018))
            .Put("token", m.Dice.Digits(7) + "$" + m.Dice.Hex(40))),
        Scene.One("old-hash-column", m => m.DirectDebit(at: m.Between(2011, 2013)).With("hash", m.Dice.Hex(32))
            .With("source", "https://example.org/?a=1")),
        Scene.One("old-user-agent", m => m.PayPal(true, at: m.Between(2014, 2016))
            .Put("user_agent", "PayPal IPN ( https://www.paypal.com/ipn )")),
    ];

    private static Scene[] Text() =>
    [
        Scene.One("trailing-blanks", m => Renamed(m.DirectDebit(), "Karla ", "Niemand  ").With("ueb_code", " ")),
        Scene.One("leading-blanks", m => Renamed(m.DirectDebit(), " Karla", "\tNiemand")),
        Scene.Many("name-nfc-and-nfd", m => Twins(m, "Björn", "Björn".Normalize(NormalizationForm.FormD))),
        Scene.Many("name-umlaut-and-plain", m => Twins(m, "Müller", "Muller")),
        Scene.Many("name-sharp-s", m => Twins(m, "Straße", "Strasse")),
        Scene.Many("name-case", m => Twins(m, "Groß", "GROSS")),
        Scene.One("name-three-bytes", m => Renamed(m.DirectDebit(), "王", "小明€…")),
        Scene.One("name-longest", m => Renamed(m.DirectDebit(), "Ä", new string('Ö', 248))),
        Scene.One("name-markup", m => Renamed(m.DirectDebit(), "<Max>", "O'Neill \"&\" \\ Söhne;--")),
        Scene.One("emoji-cut-in-column", m => Renamed(m.DirectDebit(), "Max", "🦄 Muster").With("name", "Max ")),
        Scene.One("email-upper-case", m => m.DirectDebit().With("email", "MAX@EXAMPLE.ORG").Put("email", "MAX@EXAMPLE.ORG")),
        Scene.One("tracking-odd", m => m.DirectDebit().Put("tracking", "/")),
        Scene.One("tracking-upper-case", m => m.DirectDebit().Put("tracking", "C17_WMDE/Deep/Path:x.y")),
    ];

    private static Scene[] Codes() =>
    [
        Scene.One("transfer-code-missing", m => m.BankTransfer(at: m.Between(2011, 2013)).With("ueb_code", "")),
        Scene.One("transfer-code-placeholder", m => m.BankTransfer(at: m.Between(2012, 2014)).With("ueb_code", "AA-AAA-AAA-A")),
        Scene.One("transfer-code-of-direct-debit", m => m.DirectDebit().With("ueb_code", LegacyTransferCode.Old(m.Dice))),
        Scene.One("transfer-code-blank-at-end", m => TrailingCode(m.BankTransfer())),
    ];

    public const string ZeroTime = "0000-00-00 00:00:00";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static Draft OldDirectDebit(DonationMaker maker, Func<Draft, Draft> change) =>
        change(maker.DirectDebit(at: maker.Between(2013, 2016)));

    private static Draft Emptied(Draft draft)
    {
        draft.Blob = new PhpArray();
        return Untyped(draft);
    }

    private static Draft Untyped(Draft draft)
    {
        draft.DonorType = "";
        return draft;
    }

    private static Draft LongLog(Draft draft, int entries)
    {
        for (var i = 0; i < entries; i++)
        {
            var time = DonationMaker.Settle(draft.Created.AddHours(3 + (i * 7)).AddSeconds(i));
            draft.Log(time, i % 2 == 0 ? "Comment published by user: admin" : "Comment set to private by user: admin");
        }

        return draft;
    }

    private static PhpArray Nested()
    {
        var inner = new PhpArray();
        inner.Set(PhpKey.Of(0), PhpString.Of("eins"));
        inner.Set(PhpKey.Of(7), PhpNull.Instance);
        inner.Set("tief", new PhpArray());
        return inner;
    }

    private static Draft ByteNamed(Draft draft)
    {
        draft.Blob.Set(PhpKey.Of((byte[])[0xE4, 0xF6]), PhpInt.Of(1));
        return draft;
    }

    private static Draft Become(Draft draft, string donorType)
    {
        draft.DonorType = donorType;
        return draft.Put("adresstyp", donorType);
    }

    private static Draft StaleBank(DonationMaker maker)
    {
        var draft = maker.BankTransfer();
        maker.PutBank(draft, "DE12500105170648489890", "INGDDEFFXXX", "0648489890", "50010517", "ING-DiBa");
        return draft;
    }

    private static Draft Renamed(Draft draft, string firstName, string lastName) =>
        draft.Put("titel", "").Put("vorname", firstName).Put("nachname", lastName).With("name", firstName + " " + lastName);

    private static Draft[] Twins(DonationMaker maker, string name, string twin)
    {
        var person = Person.Of(maker.Dice);
        return
        [
            Renamed(maker.DirectDebit(person: person), "Max", name),
            Renamed(maker.DirectDebit(person: person), "Max", twin),
        ];
    }

    private static Draft TrailingCode(Draft draft) => draft.With("ueb_code", draft["ueb_code"] + " ");
}
