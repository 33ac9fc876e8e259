using System.Globalization;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData.Memberships;

/// <summary>A row in the making.</summary>
internal sealed class MembershipDraft(Dice dice, int id, DateTime when)
{
    // The successor writes bank data without the old page's keys; the last programs write tokens to a table and numbers for states.
    private static readonly DateTime _successor = new(2016, 11, 1);
    private static readonly DateTime _numbers = new(2021, 4, 27);
    private static readonly DateTime _tokens = new(2023, 8, 1);
    private static readonly DateTime _receipts = new(2017, 11, 1);

    private static readonly string?[] _trackings =
        [null, null, "", "test/blue", "dewiki/wikipedia:spenden", "de.wikipedia.org/sidebar", "/", "wlightbox"];

    private static readonly int[] _intervals = [1, 3, 6, 12];

    private readonly object?[] _values = new object?[LegacyMembership.ColumnNames.Count];
    private readonly List<int> _incentives = [];
    private readonly List<int> _reasons = [];
    private PhpArray? _blob = new();
    private string? _rawData;
    private LegacyTokens? _table;

    public Dice Dice => dice;

    public DateTime When => when;

    public object? this[string column] => _values[LegacyMembership.PositionOf(column)];

    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public MembershipDraft With(string column, object? value)
    {
        _values[LegacyMembership.PositionOf(column)] = value;
        return this;
    }

    /// <summary>A person that pays by direct debit, as the program of its year inserted it.</summary>
    public MembershipDraft Plain()
    {
        var person = Strangler.LegacyData.Person.Of(dice);
        With("id", id).With("timestamp", Time(when)).With("wikimedium_shipping", when < _successor ? "both" : "none")
            .With("membership_type", dice.Chance(80) ? "sustaining" : "active").With("membership_fee", dice.Pick(new[] { 2, 10, 24, 25, 50, 100, 250 }))
            .With("membership_fee_interval", dice.Pick(_intervals)).With("account_holder", "").With("comment", "").With("wikilogin", 0)
            .With("tracking", dice.Pick(_trackings)).With("status", 1).With("payment_type", "BEZ")
            .With("donation_receipt", when < _receipts ? null : dice.Chance(60) ? 1 : 0);
        return Person(person).Bank().Keys();
    }

    public MembershipDraft Company()
    {
        var company = dice.Pick(Strangler.LegacyData.Person.Companies);
        return With("anrede", "Firma").With("firma", company).With("titel", "").With("name", "").With("vorname", "").With("nachname", "").With("dob", null);
    }

    /// <summary>PayPal before the provider has told anything.</summary>
    public MembershipDraft PayPal() => With("payment_type", "PPL").NoBank().With("status", 0).Put("first_payment_date", when.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

    public MembershipDraft Booked()
    {
        var (payer, subscription) = (dice.CapitalsAndDigits(13), "I-" + dice.CapitalsAndDigits(12));
        return PayPal().With("status", 1).Put("paypal_payer_id", payer).Put("paypal_subscr_id", subscription).Put("paypal_payer_status", "verified")
            .Put("paypal_address_status", "unconfirmed").Put("paypal_mc_gross", "10.00").Put("paypal_mc_currency", "EUR").Put("paypal_mc_fee", "0.47")
            .Put("paypal_settle_amount", "9.53").Put("paypal_first_name", "Joe").Put("paypal_last_name", "Strummer").Put("paypal_address_name", "Joe Strummer")
            .Put("ext_payment_id", dice.CapitalsAndDigits(17)).Put("ext_subscr_id", subscription).Put("ext_payment_type", "instant")
            .Put("ext_payment_status", "Completed/subscr_payment").Put("ext_payment_account", payer).Put("ext_payment_timestamp", "05:10:30 May 17, 2021 PDT");
    }

    /// <summary>All that is personal is gone, as a purge leaves it.</summary>
    public MembershipDraft Scrubbed()
    {
        foreach (var column in new[] { "firma", "titel", "name", "vorname", "nachname", "strasse", "plz", "ort", "email", "phone", "country" })
        {
            With(column, "");
        }

        return With("dob", null).NoBank().Drop("token", "utoken", "paypal_first_name", "paypal_last_name", "paypal_address_name").NoTokens();
    }

    public MembershipDraft NoBank() =>
        With("account_number", "").With("bank_code", "").With("bank_name", "").With("iban", "").With("bic", "");

    public MembershipDraft Exported() => With("export", Time(when.AddDays(3)));

    public MembershipDraft BackedUp() => With("backup", Time(when.AddDays(60)));

    public MembershipDraft Promise(params ReadOnlySpan<int> incentives)
    {
        _incentives.AddRange(incentives);
        return this;
    }

    public MembershipDraft Because(params ReadOnlySpan<int> reasons)
    {
        _reasons.AddRange(reasons);
        return this;
    }

    public MembershipDraft Put(string key, string value) => Put(key, PhpString.Of(value));

    public MembershipDraft Put(string key, PhpValue value)
    {
        _blob!.Set(key, value);
        return this;
    }

    public MembershipDraft Drop(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            _blob!.Remove(key);
        }

        return this;
    }

    public MembershipDraft Log(DateTime time, string message)
    {
        if (!_blob!.TryGet("log", out var log))
        {
            log = new PhpArray();
            _blob.Set("log", log);
        }

        ((PhpArray)log).Set(Time(time), PhpString.Of(message));
        return this;
    }

    public MembershipDraft InTable(LegacyTokens tokens)
    {
        _table = tokens;
        return this;
    }

    public MembershipDraft NoTokens()
    {
        _table = null;
        return this;
    }

    /// <summary>What the column shall hold in place of the encoded blob.</summary>
    public MembershipDraft RawData(string? data)
    {
        _rawData = data;
        _blob = null;
        return this;
    }

    public LegacyMembership Finish(string kind)
    {
        With("data", _blob is null ? _rawData : _blob.Count == 0 ? null : PhpBlob.Encode(_blob));
        return new LegacyMembership(_values, [kind, .. States().Distinct()])
        {
            Incentives = [.. _incentives.Order()], Reasons = [.. _reasons.Order()], Tokens = _table,
        };
    }

    private IEnumerable<string> States()
    {
        yield return this["status"] is int status ? $"status-{status.ToString(CultureInfo.InvariantCulture)}" : "status-null";
        yield return this["firma"] is string { Length: > 0 } ? "company" : "person";
        if (this["payment_type"] is "BEZ" or "PPL")
        {
            yield return "payment-" + this["payment_type"];
        }

        yield return this["export"] is null ? "not-exported" : "exported";
        yield return this["backup"] is null ? "not-backed-up" : "backed-up";
        yield return this["donation_receipt"] switch { null => "receipt-unknown", 0 => "receipt-no", _ => "receipt-yes" };
        yield return "incentives-" + Math.Min(2, _incentives.Count).ToString(CultureInfo.InvariantCulture);
        yield return _reasons.Count == 0 ? "no-reasons" : "reasons";
        yield return _table is null ? "no-tokens-in-table" : "tokens-in-table";
    }

    private MembershipDraft Person(Person person) =>
        With("anrede", person.Salutation).With("firma", when < _successor ? null : "").With("titel", person.Title)
            .With("name", $"{person.FirstName} {person.LastName}").With("vorname", person.FirstName).With("nachname", person.LastName)
            .With("strasse", person.Street).With("plz", person.PostCode).With("ort", person.City).With("country", person.Country)
            .With("email", person.Email).With("phone", dice.Chance(50) ? "030-" + dice.Digits(7) : "")
            .With("dob", dice.Chance(60) ? $"{dice.Between(1940, 2000)}-0{dice.Between(1, 9)}-1{dice.Next(10)}" : null);

    private MembershipDraft Bank() =>
        With("account_number", dice.Digits(10)).With("bank_code", "50010517").With("bank_name", "ING-DiBa").With("iban", "DE" + dice.Digits(20))
            .With("bic", "INGDDEFFXXX");

    private MembershipDraft Keys()
    {
        if (when < _successor)
        {
            return Put("member_agree", "1").Put("membership_fee_custom", "").Put("confirmationPage", "10h16 Bestätigung-BEZ")
                .Put("confirmationPageCampaign", "MT15_WMDE_02").Put("token", dice.Digits(7) + "$" + dice.Hex(40)).Put("utoken", dice.Hex(40));
        }

        if (when >= _tokens)
        {
            return InTable(new LegacyTokens(dice.Hex(32), dice.Hex(32), Time(when.AddMinutes(30))));
        }

        Put("token", dice.Hex(32)).Put("utoken", dice.Hex(32));
        return when < _numbers && dice.Chance(30) ? Put("old_status", PhpInt.Of(1)) : this;
    }
}

/// <summary>How one kind of row comes about.</summary>
/// <param name="Year">When; null: in the order of the table.</param>
internal sealed record MembershipScene(string Kind, int? Year, Func<MembershipDraft, MembershipDraft> Make);
