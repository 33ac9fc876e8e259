using Strangler.Contexts.Common.EventLog.Mapping;
using Strangler.Contexts.Common.Payments.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Donations.Mapping;

/// <summary>The converters that <c>legacy-mappings/donations.xml</c> names.</summary>
public static class DonationConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddDonations(this ConverterRegistry registry) =>
        registry.AddPayments().AddEventLog()
            .Add("donation-status", DonationStatusConverter.Shape, static binding => new DonationStatusConverter(binding))
            .Add("donation-anonymized", AnonymizedConverter.Shape, static binding => new AnonymizedConverter(binding));
}
