using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.Payments.Mapping;

/// <summary>The converters of payments that a context's mapping file may name.</summary>
public static class PaymentConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddPayments(this ConverterRegistry registry) =>
        registry.Add("paypal-account", PayPalAccountConverter.Shape, static binding => new PayPalAccountConverter(binding))
            .Add("follow-up-parent", FollowUpParentConverter.Shape, static binding => new FollowUpParentConverter(binding));
}
