using System.Globalization;

namespace Strangler.LegacyData.AddressChanges;

/// <summary>A row in the making.</summary>
internal sealed class AddressChangeDraft(Dice dice, int id, int addressId, DateTime when)
{
    private readonly object?[] _values = new object?[LegacyAddressChange.ColumnNames.Count];
    private object?[]? _address;
    private bool _isAddressMine;

    public Dice Dice => dice;

    public int Id => id;

    public DateTime When => when;

    public AddressChangeDraft With(string column, object? value)
    {
        _values[LegacyAddressChange.PositionOf(column)] = value;
        return this;
    }

    public object? this[string column] => _values[LegacyAddressChange.PositionOf(column)];

    /// <summary>As the event handler made it, for a person's donation.</summary>
    public AddressChangeDraft Plain()
    {
        var identifier = Identifier();
        return With("id", id)
            .With("current_identifier", identifier)
            .With("previous_identifier", identifier)
            .With("address_type", "person")
            .With("external_id", 1_000_000 + id)
            .With("external_id_type", "donation")
            .With("created_at", Time(when))
            .With("modified_at", Time(when))
            .With("donation_receipt", 1);
    }

    public AddressChangeDraft OfMembership() => With("external_id", 10_000 + (id % 40_000)).With("external_id_type", "membership");

    public AddressChangeDraft OfCompany() => With("address_type", "company");

    /// <summary>The owner told a new address.</summary>
    public AddressChangeDraft Used() => Answered().WithAddress(this["address_type"] is "company" ? Company() : SomePerson());

    public AddressChangeDraft OptedOut() => Answered().With("donation_receipt", 0);

    public AddressChangeDraft Exported() => With("export_date", Time(when.AddDays(3)));

    public AddressChangeDraft WithAddress(object?[] address)
    {
        (_address, _isAddressMine) = (address, true);
        return With("address_id", address[0]);
    }

    public AddressChangeDraft WithAddressOf(AddressChangeDraft other)
    {
        (_address, _isAddressMine) = (other._address, false);
        return With("address_id", other._address![0]);
    }

    /// <summary>Changes one column of the address.</summary>
    public AddressChangeDraft Address(string column, object? value)
    {
        _address![LegacyAddressChange.PositionOfAddress(column)] = value;
        return this;
    }

    public object?[] SomePerson()
    {
        var person = Person.Of(dice);
        return
        [
            addressId, person.Salutation, null, person.Title.Length == 0 ? null : person.Title, person.FirstName, person.LastName, person.Street,
            person.PostCode, person.City, person.Country,
        ];
    }

    public object?[] Company()
    {
        var person = Person.Of(dice);
        return [addressId, null, dice.Pick(Person.Companies), null, "", "", person.Street, person.PostCode, person.City, person.Country];
    }

    /// <summary>A UUID of version 4.</summary>
    public string Identifier() => $"{dice.Hex(8)}-{dice.Hex(4)}-4{dice.Hex(3)}-a{dice.Hex(3)}-{dice.Hex(12)}";

    public LegacyAddressChange Finish(string kind)
    {
        List<string> kinds = [kind];
        kinds.Add(this["external_id_type"] is "" ? "of-nothing" : $"of-{this["external_id_type"]}");
        kinds.Add(this["address_type"] is "" ? "type-none" : $"type-{this["address_type"]}");
        kinds.Add(_address is null ? "no-data" : this["export_date"] is null ? "used-not-exported" : "used-exported");
        kinds.Add(this["donation_receipt"] is 0 ? "no-receipt" : "receipt");
        return new LegacyAddressChange(_values, _address, _isAddressMine, [.. kinds.Distinct()]);
    }

    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private AddressChangeDraft Answered() =>
        With("previous_identifier", this["current_identifier"]).With("current_identifier", Identifier()).With("modified_at", Time(when.AddDays(2)));
}

/// <summary>How one kind of row, or of rows that belong together, comes about.</summary>
internal sealed record AddressChangeScene(string Kind, Func<Func<DateTime?, AddressChangeDraft>, IEnumerable<AddressChangeDraft>> Play)
{
    public static AddressChangeScene One(string kind, Func<AddressChangeDraft, AddressChangeDraft> make, int? year = null) =>
        new(kind, next => [make(next(year is { } then ? new DateTime(then, 5, 17, 11, 42, 2) : null).Plain())]);
}

/// <summary>The states, oddities and damages of the tables.</summary>
internal static class AddressChangeScenes
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    public static readonly (AddressChangeScene Scene, int Weight)[] Common =
    [
        (AddressChangeScene.One("unused", draft => draft), 80),
        (AddressChangeScene.One("unused-company", draft => draft.OfCompany()), 10),
        (AddressChangeScene.One("unused-membership", draft => draft.OfMembership()), 10),
        (AddressChangeScene.One("used", draft => draft.Used()), 10),
        (AddressChangeScene.One("used-company", draft => draft.OfCompany().Used()), 3),
        (AddressChangeScene.One("used-membership", draft => draft.OfMembership().Used()), 4),
        (AddressChangeScene.One("handed-on", draft => draft.Used().Exported()), 20),
        (AddressChangeScene.One("opted-out", draft => draft.OptedOut()), 8),
        (AddressChangeScene.One("used-and-opted-out", draft => draft.Used().With("donation_receipt", 0)), 4),
    ];

    public static readonly AddressChangeScene[] Rare =
    [
        AddressChangeScene.One("no-identifiers", draft => draft.With("current_identifier", null).With("previous_identifier", null), 2018),
        AddressChangeScene.One("no-previous-identifier", draft => draft.With("previous_identifier", null), 2019),
        AddressChangeScene.One("capital-identifier", draft => Both(draft, draft.Identifier().ToUpperInvariant())),
        AddressChangeScene.One("identifier-that-is-none", draft => Both(draft, $"weiß ich nicht {draft.Id}"), 2018),
        AddressChangeScene.One("owner-is-own-id", draft => draft.With("external_id", draft.Id), 2019),
        AddressChangeScene.One("membership-owner-is-own-id", draft => draft.OfMembership().With("external_id", draft.Id), 2019),
        AddressChangeScene.One("owner-is-own-id-by-chance", draft => draft.OfMembership().With("external_id", draft.Id), 2022),
        AddressChangeScene.One("no-owner", draft => draft.With("external_id", 0).With("external_id_type", ""), 2018),
        AddressChangeScene.One("no-type", draft => draft.With("address_type", ""), 2018),
        AddressChangeScene.One(
            "company-called-person",
            draft =>
            {
                draft.OfCompany().Used();
                return draft.With("address_type", "person");
            },
            2018),
        new AddressChangeScene("shared-address", SharedAddress),
        AddressChangeScene.One("address-gone", draft => draft.With("address_id", 900_000_000 + draft.Id)),
        AddressChangeScene.One("address-empty", draft => draft.Used().WithAddress([draft.SomePerson()[0], "", "", "", "", "", "", "", "", ""])),
        AddressChangeScene.One("address-null", draft => draft.Used().WithAddress([draft.SomePerson()[0], null, null, null, "", "", null, null, null, null])),
        AddressChangeScene.One("address-full", draft => draft.Used().WithAddress(
        [
            draft.SomePerson()[0], new string('ä', 16), new string('ß', 100), new string('T', 16), new string('ł', 50), new string('Ж', 50),
            new string('s', 100), "12345678", new string('c', 100), "DEUTSCHL",
        ])),
        AddressChangeScene.One("address-with-blanks", draft => draft.Used().Address("street", " Straße 1  ").Address("city", "Köln ")),
        AddressChangeScene.One("cleaned-after-export", draft => draft.With("modified_at", AddressChangeDraft.Time(draft.When.AddDays(1)))),
        AddressChangeScene.One("exported-without-address", draft => draft.OptedOut().Exported()),
        AddressChangeScene.One("zero-export-date", draft => draft.Used().With("export_date", ZeroDate), 2019),
        AddressChangeScene.One("zero-creation-time", draft => draft.With("created_at", ZeroDate).With("modified_at", ZeroDate), 2018),
        AddressChangeScene.One("changed-before-it-was-made", draft => draft.Used().With("modified_at", "2010-01-01 00:00:00")),
        AddressChangeScene.One("repeated-hour", draft => draft.With("created_at", "2021-10-31 02:30:00").With("modified_at", "2021-10-31 02:30:00")),
        AddressChangeScene.One("receipt-of-another-number", draft => draft.With("donation_receipt", 2)),
        AddressChangeScene.One("largest-owner", draft => draft.With("external_id", int.MaxValue)),
    ];

    public static readonly AddressChangeScene[] Unreadable =
    [
        AddressChangeScene.One("type-firma", draft => draft.With("address_type", "firma")),
        AddressChangeScene.One("type-Person", draft => draft.With("address_type", "Person")),
        AddressChangeScene.One("owner-of-another-kind", draft => draft.With("external_id_type", "request")),
        AddressChangeScene.One("owner-below-zero", draft => draft.With("external_id", -5)),
        AddressChangeScene.One("impossible-date", draft => draft.With("created_at", "2019-02-30 12:00:00")),
        AddressChangeScene.One("impossible-export-date", draft => draft.Used().With("export_date", "2016-00-10 00:00:00")),
    ];

    private static AddressChangeDraft Both(AddressChangeDraft draft, string identifier) =>
        draft.With("current_identifier", identifier).With("previous_identifier", identifier);

    private static IEnumerable<AddressChangeDraft> SharedAddress(Func<DateTime?, AddressChangeDraft> next)
    {
        var first = next(null).Plain().Used();
        var second = next(first.When).Plain().Used().WithAddressOf(first);
        return [first, second];
    }
}
