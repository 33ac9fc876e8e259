using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>Rows whose shape has been seen: key for key and value for value, only the id of the row is ours.</summary>
internal static class FixtureScenes
{
    public static readonly Scene[] All =
    [
        Scene.One("F1-bank-transfer", BankTransfer),
        Scene.One("F2-direct-debit", DirectDebit),
        Scene.One("F3-credit-card", CreditCard),
        Scene.One("F4-paypal-child", PayPalChild),
        Scene.Many("F5-paypal-parent", PayPalParent),
        Scene.One("F6-anonymous-paypal", AnonymousPayPal),
        Scene.One("F7-email-only", EmailOnly),
        Scene.One("F8-company", Company),
        Scene.One("F9-purged", Purged),
        Scene.One("F10-sofort", m => Sofort(m, "Z", "2021-08-04 15:25:44")),
        Scene.One("F10-sofort-incomplete", m => Sofort(m, "X", null)),
        Scene.One("F11-cash", Cash),
        Scene.One("F12-card-booked-but-x", CardBookedButIncomplete),
        Scene.One("F13-form", m => Form(m, "BEZ", "N", "5.51")),
        Scene.One("F13-form-bank-transfer", m => Form(m, "UEB", "Z", "12.34")),
        Scene.One("F13-form-anonymous", FormAnonymous),
        Scene.One("F13-form-foreign", FormForeign),
    ];

    private static readonly DateTime _may = new(2016, 5, 17, 11, 42, 2);

    private static Draft BankTransfer(DonationMaker maker)
    {
        var draft = Row(maker, _may, "UEB", "Z", "1.00", 12, "Max Muster", "Smalltown", "max.muster@mydomain.com");
        draft["eintrag"] = "anonym";
        draft["ueb_code"] = "W-Q-TESTCO-D";
        Old(draft, PhpInt.Of(1839605), "24.00", 12, "Herr", 0, "dewiki/wikipedia:spenden", "10h16 Bestätigung-UEB",
            "03a448b5ceafb19b954d25688a72973b002ba012", "2016-05-17 15:42:02");
        draft.Log(_may, "ueb-code generated (1 tries in 0.02 secs)");
        return OldTail(draft, "cdd4e95145fb74cb87d7dab8f1e88599");
    }

    private static Draft DirectDebit(DonationMaker maker)
    {
        var draft = Row(maker, _may, "BEZ", "N", "20.00", 0, "Max Muster", "Smalltown", "max.muster@mydomain.com").With("info", 1);
        Old(draft, PhpString.Of("1839609"), "20.00", 0, "Herr", 1, "dewiki/wikipedia:spenden", "10h16 Bestätigung-BEZ",
            "ec7c3e8ae5413efe76a3e497455bae9841a85c01", "2038-05-17 15:58:53");
        draft.Put("bankname", "Testbank").Put("bic", "INGDDEFFXXX").Put("iban", "DE12500105170648489890").Put("konto", "0648489890")
            .Put("blz", "50010517").Log(new DateTime(2016, 5, 17, 11, 59, 21), "sepa-mandat confirmed");
        return OldTail(draft, "ec7c3e8ae5413efe76a3e497455bae9841a85c01");
    }

    private static Draft CreditCard(DonationMaker maker)
    {
        var draft = Row(maker, _may, "MCP", "B", "5.00", 0, "Max Muster", "Smalltown", "max.muster@mydomain.com");
        Old(draft, PhpString.Of("1839659"), "5.00", 0, "Herr", 0, "dewiki/wikipedia:spenden", "10h16 Bestätigung-MCP",
            "6daf07db933ebe146e4596261ca8d5f27e8e2170", "2016-05-17 19:35:14");
        draft.Put("ext_payment_id", "spenden.wikimedia.de-IDn24btga9au").Put("ext_payment_status", "processed")
            .Put("ext_payment_account", "bc11c979141b208631145ce6f211ab0cdf19b92e").Put("ext_payment_type", "billing")
            .Put("ext_payment_timestamp", "2016-05-17T15:36:22+02:00").Put("mcp_amount", "5.00").Put("mcp_currency", "EUR")
            .Put("mcp_country", "DE").Put("mcp_auth", "542e6b75f5718429aad79c5f0faaed16").Put("mcp_title", "Ihre Spende an Wikipedia")
            .Put("mcp_sessionid", "CC6433ad374048307966bb62230246113042e4fd").Put("mcp_cc_expiry_date", "12/2038")
            .Log(new DateTime(2016, 5, 17, 15, 36, 22), "mcp_handler: booked");
        return OldTail(draft, "cdd4e95145fb74cb87d7dab8f1e88599");
    }

    private static Draft PayPalChild(DonationMaker maker)
    {
        var draft = Row(maker, new DateTime(2016, 5, 17, 14, 10, 35), "PPL", "B", "10.00", 0, "Max Muster", "Smalltown",
            "max.muster@mydomain.com");
        Old(draft, PhpNull.Instance, "10.00", 0, "", 0, null, "10h16 Bestätigung-PPL", "0e54c50d821f72684ee0f40c6cf4597a07971e02",
            "2016-05-17 18:10:35");
        PayPal(draft, "72171T32A6H345906", "I-DYP3HRBE7WUA", "QEEMF34KV3ECL", "05:10:30 May 17, 2016 PDT", "10.00", "0.47");
        draft.Put("user_agent", "PayPal IPN ( https://www.paypal.com/ipn )");
        return OldTail(draft, "cdd4e95145fb74cb87d7dab8f1e88599").Put("paypal_settle_amount", "1.23")
            .Put("paypal_address_name", "Max Muster").Put("paypal_address_status", "unconfirmed").Put("transactionIds", new PhpArray());
    }

    private static Draft[] PayPalParent(DonationMaker maker)
    {
        var draft = Row(maker, new DateTime(2016, 5, 16, 19, 23, 9), "PPL", "B", "24.00", 12, "Max Muster", "Smalltown",
            "max.muster@mydomain.com");
        Old(draft, PhpString.Of("1839597"), "24.00", 12, "Herr", 0, "de.wikipedia.org/sidebar", "10h16 Bestätigung-PPL",
            "0e54c50d821f72684ee0f40c6cf4597a07971e02", "2016-05-16 23:23:09");
        PayPal(draft, "V84052263707282L2", "I-RU6JNJC1UV0E", "AVSBBESGSB8H8", "10:23:09 May 16, 2016 PDT", "24.00", "0.64");
        draft.Log(new DateTime(2016, 5, 16, 19, 23, 16), "paypal_handler: booked");
        OldTail(draft, "cdd4e95145fb74cb87d7dab8f1e88599");
        List<Draft> family = [draft];
        var transactions = new PhpArray();
        foreach (var transaction in new[] { "16R12136PU8783961", "1A412136PU8783961", "123456789" })
        {
            var child = PayPalChild(maker).Put("ext_payment_id", transaction);
            child.Log(child.Created, "paypal_handler: new transaction id to corresponding parent donation: " + draft.Id);
            transactions.Set(transaction, PhpInt.Of(child.Id));
            family.Add(child);
        }

        draft.Put("transactionIds", transactions);
        return [.. family];
    }

    private static Draft AnonymousPayPal(DonationMaker maker)
    {
        var draft = Modern(maker, "PPL", "B", "anonym").With("name", "nyan Erika Muster").With("ort", "Berlin")
            .With("email", "foo@bar.baz");
        return ModernPayPal(draft);
    }

    private static Draft EmailOnly(DonationMaker maker)
    {
        var draft = Modern(maker, "PPL", "B", "email").With("name", "nyan Erika Muster").With("ort", "").With("email", "foo@bar.baz");
        Named(draft).Put("email", "foo@bar.baz");
        return ModernPayPal(draft);
    }

    private static Draft Company(DonationMaker maker)
    {
        var draft = Modern(maker, "BEZ", "N", "firma").With("name", "Fluffy Beings Ltd.").With("ort", "Berlin")
            .With("email", "foo@bar.baz");
        Addressed(draft.Put("firma", "Fluffy Beings Ltd."));
        return draft.Put("iban", "DE12500105170648489890").Put("bic", "INGDDEFFXXX").Put("konto", "0648489890").Put("blz", "50010517")
            .Put("bankname", "ING-DiBa");
    }

    private static Draft Purged(DonationMaker maker)
    {
        var draft = Modern(maker, "PPL", "B", "person").With("name", "").With("ort", "").With("email", "")
            .With("dt_backup", "2016-02-01 03:00:00");
        return ModernPayPal(draft).Drop("paypal_first_name", "paypal_last_name");
    }

    private static Draft Sofort(DonationMaker maker, string status, string? confirmedAt)
    {
        var draft = Modern(maker, "SUB", status, "person").With("dt_new", "2021-08-04 14:25:44").With("periode", 0)
            .With("name", "nyan Erika Muster").With("ort", "Berlin").With("email", "foo@bar.baz").With("ueb_code", "XW-DAR-E99-X");
        Addressed(Named(draft));
        draft.Created = new DateTime(2021, 8, 4, 14, 25, 44);
        draft.Payment = new LegacySofortPayment(maker.NextPaymentId(), confirmedAt);
        return draft.With("payment_id", draft.Payment.Id);
    }

    private static Draft Cash(DonationMaker maker)
    {
        var draft = Row(maker, new DateTime(2020, 3, 3, 13, 3, 3), "CSH", "N", "13.37", 0, null, null, null);
        draft.DonorType = "anonym";
        return draft.Put("adresstyp", "anonym");
    }

    private static Draft CardBookedButIncomplete(DonationMaker maker)
    {
        var draft = Modern(maker, "MCP", "X", "person").With("name", "nyan Erika Muster").With("ort", "Berlin").With("email", "foo@bar.baz")
            .With("dt_new", "2020-12-25 15:11:00").With("periode", 0);
        Addressed(Named(draft));
        return draft.Put("ext_payment_id", "spenden.wikimedia.de-IDvooNg2sh#1").Put("ext_payment_timestamp", "2020-12-25T15:11:55+01:00")
            .Put("mcp_amount", "13.37").Put("ext_payment_account", "4e1243bd22c66e76c2ba9eddc1f91394e57f9f83")
            .Put("mcp_sessionid", "CC42f34220c26b6c33e611b0a2bb89fdaccd295a").Put("mcp_auth", "d8e8fca2dc0f896fd7cb4cb0031ba249")
            .Put("mcp_title", "title").Put("mcp_country", "DE").Put("mcp_currency", "EUR").Put("mcp_cc_expiry_date", "2/2025")
            .Put("ext_payment_status", "processed");
    }

    private static Draft Form(DonationMaker maker, string payment, string status, string amount)
    {
        var draft = Row(maker, new DateTime(2021, 7, 20, 10, 0, 0), payment, status, amount, 0, "Prof. Dr. Karla Kennichnich", "Einort",
            "karla@kennichnich.de").With("bescheinigung", 1).With("info", 1);
        draft.DonorType = "person";
        draft.Salutation = "Frau";
        draft.Put("adresstyp", "person").Put("anrede", "Frau").Put("titel", "Prof. Dr.").Put("vorname", "Karla")
            .Put("nachname", "Kennichnich")
            .Put("strasse", "Lehmgasse 12").Put("plz", "12345").Put("ort", "Einort").Put("country", "DE")
            .Put("email", "karla@kennichnich.de");
        Tracked(draft);
        if (payment == "UEB")
        {
            return draft.With("ueb_code", LegacyTransferCode.New(maker.Dice, isAnonymous: false));
        }

        return draft.Put("iban", "DE12500105170648489890").Put("bic", "INGDDEFFXXX").Put("konto", "0648489890").Put("blz", "50010517")
            .Put("bankname", "ING-DiBa");
    }

    private static Draft FormAnonymous(DonationMaker maker)
    {
        var draft = Row(maker, new DateTime(2021, 7, 20, 11, 0, 0), "UEB", "Z", "12.34", 0, null, null, null).With("bescheinigung", 0);
        draft.DonorType = "anonym";
        Tracked(draft.Put("adresstyp", "anonym"));
        return draft.With("ueb_code", LegacyTransferCode.New(maker.Dice, isAnonymous: true));
    }

    private static Draft FormForeign(DonationMaker maker)
    {
        var draft = Form(maker, "BEZ", "N", "5.51").With("name", "Claire Jennesaispas").With("ort", "Unlieu");
        draft.With("email", "claire@jennesaispas.example");
        return draft.Put("titel", "").Put("vorname", "Claire").Put("nachname", "Jennesaispas").Put("strasse", "Ruelle Argile 12")
            .Put("plz", "12345").Put("ort", "Unlieu").Put("country", "FR").Put("email", "claire@jennesaispas.example")
            .Put("iban", "FR7630066100410001057380116").Put("bic", "").Put("konto", "").Put("blz", "").Put("bankname", "");
    }

    private static Draft Row(
        DonationMaker maker, DateTime created, string payment, string status, string amount, int interval, string? name, string? city,
            string? email) =>
        new Draft { Created = created }.With("id", maker.NextId()).With("status", status).With("name", name).With("ort", city)
            .With("email", email).With("info", 0).With("eintrag", "anonym").With("betrag", amount).With("periode", interval)
            .With("zahlweise", payment).With("kommentar", "").With("ueb_code", "").With("remote_addr", "").With("is_public", 0)
            .With("dt_new", Draft.Time(created));

    private static void Old(
        Draft draft, PhpValue id, string amount, int interval, string salutation, int info, string? tracking, string page, string token,
            string expiry)
    {
        draft.DonorType = "person";
        draft.Salutation = salutation;
        draft.Put("id", id).Put("betrag", amount).Put("periode", interval).Put("anrede", salutation).Put("titel", "").Put("vorname", "Max")
            .Put("nachname", "Muster").Put("plz", "12345").Put("ort", "Smalltown").Put("country", "DE").Put("strasse", "Erlenkamp 12")
            .Put("email", "max.muster@mydomain.com").Put("eintrag", "anonym").Put("kommentar", PhpNull.Instance).Put("info", info)
            .Put("adresstyp", "person").Put("dob", PhpNull.Instance).Put("phone", PhpNull.Instance).Put("source", "");
        if (tracking is not null)
        {
            draft.Put("tracking", tracking);
        }

        draft.Put("confirmationPage", page).Put("utoken", token).Put("uexpiry", expiry).Put("layout", "")
            .Put("user_agent", "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:37.0) Gecko/20100101 Firefox/37.0");
    }

    private static Draft OldTail(Draft draft, string token) =>
        draft.Put("name", "Max Muster").Put("skin", "").Put("color", "").Put("firma", "").Put("impCount", 0).Put("bImpCount", 0)
            .Put("token", token);

    private static void PayPal(Draft draft, string id, string subscription, string payer, string time, string gross, string fee) =>
        draft.Put("ext_payment_id", id).Put("ext_subscr_id", subscription).Put("ext_payment_status", "Completed/subscr_payment")
            .Put("ext_payment_account", payer).Put("ext_payment_type", "instant").Put("ext_payment_timestamp", time)
            .Put("paypal_payer_id", payer).Put("paypal_subscr_id", subscription).Put("paypal_payer_status", "verified")
            .Put("paypal_first_name", "Max").Put("paypal_last_name", "Muster").Put("paypal_mc_gross", gross)
            .Put("paypal_mc_currency", "EUR").Put("paypal_mc_fee", fee);

    private static Draft Modern(DonationMaker maker, string payment, string status, string donorType)
    {
        var draft = Row(maker, new DateTime(2015, 12, 14, 16, 25, 44), payment, status, "13.37", 3, null, null, null).With("info", 1);
        draft.DonorType = donorType;
        draft.Put("adresstyp", donorType).Put("layout", "").Put("impCount", 3).Put("bImpCount", 1).Put("tracking", "test/gelb")
            .Put("skin", "").Put("color", "").Put("source", "");
        return draft;
    }

    private static Draft ModernPayPal(Draft draft)
    {
        PayPal(draft, "72171T32A6H345906", "I-DYP3HRBE7WUA", "QEEMF34KV3ECL", "05:10:30 May 17, 2016 PDT", "10.00", "0.47");
        return draft;
    }

    private static Draft Named(Draft draft)
    {
        draft.Salutation = "nyan";
        return draft.Put("anrede", "nyan").Put("titel", "nyan").Put("vorname", "Erika").Put("nachname", "Muster");
    }

    private static void Addressed(Draft draft) =>
        draft.Put("strasse", "Nyan Street").Put("plz", "12345").Put("ort", "Berlin").Put("country", "DE").Put("email", "foo@bar.baz");

    private static void Tracked(Draft draft) =>
        draft.Put("layout", "").Put("impCount", 0).Put("bImpCount", 0).Put("tracking", "").Put("skin", "").Put("color", "")
            .Put("source", "");
}
