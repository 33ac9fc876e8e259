using System.Globalization;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>
/// Makes sound donations as the application of their time would have written them. Three times can be told apart: the
/// old program (to October 2016), its successor (to October 2020), and the one that no longer knows page variants.
/// </summary>
internal sealed class DonationMaker(Dice dice, DateTime when, Func<int> nextId, Func<int> nextPaymentId)
{
    public static readonly DateTime LastDay = new(2022, 4, 20);

    private static readonly DateTime _successor = new(2016, 11, 1);
    private static readonly DateTime _receipts = new(2017, 11, 1);
    private static readonly DateTime _noVariants = new(2020, 10, 1);

    private static readonly string[] _tracking =
        ["dewiki/wikipedia:spenden", "de.wikipedia.org/sidebar", "test/gelb", "thankyou", "", "wpde/sticky-10h16", "mobile/bottom.ctrl"];

    private static readonly int[] _amounts = [500, 1000, 1500, 2000, 2400, 2500, 5000, 10000];

    public Dice Dice { get; } = dice;

    public DateTime When { get; } = Settle(when);

    public int NextId() => nextId();

    public int NextPaymentId() => nextPaymentId();

    /// <summary>Neither the hour that spring skips nor the one that autumn repeats: those are left to the scenes about them.</summary>
    public static DateTime Settle(DateTime time) => time.Hour == 2 ? time.AddHours(2) : time;

    public DateTime Between(int firstYear, int lastYear)
    {
        var first = new DateTime(firstYear, 1, 2);
        var days = (new DateTime(lastYear, lastYear == 2022 ? 3 : 12, 28) - first).Days;
        return Settle(first.AddDays(Dice.Next(days)).AddSeconds(Dice.Next(86_000)));
    }

    public DateTime Later(DateTime time, int maxDays) => Settle(time.AddDays(Dice.Next(maxDays)).AddSeconds(Dice.Between(30, 80_000)));

    public string Money() =>
        Dice.Chance(85) ? (Dice.Pick(_amounts) / 100m).ToString("0.00", CultureInfo.InvariantCulture) : Dice.Money(100, 50_000);

    public Draft DirectDebit(string donorType = "person", int interval = 0, DateTime? at = null, Person? person = null)
    {
        var draft = Open("BEZ", "N", donorType, interval, at, person);
        PutBank(draft, "DE" + Dice.Digits(20), "INGDDEFFXXX", Dice.Digits(10), "50010517", "ING-DiBa");
        if (draft.Created < _successor)
        {
            draft.Log(draft.Created, "sepa-mandat confirmed");
        }

        return Close(draft);
    }

    public Draft BankTransfer(string donorType = "person", int interval = 0, DateTime? at = null, Person? person = null)
    {
        var draft = Open("UEB", "Z", donorType, interval, at, person);
        var isOld = draft.Created < _successor;
        draft["ueb_code"] = isOld ? LegacyTransferCode.Old(Dice) : LegacyTransferCode.New(Dice, donorType == "anonym");
        if (isOld)
        {
            draft.Log(draft.Created, "ueb-code generated (1 tries in 0.02 secs)");
        }

        return Close(draft);
    }

    public Draft PayPal(bool isBooked, string donorType = "person", int interval = 0, DateTime? at = null, Person? person = null)
    {
        var draft = Open("PPL", isBooked ? "B" : "X", donorType, interval, at, person);
        if (isBooked)
        {
            PutPayPalBooking(draft);
            draft.Log(Later(draft.Created, 1), "paypal_handler: booked");
        }
        else if (draft.Created >= _successor)
        {
            PutPayPalBlanks(draft);
        }

        return Close(draft);
    }

    public Draft CreditCard(bool isBooked, string donorType = "person", int interval = 0, DateTime? at = null)
    {
        var draft = Open("MCP", isBooked ? "B" : "X", donorType, interval, at, null);
        if (isBooked)
        {
            PutCreditCard(draft);
            draft.Log(draft.Created, "mcp_handler: booked");
        }

        return Close(draft);
    }

    public Draft Sofort(string status, bool isConfirmed, DateTime at, string donorType = "person")
    {
        var draft = Open("SUB", status, donorType, 0, at, null);
        draft["ueb_code"] = LegacyTransferCode.New(Dice, donorType == "anonym");
        draft.Payment = new LegacySofortPayment(NextPaymentId(), isConfirmed ? Draft.Time(Later(draft.Created, 1)) : null);
        draft["payment_id"] = draft.Payment.Id;
        return Close(draft);
    }

    public Draft Comment(Draft draft, string text, bool isPublic, string? author = null)
    {
        draft["kommentar"] = text;
        draft["is_public"] = isPublic ? 1 : 0;
        draft["eintrag"] = author ?? draft["name"] as string ?? "anonym";
        return draft;
    }

    public void Export(Draft draft)
    {
        var time = Later(draft.Created, 15);
        draft["dt_gruen"] = time < LastDay ? Draft.Time(time) : null;
    }

    public void Unexport(Draft draft) => draft["dt_gruen"] = null;

    /// <summary>Back-up and purge of the old days: the row stays, the person goes.</summary>
    public Draft Purge(Draft draft)
    {
        draft["dt_backup"] = Draft.Time(Later(draft.Created.AddDays(40), 90));
        draft["name"] = "";
        draft["ort"] = "";
        draft["email"] = "";
        return draft.Drop(
            "vorname", "nachname", "plz", "ort", "strasse", "email", "phone", "dob", "bankname", "konto", "blz", "bic", "iban", "titel",
            "paypal_first_name", "paypal_last_name", "paypal_address_name", "name");
    }

    public void PutPayPalBooking(Draft draft)
    {
        var amount = draft["betrag"] as string ?? "0.00";
        var payer = Dice.CapitalsAndDigits(13);
        var subscription = draft["periode"] is 0 ? "" : "I-" + Dice.CapitalsAndDigits(12);
        draft.Put("paypal_payer_id", payer).Put("paypal_subscr_id", subscription).Put("paypal_payer_status", "verified")
            .Put("paypal_address_status", "unconfirmed").Put("paypal_mc_gross", amount).Put("paypal_mc_currency", "EUR")
            .Put("paypal_mc_fee", Dice.Money(35, 200)).Put("paypal_settle_amount", "0.00")
            .Put("paypal_first_name", "Max").Put("paypal_last_name", "Muster").Put("paypal_address_name", "Max Muster")
            .Put("ext_payment_id", Dice.CapitalsAndDigits(17)).Put("ext_subscr_id", subscription).Put("ext_payment_type", "instant")
            .Put("ext_payment_status", subscription.Length > 0 ? "Completed/subscr_payment" : "Completed")
            .Put("ext_payment_account", payer).Put("ext_payment_timestamp", PayPalTime(draft.Created));
        if (draft.Created >= new DateTime(2019, 12, 1))
        {
            draft.Put("transactionIds", new PhpArray());
        }
    }

    public void PutPayPalBlanks(Draft draft)
    {
        foreach (var key in (ReadOnlySpan<string>)
            ["paypal_payer_id", "paypal_subscr_id", "paypal_payer_status", "paypal_address_status"])
        {
            draft.Put(key, "");
        }

        draft.Put("paypal_mc_gross", "0.00").Put("paypal_mc_currency", "").Put("paypal_mc_fee", "0.00").Put("paypal_settle_amount", "0.00");
        foreach (var key in (ReadOnlySpan<string>)
        [
            "ext_payment_id", "ext_subscr_id", "ext_payment_type", "ext_payment_status", "ext_payment_account", "ext_payment_timestamp",
            "paypal_first_name", "paypal_last_name", "paypal_address_name",
        ])
        {
            draft.Put(key, "");
        }
    }

    public void PutCreditCard(Draft draft) =>
        draft.Put("ext_payment_id", "spenden.example.org-ID" + Dice.Hex(13)).Put("ext_payment_status", "processed")
            .Put("ext_payment_account", Dice.Hex(40)).Put("ext_payment_type", "billing")
            .Put("ext_payment_timestamp", draft.Created.ToString("yyyy-MM-dd'T'HH:mm:ss'+01:00'", CultureInfo.InvariantCulture))
            .Put("mcp_amount", draft["betrag"] as string ?? "0.00").Put("mcp_currency", "EUR").Put("mcp_country", "DE")
            .Put("mcp_auth", Dice.Hex(32)).Put("mcp_title", "Ihre Spende an Wikipedia").Put("mcp_sessionid", "CC" + Dice.Hex(40))
            .Put("mcp_cc_expiry_date", string.Create(CultureInfo.InvariantCulture, $"{Dice.Between(1, 12)}/{Dice.Between(2018, 2030)}"));

    public void PutBank(Draft draft, string iban, string bic, string account, string bankCode, string bank) =>
        draft.Put("iban", iban).Put("bic", bic).Put("konto", account).Put("blz", bankCode).Put("bankname", bank);

    public static string PayPalTime(DateTime berlin)
    {
        var isSummer = berlin.Month is > 3 and < 11;
        return berlin.AddHours(-9).ToString("HH:mm:ss MMM dd, yyyy ", CultureInfo.InvariantCulture) + (isSummer ? "PDT" : "PST");
    }

    /// <summary>A donation without any payment data: columns, donor, page and tracking.</summary>
    public Draft Open(string payment, string status, string donorType, int interval, DateTime? at, Person? person)
    {
        var created = at ?? When;
        person ??= Person.Of(Dice);
        var draft = new Draft { Created = created, DonorType = donorType };
        draft.With("id", NextId()).With("status", status).With("info", donorType != "anonym" && Dice.Chance(40) ? 1 : 0)
            .With("bescheinigung", created < _receipts ? null : donorType is "person" or "firma" && Dice.Chance(70) ? 1 : 0)
            .With("eintrag", Dice.Chance(50) ? "anonym" : "Anonym").With("betrag", Money()).With("periode", interval)
            .With("zahlweise", payment).With("kommentar", "").With("ueb_code", "").With("remote_addr", "").With("is_public", 0)
            .With("dt_new", Draft.Time(created));
        SetDonorColumns(draft, donorType, person);
        draft.Salutation = donorType is "person" or "email" ? person.Salutation : "";
        if (created < _successor)
        {
            PutOldKeys(draft, donorType, person);
        }
        else
        {
            PutDonor(draft, donorType, person);
            PutTracking(draft);
        }

        return draft;
    }

    private static string CompanyOf(Person person) => Person.Companies[person.PostCode[0] % Person.Companies.Length];

    private static void SetDonorColumns(Draft draft, string donorType, Person person)
    {
        var isAnonymous = donorType == "anonym";
        draft["name"] = donorType switch
        {
            "anonym" => draft.Created < _noVariants ? "Anonym" : null,
            "firma" => CompanyOf(person),
            _ => person.FullName,
        };
        draft["ort"] = donorType is "person" or "firma" ? person.City : isAnonymous && draft.Created >= _noVariants ? null : "";
        draft["email"] = isAnonymous ? (draft.Created < _noVariants ? "" : null) : person.Email;
    }

    private static void PutDonor(Draft draft, string donorType, Person person)
    {
        draft.Put("adresstyp", donorType);
        if (donorType == "anonym")
        {
            return;
        }

        if (donorType != "firma" || draft.Created < _noVariants)
        {
            var isPerson = donorType != "firma";
            draft.Put("anrede", isPerson ? person.Salutation : "").Put("titel", isPerson ? person.Title : "")
                .Put("vorname", isPerson ? person.FirstName : "").Put("nachname", isPerson ? person.LastName : "");
        }

        if (donorType == "firma" || draft.Created < _noVariants)
        {
            draft.Put("firma", donorType == "firma" ? CompanyOf(person) : "");
        }

        if (donorType != "email")
        {
            draft.Put("strasse", person.Street).Put("plz", person.PostCode).Put("ort", person.City).Put("country", person.Country);
        }

        draft.Put("email", person.Email);
    }

    private void PutTracking(Draft draft)
    {
        var hasVariants = draft.Created < _noVariants;
        draft.Put("layout", hasVariants && Dice.Chance(30) ? "default" : "").Put("impCount", Dice.Next(40)).Put("bImpCount", Dice.Next(9))
            .Put("tracking", Dice.Pick(_tracking)).Put("skin", hasVariants && Dice.Chance(30) ? "10h16" : "").Put("color", "")
            .Put("source", hasVariants && Dice.Chance(10) ? "web" : "");
    }

    // In the order in which the old program wrote them.
    private void PutOldKeys(Draft draft, string donorType, Person person)
    {
        var isNamed = donorType is "person" or "email";
        var hasAddress = donorType is "person" or "firma";
        var amount = (string)draft["betrag"]!;
        draft.Put("id", Dice.Chance(50) ? PhpInt.Of(draft.Id) : PhpString.Of(draft.Id.ToString(CultureInfo.InvariantCulture)))
            .Put("betrag", amount).Put("periode", (int)draft["periode"]!)
            .Put("anrede", isNamed ? person.Salutation : "").Put("titel", isNamed ? person.Title : "")
            .Put("vorname", isNamed ? person.FirstName : "").Put("nachname", isNamed ? person.LastName : "")
            .Put("plz", hasAddress ? person.PostCode : "").Put("ort", hasAddress ? person.City : "")
            .Put("country", hasAddress ? person.Country : "").Put("strasse", hasAddress ? person.Street : "")
            .Put("email", donorType == "anonym" ? "" : person.Email).Put("eintrag", (string)draft["eintrag"]!)
            .Put("kommentar", PhpNull.Instance)
            .Put("info", (int)draft["info"]!).Put("adresstyp", donorType).Put("dob", PhpNull.Instance).Put("phone", PhpNull.Instance)
            .Put("source", "").Put("tracking", Dice.Pick(_tracking)).Put("confirmationPage", "10h16 Bestätigung-" + draft["zahlweise"])
            .Put("utoken", Dice.Hex(40)).Put("uexpiry", Draft.Time(draft.Created.AddHours(4))).Put("layout", "")
            .Put("user_agent", "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:37.0) Gecko/20100101 Firefox/37.0")
            .Put("name", draft["name"] as string ?? "").Put("skin", "").Put("color", "")
            .Put("firma", donorType == "firma" ? CompanyOf(person) : "")
            .Put("impCount", Dice.Next(40).ToString(CultureInfo.InvariantCulture))
            .Put("bImpCount", Dice.Next(9).ToString(CultureInfo.InvariantCulture))
            .Put("token", Dice.Digits(7) + "$" + Dice.Hex(40));
        draft.With("source", Dice.Chance(30) ? "https://de.example.org/wiki" : null).With("remote_addr", "192.0.2." + Dice.Next(255));
    }

    private Draft Close(Draft draft)
    {
        if (draft.Created >= _successor)
        {
            draft.Put("token", Dice.Hex(32)).Put("utoken", Dice.Hex(32)).Put("uexpiry", Draft.Time(draft.Created.AddMinutes(30)));
        }

        if (draft.Status is "N" or "Z" or "B" && Dice.Chance(92))
        {
            Export(draft);
        }

        return draft;
    }
}
