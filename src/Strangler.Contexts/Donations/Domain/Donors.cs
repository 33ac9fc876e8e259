namespace Strangler.Contexts.Donations;

/// <summary>Who gave. What a donor may have depends on the type: only persons and companies have an address, an anonymous donor has nothing.</summary>
public abstract record Donor
{
    /// <summary>The name under which the back office finds the donor; "" where there is none.</summary>
    public abstract string FullName { get; }
}

/// <summary>A postal address; every part may be "".</summary>
/// <param name="Country">ISO 3166-1 alpha-2.</param>
public sealed record Address(string Street, string Postcode, string City, string Country);

/// <summary>The name of a natural person; every part may be "".</summary>
public sealed record PersonName(string Salutation, string Title, string FirstName, string LastName)
{
    /// <summary>Title, first and last name, joined by blanks, without empty parts.</summary>
    public string Full => string.Join(' ', new[] { Title, FirstName, LastName }.Where(part => part.Length > 0));
}

/// <summary>A natural person with a postal address.</summary>
public sealed record PersonDonor(PersonName Name, Address Address, string Email) : Donor
{
    public override string FullName => Name.Full;
}

/// <summary>A company, perhaps with a contact person (all parts of the name "" without one).</summary>
public sealed record CompanyDonor(string Company, PersonName Contact, Address Address, string Email) : Donor
{
    public override string FullName => Contact.Full.Length == 0 ? Company : $"{Company} - {Contact.Full}";
}

/// <summary>Name and e-mail address only: no postal address, no receipt.</summary>
public sealed record EmailDonor(PersonName Name, string Email) : Donor
{
    public override string FullName => Name.Full;
}

/// <summary>Gave without a name.</summary>
public sealed record AnonymousDonor : Donor
{
    public override string FullName => "";
}

/// <summary>Was known once; personal data has been erased. Type and salutation stay for statistics.</summary>
public sealed record AnonymizedDonor(DonorType OriginalType, string Salutation) : Donor
{
    public override string FullName => "";
}

/// <summary>An old record that does not say what its donor is. It can be kept and shown, not changed in part.</summary>
public sealed record UnclassifiedDonor(PersonName Name, string Company, Address Address, string Email) : Donor
{
    public override string FullName => Name.Full;
}

/// <summary>Types of donors as they are recorded.</summary>
public enum DonorType
{
    /// <summary>Old records that do not say.</summary>
    Unknown,
    Person,
    Company,
    Email,
    Anonymous,
}
