using Strangler.Contexts.Common.Mapping;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Memberships.Mapping;

/// <summary>
/// Whether the applicant is a company: by nothing but the company's name. Of an erased one its salutation is all that is left of it.
/// </summary>
internal sealed class ApplicantTypeConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Code, FieldType.Text],
        [
            new ConverterPlace("company", Written: true),
            new ConverterPlace("salutation", Written: false),
            new ConverterPlace("personal", Written: false, Many: true),
        ],
        ["salutation-of-companies"]);

    private const string LegacyPerson = "person";
    private const string LegacyCompany = "company";

    private readonly LegacyPlace _company = binding.Place("company");
    private readonly LegacyPlace _salutation = binding.Place("salutation");
    private readonly LegacyPlace[] _personal = [.. binding.Places("personal")];
    private readonly string _ofCompanies = binding.Parameter("salutation-of-companies");
    private readonly string _asPerson = binding.Codes(0).First(code => code.Legacy == LegacyPerson).English;
    private readonly string _asCompany = binding.Codes(0).First(code => code.Legacy == LegacyCompany).English;

    public override string Description =>
        $"{binding.Fields[0]} is {_asCompany} where {_company} is not empty, else {_asPerson}. Where nothing personal is left it is hidden, and derived: {_asCompany} if "
        + $"{_salutation} is '{_ofCompanies}'. A company without a name and a person with one are refused.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var company = _company.Text(row);
        values[1] = company;
        values[0] = company.Length > 0 ? _asCompany
            : Array.Exists(_personal, place => Personal.IsHeldBy(place, row)) ? _asPerson
            : new Hidden(_salutation.Text(row) == _ofCompanies ? _asCompany : _asPerson);
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var (type, company) = ((string)values[0]!, (string)values[1]!);
        _company.SetText(row, binding.Fields[1], company);
        var shown = new object?[2];
        Read(row, shown);
        if (shown[0] is not Hidden && (string)shown[0]! != type)
        {
            throw new CannotHoldException(binding.Fields[0], $"legacy takes an applicant with a company's name for {_asCompany}, and every other for {_asPerson}");
        }
    }
}
