namespace Strangler.Contexts.AddressChanges;

/// <summary>Whose address it is.</summary>
public enum AddressType
{
    /// <summary>An old record that does not tell.</summary>
    Unknown,

    Person,
    Company,
}

/// <summary>What kind of thing an address change was made for.</summary>
public enum OwnerType
{
    /// <summary>An old record that does not tell.</summary>
    Unknown,

    Donation,
    Membership,
}

/// <summary>Whom it was made for: a kind and a public id, and nothing else is known of it here.</summary>
/// <param name="Id">0 only of old records that do not tell.</param>
public sealed record Owner(OwnerType Type, long Id);

/// <summary>Whether there is something to hand on.</summary>
public enum ExportState
{
    /// <summary>No address.</summary>
    NoData,

    UsedNotExported,
    UsedExported,
}

/// <summary>A postal address as its owner told it. Old ones may lack anything.</summary>
public sealed record PostalAddress
{
    /// <summary>Of persons.</summary>
    public string Salutation { get; init; } = "";

    public string Title { get; init; } = "";

    public string FirstName { get; init; } = "";

    public string LastName { get; init; } = "";

    /// <summary>Of companies.</summary>
    public string Company { get; init; } = "";

    public string Street { get; init; } = "";

    public string Postcode { get; init; } = "";

    public string City { get; init; } = "";

    /// <summary>ISO code.</summary>
    public string Country { get; init; } = "";

    /// <exception cref="ArgumentException">A part is empty; only the title may be.</exception>
    public static PostalAddress OfPerson(
        string salutation, string title, string firstName, string lastName, string street, string postcode, string city, string country) => new()
    {
        Salutation = NotEmpty(salutation), Title = title ?? "", FirstName = NotEmpty(firstName), LastName = NotEmpty(lastName),
        Street = NotEmpty(street), Postcode = NotEmpty(postcode), City = NotEmpty(city), Country = NotEmpty(country),
    };

    /// <exception cref="ArgumentException">A part is empty.</exception>
    public static PostalAddress OfCompany(string company, string street, string postcode, string city, string country) => new()
    {
        Company = NotEmpty(company), Street = NotEmpty(street), Postcode = NotEmpty(postcode), City = NotEmpty(city), Country = NotEmpty(country),
    };

    private static string NotEmpty(string part)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(part);
        return part;
    }
}
