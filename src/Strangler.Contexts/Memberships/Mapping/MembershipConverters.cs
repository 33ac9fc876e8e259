using Strangler.Contexts.Common.EventLog.Mapping;
using Strangler.Contexts.Common.Mapping;
using Strangler.Contexts.Common.Payments.Mapping;
using Strangler.Contexts.Common.Tokens.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Memberships.Mapping;

/// <summary>The converters that <c>legacy-mappings/memberships.xml</c> names.</summary>
public static class MembershipConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddMemberships(this ConverterRegistry registry) =>
        registry.AddPayments().AddTokens().AddNothingPersonal().AddEventLog()
            .Add("membership-status", MembershipStatusConverter.Shape, static binding => new MembershipStatusConverter(binding))
            .Add("applicant-type", ApplicantTypeConverter.Shape, static binding => new ApplicantTypeConverter(binding));
}
