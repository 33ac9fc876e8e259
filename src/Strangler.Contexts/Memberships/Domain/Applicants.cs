namespace Strangler.Contexts.Memberships;

/// <summary>Who applies: a person or a company; or somebody whose data was erased.</summary>
public abstract record Applicant
{
    /// <summary>What it was, also of an erased one.</summary>
    public abstract ApplicantType Type { get; }

    public abstract string Salutation { get; }
}

/// <summary>Types of applicants.</summary>
public enum ApplicantType
{
    Person,
    Company,
}

/// <summary>A postal address; every part may be "".</summary>
/// <param name="Country">ISO 3166-1 alpha-2.</param>
public sealed record Address(string Street, string Postcode, string City, string Country);

/// <summary>How to reach the applicant; every part may be "".</summary>
public sealed record Contact(Address Address, string Email, string Phone);

/// <summary>The name of a natural person; every part may be "".</summary>
public sealed record PersonName(string Salutation, string Title, string FirstName, string LastName);

/// <summary>A natural person.</summary>
/// <param name="DateOfBirth">Null where it was not asked for.</param>
public sealed record PersonApplicant(PersonName Name, Contact Contact, DateOnly? DateOfBirth) : Applicant
{
    public override ApplicantType Type => ApplicantType.Person;

    public override string Salutation => Name.Salutation;
}

/// <summary>A company: it has a name, and no date of birth.</summary>
public sealed record CompanyApplicant(string Company, string Salutation, Contact Contact) : Applicant
{
    /// <summary>How companies have always been addressed.</summary>
    public const string UsualSalutation = "Firma";

    public override ApplicantType Type => ApplicantType.Company;

    public override string Salutation { get; } = Salutation;
}

/// <summary>Was known once; personal data has been erased. Type and salutation stay for statistics.</summary>
public sealed record AnonymizedApplicant(ApplicantType OriginalType, string Salutation) : Applicant
{
    public override ApplicantType Type => OriginalType;

    public override string Salutation { get; } = Salutation;
}
