using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>The states that a donation can be in, and every code that a column can hold.</summary>
internal static class StateScenes
{
    /// <summary>The bulk of the table, with weights.</summary>
    public static readonly (int Weight, Scene Scene)[] Common =
    [
        (240, Scene.One("direct-debit", m => m.DirectDebit())),
        (80, Scene.One("direct-debit-recurring", m => m.DirectDebit(interval: m.Dice.Pick<int>([1, 3, 6, 12])))),
        (200, Scene.One("bank-transfer", m => m.BankTransfer())),
        (30, Scene.One("bank-transfer-anonymous", m => m.BankTransfer("anonym"))),
        (220, Scene.One("paypal-booked", m => m.PayPal(isBooked: true))),
        (40, Scene.One("paypal-incomplete", m => m.PayPal(isBooked: false))),
        (50, Scene.One("credit-card-booked", m => m.CreditCard(isBooked: true))),
        (20, Scene.One("credit-card-incomplete", m => m.CreditCard(isBooked: false))),
        (20, Scene.One("company", m => m.DirectDebit("firma"))),
        (20, Scene.One("email-only", m => m.PayPal(isBooked: true, "email"))),
        (40, Scene.One("purged", m => m.Purge(m.DirectDebit(at: m.Between(2012, 2019))))),
        (20, Scene.One("commented", m => m.Comment(m.DirectDebit(), "Weiter so! Danke für eure Arbeit.", m.Dice.Chance(60)))),
        (15, Scene.One("cancelled-by-donor", m => Cancel(m, m.DirectDebit()))),
        (9, Scene.One("sofort", m => m.Sofort("Z", isConfirmed: m.Dice.Chance(80), m.Between(2017, 2020)))),
        (5, Scene.One("moderated", m => Moderate(m, m.DirectDebit()))),
    ];

    public static readonly Scene[] Rare =
    [
        .. new[] { 1, 3, 6, 12 }.Select(n => Scene.One("direct-debit-every-" + n, m => m.DirectDebit(interval: n))),
        .. new[] { 1, 3, 6, 12 }.Select(n => Scene.One("bank-transfer-every-" + n, m => m.BankTransfer(interval: n))),
        Scene.One("direct-debit-without-bic", m => WithBank(m, "FR" + m.Dice.Digits(25), "", "", "", "")),
        Scene.One("direct-debit-anonymised", m => m.DirectDebit(at: m.Between(2013, 2018)).Drop("iban", "bic", "konto", "blz", "bankname")),
        Scene.One("receipt-wanted", m => m.DirectDebit(at: m.Between(2019, 2021)).With("bescheinigung", 1)),
        Scene.One("receipt-declined", m => m.DirectDebit(at: m.Between(2019, 2021)).With("bescheinigung", 0)),
        Scene.One("donor-anonymous-named", m => m.BankTransfer("anonym", at: m.Between(2017, 2019))),
        Scene.One("donor-anonymous-null", m => m.PayPal(true, "anonym", at: m.Between(2021, 2021))),
        Scene.One("company-with-contact", m => Contact(m.DirectDebit("firma", at: m.Between(2021, 2022)))),
        Scene.One("salutation-divers", m => Salute(m.DirectDebit(), "Divers")),
        Scene.One("salutation-nyan", m => Salute(m.BankTransfer(), "nyan").Put("titel", "nyan")),
        Scene.One("salutation-empty", m => Salute(m.DirectDebit(), "")),
        Scene.One("salutation-company-word", m => Salute(m.DirectDebit("firma", at: m.Between(2017, 2019)), "firma")),
        Scene.One("status-exported", m => m.DirectDebit(at: m.Between(2011, 2012)).With("status", "E")),
        Scene.One("exported-in-dt-exp", m => m.DirectDebit(at: m.Between(2011, 2012)).With("dt_exp", "2013-01-07 09:00:00")),
        Scene.One("exported-never", m => Unexported(m, m.DirectDebit())),
        Scene.One("credit-card-old-provider", m => OldCreditCard(m)),
        Scene.One("credit-card-blank-data", m => BlankCreditCard(m)),
        Scene.One("cash", m => m.Open("CSH", "N", "anonym", 0, m.Between(2018, 2020), null)),
        .. Sofort(),
        .. PayPal(),
        .. Cancelled(),
        .. Moderated(),
        .. Comments(),
        .. Scrubbed(),
    ];

    private static Scene[] Sofort() =>
    [
        Scene.One("sofort-unconfirmed-promised", m => m.Sofort("Z", isConfirmed: false, m.Between(2017, 2020))),
        Scene.One("sofort-confirmed-before-2021", m => m.Sofort("Z", isConfirmed: true, m.Between(2017, 2020))),
        Scene.One("sofort-confirmed", m => m.Sofort("Z", isConfirmed: true, m.Between(2022, 2022))),
        Scene.One("sofort-incomplete", m => m.Sofort("X", isConfirmed: false, m.Between(2022, 2022))),
        Scene.One("sofort-status-booked", m => m.Sofort("B", isConfirmed: true, new DateTime(2021, 5, 12, 10, 11, 12))),
        Scene.One("sofort-recurring", m => m.Sofort("Z", isConfirmed: true, m.Between(2018, 2020)).With("periode", 3)),
        Scene.One("sofort-anonymous", m => m.Sofort("Z", isConfirmed: true, m.Between(2019, 2020), "anonym")),
        Scene.One("sofort-without-payment-row", m => WithoutPayment(m.Sofort("Z", isConfirmed: false, m.Between(2017, 2018)))),
    ];

    private static Scene[] PayPal() =>
    [
        Scene.Many("paypal-family", Family),
        Scene.One("paypal-recurring-incomplete", m => m.PayPal(false, interval: 12, at: m.Between(2018, 2021))),
        Scene.One("paypal-without-donation", m => m.PayPal(true, "anonym", at: m.Between(2021, 2021)).Drop("log")
            .Log(m.When, "handle_paypal_payment_without_donation_use_case: booked").Put("tracking", "")),
        Scene.One("paypal-booked-without-payer", m => m.PayPal(true, at: new DateTime(2015, 9, 30, 12, 0, 1))
            .Put("paypal_payer_id", "").Put("ext_payment_account", "")),
        Scene.One("paypal-booked-without-time", m => m.PayPal(true, at: m.Between(2014, 2016)).Put("ext_payment_timestamp", "")),
        Scene.One("paypal-booked-with-odd-time", m => m.PayPal(true, at: m.Between(2014, 2016))
            .Put("ext_payment_timestamp", "17.5.2016 5:10")),
        Scene.One("paypal-booked-without-transaction", m => m.PayPal(true, at: m.Between(2012, 2014)).Put("ext_payment_id", "")),
        Scene.One("paypal-recurring-interval-0", m => m.PayPal(true, interval: 1, at: m.Between(2016, 2016)).With("periode", 0)),
        Scene.One("paypal-winter-time", m => m.PayPal(true).Put("ext_payment_timestamp", "10:54:49 Dec 02, 2012 PST")),
    ];

    private static Scene[] Cancelled() =>
    [
        Scene.One("deleted-in-back-office", m => Delete(m, m.BankTransfer())),
        Scene.One("deleted-status-untouched", m => Delete(m, m.DirectDebit(at: m.Between(2011, 2014))).With("status", "N")),
        Scene.One("cancelled-and-booked", m => Cancel(m, m.PayPal(true))),
        Scene.One("cancelled-and-booked-card", m => Cancel(m, m.CreditCard(true))),
        Scene.One("cancelled-bank-transfer", m => Cancel(m, m.BankTransfer())),
        Scene.One("cancelled-and-exported", m => Exported(m, Cancel(m, m.DirectDebit(at: m.Between(2017, 2020))))),
        Scene.One("restored-by-back-office", m => Restored(m, m.DirectDebit(at: m.Between(2017, 2021)))),
    ];

    private static Scene[] Moderated() =>
    [
        Scene.One("moderated-bank-transfer", m => Moderate(m, m.BankTransfer())),
        Scene.One("moderated-and-commented", m => m.Comment(Moderate(m, m.DirectDebit()), "Ein Kommentar mit bösem Wort", false)),
        Scene.One("moderated-and-booked", m => m.Comment(Moderate(m, m.PayPal(true)), "Noch ein böses Wort", true)),
        Scene.One("moderated-incomplete", m => Moderate(m, m.CreditCard(false))),
        Scene.One("approved", m => Approve(m, m.DirectDebit(at: m.Between(2021, 2021)))),
    ];

    private static Scene[] Comments() =>
    [
        Scene.One("comment-shown", m => m.Comment(m.DirectDebit(), "For great justice!", true, "Such a tomato")),
        Scene.One("comment-hidden", m => m.Comment(m.PayPal(true), "Nur für euch", false)),
        Scene.One("comment-without-name", m => m.Comment(m.BankTransfer("anonym"), "Ungenannt", true, "Anonym")),
        Scene.One("comment-with-city", m =>
            m.Comment(m.DirectDebit(at: m.Between(2011, 2014)), "Aus alten Tagen", true, "Max Muster, Leer")),
        Scene.One("comment-longest", m => m.Comment(m.DirectDebit(), new string('ß', 1024), true)),
        Scene.One("comment-lines", m => m.Comment(m.DirectDebit(), "Zeile 1\r\nZeile 2\n\t'\"\\ <b>%_</b> € 中文 \u0301", true)),
        Scene.One("comment-reset-leftovers", m => m.DirectDebit(at: m.Between(2013, 2015)).With("is_public", 1)
            .With("eintrag", "Max Muster")),
    ];

    private static Scene[] Scrubbed() =>
    [
        Scene.One("purged-paypal", m => m.Purge(m.PayPal(true, at: m.Between(2012, 2019)))),
        Scene.One("purged-company", m => m.Purge(m.DirectDebit("firma", at: m.Between(2015, 2019)))),
        Scene.One("scrubbed", m => Scrub(m.BankTransfer(at: m.Between(2018, 2020)))),
        Scene.One("backed-up-only", m => m.DirectDebit(at: m.Between(2020, 2021)).With("dt_backup", "2022-02-01 03:15:00")),
    ];

    public static Draft Cancel(DonationMaker maker, Draft draft)
    {
        maker.Unexport(draft);
        return draft.With("status", "D").Log(maker.Later(draft.Created, 3), "frontend: storno");
    }

    public static Draft Moderate(DonationMaker maker, Draft draft)
    {
        maker.Unexport(draft);
        return draft.With("status", "P").Log(maker.Later(draft.Created, 1), "marked for moderation by user: admin");
    }

    private static Draft Delete(DonationMaker maker, Draft draft)
    {
        maker.Unexport(draft);
        var time = maker.Later(draft.Created, 20);
        return draft.With("status", "D").With("dt_del", Draft.Time(time)).Log(time, "cancelled by user: admin");
    }

    private static Draft Restored(DonationMaker maker, Draft draft)
    {
        var time = maker.Later(draft.Created, 4);
        return draft.Log(time, "cancelled by user: admin").Log(time.AddSeconds(51), "restored by user: admin");
    }

    private static Draft Approve(DonationMaker maker, Draft draft)
    {
        var time = maker.Later(draft.Created, 4);
        draft.IsConfirmationSent = true;
        return draft.Log(time, "marked for moderation by user: admin").Log(time.AddMinutes(9), "marked as approved by user: admin");
    }

    private static Draft Exported(DonationMaker maker, Draft draft)
    {
        maker.Export(draft);
        return draft;
    }

    private static Draft Unexported(DonationMaker maker, Draft draft)
    {
        maker.Unexport(draft);
        return draft;
    }

    private static Draft WithBank(DonationMaker maker, string iban, string bic, string account, string bankCode, string bank)
    {
        var draft = maker.DirectDebit();
        maker.PutBank(draft, iban, bic, account, bankCode, bank);
        return draft;
    }

    private static Draft WithoutPayment(Draft draft)
    {
        draft.Payment = null;
        return draft.With("payment_id", null);
    }

    private static Draft Contact(Draft draft) =>
        draft.Put("anrede", "Frau").Put("vorname", "Erika").Put("nachname", "Muster").With("name", draft["name"] + " - Erika Muster");

    private static Draft Salute(Draft draft, string salutation)
    {
        draft.Salutation = salutation;
        return draft.Put("anrede", salutation);
    }

    private static Draft OldCreditCard(DonationMaker maker)
    {
        var draft = maker.CreditCard(isBooked: false, at: maker.Between(2011, 2013)).With("zahlweise", "MBK").With("status", "B");
        return draft.Put("mb_amount", (string)draft["betrag"]!);
    }

    private static Draft BlankCreditCard(DonationMaker maker)
    {
        var draft = maker.CreditCard(isBooked: false, at: maker.Between(2017, 2021));
        maker.PutCreditCard(draft);
        return draft.Put("ext_payment_id", "").Put("ext_payment_account", "").Put("mcp_amount", "0.00").Put("mcp_cc_expiry_date", "")
            .Put("mcp_auth", "").Put("mcp_sessionid", "").Put("mcp_title", "").Drop("ext_payment_type");
    }

    private static Draft Scrub(Draft draft)
    {
        draft.Drop("token", "utoken", "uexpiry", "firma", "country", "layout", "skin", "color", "source");
        return draft.With("name", "").With("ort", "").With("email", "").With("ueb_code", "").With("dt_backup", "2021-06-01 03:00:00").Drop(
            "vorname", "nachname", "plz", "ort", "strasse", "email", "titel");
    }

    // Only the log, and the parent's list of transactions, say who belongs to whom; one transaction id is all digits.
    private static Draft[] Family(DonationMaker maker)
    {
        var person = Person.Of(maker.Dice);
        var started = maker.Between(2020, 2021);
        var parent = maker.PayPal(true, interval: 1, at: started, person: person).Tag("paypal-parent");
        var transactions = new PhpArray();
        List<Draft> family = [parent];
        for (var month = 1; month <= 3; month++)
        {
            var child = maker.PayPal(true, interval: 1, at: DonationMaker.Settle(started.AddMonths(month)), person: person)
                .Tag("paypal-child");
            var transaction = month == 2 ? "1" + maker.Dice.Digits(8) : maker.Dice.CapitalsAndDigits(17);
            var to = month == 3 ? "" : "to ";
            child.Put("ext_payment_id", transaction).Put("paypal_subscr_id", Text(parent, "paypal_subscr_id"))
                .Put("ext_subscr_id", Text(parent, "ext_subscr_id")).With("betrag", parent["betrag"])
                .Put("paypal_mc_gross", (string)parent["betrag"]!)
                .Log(child.Created.AddSeconds(2), $"paypal_handler: new transaction id {to}corresponding parent donation: {parent.Id}");
            parent.Log(child.Created.AddSeconds(2), $"paypal_handler: new transaction id {to}corresponding child donation: {child.Id}");
            transactions.Set(transaction, PhpInt.Of(child.Id));
            family.Add(child);
        }

        parent.Put("transactionIds", transactions);
        return [.. family];
    }

    private static string Text(Draft draft, string key) =>
        draft.Blob.TryGet(key, out var value) && value is PhpString text ? text.Text : "";
}
